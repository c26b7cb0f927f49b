// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What there is in a partition.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tee::{CancelToken, Memory, Tee};

use super::handles::Handles;
use super::{Done, Error, Tag};

/// What a partition has seen, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Contexts opened.
    pub contexts: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Calls made, opening sessions included.
    pub calls: u64,
}

pub(super) struct Tables {
    /// `None` while a reset replaces it, and once the partition is shut down.
    pub(super) tee: Option<Arc<dyn Tee>>,
    /// The partition is being shut down.
    pub(super) stopping: bool,
    /// Nobody is to wait for calls that do not end.
    pub(super) hurried: bool,
    /// How many wait for calls that do not end.
    pub(super) outwaiting: u32,
    pub(super) contexts: HashMap<u64, Context>,
    pub(super) context_handles: Handles,
    pub(super) memory_handles: Handles,
    pub(super) last_call: u64,
    /// Sessions of all contexts, those being opened or closed included.
    pub(super) sessions: u32,
    /// Memories of all contexts, those being unmapped included, and their bytes.
    pub(super) memories: u32,
    pub(super) memory_bytes: u64,
    pub(super) totals: Totals,
}

pub(super) struct Context {
    pub(super) tee: Arc<dyn tee::Context>,
    pub(super) last_session: u32,
    pub(super) sessions: HashMap<u32, Session>,
    pub(super) memories: HashMap<u64, Registered>,
    pub(super) calls: HashMap<u64, Call>,
    /// Memories that a job is unmapping.
    pub(super) unmapping: u32,
    pub(super) closing: Option<Closing>,
}

/// A context that is being closed: nothing can be asked of it any more.
#[derive(Default)]
pub(super) struct Closing {
    /// Who asked; nobody on reset.
    pub(super) done: Option<Done<()>>,
    /// Its calls and sessions are gone, and a job frees the rest.
    pub(super) last_step: bool,
}

pub(super) struct Session {
    pub(super) tee: Arc<dyn tee::Session>,
    pub(super) calls: u32,
    pub(super) state: SessionState,
}

pub(super) enum SessionState {
    Open,
    /// Takes no more calls; closes when the last one ends. Asked for through `queue`.
    Closing {
        done: Done<()>,
        queue: usize,
    },
    /// A job closes it, which can be abandoned. Asked for through `queue`, unless its context is closed.
    BeingClosed {
        token: Arc<CancelToken>,
        queue: Option<usize>,
    },
}

pub(super) struct Registered {
    pub(super) memory: Arc<Memory>,
    /// How many parameters of calls in flight refer to it.
    pub(super) uses: u32,
}

/// A call in flight: queued for a thread, or in the TEE.
pub(super) struct Call {
    /// Zero while it opens one.
    pub(super) session: u32,
    pub(super) tag: Tag,
    pub(super) cancel: Arc<CancelToken>,
    /// It has memory of the guest's: the TEE works on that until it ends.
    pub(super) lent: bool,
    /// Registered memories it uses, one entry per parameter; none once it has ended.
    pub(super) memories: Vec<u64>,
    /// The TEE has answered, and the guest is about to be told.
    pub(super) ended: bool,
}

impl Tables {
    pub(super) fn new(tee: Arc<dyn Tee>) -> io::Result<Self> {
        Ok(Self {
            tee: Some(tee),
            stopping: false,
            hurried: false,
            outwaiting: 0,
            contexts: HashMap::new(),
            context_handles: Handles::new()?,
            memory_handles: Handles::new()?,
            last_call: 0,
            sessions: 0,
            memories: 0,
            memory_bytes: 0,
            totals: Totals::default(),
        })
    }

    /// The TEE, if new contexts can be made.
    pub(super) fn tee(&self) -> Result<Arc<dyn Tee>, Error> {
        self.tee.clone().filter(|_| !self.stopping).ok_or(Error::Stopping)
    }

    /// The context, if it is there and not being closed.
    pub(super) fn context(&mut self, id: u64) -> Result<&mut Context, Error> {
        match self.contexts.get_mut(&id) {
            Some(context) if context.closing.is_none() => Ok(context),
            _ => Err(Error::NoContext(id)),
        }
    }
}

impl Context {
    pub(super) fn new(tee: Arc<dyn tee::Context>) -> Self {
        Self {
            tee,
            last_session: 0,
            sessions: HashMap::new(),
            memories: HashMap::new(),
            calls: HashMap::new(),
            unmapping: 0,
            closing: None,
        }
    }

    /// The session, if it is there and not being closed. `id` is the context's, for the error.
    pub(super) fn session(&mut self, id: u64, session: u32) -> Result<&mut Session, Error> {
        match self.sessions.get_mut(&session) {
            Some(entry) if matches!(entry.state, SessionState::Open) => Ok(entry),
            _ => Err(Error::NoSession { context: id, session }),
        }
    }
}
