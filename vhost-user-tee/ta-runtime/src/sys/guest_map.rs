// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One contiguous view of guest memory that lies in pieces of files.

use std::ffi::c_void;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::{io, ptr};

use rustix::mm::{mmap, mmap_anonymous, munmap, MapFlags, ProtFlags};

/// A range of addresses; of no access until runs are placed in it. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct GuestMap {
    at: NonNull<c_void>,
    len: usize,
}

// SAFETY: an address range belongs to the process, not to a thread; this type never looks into it.
unsafe impl Send for GuestMap {}

impl GuestMap {
    /// Reserves `len` bytes, a multiple of the page size, not zero.
    pub(crate) fn reserve(len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
        let at = unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags)? };
        let at = NonNull::new(at).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { at, len })
    }

    /// Maps `len` bytes of `file` from `offset` at `at` bytes into the range; all page-aligned.
    pub(crate) fn place(&self, at: u64, file: impl AsFd, offset: u64, len: u64) -> io::Result<()> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let at = usize::try_from(at).map_err(|_| invalid())?;
        let len = usize::try_from(len).map_err(|_| invalid())?;
        if len == 0 || at.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(invalid());
        }
        let at = self.at.as_ptr().wrapping_byte_add(at);
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the pages replaced lie in this reservation (checked above), which nobody else
        // uses; no reference into it exists before the TA is called with it.
        let placed = unsafe { mmap(at, len, prot, MapFlags::SHARED | MapFlags::FIXED, file, offset)? };
        debug_assert_eq!(placed, at);
        Ok(())
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> usize {
        self.at.as_ptr().expose_provenance()
    }

    /// How long it is.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for GuestMap {
    fn drop(&mut self) {
        // SAFETY: the range is this reservation. A TA that still uses it breaks GP's rules, and
        // faults.
        let unmapped = unsafe { munmap(self.at.as_ptr(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
