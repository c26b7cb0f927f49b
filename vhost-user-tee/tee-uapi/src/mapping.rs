// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory that a TA sees as well: mapping it, reading and writing it, handing it to the kernel.
//!
//! What a TA may write at any time cannot be a `&[u8]`; it is a `&[AtomicU8]`, or copied as a whole.

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU8;

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use thiserror::Error;

use crate::raw::Device;
use crate::uapi::ShmRegisterData;

/// Memory could not be mapped.
#[derive(Debug, Error)]
#[error("cannot map {len} bytes: {source}")]
pub struct MapError {
    /// How many bytes.
    pub len: usize,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// A stretch of a file, for [`Mapping::contiguous`].
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The file.
    pub file: BorrowedFd<'a>,
    /// Where the stretch begins in it, in bytes; page-aligned.
    pub offset: u64,
    /// Its bytes; whole pages, not zero.
    pub len: usize,
}

/// A readable and writable mapping, page-aligned, unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<c_void>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: all access is by atomics, or by copies that no `&mut` to the same bytes can exist beside.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of new memory, all zero; `len` is not zero.
    pub fn anonymous(len: usize) -> Result<Self, MapError> {
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        Self::new(start, len)
    }

    /// Maps `len` bytes of the shared memory behind `fd`, which `TEE_IOC_SHM_ALLOC` has made.
    pub fn of_shm(fd: BorrowedFd<'_>, len: usize) -> Result<Self, MapError> {
        // SAFETY: as above; the memory of a `shm` cannot shrink, so that no access faults.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                0,
            )
        };
        Self::new(start, len)
    }

    /// Maps `pieces` one after the other, so that they are one stretch of memory here. Whoever owns a
    /// file can shorten it: then accesses by this process raise SIGBUS, and the kernel's fail. So such
    /// a mapping is for the kernel ([`Mapping::register`]) rather than to be read here.
    pub fn contiguous(pieces: &[Piece<'_>]) -> Result<Self, MapError> {
        let total = pieces.iter().try_fold(0_usize, |sum, piece| sum.checked_add(piece.len));
        let len = total.ok_or(MapError { len: usize::MAX, source: io::ErrorKind::OutOfMemory.into() })?;
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
        let start = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE)
        };
        let reserved = Self::new(start, len)?;
        let mut at = 0;
        for piece in pieces {
            // SAFETY: the pieces together are as long as the reserved range, so that each replaces a
            // part of it and nothing else; nobody refers to that part yet.
            let mapped = unsafe {
                rustix::mm::mmap(
                    reserved.start.as_ptr().cast::<u8>().add(at).cast(),
                    piece.len,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::SHARED | MapFlags::FIXED,
                    piece.file,
                    piece.offset,
                )
            };
            mapped.map_err(|errno| MapError { len: piece.len, source: errno.into() })?;
            at += piece.len;
        }
        Ok(reserved)
    }

    fn new(start: rustix::io::Result<*mut c_void>, len: usize) -> Result<Self, MapError> {
        let mapped = start.map_err(io::Error::from).and_then(|start| {
            NonNull::new(start).ok_or_else(|| io::Error::other("the kernel mapped it at address 0"))
        });
        match mapped {
            Ok(start) => Ok(Self { start, len }),
            Err(source) => Err(MapError { len, source }),
        }
    }

    /// Asks the kernel for single pages, so that physical neighbours are a matter of chance.
    pub fn avoid_huge_pages(&self) -> Result<(), MapError> {
        // SAFETY: the range is the mapping, and the advice leaves what is in it as it is.
        match unsafe { rustix::mm::madvise(self.start.as_ptr(), self.len, Advice::LinuxNoHugepage) } {
            // A kernel without huge pages does not know the advice, nor need it.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(MapError { len: self.len, source: errno.into() }),
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: an empty mapping cannot be made.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where it begins in this process.
    pub fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// The bytes, which a TA may be writing.
    pub fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: the mapping is readable, writable and `len` bytes long as long as `self` lives,
        // and an AtomicU8 is a byte that others may write.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.len) }
    }

    /// Copies bytes out, from `offset` on.
    ///
    /// # Panics
    ///
    /// Where they do not lie within the mapping.
    pub fn read_at(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        // SAFETY: the source lies within the mapping, the destination is another object's. What a TA
        // writes meanwhile is read as it is found: any byte is a u8.
        unsafe {
            let source = self.start.as_ptr().cast::<u8>().add(offset);
            ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), bytes.len());
        }
    }

    /// Copies bytes in, from `offset` on.
    ///
    /// # Panics
    ///
    /// Where they do not lie within the mapping.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: the destination lies within the mapping, to whose bytes only atomics refer; the
        // source is another object's.
        unsafe {
            let destination = self.start.as_ptr().cast::<u8>().add(offset);
            ptr::copy_nonoverlapping(bytes.as_ptr(), destination, bytes.len());
        }
    }

    fn check(&self, offset: usize, len: usize) {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(fits, "{len} bytes at {offset} are not in a mapping of {}", self.len);
    }

    /// Registers all of it, and has the kernel keep its pages until the descriptor is closed.
    pub fn register(&self, device: &Device) -> io::Result<(OwnedFd, i32)> {
        // SAFETY: the mapping is there for TAs to read and write. Should it be unmapped before the
        // descriptor is closed, TAs still have the pages, which are then nobody else's.
        unsafe { register(device, self.address(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`'s callers, and no reference to it outlives `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.len) };
        debug_assert!(unmapped.is_ok(), "munmap of a whole mapping: {unmapped:?}");
    }
}

/// A borrowed buffer, registered for as long as it is borrowed: a temporary memref.
pub struct Registered<'a> {
    /// Closed, and so unregistered, when dropped.
    _fd: OwnedFd,
    id: i32,
    buffer: PhantomData<&'a mut [u8]>,
}

impl<'a> Registered<'a> {
    /// Registers a buffer that TAs may read and write.
    pub fn new(device: &Device, buffer: &'a mut [u8]) -> io::Result<Self> {
        // SAFETY: the buffer is borrowed exclusively until the descriptor is closed.
        let (fd, id) = unsafe { register(device, buffer.as_mut_ptr() as usize, buffer.len()) }?;
        Ok(Self { _fd: fd, id, buffer: PhantomData })
    }

    /// Registers a buffer for memrefs of the type input alone. The kernel refuses memory that the
    /// process may not write (EFAULT).
    pub fn input(device: &Device, buffer: &'a [u8]) -> io::Result<Self> {
        // SAFETY: it is used for input only, and the kernel's driver and the TEE, whom the whole
        // process trusts, keep a memref's direction; it is borrowed until the descriptor is closed.
        let (fd, id) = unsafe { register(device, buffer.as_ptr() as usize, buffer.len()) }?;
        Ok(Self { _fd: fd, id, buffer: PhantomData })
    }

    /// What memrefs call it.
    pub fn id(&self) -> i32 {
        self.id
    }
}

/// Registers a range of the process's memory.
///
/// # Safety
///
/// TAs may read and write the range for as long as the descriptor lives.
unsafe fn register(device: &Device, address: usize, len: usize) -> io::Result<(OwnedFd, i32)> {
    let mut data = ShmRegisterData { addr: address as u64, length: len as u64, flags: 0, id: 0 };
    // SAFETY: the caller's promise.
    let fd = unsafe { device.shm_register(&mut data) }?;
    Ok((fd, data.id))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn copies_and_atomics_are_the_same_bytes() {
        let mapping = Mapping::anonymous(8192).unwrap();
        mapping.avoid_huge_pages().unwrap();
        mapping.write_at(4094, &[1, 2, 3, 4]);
        assert_eq!(mapping.bytes()[4096].load(Ordering::Relaxed), 3);
        mapping.bytes()[4097].store(9, Ordering::Relaxed);
        let mut copy = [0; 4];
        mapping.read_at(4094, &mut copy);
        assert_eq!(copy, [1, 2, 3, 9]);
        assert_eq!((mapping.len(), mapping.is_empty(), mapping.address() % 4096), (8192, false, 0));
    }

    #[test]
    #[should_panic(expected = "4 bytes at 4093 are not in a mapping of 4096")]
    fn nothing_beyond_the_end() {
        Mapping::anonymous(4096).unwrap().write_at(4093, &[0; 4]);
    }

    #[test]
    #[should_panic(expected = "not in a mapping")]
    fn no_offset_wraps() {
        Mapping::anonymous(4096).unwrap().read_at(usize::MAX, &mut [0; 2]);
    }

    #[test]
    fn pieces_of_files_become_one() {
        use std::io::Write;
        use std::os::fd::AsFd;

        let page = rustix::param::page_size();
        let mut files = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
        for (n, file) in (0..).zip(&mut files) {
            for k in 0..3 {
                file.write_all(&vec![n * 10 + k; page]).unwrap();
            }
        }
        let piece = |file: usize, at: usize, pages: usize| Piece {
            file: files[file].as_fd(),
            offset: (at * page) as u64,
            len: pages * page,
        };
        let mapping = Mapping::contiguous(&[piece(1, 2, 1), piece(0, 1, 2), piece(1, 0, 1)]).unwrap();
        assert_eq!(mapping.len(), 4 * page);
        let bytes = mapping.bytes();
        let seen: Vec<u8> = (0..4).map(|n| bytes[n * page + n].load(Ordering::Relaxed)).collect();
        assert_eq!(seen, [12, 1, 2, 10]);
        // It is the files' own memory.
        mapping.write_at(page - 1, &[77, 78]);
        let again = Mapping::contiguous(&[piece(0, 0, 3), piece(1, 0, 3)]).unwrap();
        assert_eq!(again.bytes()[6 * page - 1].load(Ordering::Relaxed), 77);
        assert_eq!(again.bytes()[page].load(Ordering::Relaxed), 78);
    }

    #[test]
    fn a_piece_that_cannot_be_mapped_is_an_error() {
        use std::os::fd::AsFd;

        let file = tempfile::tempfile().unwrap();
        let piece = |offset, len| Piece { file: file.as_fd(), offset, len };
        assert!(Mapping::contiguous(&[]).is_err());
        assert!(Mapping::contiguous(&[piece(1, 4096)]).is_err());
        assert!(Mapping::contiguous(&[piece(0, usize::MAX), piece(0, 4096)]).is_err());
    }

    #[test]
    fn nothing_is_refused() {
        assert!(matches!(Mapping::anonymous(0), Err(MapError { len: 0, .. })));
    }
}
