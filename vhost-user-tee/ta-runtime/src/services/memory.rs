// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Whose a piece of memory is.

use crate::sys::probe;
use crate::{call, guest_memory};

/// What a TA may do with a piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// It may read.
    pub(crate) read: bool,
    /// It may write.
    pub(crate) write: bool,
}

/// Whose a piece of memory is, all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The TA's own, as far as no guest's: code, stack, heap.
    Ta(Access),
    /// The client's: within one memref of the call that runs, whose type grants this.
    Client(Access),
    /// Nobody's: not mapped, or guest memory that is no parameter of this call, or memory of more
    /// than one owner.
    Nobody,
}

/// Whose the `len` bytes at `at` are. An empty piece is the TA's own.
///
/// Looking at the TA's own memory brings it in, as using it would.
pub(crate) fn owner(at: usize, len: usize) -> Owner {
    let Some(end) = at.checked_add(len) else { return Owner::Nobody };
    if len == 0 {
        return Owner::Ta(Access { read: true, write: true });
    }
    if let Some(access) = call::memref_access(at..end) {
        return Owner::Client(access);
    }
    if guest_memory::overlaps(at..end) || !probe::readable(at..end) {
        return Owner::Nobody;
    }
    Owner::Ta(Access { read: true, write: probe::writable(at..end) })
}
