// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What an operation is and how it stands (API 1.3.1, sections 6.2.3 and 6.2.4).

use std::ffi::c_void;

use tee::gp::{ERROR_SHORT_BUFFER, SUCCESS};

use super::asymmetric_algorithms::told_digest_len;
use super::handles::lock;
use super::operations::{operation, Operation, State, Work};
use super::pointers::{load, store, with_gp11_len};

const HANDLE_FLAG_INITIALIZED: u32 = 0x0002_0000;
const HANDLE_FLAG_KEY_SET: u32 = 0x0004_0000;
const HANDLE_FLAG_EXPECT_TWO_KEYS: u32 = 0x0008_0000;
const HANDLE_FLAG_EXTRACTING: u32 = 0x0010_0000;

/// The most keys that an operation has.
const MOST_KEYS: usize = 2;

impl Operation {
    fn handle_state(&self) -> u32 {
        let algorithm = self.algorithm;
        // Of a digest the first two are always set.
        [
            (HANDLE_FLAG_INITIALIZED, !matches!(self.work, Work::None)),
            (HANDLE_FLAG_KEY_SET, self.keys.len() == algorithm.keys()),
            (HANDLE_FLAG_EXPECT_TWO_KEYS, algorithm.keys() == 2),
            (HANDLE_FLAG_EXTRACTING, self.state == State::Extracting),
        ]
        .iter()
        .fold(0, |flags, (flag, set)| if *set { flags | flag } else { flags })
    }

    fn required_usage(&self) -> u32 {
        self.algorithm.required_usage(self.mode).unwrap_or(0)
    }

    fn digest_len(&self) -> u32 {
        // The algorithm's, or the tag's. None is as long as 2^32.
        self.algorithm.output_len().max(self.tag_len).max(told_digest_len(self.id)) as u32
    }

    fn info(&self) -> OperationInfo {
        // Of two keys the other function tells.
        let one_key = self.algorithm.keys() == 1;
        OperationInfo {
            algorithm: self.id,
            operation_class: self.algorithm.class(),
            mode: self.mode,
            digest_length: self.digest_len(),
            max_key_size: self.max_key_size,
            key_size: self.keys.first().filter(|_| one_key).map_or(0, |key| key.size),
            required_key_usage: if one_key { self.required_usage() } else { 0 },
            handle_state: self.handle_state(),
        }
    }

    fn info_multiple(&self) -> OperationInfoMultiple {
        OperationInfoMultiple {
            algorithm: self.id,
            operation_class: self.algorithm.class(),
            mode: self.mode,
            digest_length: self.digest_len(),
            max_key_size: self.max_key_size,
            handle_state: self.handle_state(),
            operation_state: self.state as u32,
            // As in OP-TEE also while there are no keys.
            number_of_keys: self.algorithm.keys() as u32,
        }
    }

    /// Of each key, or of its place.
    fn key_infos(&self) -> Vec<KeyInfo> {
        let info = |at: usize| KeyInfo {
            size: self.keys.get(at).map_or(0, |key| key.size),
            required_usage: self.required_usage(),
        };
        (0..self.algorithm.keys().min(MOST_KEYS)).map(info).collect()
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

/// `TEE_OperationInfoMultiple`, after which come its keys.
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

/// `TEE_OperationInfoKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct KeyInfo {
    size: u32,
    required_usage: u32,
}

/// What an operation is.
///
/// # Safety
/// A `TEE_OperationInfo` can be written at `info`.
#[no_mangle]
unsafe extern "C" fn TEE_GetOperationInfo(handle: usize, info: *mut c_void) {
    let value = lock(&operation(handle)).info();
    // SAFETY: the caller's word.
    unsafe { store(info.cast(), value) };
}

/// What an operation is, and each of its keys; a digest has none. `TEE_ERROR_SHORT_BUFFER` where `size` is too
/// little, and says then what is needed.
///
/// # Safety
/// `*size` bytes can be written at `info`; `size` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_GetOperationInfoMultiple(handle: usize, info: *mut c_void, size: *mut usize) -> u32 {
    let operation = operation(handle);
    let (value, keys) = {
        let operation = lock(&operation);
        (operation.info_multiple(), operation.key_infos())
    };
    // SAFETY: the caller's word.
    let room = unsafe { load(size) };
    let needed = size_of::<OperationInfoMultiple>() + keys.len() * size_of::<KeyInfo>();
    // SAFETY: the caller's word.
    unsafe { store(size, needed) };
    if room < needed {
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word, and there is room.
    unsafe { store(info.cast(), value) };
    for (at, key) in keys.into_iter().enumerate() {
        let offset = size_of::<OperationInfoMultiple>() + at * size_of::<KeyInfo>();
        // SAFETY: the caller's word, and there is room.
        unsafe { store(info.wrapping_byte_add(offset).cast(), key) };
    }
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

#[cfg(test)]
mod tests {
    use super::super::algorithms::{DIGEST, ENCRYPT};
    use super::*;

    #[test]
    fn a_digest_is_always_ready() {
        let info = Operation::new(0x5000_0004, DIGEST, 0).unwrap().info();
        assert_eq!((info.digest_length, info.key_size, info.required_key_usage), (32, 0, 0));
        assert_eq!(info.handle_state, HANDLE_FLAG_KEY_SET | HANDLE_FLAG_INITIALIZED);
    }

    #[test]
    fn keys_have_places_before_they_are_set() {
        let operation = Operation::new(0x1000_0410, ENCRYPT, 256).unwrap();
        assert_eq!(operation.key_infos(), [KeyInfo { size: 0, required_usage: 2 }; 2]);
        let info = operation.info();
        assert_eq!((info.required_key_usage, info.handle_state), (0, HANDLE_FLAG_EXPECT_TWO_KEYS));
    }
}
