// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Dispositions of signals.

use std::io;

use nix::sys::signal::{signal, SigHandler, Signal};

/// Has the kernel keep children that have ended until they are waited for, also where this process was
/// started with `SIGCHLD` ignored (signal(7), wait(2)).
pub(crate) fn keep_ended_children() -> io::Result<()> {
    // SAFETY: the default disposition runs no code of this process, so nothing can be called in a
    // signal handler that must not be. The handler that this replaces is none of this process's own:
    // nothing here installs one, and exec(2) leaves only the default or "ignored".
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    Ok(())
}
