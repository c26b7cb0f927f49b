// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The objects of one TA in one storage.

use redb::ReadTransaction;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::index::{self, Entry, Name, Root, BUCKETS, ROOT};
use crate::keys::{Key, MacKey};
use crate::lost::{self, LOST};
use crate::object::{remove_chunks, Head, CHUNKS, HEADS};
use crate::store::Store;
use crate::{Error, Id, MAX_META, MAX_SIZE};

/// How many places are tried for a new object, where a damaged block is in the way of some.
const PLACES: usize = 16;

/// What there is to know of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name.
    pub id: Id,
    /// What its owner keeps beside the data.
    pub meta: Zeroizing<Vec<u8>>,
    /// Bytes of data.
    pub size: u64,
}

/// Where an enumeration of objects has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub [u8; 32]);

/// What an enumeration has come to.
#[derive(Debug)]
pub struct Found {
    /// Where the next is to be looked for.
    pub cursor: Cursor,
    /// The object, where it is not corrupt.
    pub info: Result<Info, Error>,
}

/// The objects of one TA in one storage. Nobody sees those of another.
pub struct Space<'a> {
    store: &'a Store,
    tag: [u8; 16],
    names: MacKey,
    key: Key,
}

impl<'a> Space<'a> {
    pub(crate) fn new(store: &'a Store, ta: Uuid, storage: u32) -> Result<Self, Error> {
        let key = store.key().derive("space", &[ta.as_bytes(), &storage.to_le_bytes()[..]].concat())?;
        let names = key.derive("names", b"")?.into_mac()?;
        let mut tag = [0; 16];
        tag.copy_from_slice(&names.mac(&[b"space"])?[..16]);
        Ok(Self { store, tag, names, key })
    }

    fn name(&self, id: &Id) -> Result<Name, Error> {
        Ok(Name { code: self.names.mac(&[b"name", id.bytes()])?, space: self.tag })
    }

    fn object_key(&self, file: &[u8; 16]) -> Result<Key, Error> {
        Ok(self.key.derive("object", file)?)
    }

    /// What the object `id` is; [`Error::NotFound`] where there is none.
    ///
    /// # Errors
    ///
    /// As of every function here: [`Error`] says which there are.
    pub fn info(&self, id: &Id) -> Result<Info, Error> {
        let name = self.name(id)?;
        self.store.database().read(|transaction| {
            let (head, _, _) = self.find(transaction, &name)?;
            Ok(Info { id: head.id, meta: head.meta, size: head.size })
        })
    }

    /// Reads data of the object `id` from `offset` on; returns how many bytes there were.
    pub fn read(&self, id: &Id, offset: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let name = self.name(id)?;
        let (data, len) = self.store.database().read(|transaction| {
            let (head, entry, key) = self.find(transaction, &name)?;
            let mut data = Zeroizing::new(vec![0; buffer.len()]);
            let chunks = transaction.open_table(CHUNKS)?;
            let len = head.read_data(&chunks, &key, &entry.file, offset, &mut data)?;
            Ok((data, len))
        })?;
        buffer[..len].copy_from_slice(&data[..len]);
        Ok(len)
    }

    fn find(&self, transaction: &ReadTransaction, name: &Name) -> Result<(Head, Entry, Key), Error> {
        let root = self.store.read_root(transaction)?;
        let buckets = transaction.open_table(BUCKETS)?;
        let entry = index::find(&buckets, self.store.index_key(), &root, name)?.ok_or(Error::NotFound)?;
        let key = self.object_key(&entry.file)?;
        let head = Head::read(&transaction.open_table(HEADS)?, &key, name, &entry)?;
        Ok((head, entry, key))
    }

    /// The first object after `after`, from the start where there is none. Each object is come to once, unless
    /// it is renamed meanwhile.
    pub fn next(&self, after: Option<Cursor>) -> Result<Option<Found>, Error> {
        self.store.database().read(|transaction| {
            let root = self.store.read_root(transaction)?;
            let buckets = transaction.open_table(BUCKETS)?;
            let after = after.as_ref().map(|cursor| &cursor.0);
            let next = index::next(&buckets, self.store.index_key(), &root, &self.tag, after)?;
            let Some((name, entry)) = next else { return Ok(None) };
            let heads = transaction.open_table(HEADS)?;
            let info = self.object_key(&entry.file).and_then(|key| {
                let head = Head::read(&heads, &key, &name, &entry)?;
                Ok(Info { id: head.id, meta: head.meta, size: head.size })
            });
            match info {
                Err(error @ (Error::Closed | Error::Unavailable(_))) => Err(error),
                info => Ok(Some(Found { cursor: Cursor(name.code), info })),
            }
        })
    }

    /// Makes the object `id` with `meta` and `data`. One that is there is replaced with `replace`, and is
    /// [`Error::Exists`] without.
    pub fn create(&self, id: &Id, meta: &[u8], data: &[u8], replace: bool) -> Result<(), Error> {
        check_meta(meta)?;
        check_end(0, data.len() as u64)?;
        let name = self.name(id)?;
        let mut result = Ok(());
        for attempt in 0..PLACES {
            result = self.create_somewhere(&name, id, meta, data, replace, attempt == 0);
            if !matches!(result, Err(Error::Corrupt(_))) {
                return result;
            }
        }
        result.map_err(in_the_way)
    }

    fn create_somewhere(
        &self,
        name: &Name,
        id: &Id,
        meta: &[u8],
        data: &[u8],
        replace: bool,
        tidy: bool,
    ) -> Result<(), Error> {
        let mut file = [0; 16];
        openssl::rand::rand_bytes(&mut file)?;
        let key = self.object_key(&file)?;
        self.change(|change| {
            if let Some(before) = change.find(name)? {
                if !replace {
                    return Err(Error::Exists);
                }
                change.remove_chunks(&before, tidy)?;
            }
            let mut head = Head::new(id.clone(), meta);
            let version = change.root.new_version();
            head.write_data(&mut change.chunks, &key, &file, version, 0, data)?;
            change.put(name, &key, &file, &head)
        })
    }

    /// Writes `data` at `offset` of the object `id`; a gap before it is zeros.
    pub fn write(&self, id: &Id, offset: u64, data: &[u8]) -> Result<(), Error> {
        check_end(offset, data.len() as u64)?;
        self.update(id, |change, head, key, file, version| {
            head.write_data(&mut change.chunks, key, file, version, offset, data)
        })
    }

    /// Makes the data of the object `id` `size` bytes long: cuts them, or adds zeros.
    pub fn set_size(&self, id: &Id, size: u64) -> Result<(), Error> {
        check_end(size, 0)?;
        self.update(id, |change, head, key, file, version| {
            head.set_size(&mut change.chunks, key, file, version, size)
        })
    }

    /// Replaces what the owner of the object `id` keeps beside the data.
    pub fn set_meta(&self, id: &Id, meta: &[u8]) -> Result<(), Error> {
        check_meta(meta)?;
        self.update(id, |_, head, _, _, _| {
            head.meta = Zeroizing::new(meta.to_vec());
            Ok(())
        })
    }

    fn update(
        &self,
        id: &Id,
        work: impl Fn(&mut Change<'_>, &mut Head, &Key, &[u8; 16], u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = self.name(id)?;
        self.change(|change| {
            let entry = change.find(&name)?.ok_or(Error::NotFound)?;
            let key = self.object_key(&entry.file)?;
            let mut head = Head::read(&change.heads, &key, &name, &entry)?;
            let version = change.root.new_version();
            work(change, &mut head, &key, &entry.file, version)?;
            change.put(&name, &key, &entry.file, &head)
        })
        .map_err(|error| self.whose(id, error))
    }

    /// Why a change of the object `id` has failed, where it has met a damaged block: that may be another object's,
    /// beside which this one's new records were to go.
    fn whose(&self, id: &Id, error: Error) -> Error {
        if !matches!(error, Error::Corrupt(_)) {
            return error;
        }
        match self.check(id) {
            Ok(()) => in_the_way(error),
            Err(error) => error,
        }
    }

    /// Reads all of the object `id`.
    fn check(&self, id: &Id) -> Result<(), Error> {
        let name = self.name(id)?;
        self.store.database().read(|transaction| {
            let (head, entry, key) = self.find(transaction, &name)?;
            head.check_data(&transaction.open_table(CHUNKS)?, &key, &entry.file)
        })
    }

    /// Gives the object `id` another name; [`Error::Exists`] where that is an object's.
    pub fn rename(&self, id: &Id, to: &Id) -> Result<(), Error> {
        let (name, new_name) = (self.name(id)?, self.name(to)?);
        self.change(|change| {
            let entry = change.find(&name)?.ok_or(Error::NotFound)?;
            let key = self.object_key(&entry.file)?;
            let mut head = Head::read(&change.heads, &key, &name, &entry)?;
            if change.find(&new_name)?.is_some() {
                return Err(Error::Exists);
            }
            change.forget(&name)?;
            head.id = to.clone();
            change.put(&new_name, &key, &entry.file, &head)
        })
        .map_err(|error| self.whose(id, error))
    }

    /// Removes the object `id`, corrupt or not. Where not even its chunks can be reached they stay in the file, and
    /// count, until a store that is opened can remove them.
    pub fn remove(&self, id: &Id) -> Result<(), Error> {
        let name = self.name(id)?;
        let remove = |tidy: bool| {
            self.change(|change| {
                let entry = change.find(&name)?.ok_or(Error::NotFound)?;
                change.remove_chunks(&entry, tidy)?;
                change.forget(&name)
            })
        };
        match remove(true) {
            Err(Error::Corrupt(_)) => remove(false).map_err(in_the_way),
            result => result,
        }
    }

    fn change(&self, work: impl Fn(&mut Change<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let (key, quota) = (self.store.index_key(), self.store.quota());
        self.store.database().write(|transaction| {
            let mut root_table = transaction.open_table(ROOT)?;
            let root = Root::read(&root_table, key)?;
            let used = root.used;
            let mut change = Change {
                key,
                root,
                buckets: transaction.open_table(BUCKETS)?,
                heads: transaction.open_table(HEADS)?,
                chunks: transaction.open_table(CHUNKS)?,
                lost: transaction.open_table(LOST)?,
            };
            work(&mut change)?;
            if change.root.used > quota && change.root.used > used {
                return Err(Error::NoSpace);
            }
            change.root.write(&mut root_table, key)
        })
    }
}

/// A damaged block is in the way of a change that is not about it.
fn in_the_way(error: Error) -> Error {
    match error {
        Error::Corrupt(what) => Error::Unavailable(format!("something damaged is in the way: {what}")),
        error => error,
    }
}

fn check_meta(meta: &[u8]) -> Result<(), Error> {
    if meta.len() > MAX_META {
        return Err(Error::TooLong);
    }
    Ok(())
}

fn check_end(offset: u64, len: u64) -> Result<(), Error> {
    match offset.checked_add(len) {
        Some(end) if end <= MAX_SIZE => Ok(()),
        _ => Err(Error::TooLong),
    }
}

/// A change of the store that is under way.
struct Change<'t> {
    key: &'t Key,
    root: Root,
    buckets: redb::Table<'t, u8, &'static [u8]>,
    heads: redb::Table<'t, [u8; Name::LEN], &'static [u8]>,
    chunks: redb::Table<'t, ([u8; 16], u32), &'static [u8]>,
    lost: redb::Table<'t, [u8; 16], &'static [u8]>,
}

impl Change<'_> {
    fn find(&self, name: &Name) -> Result<Option<Entry>, Error> {
        index::find(&self.buckets, self.key, &self.root, name)
    }

    fn put(&mut self, name: &Name, key: &Key, file: &[u8; 16], head: &Head) -> Result<(), Error> {
        let version = self.root.new_version();
        head.write(&mut self.heads, key, name, version)?;
        let entry = Entry { file: *file, version, bytes: head.bytes() };
        index::set(&mut self.buckets, self.key, &mut self.root, name, Some(entry))
    }

    /// Removes the chunks of an object that is about to be forgotten, or else notes that they stay.
    fn remove_chunks(&mut self, entry: &Entry, can_be_reached: bool) -> Result<(), Error> {
        if can_be_reached {
            remove_chunks(&mut self.chunks, &entry.file)
        } else {
            lost::note(&mut self.lost, self.key, &mut self.root, entry)
        }
    }

    fn forget(&mut self, name: &Name) -> Result<(), Error> {
        self.heads.remove(name.bytes())?;
        index::set(&mut self.buckets, self.key, &mut self.root, name, None)
    }
}
