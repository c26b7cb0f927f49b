// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One VM's share of the TEE: its contexts, sessions, memories and calls, within its quotas.
//!
//! ```text
//!   Partition ─┬─ context 0x5eed_0000_0001 ─┬─ session 1 … n      never reused while the context lives
//!              │                            ├─ memory  0x…        registered page runs
//!              │                            └─ calls in flight    cancel token, session, memories
//!              └─ context …
//! ```
//!
//! All tables are behind one lock, held for table look-ups only: the TEE is always called without it.
//! Calls into the TEE are made by threads of the [`Executor`], but for opening a context, which waits for
//! no TA. What a call uses is counted, so that nothing goes away under it; what waits for calls to end
//! (closing a session, a context) waits in the tables, without a thread, and goes on when the last of
//! them ends (`closing.rs`).
//!
//! Answers are callbacks ([`Done`]), which run after the tables say what the answer says: a guest
//! that has its answer may at once unregister the memory of the call.

mod calls;
mod closing;
mod handles;
mod limits;
mod memories;
mod reaper;
mod tables;
mod waiting;

use std::error::Error as StdError;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use calls::{Argument, Buffer, Outcome, Tag};
pub use limits::Limits;
use reaper::Reaper;
pub use tables::Totals;
use tables::{Context, Tables};
use tee::{Failure, Tee, Version};
use thiserror::Error;

use crate::executor::{Executor, SpawnError};

/// Receives an answer, on any thread.
pub type Done<T> = Box<dyn FnOnce(T) + Send>;

/// Makes the TEE of a VM: one per connection, and another where a reset finds TAs that do not end.
pub type MakeTee = Arc<dyn Fn() -> Result<Arc<dyn Tee>, BoxError> + Send + Sync>;

/// Whatever error a TEE has.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a partition could not be made.
#[derive(Debug, Error)]
pub enum SetupError {
    /// No TEE.
    #[error("cannot set up the TEE: {0}")]
    Tee(#[source] BoxError),
    /// No random numbers for the handles' epoch.
    #[error("cannot get random numbers for handles: {0}")]
    Random(#[source] io::Error),
    /// No threads.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Why a request was refused.
#[derive(Debug, Error)]
pub enum Error {
    /// No such context, or it is being closed.
    #[error("no context {0:#x}")]
    NoContext(u64),
    /// No such session in the context, or it is being closed.
    #[error("no session {session} in context {context:#x}")]
    NoSession {
        /// Where it was looked for.
        context: u64,
        /// What was looked for.
        session: u32,
    },
    /// No such memory in the context.
    #[error("no memory {memory:#x} in context {context:#x}")]
    NoMemory {
        /// Where it was looked for.
        context: u64,
        /// What was looked for.
        memory: u64,
    },
    /// A memref reaches beyond its memory, or the NULL memref has an offset.
    #[error("parameter {index}: {size} bytes at offset {offset} are not within its memory")]
    Range {
        /// Which parameter.
        index: usize,
        /// Its offset, in bytes.
        offset: u64,
        /// Its size, in bytes.
        size: u64,
    },
    /// A quota is used up.
    #[error("limit of {0} reached")]
    Limit(&'static str),
    /// A call uses the memory.
    #[error("memory {0:#x} is in use")]
    Busy(u64),
    /// Nothing to cancel.
    #[error("no such call in flight")]
    NoCall,
    /// The TEE refused a context.
    #[error("the TEE opens no context: {0:?}")]
    Tee(Failure),
    /// The TEE implementation panicked; what became of the call is unknown.
    #[error("the TEE implementation panicked")]
    Panicked,
    /// The VM is being disconnected.
    #[error("the device is stopping")]
    Stopping,
}

/// One VM's share of the TEE.
pub struct Partition {
    make_tee: MakeTee,
    shared: Arc<Shared>,
}

/// What jobs in the executor share with the partition.
struct Shared {
    version: Version,
    limits: Limits,
    executor: Executor,
    reaper: Reaper,
    tables: Mutex<Tables>,
    /// Signalled when a context is gone and, where somebody waits for one, when a call has ended.
    less: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partition {
    /// Makes a partition on a TEE of its own.
    pub fn new(make_tee: MakeTee, limits: Limits) -> Result<Self, SetupError> {
        let tee = make_tee().map_err(SetupError::Tee)?;
        Ok(Self {
            make_tee,
            shared: Arc::new(Shared {
                version: tee.version().clone(),
                executor: Executor::new(limits.max_calls as usize)?,
                reaper: Reaper::new()?,
                tables: Mutex::new(Tables::new(tee).map_err(SetupError::Random)?),
                less: Condvar::new(),
                limits,
            }),
        })
    }

    /// What the TEE is.
    pub fn version(&self) -> &Version {
        &self.shared.version
    }

    /// The quotas.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What there has been so far.
    pub fn totals(&self) -> Totals {
        self.shared.lock().totals
    }

    /// Makes a context.
    pub fn open_context(&self) -> Result<u64, Error> {
        let tee = {
            let tables = self.shared.lock();
            if tables.contexts.len() >= self.shared.limits.max_contexts as usize {
                return Err(Error::Limit("contexts"));
            }
            tables.tee()?
        };
        let context = catch_unwind(AssertUnwindSafe(|| tee.open_context()))
            .map_err(|_| Error::Panicked)?
            .map_err(Error::Tee)?;
        let mut tables = self.shared.lock();
        // The TEE may have been ended meanwhile.
        tables.tee()?;
        let id = tables.context_handles.next().ok_or(Error::Limit("context handles"))?;
        tables.contexts.insert(id, Context::new(context));
        tables.totals.contexts += 1;
        Ok(id)
    }

    /// Ends what the driver had before a reset, and waits for that. TAs that have not ended after
    /// `grace` are ended with their TEE; then there is a new one. Where that fails, there is none until
    /// the next reset. A call that its TEE cannot end goes on, after `grace` once more, on the memory that
    /// it was given: see [`Partition::outwait_all`].
    pub fn reset(&self, grace: Duration) -> Result<(), SetupError> {
        self.close_all();
        if self.wait_for_contexts(grace) && self.shared.lock().tee.is_some() {
            return Ok(());
        }
        self.end_tee();
        self.wait_for_contexts(grace);
        let tee = (self.make_tee)().map_err(SetupError::Tee)?;
        self.shared.lock().tee = Some(tee);
        Ok(())
    }

    /// Frees everything: cancels all calls, closes sessions and contexts, and ends the threads. TAs
    /// that have not ended after `grace` are ended with their TEE. Returns how many threads a TEE
    /// holds even then, after `grace` once more.
    pub fn shut_down(&self, grace: Duration) -> usize {
        self.shared.lock().stopping = true;
        self.hurry(true);
        self.close_all();
        self.wait_for_contexts(grace);
        self.end_tee();
        self.wait_for_contexts(grace);
        self.shared.executor.close(grace)
    }

    /// Ends the TEE, with the tables unlocked: it may take its time, and ends calls that need them.
    fn end_tee(&self) {
        let tee = self.shared.lock().tee.take();
        drop(tee);
    }
}
