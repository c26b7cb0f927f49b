// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Conformance: what the traits of crate `tee` promise, checked on an implementation.
//!
//! ```text
//!   Subject { tee, promises } ──▶ each of CHECKS that concerns it: run() ──▶ holds, or why not
//! ```
//!
//! Whoever has an implementation makes a [`Subject`] of it and runs all [`CHECKS`] that concern it, one after
//! the other: they ask for no more than three instances of TAs at a time, and for two calls at once. The TEE
//! has the tests' own TA, the probe (`integration/tas/probe`), in its three forms ([`probe`]); it is
//! built from one source for the software TEE and for OP-TEE.
//!
//! The suite holds what is true of every TEE, and of those that say so ([`Promises`]). What one has besides,
//! or how it does things, is for its own tests.
//!
//! [`client`] and [`ram`] are what a test needs to call a TEE: parameters, and a guest's memory.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod checks;
pub mod client;
pub mod probe;
pub mod ram;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tee::{Context, Tee};

pub use crate::checks::CHECKS;

/// `TEE_GEN_CAP_MEMREF_NULL`.
const GEN_CAP_MEMREF_NULL: u32 = 8;

/// How long a check waits for what must come before it calls it a hang.
const HANG: Duration = Duration::from_secs(120);

/// What some TEEs promise and others cannot. That it takes NULL memrefs a TEE says in its version.
#[derive(Clone, Copy, Debug)]
pub struct Promises {
    /// A TA works on the guest's own pages, so that each sees what the other writes while a call runs: in registered
    /// memory, and where a memref of a single call's memory is longer than so many bytes. `None` of a TEE
    /// that copies everything.
    pub shared_above: Option<u64>,
    /// A TA that sleeps wakes up when its call is cancelled, rather than hear of it afterwards.
    pub wakes_sleepers: bool,
    /// A cancellation that comes just as its call ends is lost, rather than kept for the session's next call.
    pub loses_late_cancellations: bool,
    /// An abandoned call ends, whatever its TA does.
    pub ends_by_force: bool,
}

/// An implementation, and what is to be expected of it.
pub struct Subject {
    /// The implementation.
    pub tee: Arc<dyn Tee>,
    /// What it promises beyond what all do.
    pub promises: Promises,
}

impl Subject {
    /// A new context.
    fn context(&self) -> Arc<dyn Context> {
        self.tee.open_context().unwrap()
    }

    fn takes_null(&self) -> bool {
        self.tee.version().gen_caps & GEN_CAP_MEMREF_NULL != 0
    }

    fn loses_late_cancellations(&self) -> bool {
        self.promises.loses_late_cancellations
    }

    fn ends_by_force(&self) -> bool {
        self.promises.ends_by_force
    }

    fn shares(&self) -> bool {
        self.promises.shared_above.is_some()
    }
}

/// One promise of the traits.
pub struct Check {
    /// What holds, in a word or some.
    pub name: &'static str,
    concerns: fn(&Subject) -> bool,
    run: fn(&Subject),
}

impl Check {
    /// Whether `subject` promises it.
    pub fn concerns(&self, subject: &Subject) -> bool {
        (self.concerns)(subject)
    }

    /// Checks it. Fails with what was seen; where, standard error says.
    pub fn run(&self, subject: &Subject) -> Result<(), String> {
        let outcome = thread::scope(|scope| {
            // So that what a panic prints begins with the name.
            let thread = thread::Builder::new().name(self.name.to_owned());
            thread.spawn_scoped(scope, || (self.run)(subject)).map(thread::ScopedJoinHandle::join)
        });
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(panic)) => Err(match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
                (Some(message), _) => message.clone(),
                (_, Some(message)) => (*message).to_owned(),
                _ => resume_unwind(panic),
            }),
            Err(error) => Err(format!("no thread for it: {error}")),
        }
    }
}
