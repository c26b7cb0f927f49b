// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The process that one TA instance lives in. The software TEE starts it; it is of no use by hand.
//!
//! ```text
//!   gp        the GP TEE Internal Core API: the TEE_* functions that the TA calls
//!   services  what a TA may ask of its TEE, shaped like system calls
//!   ───────── the core: ─────────────────────────────────────────────────────────────
//!   start     takes what the daemon gives, closes the sandbox, loads the TA
//!   call      main thread: carries calls out on the TA's entry points
//!   debugging a start without a sandbox, where a developer looks into a TA
//!   control   service thread: unmaps guest memory that the guest takes back, whatever the TA does
//!   sys       all unsafe code of the core
//! ```
//!
//! The TA shares the process with the runtime, so nothing here protects the runtime from its TA. What
//! holds a TA is the sandbox around both ([`sandbox`]), and the daemon's distrust of what comes out.
//!
//! The sandbox holds a TA off files, the network, other processes, and more memory than it may have.
//! It does not hold it to the guest memory that a call hands it: the descriptors of guest memory pass
//! through this process, and are closed once the ranges are mapped, so a TA that takes over its own
//! runtime may keep what passes, up to all of the guest's memory. TAs are chosen by the host's
//! administrator, who should trust each with the VMs that it serves.

mod call;
mod control;
mod debugging;
mod gp;
mod guest_memory;
mod process;
mod sandbox;
mod services;
mod start;
mod sys;
mod ta;

use std::process::ExitCode;

fn main() -> ExitCode {
    match start::start() {
        Ok(calls) => calls.run(),
        Err(error) => {
            start::refuse(&error);
            ExitCode::FAILURE
        }
    }
}
