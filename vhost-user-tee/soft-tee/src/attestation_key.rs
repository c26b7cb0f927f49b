// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The key that measurements of a VM's TEE are signed with: RSA, made when first asked for, and kept in the VM's
//! state folder, which its owner alone can read; without a state folder, as long as the daemon.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::pkey::Private;
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

/// Length of the modulus, and of a signature, in bytes: as OP-TEE has it where nothing else is configured.
pub(crate) const MODULUS_LEN: usize = 384;

/// Most bytes that are read of the file: a key of this length has about 2500.
const MAX_PEM: usize = 16 << 10;

/// Name of the file in the state folder.
const FILE: &str = "attestation-key.pem";
/// Name that it has while it is written.
const NEW_FILE: &str = "attestation-key.pem.new";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Read(PathBuf, #[source] io::Error),
    /// The file is not a key.
    #[error("{path}: not a key: {why}", path = .0.display(), why = .1)]
    Bad(PathBuf, #[source] ErrorStack),
    /// The file has a key of another length.
    #[error("{path}: a key of {len} bytes rather than {MODULUS_LEN}", path = .0.display(), len = .1)]
    Length(PathBuf, usize),
    /// Others can read the file.
    #[error("{path}: others may read or write it: chmod 600 it, if nobody has", path = .0.display())]
    Mode(PathBuf),
    /// The file cannot be written.
    #[error("{path}: cannot be written: {why}", path = .0.display(), why = .1)]
    Write(PathBuf, #[source] io::Error),
    /// No key can be made.
    #[error("a new key: {0}")]
    New(#[from] ErrorStack),
}

/// The key, once it is asked for.
pub(crate) struct AttestationKey {
    folder: Option<PathBuf>,
    key: Mutex<Option<Rsa<Private>>>,
}

impl std::fmt::Debug for AttestationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttestationKey")
    }
}

impl AttestationKey {
    /// The key that `folder` has or will have; without one, a key that is nowhere else.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), key: Mutex::default() }
    }

    /// The key. Who first asks waits while it is made, and so does who asks meanwhile: about a second.
    pub(crate) fn get(&self) -> Result<Rsa<Private>, Error> {
        let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*key {
            return Ok(key.clone());
        }
        let new = match &self.folder {
            Some(folder) => load_or_make(folder)?,
            None => make()?,
        };
        Ok(key.insert(new).clone())
    }
}

fn make() -> Result<Rsa<Private>, Error> {
    Ok(Rsa::generate(MODULUS_LEN as u32 * 8)?)
}

fn load_or_make(folder: &Path) -> Result<Rsa<Private>, Error> {
    let path = folder.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = make()?;
            write(folder, &key.private_key_to_pem().map(Zeroizing::new)?)
                .map_err(|error| Error::Write(path, error))?;
            return Ok(key);
        }
        Err(error) => return Err(Error::Read(path, error)),
    };
    let read = || {
        let mode = file.metadata()?.mode();
        // Of the file whose mode it is; room for all of it, so that no part of it is left behind where it grows.
        let mut pem = Zeroizing::new(Vec::with_capacity(MAX_PEM + 1));
        (&file).take(MAX_PEM as u64 + 1).read_to_end(&mut pem)?;
        Ok((mode, pem))
    };
    let (mode, pem) = match read() {
        Ok(read) => read,
        Err(error) => return Err(Error::Read(path, error)),
    };
    if mode & 0o077 != 0 {
        return Err(Error::Mode(path));
    }
    match Rsa::private_key_from_pem(&pem) {
        Ok(key) if key.size() as usize == MODULUS_LEN => Ok(key),
        Ok(key) => Err(Error::Length(path, key.size() as usize)),
        Err(error) => Err(Error::Bad(path, error)),
    }
}

/// Writes the file; it is on the disk when this returns. The caller is the only one who does this.
fn write(folder: &Path, pem: &[u8]) -> io::Result<()> {
    let new = folder.join(NEW_FILE);
    // One that a daemon has left that was killed here: nothing was signed with it.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    io::Write::write_all(&mut file, pem)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_kept_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let modulus = |folder| AttestationKey::new(folder).get().unwrap().n().to_vec();
        let first = modulus(Some(folder.path()));
        assert_eq!(first.len(), MODULUS_LEN);
        assert_eq!(modulus(Some(folder.path())), first);
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let get = || AttestationKey::new(Some(folder.path())).get();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(get(), Err(Error::Mode(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        assert!(matches!(get(), Err(Error::Bad(..))));
    }

    #[test]
    fn a_key_without_a_folder_stays_as_long_as_it_lives() {
        let key = AttestationKey::new(None);
        assert_eq!(key.get().unwrap().n().to_vec(), key.get().unwrap().n().to_vec());
    }
}
