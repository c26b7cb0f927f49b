// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which objects there are, and of which version: what an old record, or a missing one, is noticed by.
//!
//! ```text
//!   root    the version of each bucket          a record of its own
//!   bucket  the version of each object in it    256 records, by the first byte of the object's name
//!   object  the version of each of its chunks   (see `object`)
//! ```
//!
//! A record is sealed together with its version, so it can be read only by who knows the version that it has to have.
//! An old record in the place of a newer one is not authentic, then; to go back unnoticed one has to go back with
//! everything, to the store as it was at some moment. The version of the root is the one that nothing else knows.

use std::collections::BTreeMap;

use redb::{ReadableTable, TableDefinition};

use crate::bytes::{Reader, Writer};
use crate::keys::Key;
use crate::Error;

/// The root alone.
pub(crate) const ROOT: TableDefinition<'_, (), &[u8]> = TableDefinition::new("root");
/// Buckets, by their number.
pub(crate) const BUCKETS: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("buckets");

/// Buckets that there are.
const COUNT: usize = 256;

/// How an object is called outside of what is sealed: whose it is, and a code of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// Code of the name; first, as it is what buckets go by.
    pub(crate) code: [u8; 32],
    /// Which space it is in.
    pub(crate) space: [u8; 16],
}

impl Name {
    pub(crate) const LEN: usize = 48;

    pub(crate) fn bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..32].copy_from_slice(&self.code);
        bytes[32..].copy_from_slice(&self.space);
        bytes
    }

    /// The bucket that it is in.
    fn bucket(&self) -> u8 {
        self.code[0]
    }
}

/// What the index has of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Random; what its chunks are found by, and its key is derived with.
    pub(crate) file: [u8; 16],
    /// Version of its record.
    pub(crate) version: u64,
    /// What it takes of the store's room.
    pub(crate) bytes: u64,
}

/// The root.
#[derive(Clone)]
pub(crate) struct Root {
    /// The newest version that anything has.
    version: u64,
    /// What all objects take.
    pub(crate) used: u64,
    /// Of each bucket; 0 where it has never been written.
    buckets: [u64; COUNT],
}

impl Root {
    /// Of an empty store.
    pub(crate) fn new() -> Self {
        Self { version: 0, used: 0, buckets: [0; COUNT] }
    }

    /// A version that nothing has had.
    pub(crate) fn new_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    pub(crate) fn read(table: &impl ReadableTable<(), &'static [u8]>, key: &Key) -> Result<Self, Error> {
        let corrupt =
            || Error::Unavailable("its root is missing or damaged, or the device key is another".into());
        let record = table.get(())?.ok_or_else(corrupt)?;
        let plain = key.unseal(b"root", record.value()).ok_or_else(corrupt)?;
        let mut reader = Reader::new(&plain);
        let mut root = Self { version: reader.u64()?, used: reader.u64()?, buckets: [0; COUNT] };
        for bucket in &mut root.buckets {
            *bucket = reader.u64()?;
        }
        reader.end()?;
        Ok(root)
    }

    pub(crate) fn write(
        &self,
        table: &mut redb::Table<'_, (), &'static [u8]>,
        key: &Key,
    ) -> Result<(), Error> {
        let mut plain = Writer::default();
        plain.u64(self.version);
        plain.u64(self.used);
        for bucket in self.buckets {
            plain.u64(bucket);
        }
        table.insert((), &*key.seal(b"root", plain.bytes())?)?;
        Ok(())
    }
}

type Bucket = BTreeMap<Name, Entry>;

fn about(bucket: u8, version: u64) -> [u8; 15] {
    let mut about = *b"bucket\0\0\0\0\0\0\0\0\0";
    about[6] = bucket;
    about[7..].copy_from_slice(&version.to_le_bytes());
    about
}

fn read_bucket(
    table: &impl ReadableTable<u8, &'static [u8]>,
    key: &Key,
    root: &Root,
    number: u8,
) -> Result<Bucket, Error> {
    let version = root.buckets[usize::from(number)];
    if version == 0 {
        return Ok(Bucket::new());
    }
    let corrupt = || Error::Corrupt(format!("part {number} of the index is not the newest"));
    let record = table.get(number)?.ok_or_else(corrupt)?;
    let plain = key.unseal(&about(number, version), record.value()).ok_or_else(corrupt)?;
    let mut reader = Reader::new(&plain);
    let mut bucket = Bucket::new();
    for _ in 0..reader.u32()? {
        let name = Name { code: reader.array()?, space: reader.array()? };
        let entry = Entry { file: reader.array()?, version: reader.u64()?, bytes: reader.u64()? };
        bucket.insert(name, entry);
    }
    reader.end()?;
    Ok(bucket)
}

fn write_bucket(
    table: &mut redb::Table<'_, u8, &'static [u8]>,
    key: &Key,
    root: &mut Root,
    number: u8,
    bucket: &Bucket,
) -> Result<(), Error> {
    let version = root.new_version();
    root.buckets[usize::from(number)] = version;
    let mut plain = Writer::default();
    plain.u32(bucket.len() as u32);
    for (name, entry) in bucket {
        plain.put(&name.code);
        plain.put(&name.space);
        plain.put(&entry.file);
        plain.u64(entry.version);
        plain.u64(entry.bytes);
    }
    plain.pad();
    let sealed = key.seal(&about(number, version), plain.bytes())?;
    table.insert(number, &*sealed)?;
    Ok(())
}

/// What the index has of the object `name`.
pub(crate) fn find(
    table: &impl ReadableTable<u8, &'static [u8]>,
    key: &Key,
    root: &Root,
    name: &Name,
) -> Result<Option<Entry>, Error> {
    Ok(read_bucket(table, key, root, name.bucket())?.get(name).copied())
}

/// Has the index have `entry` of the object `name`, or nothing. The root is to be written thereafter.
pub(crate) fn set(
    table: &mut redb::Table<'_, u8, &'static [u8]>,
    key: &Key,
    root: &mut Root,
    name: &Name,
    entry: Option<Entry>,
) -> Result<(), Error> {
    let mut bucket = read_bucket(table, key, root, name.bucket())?;
    let before = match entry {
        Some(entry) => bucket.insert(*name, entry),
        None => bucket.remove(name),
    };
    let bytes = |entry: Option<Entry>| entry.map_or(0, |entry| entry.bytes);
    root.used = root.used.saturating_sub(bytes(before)).saturating_add(bytes(entry));
    write_bucket(table, key, root, name.bucket(), &bucket)
}

/// The first object of `space` after the one of code `after`; from the start where there is none.
pub(crate) fn next(
    table: &impl ReadableTable<u8, &'static [u8]>,
    key: &Key,
    root: &Root,
    space: &[u8; 16],
    after: Option<&[u8; 32]>,
) -> Result<Option<(Name, Entry)>, Error> {
    for number in after.map_or(0, |code| code[0])..=u8::MAX {
        let bucket = read_bucket(table, key, root, number)?;
        let is_next = |name: &Name| name.space == *space && after.is_none_or(|after| name.code > *after);
        if let Some((name, entry)) = bucket.iter().find(|(name, _)| is_next(name)) {
            return Ok(Some((*name, *entry)));
        }
    }
    Ok(None)
}
