// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory that two processes share. All `unsafe` of this crate is here.

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

/// What two processes may share.
///
/// # Safety
///
/// It consists of atomics only, each of which may have any value, as the other process may write any of it at any
/// time; its alignment is no more than a page's.
pub(crate) unsafe trait Shareable: Sync {}

// SAFETY: it is as asked for, as can be seen above.
unsafe impl Shareable for Page {}
// SAFETY: the same.
unsafe impl<const N: usize> Shareable for [AtomicU64; N] {}

/// A `T` in shared memory.
pub(crate) struct Shared<T> {
    at: NonNull<T>,
}

/// A [`Page`] in shared memory.
pub(crate) type SharedPage = Shared<Page>;

// SAFETY: it stands for a `&'static T` until it is dropped, and `T` is `Sync`.
unsafe impl<T: Shareable> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Shared<T> {}

/// A memory file of zeros of which the size is sealed: nobody can make an access to it fault.
pub(crate) fn memory_file(name: &str, len: usize) -> io::Result<OwnedFd> {
    let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, len as u64)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

impl<T: Shareable> Shared<T> {
    /// Makes one of zeros in a memory file of its own.
    pub(crate) fn create(name: &str) -> io::Result<(Self, OwnedFd)> {
        let file = memory_file(name, size_of::<T>())?;
        Ok((Self::map(&file)?, file))
    }

    /// Maps the one that the other process has made.
    pub(crate) fn open(file: impl AsFd) -> io::Result<Self> {
        let is_whole = fstat(&file)?.st_size == size_of::<T>() as i64;
        if !is_whole || !fcntl_get_seals(&file)?.contains(SealFlags::SHRINK) {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        Self::map(file)
    }

    fn map(file: impl AsFd) -> io::Result<Self> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
        let at = unsafe { mmap(ptr::null_mut(), size_of::<T>(), prot, MapFlags::SHARED, file, 0)? };
        let at = NonNull::new(at.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { at })
    }
}

impl<T> ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the mapping is as long as `T`, page-aligned, lives as long as `self`, and cannot be
        // shortened (sealed). What the other process writes are atomics: only `Shareable` is mapped.
        unsafe { self.at.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: `map` made this mapping, of this length; no reference outlives `self`.
        let unmapped = unsafe { munmap(self.at.as_ptr().cast::<c_void>(), size_of::<T>()) };
        debug_assert!(unmapped.is_ok());
    }
}
