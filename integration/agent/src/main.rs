// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `guest-agent`: the guest's first process.
//!
//! As process 1 it mounts what programs expect, starts itself again as the agent proper, and from
//! then on only collects the dead. When the agent ends, which it does when the harness goes away,
//! the machine is switched off: no virtual machine outlives its harness.

mod init;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = if std::process::id() == 1 { init::run() } else { serve::run() };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guest-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
