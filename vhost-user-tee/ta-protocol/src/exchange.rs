// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory for what a service takes or gives that does not fit in the mailbox.
//!
//! Whoever has the turn in the mailbox has the exchange as well. The TA process has it mapped; the daemon reads and
//! writes it as a file, so what it reads is a copy.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::shared_page::{memory_file, Shared};

/// Length of the exchange, in bytes.
pub const LEN: usize = 256 << 10;

const WORD: usize = 8;

/// The daemon's end.
#[derive(Debug)]
pub struct ExchangeFile(File);

impl ExchangeFile {
    /// Makes an exchange.
    pub fn create() -> io::Result<Self> {
        Ok(Self(memory_file("ta-exchange", LEN)?.into()))
    }

    /// Reads `buffer.len()` bytes from `at` on.
    pub fn read(&self, at: usize, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, at as u64)
    }

    /// Writes `data` at `at`.
    pub fn write(&self, at: usize, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, at as u64)
    }
}

impl AsFd for ExchangeFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The TA process's end.
pub struct Exchange(Shared<[AtomicU64; LEN / WORD]>);

impl Exchange {
    /// The TA process's end of the exchange in `file`.
    pub fn open(file: impl AsFd) -> io::Result<Self> {
        Shared::open(file).map(Self)
    }

    /// Writes `parts`, one after the other, from the start; what does not fit is left out.
    pub fn write(&self, parts: &[&[u8]]) {
        let mut bytes = parts.iter().copied().flatten();
        for word in self.0.iter() {
            let mut value = [0; WORD];
            let mut filled = 0;
            for (to, from) in value.iter_mut().zip(&mut bytes) {
                *to = *from;
                filled += 1;
            }
            if filled == 0 {
                return;
            }
            word.store(u64::from_ne_bytes(value), Ordering::Relaxed);
        }
    }

    /// Takes a copy of the first bytes.
    pub fn read(&self, buffer: &mut [u8]) {
        for (word, bytes) in self.0.iter().zip(buffer.chunks_mut(WORD)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes()[..bytes.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_see_what_the_other_writes() {
        let ours = ExchangeFile::create().unwrap();
        let theirs = Exchange::open(&ours).unwrap();
        let parts: [&[u8]; 4] = [b"0123456789", b"", b"abc", b"defgh"];
        for len in 0..=18 {
            let all = parts.concat();
            theirs.write(&[&all[..len.min(10)], &all[len.min(10)..len]]);
            let mut found = vec![0; len];
            ours.read(0, &mut found).unwrap();
            assert_eq!(found, all[..len]);
        }
        theirs.write(&parts);
        ours.write(3, b"xyz").unwrap();
        let mut found = [0; 11];
        theirs.read(&mut found);
        assert_eq!(&found, b"012xyz6789a");
    }

    #[test]
    fn it_has_an_end() {
        let ours = ExchangeFile::create().unwrap();
        let theirs = Exchange::open(&ours).unwrap();
        theirs.write(&[&vec![1; LEN + 9]]);
        let mut all = vec![0; LEN];
        theirs.read(&mut all);
        assert!(all.iter().all(|byte| *byte == 1));
        assert!(ours.read(1, &mut all).is_err());
    }
}
