// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a process gets from whoever starts it, and the daemon needs otherwise.

use std::io;

use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

use crate::unsafe_signal::keep_ended_children;

/// Allows as many descriptors as may be (guest memory, TAs and calls take some each, for every VM), and
/// has TA processes wait to be waited for.
pub(crate) fn set_right() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        if let Err(e) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            log::warn!("cannot raise the limit of open files, {current:?}, to {maximum:?}: {e}");
        }
    }
    keep_ended_children()
}
