// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a VM's TEE keeps: its keys, and what its TAs store.
//!
//! ```text
//!   <state folder of the VM>   mode 0700
//!     lock                     held by the daemon that serves the VM
//!     device-key               32 random bytes, mode 0600
//!     attestation-key.pem      once it has been asked for, mode 0600
//!     storage                  secure storage of all TAs, under keys from the device key
//! ```

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;
use secure_storage::{OpenError, Store, KEY_LEN};
use zeroize::Zeroizing;

use crate::attestation_key::AttestationKey;
use crate::device_key::{self, DeviceKey};
use crate::open_objects::OpenObjects;
use crate::ration::Rations;
use crate::staged::Staged;

/// Why a VM's state cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder cannot be made or used.
    #[error("state folder {path}: {why}", path = .0.display(), why = .1)]
    Folder(PathBuf, #[source] io::Error),
    /// Another daemon uses it.
    #[error("state folder {}: another process uses it", .0.display())]
    Locked(PathBuf),
    /// No device key.
    #[error(transparent)]
    DeviceKey(#[from] device_key::Error),
    /// Storage without the key to it.
    #[error("state folder {}: there is secure storage, but no device key: put the key back, or remove both", .0.display())]
    KeyMissing(PathBuf),
    /// No secure storage.
    #[error(transparent)]
    Storage(#[from] OpenError),
}

/// What a VM's TEE keeps from one [`SoftTee`](crate::SoftTee) to the next.
#[derive(Debug)]
pub struct State {
    device_key: DeviceKey,
    attestation_key: AttestationKey,
    storage: Store,
    open_objects: OpenObjects,
    staged: Staged,
    log_rations: Arc<Rations>,
    /// Locked until it is closed.
    _lock: Option<File>,
}

impl State {
    /// State that lives in memory, as long as this does; `quota` is most bytes of what TAs store.
    ///
    /// # Errors
    ///
    /// For want of random numbers or memory.
    pub fn in_memory(quota: u64) -> Result<Self, Error> {
        let device_key = DeviceKey::random()?;
        let storage = Store::in_memory(&*storage_key(&device_key)?, quota)?;
        Ok(Self::new(device_key, AttestationKey::new(None), storage, None))
    }

    /// The state in `folder`, which is made if it is not there; so is the state. `quota` is most bytes of what TAs
    /// store. Nobody else can open it while this lives.
    ///
    /// # Errors
    ///
    /// If the folder or what is in it is not what it should be, or is in use.
    pub fn open(folder: &Path, quota: u64) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::Folder(folder.to_owned(), error);
        make_folder(folder).map_err(failed)?;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("lock"))
            .map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Error::Locked(folder.to_owned())),
            Err(error) => return Err(failed(error.into())),
        }
        let file = folder.join("storage");
        let stores = file.try_exists().map_err(failed)?;
        let device_key = match (DeviceKey::is_in(folder)?, stores) {
            (true, _) => DeviceKey::read(folder)?,
            (false, false) => DeviceKey::create(folder)?,
            (false, true) => return Err(Error::KeyMissing(folder.to_owned())),
        };
        let storage = Store::open(&file, &*storage_key(&device_key)?, quota)?;
        let attestation_key = AttestationKey::new(Some(folder));
        Ok(Self::new(device_key, attestation_key, storage, Some(lock)))
    }

    fn new(
        device_key: DeviceKey,
        attestation_key: AttestationKey,
        storage: Store,
        lock: Option<File>,
    ) -> Self {
        let staged = Staged::new(storage.quota());
        Self {
            device_key,
            attestation_key,
            storage,
            open_objects: OpenObjects::default(),
            staged,
            log_rations: Arc::default(),
            _lock: lock,
        }
    }

    /// What measurements are signed with.
    pub(crate) fn attestation_key(&self) -> &AttestationKey {
        &self.attestation_key
    }

    /// What all keys of the VM's TEE come from.
    pub fn device_key(&self) -> &DeviceKey {
        &self.device_key
    }

    /// What TAs store.
    pub(crate) fn storage(&self) -> &Store {
        &self.storage
    }

    /// Which of it is open.
    pub(crate) fn open_objects(&self) -> &OpenObjects {
        &self.open_objects
    }

    /// What TAs have handed over to be stored.
    pub(crate) fn staged(&self) -> &Staged {
        &self.staged
    }

    /// What may be logged of them.
    pub(crate) fn log_rations(&self) -> &Arc<Rations> {
        &self.log_rations
    }
}

fn storage_key(device_key: &DeviceKey) -> Result<Zeroizing<[u8; KEY_LEN]>, OpenError> {
    let derived = device_key.derive("secure storage", b"", KEY_LEN)?;
    let mut key = Zeroizing::new([0; KEY_LEN]);
    key.copy_from_slice(&derived);
    Ok(key)
}

/// Makes `folder`, and those above it; the new ones are on the disk when this returns.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    make_folder(parent)?;
    DirBuilder::new().mode(0o700).create(folder)?;
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_folder_is_made_and_is_used_by_one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let state = State::open(&folder, 1 << 20).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(matches!(State::open(&folder, 1 << 20), Err(Error::Locked(_))));
        let key = |state: &State| state.device_key().derive("test", b"", 32).unwrap();
        let before = key(&state);
        drop(state);
        assert_eq!(key(&State::open(&folder, 1 << 20).unwrap()), before);
        assert_ne!(key(&State::in_memory(1 << 20).unwrap()), before);
    }

    #[test]
    fn storage_whose_key_is_lost_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::open(folder.path(), 1 << 20).unwrap());
        fs::remove_file(folder.path().join("device-key")).unwrap();
        assert!(matches!(State::open(folder.path(), 1 << 20), Err(Error::KeyMissing(_))));
        assert!(folder.path().join("storage").exists());
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = State::open(file.path(), 1 << 20).unwrap_err().to_string();
        assert!(error.starts_with("state folder /"), "{error}");
    }
}
