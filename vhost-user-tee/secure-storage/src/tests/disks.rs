// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Disks in memory: one that can be looked at and fails on demand, and one that loses what was not synced.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use crate::blocks::Disk;

/// A disk that does what it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What is there.
    now: Vec<u8>,
    /// What is there after the power has failed: without the writes below.
    safe: Vec<u8>,
    since: Vec<Write>,
    /// How many changes succeed before all fail.
    left: Option<usize>,
}

#[derive(Debug)]
enum Write {
    Data(usize, Vec<u8>),
    Len(usize),
}

/// What the disk writes as one.
const ATOM: usize = 512;

impl Memory {
    /// A disk with these bytes, all of them safe.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { safe: bytes.clone(), now: bytes, ..State::default() })))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().now.clone()
    }

    /// Has `left` more changes succeed, and all after them find the disk full; all succeed with `None`.
    pub(super) fn fail_after(&self, left: Option<usize>) {
        self.0.lock().unwrap().left = left;
    }

    /// What the disk may hold after the power has failed: of what was not synced anything, in parts of [`ATOM`] bytes.
    pub(super) fn after_power_failure(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let mut bytes = state.safe.clone();
        for write in &state.since {
            match write {
                Write::Len(len) => {
                    // The file system's journal keeps these in order: a length is never lost alone.
                    bytes.resize(*len, 0);
                }
                Write::Data(at, data) => {
                    for (index, atom) in data.chunks(ATOM).enumerate() {
                        let at = at + index * ATOM;
                        if random.bool() && at + atom.len() <= bytes.len() {
                            bytes[at..at + atom.len()].copy_from_slice(atom);
                        }
                    }
                }
            }
        }
        bytes
    }

    fn change(&self, write: Write) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match &mut state.left {
            Some(0) => return Err(ErrorKind::StorageFull.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        match &write {
            Write::Data(at, data) => {
                let end = at + data.len();
                if state.now.len() < end {
                    state.now.resize(end, 0);
                }
                state.now[*at..end].copy_from_slice(data);
            }
            Write::Len(len) => state.now.resize(*len, 0),
        }
        state.since.push(write);
        Ok(())
    }
}

impl Disk for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let at = at as usize;
        let there = state.now.get(at..at + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(there);
        Ok(())
    }

    fn write(&self, data: &[u8], at: u64) -> io::Result<()> {
        self.change(Write::Data(at as usize, data.to_vec()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Write::Len(len as usize))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.safe = state.now.clone();
        state.since.clear();
        Ok(())
    }
}
