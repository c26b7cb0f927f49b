// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Cryptographic operations of any kind (API 1.3.1, section 6.2). What each does is in a module of its own; what
//! it tells of itself is in [`operation_info`](super::operation_info), its keys in
//! [`operation_keys`](super::operation_keys).

use std::sync::{Arc, Mutex};

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_NOT_SUPPORTED, SUCCESS};

use super::algorithms::{algorithm, Algorithm};
use super::handles::{lock, Handles};
use super::object::Key;
use super::panic::panic;
use super::pointers::store;
use super::{authenticated, ciphers, digests, macs};
use crate::services::ae::Ae;
use crate::services::cipher::Cipher;
use crate::services::digest::Digest;
use crate::services::mac::Mac;

static OPERATIONS: Handles<Operation> = Handles::new();

/// `TEE_OPERATION_STATE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum State {
    Initial = 0,
    Active = 1,
    Extracting = 2,
}

/// An operation.
pub(super) struct Operation {
    /// `TEE_ALG_*`: several name one algorithm.
    pub(super) id: u32,
    pub(super) algorithm: Algorithm,
    /// `TEE_MODE_*`.
    pub(super) mode: u32,
    pub(super) max_key_size: u32,
    pub(super) state: State,
    /// As many as the algorithm has, or none.
    pub(super) keys: Vec<Key>,
    /// Bytes of the tag that the last message was begun with.
    pub(super) tag_len: usize,
    pub(super) work: Work,
}

/// What an operation is at.
pub(super) enum Work {
    /// It is to be begun.
    None,
    Cipher(Cipher),
    Mac(Mac),
    Ae(Ae),
    /// Always begun.
    Digest(Digest),
}

impl Work {
    fn try_clone(&self) -> Result<Self, u32> {
        Ok(match self {
            Self::None => Self::None,
            Self::Cipher(cipher) => Self::Cipher(cipher.try_clone().map_err(ciphers::code)?),
            Self::Mac(mac) => Self::Mac(mac.try_clone().map_err(macs::code)?),
            Self::Ae(ae) => Self::Ae(ae.try_clone().map_err(authenticated::code)?),
            Self::Digest(digest) => Self::Digest(digest.clone()),
        })
    }
}

impl Operation {
    /// An operation of the algorithm that has this number; fails with `TEE_ERROR_NOT_SUPPORTED` where there is
    /// none, or not for this mode, or keys cannot have this size.
    pub(super) fn new(id: u32, mode: u32, max_key_size: u32) -> Result<Self, u32> {
        let algorithm = algorithm(id).ok_or(ERROR_NOT_SUPPORTED)?;
        algorithm.required_usage(mode).ok_or(ERROR_NOT_SUPPORTED)?;
        if !algorithm.has_size(mode, max_key_size) {
            return Err(ERROR_NOT_SUPPORTED);
        }
        let work = match algorithm {
            Algorithm::Digest(digest) => Work::Digest(Digest::new(digest).map_err(digests::code)?),
            _ => Work::None,
        };
        Ok(Self {
            id,
            algorithm,
            mode,
            max_key_size,
            state: State::Initial,
            keys: Vec::new(),
            tag_len: 0,
            work,
        })
    }

    /// Back to the beginning, with the keys that there are. Errors are codes to end the TA with.
    fn reset(&mut self) -> Result<(), u32> {
        if self.keys.len() != self.algorithm.keys() {
            return Err(ERROR_BAD_STATE);
        }
        self.begin_anew()
    }

    /// The same, whatever the keys.
    pub(super) fn begin_anew(&mut self) -> Result<(), u32> {
        match &mut self.work {
            Work::Digest(digest) => digest.reset().map_err(digests::code)?,
            work => *work = Work::None,
        }
        self.state = State::Initial;
        Ok(())
    }

    /// Takes what the operation is at, which is over with that.
    pub(super) fn end(&mut self) -> Work {
        self.state = State::Initial;
        std::mem::replace(&mut self.work, Work::None)
    }

    fn try_clone(&self) -> Result<Self, u32> {
        Ok(Self { keys: self.keys.clone(), work: self.work.try_clone()?, ..*self })
    }

    /// Stands from now on where another does. Errors are codes to end the TA with.
    fn stand_at(&mut self, other: Self) -> Result<(), u32> {
        if self.id != other.id || self.mode != other.mode {
            return Err(ERROR_BAD_PARAMETERS);
        }
        if other.keys.iter().any(|key| key.size > self.max_key_size) {
            return Err(ERROR_BAD_PARAMETERS);
        }
        *self = Self { max_key_size: self.max_key_size, ..other };
        Ok(())
    }
}

/// What a handle stands for; a wrong one ends the TA.
pub(super) fn operation(handle: usize) -> Arc<Mutex<Operation>> {
    OPERATIONS.get(handle).unwrap_or_else(|| panic(ERROR_BAD_PARAMETERS))
}

/// Makes an operation; `TEE_ERROR_NOT_SUPPORTED` where `algorithm` is none, or not for `mode`, or not with keys of
/// so many bits.
///
/// # Safety
/// A handle can be written at `operation`.
#[no_mangle]
unsafe extern "C" fn TEE_AllocateOperation(
    operation: *mut usize,
    algorithm: u32,
    mode: u32,
    max_key_size: u32,
) -> u32 {
    let (handle, code) = match Operation::new(algorithm, mode, max_key_size) {
        Ok(made) => (OPERATIONS.insert(made), SUCCESS),
        Err(code) => (0, code),
    };
    // SAFETY: the caller's word.
    unsafe { store(operation, handle) };
    code
}

/// Ends an operation; of no handle, does nothing.
#[no_mangle]
extern "C" fn TEE_FreeOperation(handle: usize) {
    if handle != 0 && !OPERATIONS.remove(handle) {
        panic(ERROR_BAD_PARAMETERS);
    }
}

/// As API 1.1 had it: no handle is wrong.
#[no_mangle]
extern "C" fn __GP11_TEE_FreeOperation(handle: usize) {
    if handle == 0 {
        panic(ERROR_BAD_PARAMETERS);
    }
    TEE_FreeOperation(handle);
}

/// Puts an operation back to its beginning; it has its keys.
#[no_mangle]
extern "C" fn TEE_ResetOperation(handle: usize) {
    let operation = operation(handle);
    let result = lock(&operation).reset();
    result.unwrap_or_else(|code| panic(code));
}

/// Makes one operation stand where another does, with its keys; both are of one algorithm and mode.
#[no_mangle]
extern "C" fn TEE_CopyOperation(to: usize, from: usize) {
    // Taken one after the other: they may be the same.
    let copy = lock(&operation(from)).try_clone();
    let result = copy.and_then(|copy| lock(&operation(to)).stand_at(copy));
    result.unwrap_or_else(|code| panic(code));
}

/// Whether there is an algorithm, with this curve where it is one of several: `TEE_SUCCESS`, or
/// `TEE_ERROR_NOT_SUPPORTED`.
#[no_mangle]
extern "C" fn TEE_IsAlgorithmSupported(id: u32, element: u32) -> u32 {
    if algorithm(id).is_some_and(|algorithm| algorithm.has_element(element)) {
        SUCCESS
    } else {
        ERROR_NOT_SUPPORTED
    }
}

#[cfg(test)]
mod tests {
    use super::super::algorithms::{DIGEST, ENCRYPT, MAC};
    use super::*;

    const SHA256: u32 = 0x5000_0004;
    const AES_XTS: u32 = 0x1000_0410;
    const HMAC_SHA256: u32 = 0x3000_0004;

    fn allocate(algorithm: u32, mode: u32, max_key_size: u32) -> (usize, u32) {
        let mut handle = 7;
        // SAFETY: `handle` is a variable of ours.
        let code = unsafe { TEE_AllocateOperation(&mut handle, algorithm, mode, max_key_size) };
        (handle, code)
    }

    #[test]
    fn what_there_is_and_what_not() {
        const ELEMENT_NONE: u32 = 0;
        for id in [SHA256, HMAC_SHA256, AES_XTS] {
            assert_eq!(TEE_IsAlgorithmSupported(id, ELEMENT_NONE), SUCCESS);
            assert_eq!(TEE_IsAlgorithmSupported(id, 1), ERROR_NOT_SUPPORTED);
        }
        // The digest that only signatures use, ECB with padding, nothing.
        for id in [0x5000_000F, 0x1000_0015, 0] {
            assert_eq!(TEE_IsAlgorithmSupported(id, ELEMENT_NONE), ERROR_NOT_SUPPORTED, "{id:#x}");
            assert_eq!(allocate(id, DIGEST, 0), (0, ERROR_NOT_SUPPORTED), "{id:#x}");
        }
    }

    #[test]
    fn modes_and_sizes_are_those_of_the_algorithm() {
        for (id, mode, max, there) in [
            (SHA256, DIGEST, 12345, true),
            (SHA256, MAC, 0, false),
            (HMAC_SHA256, MAC, 256, true),
            (HMAC_SHA256, MAC, 128, false),
            (HMAC_SHA256, DIGEST, 256, false),
            (AES_XTS, ENCRYPT, 256, true),
            (AES_XTS, ENCRYPT, 512, true),
            (AES_XTS, ENCRYPT, 128, false),
        ] {
            let expected = if there { SUCCESS } else { ERROR_NOT_SUPPORTED };
            assert_eq!(allocate(id, mode, max).1, expected, "{id:#x} {mode} {max}");
        }
    }

    #[test]
    fn a_copy_goes_on_by_itself() {
        let ((one, _), (two, _)) = (allocate(SHA256, DIGEST, 0), allocate(SHA256, DIGEST, 0));
        let digest = |handle, data: &[u8], finish: bool| {
            let operation = operation(handle);
            let Work::Digest(ref mut digest) = lock(&operation).work else { unreachable!() };
            digest.update(data).unwrap();
            let mut out = [0_u8; 32];
            if finish {
                digest.finish(&mut out).unwrap();
            }
            out
        };
        digest(one, b"a", false);
        TEE_CopyOperation(two, one);
        TEE_CopyOperation(one, one);
        let of_one = digest(one, b"", true);
        assert_eq!(digest(two, b"", true), of_one);
        assert_ne!(digest(two, b"", true), of_one);
        TEE_FreeOperation(one);
        TEE_FreeOperation(two);
        TEE_FreeOperation(0);
    }
}
