// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Properties (API 1.3.1, sections 4.4 to 4.7): of the TA, of its client, of the TEE.

use std::ffi::{c_char, c_void};
use std::sync::{Arc, Mutex};

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_ITEM_NOT_FOUND, ERROR_SHORT_BUFFER, SUCCESS};

use super::handles::{lock, Handles};
use super::panic::panic;
use super::pointers::{bytes_mut, load, store, string, with_gp11_len};
use super::property_sets::{self, Set};
use super::uuid::TeeUuid;
use crate::services::properties::Value;

static ENUMERATORS: Handles<Enumerator> = Handles::new();

/// Where an enumerator stands; nowhere, before it is started.
type Enumerator = Option<(Set, usize)>;

/// `TEE_Identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct TeeIdentity {
    login: u32,
    uuid: TeeUuid,
}

/// What a handle stands for; a wrong one ends the TA.
fn enumerator(handle: usize) -> Arc<Mutex<Enumerator>> {
    ENUMERATORS.get(handle).unwrap_or_else(|| panic(ERROR_BAD_PARAMETERS))
}

/// The property that the first two arguments of all `TEE_GetPropertyAs*` name.
///
/// # Safety
/// With a property set, `name` points to a string.
unsafe fn value(set_or_enumerator: usize, name: *const c_char) -> Result<Value, u32> {
    if let Some(set) = Set::from_handle(set_or_enumerator) {
        // SAFETY: the caller's word.
        return set.named(unsafe { string(name) }.to_bytes());
    }
    let place = *lock(&enumerator(set_or_enumerator));
    let (set, index) = place.ok_or(ERROR_ITEM_NOT_FOUND)?;
    Ok(set.at(index)?.value)
}

/// Gives out what the TA asked for, or says why there is nothing.
///
/// # Safety
/// A `T` can be written at `ptr`.
unsafe fn give<T>(result: Result<T, u32>, ptr: *mut T) -> u32 {
    match result {
        Ok(value) => {
            // SAFETY: the caller's word.
            unsafe { store(ptr, value) };
            SUCCESS
        }
        Err(code) => code,
    }
}

/// Gives out bytes where there is room for them, and how many they are in any case.
///
/// # Safety
/// `*len` bytes can be written at `buffer`; `len` points to a length.
unsafe fn give_bytes(result: Result<Vec<u8>, u32>, buffer: *mut c_void, len: *mut usize) -> u32 {
    // SAFETY: the caller's word.
    let room = unsafe { load(len) };
    let bytes = match result {
        Ok(bytes) => bytes,
        Err(code) => return code,
    };
    // SAFETY: the caller's word.
    unsafe { store(len, bytes.len()) };
    if bytes.len() > room {
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word, and there is room.
    unsafe { bytes_mut(buffer, bytes.len()) }.copy_from_slice(&bytes);
    SUCCESS
}

/// With the zero that ends it in C.
fn terminated(mut text: Vec<u8>) -> Vec<u8> {
    text.push(0);
    text
}

/// A property as text.
///
/// # Safety
/// `name` as in [`value`]; `*len` bytes can be written at `buffer`; `len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsString(
    set: usize,
    name: *const c_char,
    buffer: *mut c_char,
    len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { give_bytes(value(set, name).map(property_sets::text).map(terminated), buffer.cast(), len) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_GetPropertyAsString`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetPropertyAsString(
    set: usize,
    name: *const c_char,
    buffer: *mut c_char,
    len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(len, |wide| TEE_GetPropertyAsString(set, name, buffer, wide)) }
}

/// A property that is true or false.
///
/// # Safety
/// `name` as in [`value`]; a `bool` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsBool(set: usize, name: *const c_char, out: *mut bool) -> u32 {
    // SAFETY: the caller's word.
    unsafe { give(value(set, name).and_then(property_sets::boolean), out) }
}

/// A property of 32 bits.
///
/// # Safety
/// `name` as in [`value`]; 32 bits can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsU32(set: usize, name: *const c_char, out: *mut u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { give(value(set, name).and_then(property_sets::u32), out) }
}

/// A property of 64 bits.
///
/// # Safety
/// `name` as in [`value`]; 64 bits can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsU64(set: usize, name: *const c_char, out: *mut u64) -> u32 {
    // SAFETY: the caller's word.
    unsafe { give(value(set, name).and_then(property_sets::u64), out) }
}

/// A property that is bytes.
///
/// # Safety
/// `name` as in [`value`]; `*len` bytes can be written at `buffer`; `len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsBinaryBlock(
    set: usize,
    name: *const c_char,
    buffer: *mut c_void,
    len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { give_bytes(value(set, name).and_then(property_sets::binary), buffer, len) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_GetPropertyAsBinaryBlock`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetPropertyAsBinaryBlock(
    set: usize,
    name: *const c_char,
    buffer: *mut c_void,
    len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(len, |wide| TEE_GetPropertyAsBinaryBlock(set, name, buffer, wide)) }
}

/// A property that is a UUID.
///
/// # Safety
/// `name` as in [`value`]; a `TEE_UUID` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsUUID(set: usize, name: *const c_char, out: *mut TeeUuid) -> u32 {
    // SAFETY: the caller's word.
    unsafe { give(value(set, name).and_then(property_sets::uuid).map(TeeUuid::from), out) }
}

/// A property that is a client.
///
/// # Safety
/// `name` as in [`value`]; a `TEE_Identity` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyAsIdentity(
    set: usize,
    name: *const c_char,
    out: *mut TeeIdentity,
) -> u32 {
    // SAFETY: the caller's word.
    let identity = unsafe { value(set, name) }.and_then(property_sets::identity);
    let identity = identity.map(|of| TeeIdentity { login: of.login, uuid: of.uuid.into() });
    // SAFETY: the caller's word.
    unsafe { give(identity, out) }
}

/// Makes an enumerator, which is to be started.
///
/// # Safety
/// A handle can be written at `enumerator`.
#[no_mangle]
unsafe extern "C" fn TEE_AllocatePropertyEnumerator(enumerator: *mut usize) -> u32 {
    // SAFETY: the caller's word.
    unsafe { store(enumerator, ENUMERATORS.insert(None)) };
    SUCCESS
}

/// Ends an enumerator.
#[no_mangle]
extern "C" fn TEE_FreePropertyEnumerator(enumerator: usize) {
    if !ENUMERATORS.remove(enumerator) {
        panic(ERROR_BAD_PARAMETERS);
    }
}

/// Puts an enumerator on the first property of a set.
#[no_mangle]
extern "C" fn TEE_StartPropertyEnumerator(handle: usize, set: usize) {
    let Some(set) = Set::from_handle(set) else { panic(ERROR_BAD_PARAMETERS) };
    *lock(&enumerator(handle)) = Some((set, 0));
}

/// Makes an enumerator one that is to be started.
#[no_mangle]
extern "C" fn TEE_ResetPropertyEnumerator(handle: usize) {
    *lock(&enumerator(handle)) = None;
}

/// The name of the property that an enumerator stands on.
///
/// # Safety
/// `*len` bytes can be written at `buffer`; `len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_GetPropertyName(handle: usize, buffer: *mut c_void, len: *mut usize) -> u32 {
    let place = *lock(&enumerator(handle));
    let property = place.ok_or(ERROR_ITEM_NOT_FOUND).and_then(|(set, index)| set.at(index));
    // SAFETY: the caller's word.
    unsafe { give_bytes(property.map(|property| terminated(property.name)), buffer, len) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_GetPropertyName`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetPropertyName(handle: usize, buffer: *mut c_void, len: *mut u32) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(len, |wide| TEE_GetPropertyName(handle, buffer, wide)) }
}

/// Puts an enumerator on the next property; `TEE_ERROR_ITEM_NOT_FOUND` where there is none.
#[no_mangle]
extern "C" fn TEE_GetNextProperty(handle: usize) -> u32 {
    let enumerator = enumerator(handle);
    let mut place = lock(&enumerator);
    let Some((set, index)) = *place else { return ERROR_ITEM_NOT_FOUND };
    match set.at(index + 1) {
        Ok(_) => {
            *place = Some((set, index + 1));
            SUCCESS
        }
        Err(code) => {
            // Past the last: nothing can be asked of it, and the next call says so again.
            *place = Some((set, usize::MAX - 1));
            code
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn bytes_are_given_where_there_is_room() {
        let text = || Ok(terminated(b"abc".to_vec()));
        let mut buffer = [9_u8; 5];
        let mut len = 0;
        // SAFETY: the buffers have as many bytes as `len` says.
        unsafe {
            assert_eq!(give_bytes(text(), ptr::null_mut(), &mut len), ERROR_SHORT_BUFFER);
            assert_eq!(len, 4);
            len = 3;
            assert_eq!(give_bytes(text(), buffer.as_mut_ptr().cast(), &mut len), ERROR_SHORT_BUFFER);
            assert_eq!((len, buffer), (4, [9; 5]));
            len = 5;
            assert_eq!(give_bytes(text(), buffer.as_mut_ptr().cast(), &mut len), SUCCESS);
            assert_eq!((len, buffer), (4, *b"abc\0\x09"));
        }
    }

    #[test]
    fn an_enumerator_is_to_be_started() {
        let mut handle = 0;
        // SAFETY: `handle` is a variable of ours, and nothing is written where there is no property.
        unsafe {
            assert_eq!(TEE_AllocatePropertyEnumerator(&mut handle), SUCCESS);
            assert_eq!(TEE_GetNextProperty(handle), ERROR_ITEM_NOT_FOUND);
            assert_eq!(value(handle, ptr::null()), Err(ERROR_ITEM_NOT_FOUND));
            let mut len = 0;
            assert_eq!(TEE_GetPropertyName(handle, ptr::null_mut(), &mut len), ERROR_ITEM_NOT_FOUND);
        }
        TEE_FreePropertyEnumerator(handle);
    }
}
