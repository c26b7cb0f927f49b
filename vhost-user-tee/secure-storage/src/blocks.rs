// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The file beneath the database, in blocks of which each tells whether it is what was written.
//!
//! redb trusts the pages that it reads: a flipped bit in one can make it panic, or walk in circles. So no page reaches
//! it that is not as it was written. Each block of 4096 bytes is followed by a message authentication code of it and of
//! its place; one that does not fit is an error of kind `InvalidData`, and damages nothing else.
//!
//! ```text
//!   0       head slot 0  ┐ twice: magic, sequence number, length, redb's head (its first 320 bytes), code;
//!   4096    head slot 1  ┘ written in turns: one of them is whole at any time
//!   8192    block 1, code; block 2, code; …       (what would be block 0 is redb's head)
//! ```
//!
//! redb flips its two roots in its head, which must not tear. A head goes into the slot that does not hold the
//! newest one, after what was written before is on the disk.
//!
//! A head that was damaged must not bring the one before it back, with what has been undone since. A disk writes each of
//! a slot's two copies, which fit in a sector, as it was or as it is to be: so of a slot that has been written one
//! copy holds, whenever the power fails, and where none does, somebody has changed it, and the file is refused.

use std::fmt;
use std::fs::File;
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::keys::MacKey;

const BLOCK: usize = 4096;
const CODE: usize = 16;
const SECTOR: usize = BLOCK + CODE;
/// Where the blocks begin.
const BLOCKS_AT: u64 = 2 * BLOCK as u64;
/// What redb has at its beginning.
const HEAD: usize = 320;
const MAGIC: [u8; 8] = *b"VTEEsto1";
/// Magic, sequence number, length, head, code.
const COPY: usize = 24 + HEAD + 32;
/// Where in a slot the second copy begins: in another sector, whatever their size.
const SECOND_COPY_AT: usize = BLOCK / 2;
/// Two copies, and what is between them.
const SLOT: usize = SECOND_COPY_AT + COPY;

/// What the blocks lie on.
pub(crate) trait Disk: fmt::Debug + Send + Sync + 'static {
    fn len(&self) -> io::Result<u64>;
    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
    fn write(&self, data: &[u8], at: u64) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(buffer, at)
    }

    fn write(&self, data: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(data, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The newest head.
struct Head {
    sequence: u64,
    /// Of the file that redb sees, in bytes.
    len: u64,
    redb: [u8; HEAD],
    /// It may not be on the disk yet.
    fresh: bool,
}

/// A [`StorageBackend`] of checked blocks.
pub(crate) struct Blocks<D> {
    disk: D,
    key: MacKey,
    head: Mutex<Head>,
    /// Whether blocks that were never written are zeros, as redb has it when it makes a database; from there on it
    /// reads what it has written.
    new: bool,
}

impl<D: Disk> fmt::Debug for Blocks<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blocks").field(&self.disk).finish()
    }
}

/// It is not what was written.
fn damaged(what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{what} is not as it was written"))
}

fn crypto(error: openssl::error::ErrorStack) -> Error {
    Error::other(error)
}

/// Length on the disk of what is `len` bytes to redb.
fn disk_len(len: u64) -> io::Result<u64> {
    let blocks = len / BLOCK as u64;
    let sectors = blocks.saturating_sub(1).checked_mul(SECTOR as u64);
    sectors.and_then(|sectors| sectors.checked_add(BLOCKS_AT)).ok_or_else(|| ErrorKind::FileTooLarge.into())
}

impl<D: Disk> Blocks<D> {
    /// An empty file of blocks on an empty disk.
    pub(crate) fn create(disk: D, key: MacKey) -> io::Result<Self> {
        let head = Head { sequence: 0, len: 0, redb: [0; HEAD], fresh: false };
        let blocks = Self { disk, key, head: Mutex::new(head), new: true };
        blocks.disk.set_len(BLOCKS_AT)?;
        blocks.write_head(&mut blocks.head())?;
        Ok(blocks)
    }

    /// What was created on this disk before.
    pub(crate) fn open(disk: D, key: MacKey) -> io::Result<Self> {
        let mut newest: Option<Head> = None;
        for slot in 0..2 {
            let head = read_slot(&disk, &key, slot)?;
            if head.as_ref().map(|head| head.sequence) > newest.as_ref().map(|head| head.sequence) {
                newest = head;
            }
        }
        let head = newest.ok_or_else(|| damaged("the head of the file"))?;
        if disk.len()? < disk_len(head.len)? {
            return Err(damaged("the length of the file"));
        }
        Ok(Self { disk, key, head: Mutex::new(head), new: false })
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        // It is whole wherever something could panic.
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the head over the older of the two.
    fn write_head(&self, head: &mut Head) -> io::Result<()> {
        if head.fresh {
            self.disk.sync()?;
        }
        let sequence = head.sequence + 1;
        let mut copy = Vec::with_capacity(COPY);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&sequence.to_le_bytes());
        copy.extend_from_slice(&head.len.to_le_bytes());
        copy.extend_from_slice(&head.redb);
        let code = self.key.mac(&[b"head", &copy]).map_err(crypto)?;
        copy.extend_from_slice(&code);
        let mut slot = [0; SLOT];
        slot[..COPY].copy_from_slice(&copy);
        slot[SECOND_COPY_AT..].copy_from_slice(&copy);
        self.disk.write(&slot, sequence % 2 * BLOCK as u64)?;
        head.sequence = sequence;
        head.fresh = true;
        Ok(())
    }

    fn code(&self, index: u64, block: &[u8]) -> io::Result<[u8; CODE]> {
        let mac = self.key.mac(&[b"block", &index.to_le_bytes(), block]).map_err(crypto)?;
        let mut code = [0; CODE];
        code.copy_from_slice(&mac[..CODE]);
        Ok(code)
    }
}

/// The newer of the two heads that a slot holds; nothing where none was ever written to it.
fn read_slot(disk: &impl Disk, key: &MacKey, slot: u64) -> io::Result<Option<Head>> {
    let mut bytes = [0; SLOT];
    match disk.read(&mut bytes, slot * BLOCK as u64) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let (first, second) = (read_copy(&bytes[..COPY], key)?, read_copy(&bytes[SECOND_COPY_AT..], key)?);
    let newer = [first, second].into_iter().flatten().max_by_key(|head| head.sequence);
    newer.map(Some).ok_or_else(|| damaged("the head of the file"))
}

/// A head, if it is whole.
fn read_copy(copy: &[u8], key: &MacKey) -> io::Result<Option<Head>> {
    let (content, code) = copy.split_at(COPY - 32);
    if content[..8] != MAGIC || key.mac(&[b"head", content]).map_err(crypto)? != code {
        return Ok(None);
    }
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&content[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let mut redb = [0; HEAD];
    redb.copy_from_slice(&content[24..]);
    // It may be this process that has died since it wrote it, not the machine: then it is not on the disk.
    Ok(Some(Head { sequence: word(8), len: word(16), redb, fresh: true }))
}

/// Index of the first block, and how many there are.
fn range(offset: u64, len: usize) -> io::Result<(u64, usize)> {
    if offset == 0 || offset % BLOCK as u64 != 0 || len % BLOCK != 0 {
        return Err(Error::other("the database works on other pages than these blocks"));
    }
    Ok((offset / BLOCK as u64, len / BLOCK))
}

impl<D: Disk> StorageBackend for Blocks<D> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.head().len)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        if offset == 0 && len <= HEAD {
            return Ok(self.head().redb[..len].to_vec());
        }
        let (first, count) = range(offset, len)?;
        let mut sectors = vec![0; count * SECTOR];
        match self.disk.read(&mut sectors, BLOCKS_AT + (first - 1) * SECTOR as u64) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(damaged("the length of the file"))
            }
            other => other?,
        }
        let mut data = Vec::with_capacity(len);
        for (index, sector) in (first..).zip(sectors.chunks_exact(SECTOR)) {
            let (block, code) = sector.split_at(BLOCK);
            let unwritten = self.new && sector.iter().all(|byte| *byte == 0);
            if !unwritten && self.code(index, block)? != code {
                return Err(damaged(format_args!("block {index}")));
            }
            data.extend_from_slice(block);
        }
        Ok(data)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len % BLOCK as u64 != 0 {
            return Err(Error::other("the database has a length that these blocks cannot have"));
        }
        let mut head = self.head();
        let before = head.len;
        head.len = len;
        // The file is never shorter than the head says.
        let mut change = || {
            if len >= before {
                self.disk.set_len(disk_len(len)?)?;
                self.write_head(&mut head)
            } else {
                self.write_head(&mut head)?;
                self.disk.set_len(disk_len(len)?)
            }
        };
        let changed = change();
        if changed.is_err() {
            head.len = before;
        }
        changed
    }

    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        let mut head = self.head();
        self.disk.sync()?;
        head.fresh = false;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset == 0 && data.len() == HEAD {
            let mut head = self.head();
            let before = head.redb;
            head.redb.copy_from_slice(data);
            let written = self.write_head(&mut head);
            if written.is_err() {
                head.redb = before;
            }
            return written;
        }
        let (first, count) = range(offset, data.len())?;
        let mut sectors = Vec::with_capacity(count * SECTOR);
        for (index, block) in (first..).zip(data.chunks_exact(BLOCK)) {
            sectors.extend_from_slice(block);
            sectors.extend_from_slice(&self.code(index, block)?);
        }
        self.disk.write(&sectors, BLOCKS_AT + (first - 1) * SECTOR as u64)
    }
}
