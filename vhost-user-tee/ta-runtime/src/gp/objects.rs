// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Objects of any kind (API 1.3.1, section 5.5). In this version all are transient.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_ITEM_NOT_FOUND, ERROR_SHORT_BUFFER, SUCCESS};

use super::attribute_set::is_value;
use super::handles::{lock, Handles};
use super::object::Object;
use super::panic::panic;
use super::pointers::{bytes_mut, load, store, with_gp11_len};

/// `TEE_HANDLE_FLAG_INITIALIZED`.
const HANDLE_FLAG_INITIALIZED: u32 = 0x0002_0000;

static OBJECTS: Handles<Object> = Handles::new();

fn info(object: &Object) -> ObjectInfo {
    ObjectInfo {
        object_type: object.kind().id,
        object_size: object.key().map_or(0, |key| key.size),
        max_object_size: object.max_size(),
        object_usage: object.usage(),
        data_size: 0,
        data_position: 0,
        handle_flags: if object.key().is_some() { HANDLE_FLAG_INITIALIZED } else { 0 },
    }
}

/// `TEE_ObjectInfo`.
#[repr(C)]
struct ObjectInfo {
    object_type: u32,
    object_size: u32,
    max_object_size: u32,
    object_usage: u32,
    data_size: usize,
    data_position: usize,
    handle_flags: u32,
}

/// `__GP11_TEE_ObjectInfo`.
#[repr(C)]
struct Gp11ObjectInfo {
    object_type: u32,
    object_size: u32,
    max_object_size: u32,
    object_usage: u32,
    data_size: u32,
    data_position: u32,
    handle_flags: u32,
}

/// Gives an object a handle.
pub(super) fn insert(object: Object) -> usize {
    OBJECTS.insert(object)
}

/// What a handle stands for; a wrong one ends the TA.
pub(super) fn object(handle: usize) -> Arc<Mutex<Object>> {
    OBJECTS.get(handle).unwrap_or_else(|| panic(ERROR_BAD_PARAMETERS))
}

/// What an object is.
///
/// # Safety
/// A `TEE_ObjectInfo` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectInfo1(handle: usize, out: *mut c_void) -> u32 {
    let value = info(&lock(&object(handle)));
    // SAFETY: the caller's word.
    unsafe { store(out.cast(), value) };
    SUCCESS
}

/// The same, as it was before API 1.1.1.
///
/// # Safety
/// As [`TEE_GetObjectInfo1`].
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectInfo(handle: usize, out: *mut c_void) {
    // SAFETY: the caller's word.
    unsafe { TEE_GetObjectInfo1(handle, out) };
}

/// As API 1.1 had it.
///
/// # Safety
/// A `__GP11_TEE_ObjectInfo` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectInfo1(handle: usize, out: *mut c_void) -> u32 {
    let value = info(&lock(&object(handle)));
    let value = Gp11ObjectInfo {
        object_type: value.object_type,
        object_size: value.object_size,
        max_object_size: value.max_object_size,
        object_usage: value.object_usage,
        data_size: u32::try_from(value.data_size).unwrap_or(u32::MAX),
        data_position: u32::try_from(value.data_position).unwrap_or(u32::MAX),
        handle_flags: value.handle_flags,
    };
    // SAFETY: the caller's word.
    unsafe { store(out.cast(), value) };
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`__GP11_TEE_GetObjectInfo1`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectInfo(handle: usize, out: *mut c_void) {
    // SAFETY: the caller's word.
    unsafe { __GP11_TEE_GetObjectInfo1(handle, out) };
}

/// Forbids every use of an object that is not in `usage`, for as long as it lives.
#[no_mangle]
extern "C" fn TEE_RestrictObjectUsage1(handle: usize, usage: u32) -> u32 {
    lock(&object(handle)).restrict(usage);
    SUCCESS
}

/// The same, as it was before API 1.1.1.
#[no_mangle]
extern "C" fn TEE_RestrictObjectUsage(handle: usize, usage: u32) {
    TEE_RestrictObjectUsage1(handle, usage);
}

/// Gives out an attribute that is a buffer; `TEE_ERROR_ITEM_NOT_FOUND` where the object has none such,
/// `TEE_ERROR_SHORT_BUFFER` with the length in `size` where there is too little room.
///
/// # Safety
/// `*size` bytes can be written at `buffer`; `size` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectBufferAttribute(
    handle: usize,
    id: u32,
    buffer: *mut c_void,
    size: *mut usize,
) -> u32 {
    let object = object(handle);
    let object = lock(&object);
    // SAFETY: the caller's word.
    let room = unsafe { load(size) };
    let buffer_attribute = if is_value(id) { Err(ERROR_BAD_PARAMETERS) } else { object.buffer(id) };
    let Some(attribute) = buffer_attribute.unwrap_or_else(|code| panic(code)) else {
        return ERROR_ITEM_NOT_FOUND;
    };
    // SAFETY: the caller's word.
    unsafe { store(size, attribute.len()) };
    if room < attribute.len() {
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word, and there is room.
    unsafe { bytes_mut(buffer, attribute.len()) }.copy_from_slice(attribute);
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_GetObjectBufferAttribute`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectBufferAttribute(
    handle: usize,
    id: u32,
    buffer: *mut c_void,
    size: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(size, |wide| TEE_GetObjectBufferAttribute(handle, id, buffer, wide)) }
}

/// Gives out an attribute that is two values; `TEE_ERROR_ITEM_NOT_FOUND` where the object has none such.
///
/// # Safety
/// A value can be written at `a` and at `b`, where they are not null.
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectValueAttribute(handle: usize, id: u32, a: *mut u32, b: *mut u32) -> u32 {
    let values = if is_value(id) { lock(&object(handle)).values(id) } else { Err(ERROR_BAD_PARAMETERS) };
    let Some(values) = values.unwrap_or_else(|code| panic(code)) else {
        return ERROR_ITEM_NOT_FOUND;
    };
    for (out, value) in [(a, values.0), (b, values.1)] {
        if !out.is_null() {
            // SAFETY: the caller's word.
            unsafe { store(out, value) };
        }
    }
    SUCCESS
}

/// Ends an object; of no handle, does nothing.
#[no_mangle]
pub(super) extern "C" fn TEE_CloseObject(handle: usize) {
    if handle != 0 && !OBJECTS.remove(handle) {
        panic(ERROR_BAD_PARAMETERS);
    }
}
