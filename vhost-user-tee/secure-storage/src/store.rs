// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The store of all TAs of a VM.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::error::ErrorStack;
use redb::backends::InMemoryBackend;
use redb::{ReadTransaction, StorageBackend};
use uuid::Uuid;

use crate::blocks::{Blocks, Disk};
use crate::database::Database;
use crate::index::{Root, BUCKETS, ROOT};
use crate::keys::{Key, MacKey, KEY_LEN};
use crate::lost;
use crate::object::{CHUNKS, HEADS};
use crate::space::Space;
use crate::Error;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be made or read.
    #[error("secure storage {path}: {why}", path = .0.display(), why = .1)]
    File(PathBuf, #[source] io::Error),
    /// What is in the file is not a store of this device, or is damaged as a whole.
    #[error("secure storage {path}: cannot be used: {why}", path = .0.display(), why = .1)]
    Store(PathBuf, #[source] Error),
    /// No keys.
    #[error("secure storage: keys: {0}")]
    Keys(#[from] ErrorStack),
    /// It cannot be set up in memory.
    #[error("secure storage in memory: {0}")]
    Memory(#[source] Error),
}

/// A store of objects. All functions can be called from any thread.
pub struct Store {
    key: Key,
    index_key: Key,
    quota: u64,
    database: Database,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// A store in memory, with keys from `key`, for `quota` bytes of objects at most.
    ///
    /// # Errors
    ///
    /// For want of memory.
    pub fn in_memory(key: &[u8; KEY_LEN], quota: u64) -> Result<Self, OpenError> {
        let store = Self::on(Arc::new(InMemoryBackend::new()), key, quota)?.map_err(OpenError::Memory)?;
        store.initialize().map_err(OpenError::Memory)?;
        Ok(store)
    }

    /// The store in `file`, which is made if it is not there. The caller sees to it that nobody else opens it.
    ///
    /// # Errors
    ///
    /// If the file cannot be used, or is damaged as a whole: what is damaged in part opens.
    pub fn open(file: &Path, key: &[u8; KEY_LEN], quota: u64) -> Result<Self, OpenError> {
        let failed = |error| OpenError::File(file.to_owned(), error);
        if !file.try_exists().map_err(failed)? {
            create(file, key, quota)?;
        }
        let disk = File::options().read(true).write(true).open(file).map_err(failed)?;
        Self::on_disk(disk, key, quota)?.map_err(|error| OpenError::Store(file.to_owned(), error))
    }

    /// What is on `disk`.
    pub(crate) fn on_disk(
        disk: impl Disk,
        key: &[u8; KEY_LEN],
        quota: u64,
    ) -> Result<Result<Self, Error>, ErrorStack> {
        match Blocks::open(disk, block_key(key)?) {
            Ok(blocks) => Ok(Self::on(Arc::new(blocks), key, quota)?.and_then(|store| {
                // One that is not readable is refused now, rather than whenever an object is asked for.
                store.database.read(|transaction| store.read_root(transaction))?;
                // Where it cannot be done now, it may be another time.
                let _ = lost::clear(&store);
                Ok(store)
            })),
            Err(error) => Ok(Err(Error::from(redb::StorageError::Io(error)))),
        }
    }

    fn on(
        backend: Arc<dyn StorageBackend>,
        key: &[u8; KEY_LEN],
        quota: u64,
    ) -> Result<Result<Self, Error>, ErrorStack> {
        let key = Key::new(key);
        let index_key = key.derive("index", b"")?;
        Ok(Database::open(backend).map(|database| Self { key, index_key, quota, database }))
    }

    /// Makes it an empty store.
    pub(crate) fn initialize(&self) -> Result<(), Error> {
        self.database.write(|transaction| {
            transaction.open_table(BUCKETS)?;
            transaction.open_table(HEADS)?;
            transaction.open_table(CHUNKS)?;
            Root::new().write(&mut transaction.open_table(ROOT)?, &self.index_key)
        })
    }

    /// What the TA `ta` has in the storage `storage`, a number of the caller's.
    ///
    /// # Errors
    ///
    /// For want of memory.
    pub fn space(&self, ta: Uuid, storage: u32) -> Result<Space<'_>, Error> {
        Space::new(self, ta, storage)
    }

    pub(crate) fn read_root(&self, transaction: &ReadTransaction) -> Result<Root, Error> {
        Root::read(&transaction.open_table(ROOT)?, &self.index_key)
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn index_key(&self) -> &Key {
        &self.index_key
    }

    /// Most bytes of objects.
    pub fn quota(&self) -> u64 {
        self.quota
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}

fn block_key(key: &[u8; KEY_LEN]) -> Result<MacKey, ErrorStack> {
    Key::new(key).derive("blocks", b"")?.into_mac()
}

/// Makes an empty store on `disk`, which is empty.
pub(crate) fn create_on(
    disk: impl Disk,
    key: &[u8; KEY_LEN],
    quota: u64,
) -> Result<Result<(), Error>, ErrorStack> {
    let blocks = match Blocks::create(disk, block_key(key)?) {
        Ok(blocks) => blocks,
        Err(error) => return Ok(Err(Error::from(redb::StorageError::Io(error)))),
    };
    Ok(Store::on(Arc::new(blocks), key, quota)?.and_then(|store| store.initialize()))
}

/// Makes an empty store in `file`, which is there once the store is whole and on the disk.
fn create(file: &Path, key: &[u8; KEY_LEN], quota: u64) -> Result<(), OpenError> {
    let failed = |error| OpenError::File(file.to_owned(), error);
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let new = file.with_extension("new");
    match fs::remove_file(&new) {
        // One that was being made when its process was killed.
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let disk =
        File::options().read(true).write(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
    create_on(disk, key, quota)?.map_err(|error| OpenError::Store(new.clone(), error))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&new, file).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
