// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! redb, which is opened anew when the disk has failed it.
//!
//! After an error of the disk (a full one, say) redb refuses all further work until it is opened again: then
//! everything is as the last commit left it. Every commit is of two phases, and keeps the state of redb's allocator:
//! so opening is quick after a kill as well, and one damaged page is in nobody's way but of those who need it.

use std::io::ErrorKind;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Durability, ReadTransaction, StorageBackend, StorageError, WriteTransaction};

use crate::Error;

/// Memory for pages that are in use, in bytes.
const CACHE: usize = 4 << 20;

#[derive(Debug)]
struct Shared(Arc<dyn StorageBackend>);

impl StorageBackend for Shared {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, len: usize) -> std::io::Result<Vec<u8>> {
        self.0.read(offset, len)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self, eventual: bool) -> std::io::Result<()> {
        self.0.sync_data(eventual)
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

enum State {
    Open(redb::Database),
    /// To be opened when it is needed.
    Closed,
    /// Not usable any more.
    Broken,
}

/// A database that survives its disk's errors.
pub(crate) struct Database {
    backend: Arc<dyn StorageBackend>,
    state: RwLock<State>,
}

impl Database {
    /// Opens the database on `backend`, which is made if there is nothing.
    pub(crate) fn open(backend: Arc<dyn StorageBackend>) -> Result<Self, Error> {
        let database = Self { backend, state: RwLock::new(State::Closed) };
        database.reopen()?;
        Ok(database)
    }

    /// Reads, all at one moment. `work` may run twice.
    pub(crate) fn read<T>(&self, work: impl Fn(&ReadTransaction) -> Result<T, Error>) -> Result<T, Error> {
        self.run(|database| work(&database.begin_read()?))
    }

    /// Changes everything that `work` changes, or nothing; what was changed is on the disk when this returns. `work`
    /// may run twice.
    pub(crate) fn write<T>(&self, work: impl Fn(&WriteTransaction) -> Result<T, Error>) -> Result<T, Error> {
        self.run(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate);
            transaction.set_quick_repair(true);
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    fn run<T>(&self, work: impl Fn(&redb::Database) -> Result<T, Error>) -> Result<T, Error> {
        for _ in 0..2 {
            {
                let state = self.state.read().map_err(|_| Error::broken())?;
                match &*state {
                    State::Open(database) => match guarded(|| work(database)) {
                        // It, or somebody else, has met an error of the disk before.
                        Some(Err(Error::Closed)) => {}
                        Some(result) => return result,
                        None => {
                            drop(state);
                            self.give_up();
                            return Err(Error::broken());
                        }
                    },
                    State::Closed => {}
                    State::Broken => return Err(Error::broken()),
                }
            }
            self.reopen()?;
        }
        Err(Error::Closed)
    }

    fn reopen(&self) -> Result<(), Error> {
        let mut state = self.state.write().map_err(|_| Error::broken())?;
        match &*state {
            State::Broken => return Err(Error::broken()),
            // Another thread may have come first.
            State::Open(database) if database.begin_write().is_ok() => return Ok(()),
            _ => {}
        }
        // Before it is opened again.
        *state = State::Closed;
        let backend = Shared(self.backend.clone());
        let open = || {
            redb::Database::builder()
                .set_cache_size(CACHE)
                .create_with_file_format_v3(true)
                .create_with_backend(backend)
        };
        match guarded(open) {
            Some(opened) => *state = State::Open(opened?),
            None => {
                *state = State::Broken;
                return Err(Error::broken());
            }
        }
        Ok(())
    }

    /// Leaves a database alone in which redb has panicked: it may hold locks that its end would wait for.
    fn give_up(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(database) = std::mem::replace(&mut *state, State::Broken) {
            std::mem::forget(database);
        }
    }
}

/// redb asserts what it reads of its own. What was written is what it reads (see [`blocks`](crate::blocks)), unless
/// somebody has put old blocks in the place of newer ones: that must not end the daemon.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::PreviousIo => Self::Closed,
            StorageError::Io(error) => match error.kind() {
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Corrupt(error.to_string()),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::NoSpace,
                _ => Self::Unavailable(error.to_string()),
            },
            error => Self::Unavailable(error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Error {
            fn from(error: redb::$error) -> Self {
                match error {
                    redb::$error::Storage(error) => error.into(),
                    error => Self::Unavailable(error.to_string()),
                }
            }
        }
    )*};
}

from_redb!(CommitError, DatabaseError, TableError, TransactionError);
