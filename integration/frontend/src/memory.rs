// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest's RAM.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{memfd_create, MemfdFlags};
use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryMmap};

use crate::Error;

/// Granule of allocations.
pub const PAGE: u64 = 4096;

/// Guest memory: a memfd per region, the first of which pages are allocated from.
#[derive(Clone)]
pub struct Memory {
    map: Arc<GuestMemoryMmap>,
    /// Free stretches of the first region: where, and how long.
    free: Arc<Mutex<BTreeMap<u64, u64>>>,
}

/// Pages of the guest; free again when dropped.
pub struct Pages {
    memory: Memory,
    addr: u64,
    len: u64,
}

impl Memory {
    /// Makes memory of `regions`, each an address and a length in bytes, page-aligned.
    pub fn new(regions: &[(u64, u64)]) -> Result<Self, Error> {
        let ranges = regions
            .iter()
            .map(|(addr, len)| {
                let file = File::from(
                    memfd_create("guest-memory", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?,
                );
                file.set_len(*len)?;
                Ok((GuestAddress(*addr), *len as usize, Some(FileOffset::new(file, 0))))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let map = GuestMemoryMmap::from_ranges_with_files(ranges).map_err(std::io::Error::other)?;
        let free = BTreeMap::from_iter(regions.first().copied());
        Ok(Self { map: Arc::new(map), free: Arc::new(Mutex::new(free)) })
    }

    /// Allocates pages for `len` bytes, zeroed.
    pub fn allocate(&self, len: u64) -> Result<Pages, Error> {
        let len = len.max(1).next_multiple_of(PAGE);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (addr, have) = free
            .iter()
            .find(|(_, have)| **have >= len)
            .map(|(a, h)| (*a, *h))
            .ok_or(Error::Full("memory"))?;
        free.remove(&addr);
        if have > len {
            free.insert(addr + len, have - len);
        }
        drop(free);
        let pages = Pages { memory: self.clone(), addr, len };
        pages.write(0, &vec![0; len as usize])?;
        Ok(pages)
    }

    /// How many bytes can be allocated.
    pub fn free(&self) -> u64 {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Writes bytes at a guest address.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.map.write_slice(bytes, GuestAddress(addr))?)
    }

    /// Reads bytes at a guest address.
    pub fn read(&self, addr: u64, bytes: &mut [u8]) -> Result<(), Error> {
        Ok(self.map.read_slice(bytes, GuestAddress(addr))?)
    }

    /// The memory itself, regions and the files behind them.
    pub fn map(&self) -> &GuestMemoryMmap {
        &self.map
    }
}

impl Pages {
    /// The guest's address of it.
    pub fn addr(&self) -> u64 {
        self.addr
    }

    /// Length in bytes, a multiple of [`PAGE`].
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Never: an allocation has a page at least.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of it as one page run: address and length.
    pub fn run(&self) -> (u64, u64) {
        (self.addr, self.len)
    }

    /// Writes at an offset.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.memory.write(self.addr + offset, bytes)
    }

    /// Reads `len` bytes at an offset.
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len];
        self.memory.read(self.addr + offset, &mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let mut free = self.memory.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut addr, mut len) = (self.addr, self.len);
        if let Some((before, have)) = free.range(..addr).next_back().map(|(a, h)| (*a, *h)) {
            if before + have == addr {
                free.remove(&before);
                addr = before;
                len += have;
            }
        }
        if let Some(have) = free.remove(&(addr + len)) {
            len += have;
        }
        free.insert(addr, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_pages_merge() {
        let memory = Memory::new(&[(0x10_0000, 8 * PAGE)]).unwrap();
        let pages: Vec<_> = (0..8).map(|_| memory.allocate(1).unwrap()).collect();
        assert!(memory.allocate(1).is_err());
        let mut pages = pages.into_iter();
        drop(pages.nth(1));
        drop(pages);
        assert_eq!(memory.free(), 8 * PAGE);
        assert_eq!(memory.allocate(8 * PAGE).unwrap().run(), (0x10_0000, 8 * PAGE));
    }
}
