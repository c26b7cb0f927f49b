// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Cryptographic operations (API 1.3.1, section 6.2). In this version all are digests.

use std::ffi::c_void;
use std::mem::size_of;
use std::sync::{Arc, Mutex};

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_NOT_SUPPORTED, ERROR_SHORT_BUFFER, SUCCESS};

use super::digests::{algorithm, algorithm_id, code};
use super::handles::{lock, Handles};
use super::panic::panic;
use super::pointers::{load, store, with_gp11_len};
use crate::services::digest::Digest;

/// `TEE_MODE_DIGEST`, and `TEE_OPERATION_DIGEST`.
const DIGEST: u32 = 5;
/// `TEE_CRYPTO_ELEMENT_NONE`.
const ELEMENT_NONE: u32 = 0;

const HANDLE_FLAG_INITIALIZED: u32 = 0x0002_0000;
const HANDLE_FLAG_KEY_SET: u32 = 0x0004_0000;
const HANDLE_FLAG_EXTRACTING: u32 = 0x0010_0000;

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
#[derive(Clone)]
pub(super) struct Operation {
    pub(super) digest: Digest,
    pub(super) state: State,
    /// Bytes of the digest that were given out.
    pub(super) extracted: usize,
    max_key_size: u32,
}

impl Operation {
    /// An operation of the algorithm that has this number.
    pub(super) fn new(id: u32) -> Result<Self, u32> {
        let algorithm = algorithm(id).ok_or(ERROR_NOT_SUPPORTED)?;
        let digest = Digest::new(algorithm).map_err(code)?;
        Ok(Self { digest, state: State::Initial, extracted: 0, max_key_size: 0 })
    }

    fn handle_state(&self) -> u32 {
        // Of a digest the first two are always set.
        let extracting = if self.state == State::Extracting { HANDLE_FLAG_EXTRACTING } else { 0 };
        HANDLE_FLAG_KEY_SET | HANDLE_FLAG_INITIALIZED | extracting
    }

    fn info(&self) -> OperationInfo {
        let algorithm = self.digest.algorithm();
        OperationInfo {
            algorithm: algorithm_id(algorithm),
            operation_class: DIGEST,
            mode: DIGEST,
            // None of SHAKE has a length of its own. No other is as long as 2^32.
            digest_length: algorithm.output_len().unwrap_or(0) as u32,
            max_key_size: self.max_key_size,
            key_size: 0,
            required_key_usage: 0,
            handle_state: self.handle_state(),
        }
    }

    fn info_multiple(&self) -> OperationInfoMultiple {
        let info = self.info();
        OperationInfoMultiple {
            algorithm: info.algorithm,
            operation_class: info.operation_class,
            mode: info.mode,
            digest_length: info.digest_length,
            max_key_size: info.max_key_size,
            handle_state: info.handle_state,
            operation_state: self.state as u32,
            number_of_keys: 0,
        }
    }
}

/// `TEE_OperationInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct OperationInfo {
    algorithm: u32,
    operation_class: u32,
    mode: u32,
    digest_length: u32,
    max_key_size: u32,
    key_size: u32,
    required_key_usage: u32,
    handle_state: u32,
}

/// `TEE_OperationInfoMultiple` without keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct OperationInfoMultiple {
    algorithm: u32,
    operation_class: u32,
    mode: u32,
    digest_length: u32,
    max_key_size: u32,
    handle_state: u32,
    operation_state: u32,
    number_of_keys: u32,
}

/// What a handle stands for; a wrong one ends the TA.
pub(super) fn operation(handle: usize) -> Arc<Mutex<Operation>> {
    OPERATIONS.get(handle).unwrap_or_else(|| panic(ERROR_BAD_PARAMETERS))
}

/// Makes an operation; `TEE_ERROR_NOT_SUPPORTED` where `algorithm` is none, or not for `mode`.
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
    let result = if mode == DIGEST { Operation::new(algorithm) } else { Err(ERROR_NOT_SUPPORTED) };
    let (handle, code) = match result {
        Ok(made) => (OPERATIONS.insert(Operation { max_key_size, ..made }), SUCCESS),
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

/// What an operation is.
///
/// # Safety
/// A `TEE_OperationInfo` can be written at `info`.
#[no_mangle]
unsafe extern "C" fn TEE_GetOperationInfo(handle: usize, info: *mut OperationInfo) {
    let operation = operation(handle);
    let value = lock(&operation).info();
    // SAFETY: the caller's word.
    unsafe { store(info, value) };
}

/// What an operation is, and each of its keys; a digest has none. `TEE_ERROR_SHORT_BUFFER` where `size` is too
/// little, and says then what is needed.
///
/// # Safety
/// `*size` bytes can be written at `info`; `size` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_GetOperationInfoMultiple(handle: usize, info: *mut c_void, size: *mut usize) -> u32 {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let room = unsafe { load(size) };
    let needed = size_of::<OperationInfoMultiple>();
    // SAFETY: the caller's word.
    unsafe { store(size, needed) };
    if room < needed {
        return ERROR_SHORT_BUFFER;
    }
    let value = lock(&operation).info_multiple();
    // SAFETY: the caller's word, and there is room.
    unsafe { store(info.cast(), value) };
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_GetOperationInfoMultiple`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetOperationInfoMultiple(
    handle: usize,
    info: *mut c_void,
    size: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(size, |wide| TEE_GetOperationInfoMultiple(handle, info, wide)) }
}

/// Puts an operation back to its beginning.
#[no_mangle]
extern "C" fn TEE_ResetOperation(handle: usize) {
    let operation = operation(handle);
    let result = lock(&operation).reset();
    result.unwrap_or_else(|code| panic(code));
}

/// Makes one operation stand where another does; both are of one algorithm.
#[no_mangle]
extern "C" fn TEE_CopyOperation(to: usize, from: usize) {
    // Taken one after the other: they may be the same.
    let copy = lock(&operation(from)).clone();
    let to = operation(to);
    let mut to = lock(&to);
    if to.digest.algorithm() != copy.digest.algorithm() {
        panic(ERROR_BAD_PARAMETERS);
    }
    *to = Operation { max_key_size: to.max_key_size, ..copy };
}

/// Whether there is an algorithm: `TEE_SUCCESS`, or `TEE_ERROR_NOT_SUPPORTED`.
#[no_mangle]
extern "C" fn TEE_IsAlgorithmSupported(id: u32, element: u32) -> u32 {
    if algorithm(id).is_some() && element == ELEMENT_NONE {
        SUCCESS
    } else {
        ERROR_NOT_SUPPORTED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: u32 = 0x5000_0004;

    fn allocate(algorithm: u32, mode: u32) -> (usize, u32) {
        let mut handle = 7;
        // SAFETY: `handle` is a variable of ours.
        let code = unsafe { TEE_AllocateOperation(&mut handle, algorithm, mode, 0) };
        (handle, code)
    }

    #[test]
    fn digests_are_all_that_is_supported() {
        assert_eq!(TEE_IsAlgorithmSupported(SHA256, ELEMENT_NONE), SUCCESS);
        assert_eq!(TEE_IsAlgorithmSupported(SHA256, 1), ERROR_NOT_SUPPORTED);
        // AES-CTR, HMAC-SHA-256, AES-GCM, RSA, the digest that only signatures use, nothing.
        for id in [0x1000_0210, 0x3000_0004, 0x4000_0810, 0x6000_0030, 0x5000_000F, 0] {
            assert_eq!(TEE_IsAlgorithmSupported(id, ELEMENT_NONE), ERROR_NOT_SUPPORTED, "{id:#x}");
            assert_eq!(allocate(id, DIGEST), (0, ERROR_NOT_SUPPORTED), "{id:#x}");
        }
        assert_eq!(allocate(SHA256, 4), (0, ERROR_NOT_SUPPORTED));
    }

    #[test]
    fn an_operation_tells_what_it_is() {
        let (handle, code) = allocate(SHA256, DIGEST);
        assert_eq!(code, SUCCESS);
        let info = lock(&operation(handle)).info();
        assert_eq!((info.algorithm, info.digest_length, info.key_size), (SHA256, 32, 0));
        assert_eq!(info.handle_state, HANDLE_FLAG_KEY_SET | HANDLE_FLAG_INITIALIZED);

        let mut buffer = [0_u32; 8];
        let mut size = 31;
        // SAFETY: the buffer has as many bytes as `size` says.
        unsafe {
            let buffer = buffer.as_mut_ptr().cast();
            assert_eq!(TEE_GetOperationInfoMultiple(handle, buffer, &mut size), ERROR_SHORT_BUFFER);
            assert_eq!(size, 32);
            assert_eq!(TEE_GetOperationInfoMultiple(handle, buffer, &mut size), SUCCESS);
        }
        assert_eq!(buffer, [SHA256, DIGEST, DIGEST, 32, 0, info.handle_state, State::Initial as u32, 0]);
        TEE_FreeOperation(handle);
        TEE_FreeOperation(0);
    }

    #[test]
    fn a_copy_goes_on_by_itself() {
        let ((one, _), (two, _)) = (allocate(SHA256, DIGEST), allocate(SHA256, DIGEST));
        let finish = |handle| {
            let mut out = [0_u8; 32];
            lock(&operation(handle)).digest.finish(&mut out).unwrap();
            out
        };
        lock(&operation(one)).digest.update(b"a").unwrap();
        TEE_CopyOperation(two, one);
        TEE_CopyOperation(one, one);
        let digest = finish(one);
        assert_eq!(finish(two), digest);
        assert_ne!(finish(two), digest);
        TEE_FreeOperation(one);
        TEE_FreeOperation(two);
    }
}
