// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Folders below `target/vm`: made once, whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::paths::vm_dir;
use crate::progress::say;

/// Why a folder could not be made, or its inputs not be read.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct StoreError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError { action, path, source }
}

/// Makes provisioning the business of one process until the returned file is dropped.
pub(super) fn lock() -> Result<File, StoreError> {
    lock_named("lock")
}

/// The same for a part of provisioning that others need not wait for.
pub(super) fn lock_named(name: &str) -> Result<File, StoreError> {
    let path = make_dir(&vm_dir())?.join(name);
    let file = File::create(&path).map_err(error("create", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => return Ok(file),
        Err(Errno::WOULDBLOCK) => say("  waiting for another process that is provisioning …"),
        Err(errno) => return Err(error("lock", &path)(errno.into())),
    }
    flock(&file, FlockOperation::LockExclusive).map_err(|errno| error("lock", &path)(errno.into()))?;
    Ok(file)
}

/// Makes a folder, unless it is there.
pub(super) fn make_dir(path: &Path) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(path).map_err(error("create", path))?;
    Ok(path.to_owned())
}

/// The folder `name`; where there is none yet, `fill` makes its contents.
///
/// Call it with the lock held.
pub(super) fn once<E: From<StoreError>>(
    name: &str,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<PathBuf, E> {
    let path = vm_dir().join(name);
    if path.is_dir() {
        return Ok(path);
    }
    let part = vm_dir().join(format!("{name}.part"));
    // What a run that was interrupted left behind.
    if part.exists() {
        fs::remove_dir_all(&part).map_err(error("remove", &part))?;
    }
    make_dir(&part)?;
    fill(&part)?;
    fs::rename(&part, &path).map_err(error("rename", &part))?;
    Ok(path)
}

/// A short name for what all of `inputs` hold.
pub(super) fn key(inputs: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update(input.len().to_le_bytes());
        hash.update(input);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Copies the files below `from`, in a fixed order, and returns what identifies their contents.
pub(super) fn copy_tree(from: &Path, to: Option<&Path>) -> Result<Vec<u8>, StoreError> {
    let mut hash = Sha256::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let source = from.join(&folder);
        let read = error("read", &source);
        let mut names: Vec<_> = fs::read_dir(&source)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(read)?
            .iter()
            .map(fs::DirEntry::file_name)
            .collect();
        names.sort();
        if let Some(to) = to {
            make_dir(&to.join(&folder))?;
        }
        for name in names {
            let relative = folder.join(&name);
            let path = from.join(&relative);
            if path.is_dir() {
                folders.push(relative);
                continue;
            }
            let bytes = fs::read(&path).map_err(error("read", &path))?;
            hash.update(relative.as_os_str().as_encoded_bytes());
            hash.update([0]);
            hash.update(bytes.len().to_le_bytes());
            hash.update(&bytes);
            if let Some(to) = to {
                fs::copy(&path, to.join(&relative)).map_err(error("copy", &path))?;
            }
        }
    }
    Ok(hash.finalize().to_vec())
}
