// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Looking into TAs: for their developers, and for nothing else.

use std::ffi::OsString;

use ta_protocol::control::{DEBUG_EXIT, DEBUG_UNCONFINED, DEBUG_WAIT};

/// How the processes of TAs run that a developer looks into. They have no sandbox: what they do, they do
/// as the user who runs this.
#[derive(Clone, Debug, Default)]
pub struct Debugging {
    /// Each waits, with its TA loaded, until a debugger has attached to it.
    pub wait_for_debugger: bool,
    /// A panic runs the TA's exit handlers, which is how coverage is written, instead of `abort()`,
    /// which is where debuggers stop.
    pub exit_on_panic: bool,
    /// Their environment, which otherwise is empty.
    pub environment: Vec<(OsString, OsString)>,
}

impl Debugging {
    /// `Start::debug`.
    pub(crate) fn flags(&self) -> u64 {
        let mut flags = DEBUG_UNCONFINED;
        if self.wait_for_debugger {
            flags |= DEBUG_WAIT;
        }
        if self.exit_on_panic {
            flags |= DEBUG_EXIT;
        }
        flags
    }
}
