// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Resource limits.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::param::page_size;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use ta_protocol::socket::MAX_FDS;

use super::Error;

/// Private memory that the libraries beneath the TA need, on top of what the TA may have.
const RUNTIME_HEAP: u64 = 4 << 20;

/// Open files: stdin, stdout, stderr, TA, sockets, memory use; and guest memory in passing.
const FILES: u64 = 8 + MAX_FDS as u64;

/// Sets all limits but the heap's and that of processes.
pub(super) fn set(stack: u64) -> Result<(), Error> {
    set_one("NOFILE", Resource::Nofile, FILES)?;
    set_one("FSIZE", Resource::Fsize, 0)?;
    set_one("CORE", Resource::Core, 0)?;
    set_one("MEMLOCK", Resource::Memlock, 0)?;
    set_one("MSGQUEUE", Resource::Msgqueue, 0)?;
    set_one("STACK", Resource::Stack, stack)
}

/// Allows `heap` bytes of private memory beyond what there is; and no thread or process more.
pub(super) fn set_heap(memory_use: &MemoryUse, heap: u64) -> Result<(), Error> {
    set_one("NPROC", Resource::Nproc, 0)?;
    set_one("DATA", Resource::Data, memory_use.with_heap(heap)?)
}

/// The same once more, where that is less than what has been allowed.
pub(super) fn lower_heap(memory_use: &MemoryUse, heap: u64) -> Result<(), Error> {
    let allowed = getrlimit(Resource::Data).maximum.unwrap_or(u64::MAX);
    set_one("DATA", Resource::Data, memory_use.with_heap(heap)?.min(allowed))
}

fn set_one(name: &'static str, resource: Resource, most: u64) -> Result<(), Error> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).map_err(|error| Error::Limit(name, error))
}

/// Private memory of this process; opened while files can be.
pub(super) struct MemoryUse {
    statm: File,
    /// Asking for it takes a system call the first time.
    page: u64,
}

impl MemoryUse {
    pub(super) fn open() -> Result<Self, Error> {
        let statm = File::open("/proc/self/statm").map_err(Error::MemoryUse)?;
        Ok(Self { statm, page: page_size() as u64 })
    }

    /// What there is, and `heap` bytes for the TA.
    fn with_heap(&self, heap: u64) -> Result<u64, Error> {
        let now = self.read().map_err(Error::MemoryUse)?;
        Ok(now.saturating_add(heap).saturating_add(RUNTIME_HEAP))
    }

    /// Bytes of private writable memory and stack (proc_pid_statm(5), `data`).
    fn read(&self) -> io::Result<u64> {
        let mut text = [0; 256];
        let len = self.statm.read_at(&mut text, 0)?;
        let pages = std::str::from_utf8(&text[..len]).ok().and_then(|text| text.split_whitespace().nth(5));
        let pages: u64 = pages.and_then(|pages| pages.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(pages.saturating_mul(self.page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_use_is_read() {
        let memory_use = MemoryUse::open().unwrap();
        let before = memory_use.read().unwrap();
        let more = vec![1u8; 32 << 20];
        assert!(memory_use.read().unwrap() >= before + (more.len() as u64 / 2));
    }
}
