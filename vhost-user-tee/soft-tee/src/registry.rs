// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The folder of TAs.
//!
//! A TA is copied when a session is opened, and what is checked, and runs, is the copy: nobody can
//! change it in between.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use openssl::sha::sha256;
use rustix::fs::{fcntl_add_seals, memfd_create, MemfdFlags, OFlags, SealFlags};
use rustix::io::Errno;
use ta_protocol::ta_head::TaHead;
use tee::{gp, Failure};
use uuid::Uuid;

use crate::ta_elf::{self, Offer};

/// Why there is no such TA, or not one that can be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No file.
    #[error("there is no {0}")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    /// The file is too long.
    #[error("{0}: longer than the limit of {1} bytes")]
    TooLong(PathBuf, u64),
    /// The file is not a TA that can be loaded.
    #[error("{0}: {1}")]
    Bad(PathBuf, ta_elf::Error),
    /// It needs more stack than there is.
    #[error("{path}: needs {needed} bytes of stack, the limit is {limit}")]
    Stack {
        /// The file.
        path: PathBuf,
        /// What it needs.
        needed: u32,
        /// What there is.
        limit: u64,
    },
    /// No copy can be made.
    #[error("{0}: memory file: {1}")]
    Copy(PathBuf, io::Error),
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::tee(match error {
            Error::Missing(_) => gp::ERROR_ITEM_NOT_FOUND,
            Error::Read(..) => gp::ERROR_GENERIC,
            Error::Bad(..) => gp::ERROR_BAD_FORMAT,
            Error::TooLong(..) | Error::Stack { .. } | Error::Copy(..) => gp::ERROR_OUT_OF_MEMORY,
        })
    }
}

/// A TA that has been checked.
pub(crate) struct TaImage {
    /// Its header.
    pub(crate) head: TaHead,
    /// A sealed copy of the file.
    pub(crate) file: OwnedFd,
}

/// The folder of TAs.
pub(crate) struct Registry {
    folder: PathBuf,
    offer: Offer,
    max_len: u64,
    max_stack: u64,
    named_files: bool,
}

impl Registry {
    /// TAs in `folder`, for a runtime that offers `offer`.
    pub(crate) fn new(folder: PathBuf, offer: Offer, max_len: u64, max_stack: u64) -> Self {
        Self { folder, offer, max_len, max_stack, named_files: false }
    }

    /// From now on, loads TAs as the files that they are, for debuggers to find by name, and with any
    /// shared library that they need. Files may change while they are used.
    pub(crate) fn load_named_files(&mut self) {
        self.named_files = true;
        self.offer.allow_any_library();
    }

    /// Copies and checks the TA `uuid`.
    pub(crate) fn load(&self, uuid: Uuid) -> Result<TaImage, Error> {
        let path = self.path(uuid);
        let data = self.read(&path)?;
        let head = match ta_elf::check(&data, uuid, &self.offer) {
            Ok(head) => head,
            Err(error) => return Err(Error::Bad(path, error)),
        };
        if u64::from(head.stack_size) > self.max_stack {
            return Err(Error::Stack { path, needed: head.stack_size, limit: self.max_stack });
        }
        let file = if self.named_files {
            fs::canonicalize(&path).and_then(File::open).map(OwnedFd::from)
        } else {
            sealed_copy(&data)
        };
        match file {
            Ok(file) => Ok(TaImage { head, file }),
            Err(error) => Err(Error::Copy(path, error)),
        }
    }

    /// SHA-256 of the file of TA `uuid`.
    pub(crate) fn digest(&self, uuid: Uuid) -> Result<[u8; 32], Error> {
        Ok(sha256(&self.read(&self.path(uuid))?))
    }

    /// The TAs of which the header has `flag`; files that are none are passed over, as they are when sessions are
    /// opened.
    pub(crate) fn with_flag(&self, flag: u32) -> Vec<Uuid> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let has_flag = |uuid: &Uuid| {
            let file = open(&self.path(*uuid));
            file.is_ok_and(|file| ta_elf::head(file, *uuid).is_ok_and(|head| head.has(flag)))
        };
        let uuids = entries.flatten().filter_map(|entry| {
            let name = entry.file_name();
            Uuid::try_parse(name.to_str()?.strip_suffix(".ta")?).ok()
        });
        uuids.filter(has_flag).collect()
    }

    fn path(&self, uuid: Uuid) -> PathBuf {
        self.folder.join(format!("{uuid}.ta"))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing(path.into()),
            _ => Error::Read(path.into(), error),
        };
        let file = open(path).map_err(failed)?;
        let mut data = Vec::new();
        file.take(self.max_len.saturating_add(1)).read_to_end(&mut data).map_err(failed)?;
        if data.len() as u64 > self.max_len {
            return Err(Error::TooLong(path.into(), self.max_len));
        }
        Ok(data)
    }
}

/// Opens a regular file.
fn open(path: &Path) -> io::Result<File> {
    // Opening a fifo, say, would wait for ever.
    let nonblock = OFlags::NONBLOCK.bits() as i32;
    let file = File::options().read(true).custom_flags(nonblock).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// A memory file with `data`, which nobody can change.
fn sealed_copy(data: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the first.
    let file = match memfd_create("ta", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("ta", flags)?,
        other => other?,
    };
    let mut file = File::from(file);
    file.write_all(data)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    Ok(file.into())
}
