// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Private memory at addresses of its own.

use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{mmap_anonymous, munmap, MapFlags, ProtFlags};

/// A mapping of zeros, to read and write. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct OwnMap {
    at: usize,
    len: usize,
}

impl OwnMap {
    /// Maps `len` bytes, with `before` and `after` free beside them; all are multiples of the page size.
    pub(crate) fn anywhere(len: usize, before: usize, after: usize) -> io::Result<Self> {
        let whole = len.checked_add(before).and_then(|sum| sum.checked_add(after));
        let whole = whole.ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
        let reserved = unsafe { mmap_anonymous(ptr::null_mut(), whole, ProtFlags::empty(), flags)? };
        // SAFETY: the range has just been reserved, and nobody else knows of it. (The control thread maps nothing.)
        unsafe { munmap(reserved, whole)? };
        Self::at(reserved.expose_provenance() + before, len)
    }

    /// Maps `len` bytes at `at`; fails where anything is mapped there.
    pub(crate) fn at(at: usize, len: usize) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
        let wish = ptr::with_exposed_provenance_mut(at);
        // SAFETY: the kernel replaces no mapping (kernels since 4.17; Landlock is younger).
        let got = unsafe { mmap_anonymous(wish, len, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        NonNull::new(got).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { at: got.expose_provenance(), len })
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> usize {
        self.at
    }

    /// How long it is.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for OwnMap {
    fn drop(&mut self) {
        // SAFETY: this mapping is its own. A TA that still uses it breaks the rules, and faults.
        let unmapped = unsafe { munmap(ptr::with_exposed_provenance_mut(self.at), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
