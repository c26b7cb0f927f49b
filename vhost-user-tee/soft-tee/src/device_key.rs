// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The key that all other keys of a VM's TEE come from.
//!
//! On hardware it is fused into the chip. Here it is a file in the VM's state folder, which its owner alone can read;
//! without a state folder it lives as long as the daemon. Whatever needs a key derives one under a label of its own:
//! nobody who knows one derived key learns another.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use secure_storage::hkdf;
use zeroize::Zeroizing;

/// Length of the key, in bytes.
const LEN: usize = 32;

/// Name of the file in the state folder.
const FILE: &str = "device-key";
/// Name that it has while it is written.
const NEW_FILE: &str = "device-key.new";

/// Why there is no device key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No random numbers.
    #[error("random numbers: {0}")]
    Random(#[from] ErrorStack),
    /// The file cannot be read.
    #[error("device key {path}: cannot be read: {why}", path = .0.display(), why = .1)]
    Read(PathBuf, #[source] io::Error),
    /// The file cannot be made.
    #[error("device key {path}: cannot be written: {why}", path = .0.display(), why = .1)]
    Write(PathBuf, #[source] io::Error),
    /// The file has another length than a key.
    #[error("device key {path}: not a device key: {len} bytes rather than {LEN}", path = .0.display(), len = .1)]
    Length(PathBuf, usize),
    /// Others can read the file.
    #[error("device key {path}: others may read or write it: chmod 600 it, if nobody has", path = .0.display())]
    Mode(PathBuf),
}

/// A VM's device key.
pub struct DeviceKey {
    secret: Zeroizing<[u8; LEN]>,
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey")
    }
}

impl DeviceKey {
    /// A new key, which is nowhere else.
    pub(crate) fn random() -> Result<Self, Error> {
        let mut secret = Zeroizing::new([0; LEN]);
        openssl::rand::rand_priv_bytes(&mut *secret)?;
        Ok(Self { secret })
    }

    /// Whether `folder` has a key. Where that cannot be told, nobody is to make one in its place.
    pub(crate) fn is_in(folder: &Path) -> Result<bool, Error> {
        let path = folder.join(FILE);
        path.try_exists().map_err(|error| Error::Read(path, error))
    }

    /// The key of `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let failed = |error| Error::Read(path.clone(), error);
        let file = File::open(&path).map_err(failed)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN + 1));
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(Error::Mode(path));
        }
        file.take(LEN as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        match <[u8; LEN]>::try_from(&bytes[..]) {
            Ok(secret) => Ok(Self { secret: Zeroizing::new(secret) }),
            Err(_) => Err(Error::Length(path, bytes.len())),
        }
    }

    /// A new key, written into `folder`, and on its disk when this returns. The caller is the only one who does this.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let key = Self::random()?;
        let path = folder.join(FILE);
        key.write(folder, &path).map_err(|error| Error::Write(path, error))?;
        Ok(key)
    }

    fn write(&self, folder: &Path, path: &Path) -> io::Result<()> {
        let new = folder.join(NEW_FILE);
        // One that a daemon has left that was killed here: nothing was encrypted with it.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&*self.secret)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    }

    /// `len` bytes, 8160 at most, which only this device key, `label` and `context` give (HKDF with SHA-256). A label
    /// is one use's own, and has no zero byte; `context` tells the keys of that use apart, in 1024 bytes at most.
    ///
    /// # Errors
    ///
    /// For want of memory, or where a length is beyond these.
    pub fn derive(&self, label: &str, context: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        debug_assert!(!label.contains('\0'));
        let info = [label.as_bytes(), &[0], context].concat();
        hkdf(&*self.secret, b"virtio-tee device key", &info, len)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn derived(key: &DeviceKey) -> Vec<u8> {
        key.derive("test", b"context", 32).unwrap().to_vec()
    }

    #[test]
    fn each_label_and_context_has_a_key_of_its_own() {
        let key = DeviceKey::random().unwrap();
        let keys = [("a", &b"bc"[..]), ("ab", b"c"), ("a", b"bd"), ("a", b"")].map(|(label, context)| {
            assert_eq!(key.derive(label, context, 8160).unwrap().len(), 8160);
            key.derive(label, context, 16).unwrap()
        });
        for (index, one) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(one));
        }
        assert_ne!(derived(&key), derived(&DeviceKey::random().unwrap()));
        assert!(key.derive("a", b"", 8161).is_err());
        assert!(key.derive("a", &[1; 1024], 32).is_ok());
    }

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!DeviceKey::is_in(folder.path()).unwrap());
        // Left by one that was killed.
        fs::write(folder.path().join(NEW_FILE), "half").unwrap();
        let made = DeviceKey::create(folder.path()).unwrap();
        assert!(DeviceKey::is_in(folder.path()).unwrap());
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(derived(&made), derived(&DeviceKey::read(folder.path()).unwrap()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(matches!(DeviceKey::read(folder.path()), Err(Error::Read(..))));
        // Not a folder, so that nothing can be told of what is in it.
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(DeviceKey::is_in(file.path()), Err(Error::Read(..))));
        DeviceKey::create(folder.path()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(DeviceKey::read(folder.path()), Err(Error::Mode(..))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for len in [0, 31, 33, 1000] {
            fs::write(&path, vec![1; len]).unwrap();
            assert!(matches!(DeviceKey::read(folder.path()), Err(Error::Length(..))));
        }
    }
}
