// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Objects of any kind (API 1.3.1, section 5.5). In this version all are transient.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use tee::gp::{
    ERROR_ACCESS_DENIED, ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_ITEM_NOT_FOUND, ERROR_SHORT_BUFFER,
    SUCCESS,
};
use zeroize::Zeroizing;

use super::attributes::{is_public, is_value, Attribute};
use super::handles::{lock, Handles};
use super::object_types::{ObjectType, SECRET_VALUE};
use super::panic::panic;
use super::pointers::{bytes_mut, load, store, with_gp11_len};
use crate::services;

/// `TEE_USAGE_EXTRACTABLE`.
const USAGE_EXTRACTABLE: u32 = 1;
/// What a new object may be used for: everything, as OP-TEE says it.
const USAGE_ALL: u32 = u32::MAX;
/// `TEE_HANDLE_FLAG_INITIALIZED`.
const HANDLE_FLAG_INITIALIZED: u32 = 0x0002_0000;

static OBJECTS: Handles<Object> = Handles::new();

/// An object. Its secret is wiped when it is dropped.
#[derive(Clone)]
pub(super) struct Object {
    kind: &'static ObjectType,
    /// In bits, as the TA counts: see [`ObjectType::size_of`].
    max_size: u32,
    usage: u32,
    /// What it was initialized with.
    content: Option<Content>,
}

#[derive(Clone)]
struct Content {
    size: u32,
    secret: Zeroizing<Vec<u8>>,
}

/// What an object does. Errors are codes to end the TA with.
impl Object {
    /// An object that is not initialized, for `max_size` bits; none where there are none of this size.
    pub(super) fn new(kind: &'static ObjectType, max_size: u32) -> Option<Self> {
        kind.has_size(max_size).then_some(Self { kind, max_size, usage: USAGE_ALL, content: None })
    }

    pub(super) fn kind(&self) -> &'static ObjectType {
        self.kind
    }

    /// What it may be used for, `TEE_USAGE_*`.
    pub(super) fn usage(&self) -> u32 {
        self.usage
    }

    /// Size in bits and the secret, where it is initialized.
    pub(super) fn secret(&self) -> Option<(u32, &Zeroizing<Vec<u8>>)> {
        self.content.as_ref().map(|content| (content.size, &content.secret))
    }

    /// Allows nothing but `usage` from now on.
    fn restrict(&mut self, usage: u32) {
        self.usage &= usage;
    }

    /// Back to what it was when it was allocated.
    pub(super) fn reset(&mut self) {
        self.usage = USAGE_ALL;
        self.content = None;
    }

    fn check_uninitialized(&self) -> Result<(), u32> {
        if self.content.is_some() {
            return Err(ERROR_BAD_STATE);
        }
        Ok(())
    }

    /// Initializes it; false where the secret has a length that no key of this type has.
    pub(super) fn populate(&mut self, attributes: Vec<Attribute>) -> Result<bool, u32> {
        self.check_uninitialized()?;
        let [attribute] = <[Attribute; 1]>::try_from(attributes).map_err(|_| ERROR_ITEM_NOT_FOUND)?;
        if attribute.id != SECRET_VALUE {
            return Err(ERROR_ITEM_NOT_FOUND);
        }
        let secret = attribute.buffer;
        let size = self.kind.size_of(secret.len(), self.max_size).ok_or(ERROR_BAD_STATE)?;
        if !self.kind.takes(secret.len()) {
            return Ok(false);
        }
        self.content = Some(Content { size, secret });
        Ok(true)
    }

    /// Initializes it with a random secret. No type takes attributes for that.
    pub(super) fn generate(&mut self, size: u32, attributes: &[Attribute]) -> Result<(), u32> {
        self.check_uninitialized()?;
        if !attributes.is_empty() || !self.kind.has_size(size) {
            return Err(ERROR_BAD_PARAMETERS);
        }
        let mut secret = Zeroizing::new(vec![0; self.kind.secret_len(size)]);
        self.kind.size_of(secret.len(), self.max_size).ok_or(ERROR_BAD_PARAMETERS)?;
        services::random(&mut secret);
        self.content = Some(Content { size, secret });
        Ok(())
    }

    /// Initializes it with what `from` has.
    pub(super) fn copy_from(&mut self, from: Object) -> Result<(), u32> {
        self.check_uninitialized()?;
        let content = from.content.ok_or(ERROR_BAD_STATE)?;
        if self.kind != from.kind {
            return Err(ERROR_BAD_PARAMETERS);
        }
        let size = self.kind.size_of(content.secret.len(), self.max_size).ok_or(ERROR_BAD_PARAMETERS)?;
        self.content = Some(Content { size, ..content });
        self.restrict(from.usage);
        Ok(())
    }

    /// An attribute that is a buffer, where it has it.
    fn buffer(&self, id: u32) -> Result<Option<&[u8]>, u32> {
        if is_value(id) {
            return Err(ERROR_BAD_PARAMETERS);
        }
        self.check_readable(id)?;
        Ok(self.content.as_ref().filter(|_| id == SECRET_VALUE).map(|content| &content.secret[..]))
    }

    fn check_readable(&self, id: u32) -> Result<(), u32> {
        if self.content.is_none() {
            return Err(ERROR_BAD_PARAMETERS);
        }
        if !is_public(id) && self.usage & USAGE_EXTRACTABLE == 0 {
            return Err(ERROR_ACCESS_DENIED);
        }
        Ok(())
    }

    fn info(&self) -> ObjectInfo {
        ObjectInfo {
            object_type: self.kind.id,
            object_size: self.content.as_ref().map_or(0, |content| content.size),
            max_object_size: self.max_size,
            object_usage: self.usage,
            data_size: 0,
            data_position: 0,
            handle_flags: if self.content.is_some() { HANDLE_FLAG_INITIALIZED } else { 0 },
        }
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
/// A `TEE_ObjectInfo` can be written at `info`.
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectInfo1(handle: usize, info: *mut c_void) -> u32 {
    let value = lock(&object(handle)).info();
    // SAFETY: the caller's word.
    unsafe { store(info.cast(), value) };
    SUCCESS
}

/// The same, as it was before API 1.1.1.
///
/// # Safety
/// As [`TEE_GetObjectInfo1`].
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectInfo(handle: usize, info: *mut c_void) {
    // SAFETY: the caller's word.
    unsafe { TEE_GetObjectInfo1(handle, info) };
}

/// As API 1.1 had it.
///
/// # Safety
/// A `__GP11_TEE_ObjectInfo` can be written at `info`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectInfo1(handle: usize, info: *mut c_void) -> u32 {
    let value = lock(&object(handle)).info();
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
    unsafe { store(info.cast(), value) };
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`__GP11_TEE_GetObjectInfo1`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectInfo(handle: usize, info: *mut c_void) {
    // SAFETY: the caller's word.
    unsafe { __GP11_TEE_GetObjectInfo1(handle, info) };
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
    let Some(attribute) = object.buffer(id).unwrap_or_else(|code| panic(code)) else {
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

/// Gives out an attribute that is two values. No type of object has such yet: `TEE_ERROR_ITEM_NOT_FOUND`.
#[no_mangle]
extern "C" fn TEE_GetObjectValueAttribute(handle: usize, id: u32, _a: *mut u32, _b: *mut u32) -> u32 {
    let checked =
        if is_value(id) { lock(&object(handle)).check_readable(id) } else { Err(ERROR_BAD_PARAMETERS) };
    checked.unwrap_or_else(|code| panic(code));
    ERROR_ITEM_NOT_FOUND
}

/// Ends an object; of no handle, does nothing.
#[no_mangle]
pub(super) extern "C" fn TEE_CloseObject(handle: usize) {
    if handle != 0 && !OBJECTS.remove(handle) {
        panic(ERROR_BAD_PARAMETERS);
    }
}
