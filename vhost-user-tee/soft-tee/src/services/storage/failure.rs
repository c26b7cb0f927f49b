// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What comes of an operation that has failed: a code for the TA, a line for the log, the end of what is corrupt.

use secure_storage::Error;
use tee::gp;

use super::handles::{Handle, Own};
use super::Storage;
use crate::open_objects::ObjectName;

/// Why something was not done.
pub(in crate::services) enum Failure {
    /// What the store says.
    Store(Error),
    /// A GP code.
    Code(u32),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    fn code(&self) -> u32 {
        match self {
            Self::Code(code) => *code,
            Self::Store(error) => match error {
                Error::NotFound => gp::ERROR_ITEM_NOT_FOUND,
                Error::Exists => gp::ERROR_ACCESS_CONFLICT,
                Error::Corrupt(_) => gp::ERROR_CORRUPT_OBJECT,
                Error::NoSpace => gp::ERROR_STORAGE_NO_SPACE,
                Error::TooLong => gp::ERROR_OVERFLOW,
                Error::Crypto(_) => gp::ERROR_OUT_OF_MEMORY,
                _ => gp::ERROR_STORAGE_NOT_AVAILABLE,
            },
        }
    }
}

impl Storage {
    /// An operation on an open object has failed. A corrupt object is removed, as OP-TEE does, which also closes
    /// the handle unless the TA's flags say otherwise.
    pub(super) fn failed(&self, own: &mut Own, handle: u64, error: Error) -> u32 {
        let lost = match error {
            // Another instance has found it corrupt.
            Error::NotFound => Error::Corrupt("it has been removed".into()),
            error => error,
        };
        if matches!(lost, Error::Corrupt(_)) {
            if let Ok(Handle { object, .. }) = own.get(handle) {
                self.remove_corrupt(&object);
            }
            if self.closes_corrupt {
                // It was open.
                let _ = self.close(own, handle);
            }
        }
        self.log(lost.into())
    }

    pub(super) fn remove_corrupt(&self, object: &ObjectName) {
        // Where not even that can be done it stays, and is found corrupt again.
        let _ = self.space(object.storage).map(|space| space.remove(&object.id));
    }

    /// The code for the TA; what the host's administrator should know of is logged.
    pub(super) fn log(&self, failure: Failure) -> u32 {
        if let Failure::Store(error @ (Error::Corrupt(_) | Error::Unavailable(_) | Error::Closed)) = &failure
        {
            self.errors.error(format_args!("{}: secure storage: {error}", self.name));
        }
        failure.code()
    }
}
