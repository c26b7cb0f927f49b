// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What can go wrong, with what GP says of it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tee_uapi::MapError;
use thiserror::Error;
use uuid::Uuid;

use crate::code;

/// Who returned a result (GP TEE Client API 1.0, table 4-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `TEEC_ORIGIN_API`: this library, or the kernel before the call left it.
    Api,
    /// `TEEC_ORIGIN_COMMS`: what carries calls to the TEE.
    Comms,
    /// `TEEC_ORIGIN_TEE`: the TEE itself.
    Tee,
    /// `TEEC_ORIGIN_TRUSTED_APP`: the TA.
    TrustedApp,
    /// A number that GP does not define.
    Other(u32),
}

impl From<u32> for Origin {
    fn from(origin: u32) -> Self {
        match origin {
            1 => Self::Api,
            2 => Self::Comms,
            3 => Self::Tee,
            4 => Self::TrustedApp,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api => f.write_str("the client API"),
            Self::Comms => f.write_str("the way to the TEE"),
            Self::Tee => f.write_str("the TEE"),
            Self::TrustedApp => f.write_str("the TA"),
            Self::Other(origin) => write!(f, "unknown origin {origin}"),
        }
    }
}

/// A call that failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The device could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The device.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The device's TEE speaks another protocol than GP's.
    #[error("{} is not a GlobalPlatform TEE (gen_caps {gen_caps:#x})", path.display())]
    NotGp {
        /// The device.
        path: PathBuf,
        /// What it says of itself.
        gen_caps: u32,
    },
    /// The kernel refused an ioctl.
    #[error("{ioctl}: {source}")]
    Ioctl {
        /// Its name in `uapi/linux/tee.h`.
        ioctl: &'static str,
        /// The errno.
        source: io::Error,
    },
    /// Memory could not be mapped.
    #[error(transparent)]
    Map(#[from] MapError),
    /// A memref without memory, and the device cannot carry it (no `TEE_GEN_CAP_MEMREF_NULL`).
    #[error("parameter {index}: the device does not take memrefs without memory")]
    NullMemref {
        /// Which parameter.
        index: usize,
    },
    /// Shared memory of another context.
    #[error("parameter {index}: the shared memory belongs to another context")]
    ForeignMemory {
        /// Which parameter.
        index: usize,
    },
    /// There is no call to cancel.
    #[error("cancel: the operation is not under way")]
    NotRunning,
    /// No session was opened.
    #[error("open session with {ta}: {} from {origin}", Code(*ret))]
    OpenSession {
        /// The TA.
        ta: Uuid,
        /// GP result code.
        ret: u32,
        /// Who returned it.
        origin: Origin,
    },
    /// A call returned something else than `TEEC_SUCCESS`.
    #[error("invoke function {func}: {} from {origin}", Code(*ret))]
    Invoke {
        /// Which function of the TA.
        func: u32,
        /// GP result code; from a TA, any number.
        ret: u32,
        /// Who returned it.
        origin: Origin,
    },
}

impl Error {
    /// The result code, translated from the errno as libteec does where the kernel refused.
    pub fn ret(&self) -> u32 {
        match self {
            Self::OpenSession { ret, .. } | Self::Invoke { ret, .. } => *ret,
            Self::Open { .. } => code::ERROR_ITEM_NOT_FOUND,
            Self::NotGp { .. } | Self::NullMemref { .. } => code::ERROR_NOT_SUPPORTED,
            Self::Map(_) => code::ERROR_OUT_OF_MEMORY,
            Self::ForeignMemory { .. } => code::ERROR_BAD_PARAMETERS,
            Self::NotRunning => code::ERROR_BAD_STATE,
            Self::Ioctl { source, .. } => match source.kind() {
                io::ErrorKind::OutOfMemory => code::ERROR_OUT_OF_MEMORY,
                io::ErrorKind::InvalidInput => code::ERROR_BAD_PARAMETERS,
                _ => code::ERROR_GENERIC,
            },
        }
    }

    /// Who returned it.
    pub fn origin(&self) -> Origin {
        match self {
            Self::OpenSession { origin, .. } | Self::Invoke { origin, .. } => *origin,
            Self::Ioctl { .. } => Origin::Comms,
            _ => Origin::Api,
        }
    }

    /// The errno, where it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. } | Self::Ioctl { source, .. } | Self::Map(MapError { source, .. }) => {
                source.raw_os_error()
            }
            _ => None,
        }
    }
}

/// Prints a result code with its name.
struct Code(u32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match code::name(self.0) {
            Some(name) => write!(f, "{name} ({:#010x})", self.0),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_call_code_and_origin() {
        let error = Error::Invoke { func: 5, ret: code::ERROR_TARGET_DEAD, origin: Origin::from(3) };
        assert_eq!(error.to_string(), "invoke function 5: TEEC_ERROR_TARGET_DEAD (0xffff3024) from the TEE");
        assert_eq!((error.ret(), error.origin()), (code::ERROR_TARGET_DEAD, Origin::Tee));
        let error = Error::Invoke { func: 2, ret: 77, origin: Origin::from(4) };
        assert_eq!(error.to_string(), "invoke function 2: 0x0000004d from the TA");
    }

    #[test]
    fn errno_becomes_libteecs_code() {
        let ioctl =
            |errno| Error::Ioctl { ioctl: "TEE_IOC_INVOKE", source: io::Error::from_raw_os_error(errno) };
        assert_eq!(ioctl(12).ret(), code::ERROR_OUT_OF_MEMORY);
        assert_eq!(ioctl(22).ret(), code::ERROR_BAD_PARAMETERS);
        assert_eq!(ioctl(19).ret(), code::ERROR_GENERIC);
        assert_eq!((ioctl(19).origin(), ioctl(19).errno()), (Origin::Comms, Some(19)));
    }
}
