// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a VM's TEE keeps: its keys.
//!
//! ```text
//!   <state folder of the VM>   mode 0700
//!     lock                     held by the daemon that serves the VM
//!     device-key               32 random bytes, mode 0600
//!     attestation-key.pem      once it has been asked for, mode 0600
//! ```

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;

use crate::attestation_key::AttestationKey;
use crate::device_key::{self, DeviceKey};

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
}

/// What a VM's TEE keeps from one [`SoftTee`](crate::SoftTee) to the next.
#[derive(Debug)]
pub struct State {
    device_key: DeviceKey,
    attestation_key: AttestationKey,
    /// Locked until it is closed.
    _lock: Option<File>,
}

impl State {
    /// State that lives in memory, as long as this does.
    ///
    /// # Errors
    ///
    /// For want of random numbers.
    pub fn in_memory() -> Result<Self, Error> {
        let attestation_key = AttestationKey::new(None);
        Ok(Self { device_key: DeviceKey::random()?, attestation_key, _lock: None })
    }

    /// The state in `folder`, which is made if it is not there; so is the state. Nobody else can open it while this
    /// lives.
    ///
    /// # Errors
    ///
    /// If the folder or what is in it is not what it should be, or is in use.
    pub fn open(folder: &Path) -> Result<Self, Error> {
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
        let device_key = match DeviceKey::is_in(folder) {
            true => DeviceKey::read(folder)?,
            false => DeviceKey::create(folder)?,
        };
        Ok(Self { device_key, attestation_key: AttestationKey::new(Some(folder)), _lock: Some(lock) })
    }

    /// What measurements are signed with.
    pub(crate) fn attestation_key(&self) -> &AttestationKey {
        &self.attestation_key
    }

    /// What all keys of the VM's TEE come from.
    pub fn device_key(&self) -> &DeviceKey {
        &self.device_key
    }
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
        let state = State::open(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(matches!(State::open(&folder), Err(Error::Locked(_))));
        let key = |state: &State| state.device_key().derive("test", b"", 32).unwrap();
        let before = key(&state);
        drop(state);
        assert_eq!(key(&State::open(&folder).unwrap()), before);
        assert_ne!(key(&State::in_memory().unwrap()), before);
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = State::open(file.path()).unwrap_err().to_string();
        assert!(error.starts_with("state folder /"), "{error}");
    }
}
