// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Ending the process at once.

/// Ends the process: no handlers of the TA's run, nothing is flushed.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no conditions.
    unsafe { libc::_exit(code) }
}

/// Ends the process by SIGABRT, where it is: debuggers and sanitizers show how it got there.
pub(crate) fn abort() -> ! {
    // SAFETY: it has no conditions.
    unsafe { libc::abort() }
}
