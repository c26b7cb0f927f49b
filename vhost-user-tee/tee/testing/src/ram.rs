// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A guest's memory.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{fcntl_add_seals, memfd_create, MemfdFlags, SealFlags};
use rustix::io::Errno;
use tee::{Lifetime, Memory, Run};

/// Memory of a guest, as a VMM has it: a file.
pub struct Ram {
    /// The file.
    pub file: Arc<File>,
    page: u64,
}

impl Ram {
    /// `pages` pages of zeros.
    pub fn new(pages: u64) -> Self {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd: OwnedFd = memfd_create("test-ram", flags).unwrap();
        let (file, page) = (File::from(fd), page());
        file.set_len(pages * page).unwrap();
        Self { file: Arc::new(file), page }
    }

    /// `count` pages of it from the page `first` on.
    pub fn run(&self, first: u64, count: u64) -> Run {
        Run { file: self.file.clone(), offset: first * self.page, len: count * self.page }
    }

    /// Memory of these (first page, number of pages).
    pub fn memory(&self, lifetime: Lifetime, runs: &[(u64, u64)]) -> Arc<Memory> {
        let runs = runs.iter().map(|(first, count)| self.run(*first, *count)).collect();
        Arc::new(Memory::new(runs, lifetime))
    }

    /// Whether any process has it mapped, or the kernel its pages pinned, which it tells by refusing to seal it.
    /// The end of it where none has: it cannot be mapped for writing any more.
    pub fn is_held(&self) -> bool {
        match fcntl_add_seals(&*self.file, SealFlags::WRITE) {
            Ok(()) => false,
            Err(Errno::BUSY) => true,
            Err(error) => panic!("F_ADD_SEALS: {error}"),
        }
    }

    /// One byte.
    pub fn byte(&self, at: u64) -> u8 {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at).unwrap();
        byte[0]
    }

    /// Writes one byte.
    pub fn set_byte(&self, at: u64, byte: u8) {
        self.write(at, &[byte]);
    }

    /// Fills a page.
    pub fn set_page(&self, number: u64, byte: u8) {
        self.write(number * self.page, &vec![byte; self.page as usize]);
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.file.metadata().unwrap().len() as usize];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Writes some bytes.
    pub fn write(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).unwrap();
    }
}

/// Bytes of a page.
pub fn page() -> u64 {
    rustix::param::page_size() as u64
}
