// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What calls through the device cost, without a VM around it, and what they could cost at best.
//!
//! ```text
//!   bench thread ─ eventfd ─▶ daemon ─ futex ─▶ TA process      Bed: a real daemon, real rings,
//!        ▲                      │  ▲                │            a TA in its sandbox
//!        └────── eventfd ───────┘  └──── futex ─────┘
//!
//!   bench thread ─ eventfd ─▶ thread                            floor::Eventfds
//!   bench thread ─ futex ─▶ process                             floor::Futexes
//! ```
//!
//! A call cannot cost less than one exchange over eventfds (the rings') and one by futex (the TA
//! process's); the floors are measured in the same run, so that ratios hold on any machine.
//!
//! What sessions and much data cost in the software TEE itself is measured without the device: [`soft_bed`].
//!
//! README.md says how to run it, and what came out.

mod bed;
pub mod floor;
mod programs;
mod samples;
pub mod soft_bed;

use std::io;

pub use bed::{Bed, Kind};
pub use samples::Samples;
use thiserror::Error;

/// Why there is nothing to measure.
#[derive(Debug, Error)]
pub enum Error {
    /// What is measured could not be built.
    #[error("{command} failed: {what}")]
    Build {
        /// The command.
        command: String,
        /// How.
        what: String,
    },
    /// The software TEE cannot be made.
    #[error("software TEE: {0}")]
    SoftTee(String),
    /// The daemon does not run.
    #[error(transparent)]
    Daemon(#[from] integration::daemon::DaemonError),
    /// The device does not do what it is asked.
    #[error("device: {0}")]
    Device(#[from] virtio_tee_frontend::Error),
    /// A call came back with something else than success.
    #[error("{call}: {ret:#010x} from origin {origin}")]
    Call {
        /// Which.
        call: &'static str,
        /// `TEEC_*`.
        ret: u32,
        /// `TEEC_ORIGIN_*`.
        origin: u32,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Makes an error of the system's one of these.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::System { what, source: source.into() }
    }
}

/// That what came back from `call` is right.
pub(crate) fn expect(call: &'static str, holds: bool) -> Result<(), Error> {
    if holds {
        return Ok(());
    }
    Err(Error::System { what: call, source: io::Error::other("the answer is wrong") })
}
