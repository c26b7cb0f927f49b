// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Transient objects (API 1.3.1, section 5.6).

use std::ffi::c_void;

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_NOT_SUPPORTED, SUCCESS};

use super::attributes::Attributes;
use super::handles::lock;
use super::object::Object;
use super::object_types::{object_type, DATA};
use super::objects::{held, insert, object, TEE_CloseObject};
use super::panic::panic;
use super::pointers::store;

/// Makes an object of this type, with room for `max_size` bits; `TEE_ERROR_NOT_SUPPORTED` where there is no such
/// type or size.
///
/// # Safety
/// A handle can be written at `handle`.
#[no_mangle]
unsafe extern "C" fn TEE_AllocateTransientObject(kind: u32, max_size: u32, handle: *mut usize) -> u32 {
    if kind == DATA {
        return ERROR_NOT_SUPPORTED;
    }
    // SAFETY: the caller's word.
    unsafe { __GP11_TEE_AllocateTransientObject(kind, max_size, handle) }
}

/// As API 1.1 had it: also of `TEE_TYPE_DATA`.
///
/// # Safety
/// As [`TEE_AllocateTransientObject`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AllocateTransientObject(kind: u32, max_size: u32, handle: *mut usize) -> u32 {
    let Some(object) = object_type(kind).and_then(|kind| Object::new(kind, max_size)) else {
        return ERROR_NOT_SUPPORTED;
    };
    // SAFETY: the caller's word.
    unsafe { store(handle, insert(object)) };
    SUCCESS
}

/// Ends an object; of no handle, does nothing.
#[no_mangle]
extern "C" fn TEE_FreeTransientObject(handle: usize) {
    check_transient(handle);
    TEE_CloseObject(handle);
}

/// Puts an object back to what it was when it was allocated; of no handle, does nothing.
#[no_mangle]
extern "C" fn TEE_ResetTransientObject(handle: usize) {
    check_transient(handle);
    if handle != 0 {
        lock(&object(handle)).reset();
    }
}

fn check_transient(handle: usize) {
    if handle != 0 && lock(&held(handle)).persistent.is_some() {
        panic(ERROR_BAD_PARAMETERS);
    }
}

/// Initializes an object; `TEE_ERROR_BAD_PARAMETERS` where an attribute has a value that it cannot have.
///
/// # Safety
/// `count` of `TEE_Attribute` can be read at `attributes`, and what they refer to.
#[no_mangle]
unsafe extern "C" fn TEE_PopulateTransientObject(
    handle: usize,
    attributes: *const c_void,
    count: u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { populate(handle, Attributes::Now(attributes), count) }
}

/// As API 1.1 had it.
///
/// # Safety
/// The same of `__GP11_TEE_Attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_PopulateTransientObject(
    handle: usize,
    attributes: *const c_void,
    count: u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { populate(handle, Attributes::Gp11(attributes), count) }
}

/// # Safety
/// As [`Attributes::read`].
unsafe fn populate(handle: usize, attributes: Attributes, count: u32) -> u32 {
    let object = object(handle);
    // SAFETY: the caller's word.
    let attributes = unsafe { attributes.read(count) };
    let populated = lock(&object).populate(attributes);
    initialized(populated)
}

fn initialized(result: Result<bool, u32>) -> u32 {
    match result {
        Ok(true) => SUCCESS,
        Ok(false) => ERROR_BAD_PARAMETERS,
        Err(code) => panic(code),
    }
}

/// Initializes an object with the attributes of another of its type, or with the public half of a key pair. What it may be used for from then on is what
/// both may be. (OP-TEE takes over what the other may be used for.)
#[no_mangle]
extern "C" fn TEE_CopyObjectAttributes1(to: usize, from: usize) -> u32 {
    // Taken one after the other: they may be the same.
    let from = lock(&object(from)).clone();
    let copied = lock(&object(to)).copy_from(from);
    copied.unwrap_or_else(|code| panic(code));
    SUCCESS
}

/// The same, as it was before API 1.1.1.
#[no_mangle]
extern "C" fn TEE_CopyObjectAttributes(to: usize, from: usize) {
    TEE_CopyObjectAttributes1(to, from);
}

/// Initializes an object with a new key of `size` bits; `TEE_ERROR_BAD_PARAMETERS` where there is none with these
/// attributes.
///
/// # Safety
/// `count` of `TEE_Attribute` can be read at `attributes`, and what they refer to.
#[no_mangle]
unsafe extern "C" fn TEE_GenerateKey(handle: usize, size: u32, attributes: *const c_void, count: u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { generate(handle, size, Attributes::Now(attributes), count) }
}

/// As API 1.1 had it.
///
/// # Safety
/// The same of `__GP11_TEE_Attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GenerateKey(
    handle: usize,
    size: u32,
    attributes: *const c_void,
    count: u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { generate(handle, size, Attributes::Gp11(attributes), count) }
}

/// # Safety
/// As [`Attributes::read`].
unsafe fn generate(handle: usize, size: u32, attributes: Attributes, count: u32) -> u32 {
    let object = object(handle);
    // SAFETY: the caller's word.
    let attributes = unsafe { attributes.read(count) };
    let generated = lock(&object).generate(size, attributes);
    initialized(generated)
}
