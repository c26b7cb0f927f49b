// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What can be wrong with a device, and what a guest hears of an ioctl that fails.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tee::{gp, Failure};

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing there.
    #[error("{}: no such device: has this host a TEE, and is its driver loaded (`modprobe optee`)?", .0.display())]
    Missing(PathBuf),
    /// Not for this user.
    #[error("{}: permission denied: run the daemon as a member of the group that the device belongs to", .0.display())]
    Permission(PathBuf),
    /// Cannot be opened for another reason.
    #[error("{path}: cannot open it: {why}", path = .0.display(), why = .1)]
    Open(PathBuf, #[source] io::Error),
    /// Another kind of file.
    #[error("{path}: not a TEE device ({why})", path = .0.display(), why = .1)]
    NotTee(PathBuf, #[source] io::Error),
    /// The device of the TEE's supplicant.
    #[error("{}: the device of the TEE's supplicant; that of its clients is named tee0, tee1, …", .0.display())]
    Privileged(PathBuf),
    /// A TEE that speaks something else.
    #[error("{path}: not a GlobalPlatform TEE (gen_caps {gen_caps:#x})", path = path.display())]
    NotGp {
        /// The device.
        path: PathBuf,
        /// What it says of itself.
        gen_caps: u32,
    },
    /// No thread for cancelling.
    #[error("cannot start the thread that cancels calls: {0}")]
    Thread(#[source] io::Error),
}

impl Error {
    pub(crate) fn opening(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.into()),
            io::ErrorKind::PermissionDenied => Self::Permission(path.into()),
            // A device node whose driver is gone.
            _ if matches!(Errno::from_io_error(&source), Some(Errno::NXIO | Errno::NODEV)) => {
                Self::Missing(path.into())
            }
            _ => Self::Open(path.into(), source),
        }
    }

    pub(crate) fn asking(path: &Path, source: io::Error) -> Self {
        Self::NotTee(path.into(), source)
    }
}

/// What libteec makes of an ioctl that the kernel refuses, and a few errnos more: the call has not
/// reached the TEE, or its answer not us.
pub(crate) fn failure(error: &io::Error) -> Failure {
    let ret = match Errno::from_io_error(error) {
        Some(Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::NOSPC) => gp::ERROR_OUT_OF_MEMORY,
        Some(Errno::INVAL | Errno::FAULT) => gp::ERROR_BAD_PARAMETERS,
        Some(Errno::PERM | Errno::ACCESS) => gp::ERROR_ACCESS_DENIED,
        Some(Errno::OPNOTSUPP) => gp::ERROR_NOT_SUPPORTED,
        Some(Errno::NODEV | Errno::NXIO | Errno::IO) => gp::ERROR_COMMUNICATION,
        _ => gp::ERROR_GENERIC,
    };
    Failure::comms(ret)
}
