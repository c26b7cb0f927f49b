// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The records of one object: its head, and the chunks of its data.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use redb::{ReadableTable, TableDefinition};
use zeroize::Zeroizing;

use crate::bytes::{Reader, Writer, LEAST};
use crate::index::{Entry, Name};
use crate::keys::{Key, SEAL_LEN};
use crate::{Error, Id};

/// Heads, by the object's name.
pub(crate) const HEADS: TableDefinition<'_, [u8; Name::LEN], &[u8]> = TableDefinition::new("heads");
/// Chunks, by the object's file and their number.
pub(crate) const CHUNKS: TableDefinition<'_, ([u8; 16], u32), &[u8]> = TableDefinition::new("chunks");

/// Bytes of a chunk. Sealed, and with its key, it just fits into a page of 64 KiB.
pub(crate) const CHUNK: usize = 60 << 10;

/// What a record takes besides what is in it, about: its key, its place in a page.
const RECORD: u64 = SEAL_LEN as u64 + 64;

/// A chunk, as the head knows it.
#[derive(Clone, Copy)]
struct Chunk {
    /// Its bytes; up to the object's size, zeros follow.
    len: u32,
    version: u64,
}

/// The head of an object.
pub(crate) struct Head {
    pub(crate) id: Id,
    /// What its owner keeps beside the data.
    pub(crate) meta: Zeroizing<Vec<u8>>,
    /// Bytes of data.
    pub(crate) size: u64,
    /// Those that there are; what lies in no chunk is zeros.
    chunks: BTreeMap<u32, Chunk>,
}

fn head_about(name: &Name, version: u64) -> Vec<u8> {
    [&b"head"[..], &name.bytes(), &version.to_le_bytes()].concat()
}

fn chunk_about(file: &[u8; 16], number: u32, version: u64) -> Vec<u8> {
    [&b"chunk"[..], file, &number.to_le_bytes(), &version.to_le_bytes()].concat()
}

impl Head {
    pub(crate) fn new(id: Id, meta: &[u8]) -> Self {
        Self { id, meta: Zeroizing::new(meta.to_vec()), size: 0, chunks: BTreeMap::new() }
    }

    /// The head of the object `name`, of which the index has `entry`; `key` is the object's.
    pub(crate) fn read(
        table: &impl ReadableTable<[u8; Name::LEN], &'static [u8]>,
        key: &Key,
        name: &Name,
        entry: &Entry,
    ) -> Result<Self, Error> {
        let record =
            table.get(name.bytes())?.ok_or_else(|| Error::Corrupt("its record is missing".into()))?;
        let plain = key.unseal(&head_about(name, entry.version), record.value());
        let plain = plain.ok_or_else(|| Error::Corrupt("its record is not the newest".into()))?;
        let mut reader = Reader::new(&plain);
        let id = Id::new(reader.counted()?).ok_or_else(|| Error::Corrupt("its name is too long".into()))?;
        let meta = Zeroizing::new(reader.counted()?.to_vec());
        let size = reader.u64()?;
        let mut chunks = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let number = reader.u32()?;
            chunks.insert(number, Chunk { len: reader.u32()?, version: reader.u64()? });
        }
        reader.end()?;
        Ok(Self { id, meta, size, chunks })
    }

    /// Writes the head as `version`.
    pub(crate) fn write(
        &self,
        table: &mut redb::Table<'_, [u8; Name::LEN], &'static [u8]>,
        key: &Key,
        name: &Name,
        version: u64,
    ) -> Result<(), Error> {
        let sealed = key.seal(&head_about(name, version), self.plain().bytes())?;
        table.insert(name.bytes(), &*sealed)?;
        Ok(())
    }

    fn plain(&self) -> Writer {
        let mut plain = Writer::default();
        plain.counted(self.id.bytes());
        plain.counted(&self.meta);
        plain.u64(self.size);
        plain.u32(self.chunks.len() as u32);
        for (number, chunk) in &self.chunks {
            plain.u32(*number);
            plain.u32(chunk.len);
            plain.u64(chunk.version);
        }
        plain.pad();
        plain
    }

    /// What the object takes of the store's room, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let head = RECORD + self.plain().bytes().len() as u64;
        self.chunks.values().fold(head, |sum, chunk| sum + RECORD + u64::from(chunk.len).max(LEAST as u64))
    }

    /// Reads data from `offset` on; returns how many bytes there were.
    pub(crate) fn read_data(
        &self,
        table: &impl ReadableTable<([u8; 16], u32), &'static [u8]>,
        key: &Key,
        file: &[u8; 16],
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, Error> {
        let len = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        for part in parts(offset, len) {
            let target = &mut buffer[part.at..part.at + part.len];
            target.fill(0);
            if let Some(chunk) = self.read_chunk(table, key, file, part.chunk)? {
                let there = chunk.get(part.from..).unwrap_or_default();
                let there = &there[..there.len().min(part.len)];
                target[..there.len()].copy_from_slice(there);
            }
        }
        Ok(len)
    }

    /// Reads all chunks.
    pub(crate) fn check_data(
        &self,
        table: &impl ReadableTable<([u8; 16], u32), &'static [u8]>,
        key: &Key,
        file: &[u8; 16],
    ) -> Result<(), Error> {
        self.chunks.keys().try_for_each(|number| self.read_chunk(table, key, file, *number).map(drop))
    }

    /// Writes `data` at `offset`; `version` is that of new chunks. The head is to be written thereafter.
    pub(crate) fn write_data(
        &mut self,
        table: &mut redb::Table<'_, ([u8; 16], u32), &'static [u8]>,
        key: &Key,
        file: &[u8; 16],
        version: u64,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Error> {
        for part in parts(offset, data.len()) {
            let whole = part.from == 0 && part.len == CHUNK;
            let before = if whole { None } else { self.read_chunk(table, key, file, part.chunk)? };
            let mut chunk = before.unwrap_or_default();
            let end = part.from + part.len;
            if chunk.len() < end {
                chunk.resize(end, 0);
            }
            chunk[part.from..end].copy_from_slice(&data[part.at..part.at + part.len]);
            self.write_chunk(table, key, file, part.chunk, version, &chunk)?;
        }
        if !data.is_empty() {
            self.size = self.size.max(offset + data.len() as u64);
        }
        Ok(())
    }

    /// Makes the data `size` bytes long: what is added is zeros. The head is to be written thereafter.
    pub(crate) fn set_size(
        &mut self,
        table: &mut redb::Table<'_, ([u8; 16], u32), &'static [u8]>,
        key: &Key,
        file: &[u8; 16],
        version: u64,
        size: u64,
    ) -> Result<(), Error> {
        if size < self.size {
            let last = (size / CHUNK as u64) as u32;
            let keep = (size % CHUNK as u64) as usize;
            let cut = self.chunks.get(&last).is_some_and(|chunk| chunk.len as usize > keep);
            if cut && keep > 0 {
                if let Some(mut chunk) = self.read_chunk(table, key, file, last)? {
                    chunk.truncate(keep);
                    self.write_chunk(table, key, file, last, version, &chunk)?;
                }
            }
            let first = if keep > 0 { last + 1 } else { last };
            for (number, _) in self.chunks.split_off(&first) {
                table.remove((*file, number))?;
            }
        }
        self.size = size;
        Ok(())
    }

    fn read_chunk(
        &self,
        table: &impl ReadableTable<([u8; 16], u32), &'static [u8]>,
        key: &Key,
        file: &[u8; 16],
        number: u32,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(chunk) = self.chunks.get(&number) else { return Ok(None) };
        let corrupt = |what| Error::Corrupt(format!("chunk {number} {what}"));
        let record = table.get((*file, number))?.ok_or_else(|| corrupt("is missing"))?;
        let plain = key.unseal(&chunk_about(file, number, chunk.version), record.value());
        let mut plain = plain.ok_or_else(|| corrupt("is not the newest"))?;
        plain.truncate(chunk.len as usize);
        Ok(Some(plain))
    }

    fn write_chunk(
        &mut self,
        table: &mut redb::Table<'_, ([u8; 16], u32), &'static [u8]>,
        key: &Key,
        file: &[u8; 16],
        number: u32,
        version: u64,
        data: &[u8],
    ) -> Result<(), Error> {
        let mut padded = Writer::default();
        let plain = if data.len() < LEAST {
            padded.put(data);
            padded.pad();
            padded.bytes()
        } else {
            data
        };
        let sealed = key.seal(&chunk_about(file, number, version), plain)?;
        table.insert((*file, number), &*sealed)?;
        self.chunks.insert(number, Chunk { len: data.len() as u32, version });
        Ok(())
    }
}

/// Removes all chunks of `file`, whatever the object's head says.
pub(crate) fn remove_chunks(
    table: &mut redb::Table<'_, ([u8; 16], u32), &'static [u8]>,
    file: &[u8; 16],
) -> Result<(), Error> {
    let all: RangeInclusive<([u8; 16], u32)> = (*file, 0)..=(*file, u32::MAX);
    table.retain_in(all, |_, _| false)?;
    Ok(())
}

/// A piece of data within one chunk.
struct Part {
    chunk: u32,
    /// Where in the chunk.
    from: usize,
    /// Where in the data.
    at: usize,
    len: usize,
}

/// `len` bytes from `offset` on, chunk by chunk. All is below [`MAX_SIZE`](crate::MAX_SIZE).
fn parts(offset: u64, len: usize) -> impl Iterator<Item = Part> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let place = offset + at as u64;
        let from = (place % CHUNK as u64) as usize;
        let part = Part {
            chunk: (place / CHUNK as u64) as u32,
            from,
            at,
            len: (CHUNK - from).min(len.checked_sub(at).filter(|left| *left > 0)?),
        };
        at += part.len;
        Some(part)
    })
}
