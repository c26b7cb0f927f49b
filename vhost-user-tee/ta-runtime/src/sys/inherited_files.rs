// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Files that were not meant to be passed on.

use std::io;

/// Closes all files but stdin, stdout and stderr. The daemon, or a library in it, may hold files that
/// are not closed on exec: memory of another VM, at worst.
///
/// Nothing in the process has opened a file yet.
pub(crate) fn close_all() -> io::Result<()> {
    // SAFETY: nobody owns a descriptor above 2, as the caller says.
    match unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
