// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A page of memory that two processes share. All `unsafe` of this crate is here.

use std::ffi::c_void;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::{io, ops, ptr};

use rustix::fs::{fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create, MemfdFlags, SealFlags};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};

const PAGE: usize = 4096;
/// Words of `Page::message`.
pub(crate) const WORDS: usize = PAGE / 8 - 16;

/// What lies in the page. The other process may write any of it at any time, so it consists of
/// atomics only; zeros are valid.
#[repr(C)]
pub(crate) struct Page {
    /// `mailbox::Turn` and whether the side that waits sleeps; a futex.
    pub(crate) turn: AtomicU32,
    /// Whether the call is cancelled; a futex.
    pub(crate) cancelled: AtomicU32,
    /// `mailbox::LastWords`.
    pub(crate) last_words: AtomicU64,
    // One side polls the words above while the other fills in the message: cache lines apart.
    _apart: [AtomicU64; 14],
    /// The message.
    pub(crate) message: [AtomicU64; WORDS],
}

const _: () = assert!(size_of::<Page>() == PAGE);

/// A [`Page`] in shared memory.
pub(crate) struct SharedPage {
    at: NonNull<Page>,
}

// SAFETY: it stands for a `&'static Page` until it is dropped, and `Page` is `Sync`.
unsafe impl Send for SharedPage {}
// SAFETY: as above.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// Makes a page of zeros in a memory file of its own, of which the size is sealed: the other
    /// process cannot make an access here fault.
    pub(crate) fn create(name: &str) -> io::Result<(Self, OwnedFd)> {
        let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, PAGE as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((Self::map(&file)?, file))
    }

    /// Maps the page that the other process has made.
    pub(crate) fn open(file: impl AsFd) -> io::Result<Self> {
        if fstat(&file)?.st_size != PAGE as i64 || !fcntl_get_seals(&file)?.contains(SealFlags::SHRINK) {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        Self::map(file)
    }

    fn map(file: impl AsFd) -> io::Result<Self> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
        let at = unsafe { mmap(ptr::null_mut(), PAGE, prot, MapFlags::SHARED, file, 0)? };
        let at = NonNull::new(at.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { at })
    }
}

impl ops::Deref for SharedPage {
    type Target = Page;

    fn deref(&self) -> &Page {
        // SAFETY: the mapping is as long as `Page`, page-aligned, lives as long as `self`, and
        // cannot be shortened (sealed). What the other process writes are atomics.
        unsafe { self.at.as_ref() }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: `map` made this mapping, of this length; no reference outlives `self`.
        let unmapped = unsafe { munmap(self.at.as_ptr().cast::<c_void>(), PAGE) };
        debug_assert!(unmapped.is_ok());
    }
}
