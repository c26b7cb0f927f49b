// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Objects of any kind (API 1.3.1, section 5.5).

use std::ffi::c_void;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use tee::gp::{
    ERROR_BAD_PARAMETERS, ERROR_CORRUPT_OBJECT, ERROR_ITEM_NOT_FOUND, ERROR_SHORT_BUFFER, SUCCESS,
};

use super::attribute_set::is_value;
use super::handles::{lock, Handles};
use super::object::Object;
use super::panic::panic;
use super::persistent::{stored_or_panic, Persistent};
use super::pointers::{bytes_mut, load, store, with_gp11_len};

/// `TEE_HANDLE_FLAG_PERSISTENT`.
const HANDLE_FLAG_PERSISTENT: u32 = 0x0001_0000;
/// `TEE_HANDLE_FLAG_INITIALIZED`.
const HANDLE_FLAG_INITIALIZED: u32 = 0x0002_0000;
/// `TEE_TYPE_CORRUPTED_OBJECT`.
const TYPE_CORRUPTED_OBJECT: u32 = 0xA000_00BE;

static OBJECTS: Handles<Held> = Handles::new();

/// What a handle stands for: an object, and where it is kept, if it is.
pub(super) struct Held {
    object: Object,
    pub(super) persistent: Option<Persistent>,
}

impl Deref for Held {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

impl Held {
    /// What the object is now, which other handles may have changed.
    fn info(&mut self) -> Result<ObjectInfo, u32> {
        let size = self.refresh()?;
        let position = self.persistent.as_ref().map_or(0, |persistent| persistent.position);
        let flags =
            self.persistent.as_ref().map_or(0, |persistent| persistent.flags | HANDLE_FLAG_PERSISTENT);
        Ok(ObjectInfo { data_position: position as usize, ..ObjectInfo::new(&self.object, size, flags) })
    }

    /// Takes over what other handles have restricted; returns the size of the data.
    fn refresh(&mut self) -> Result<u64, u32> {
        let Some(persistent) = &self.persistent else { return Ok(0) };
        let (object, size) = persistent.read_anew()?;
        self.object = object;
        Ok(size)
    }
}

/// `TEE_ObjectInfo`.
#[derive(Default)]
#[repr(C)]
pub(super) struct ObjectInfo {
    object_type: u32,
    object_size: u32,
    max_object_size: u32,
    object_usage: u32,
    data_size: usize,
    data_position: usize,
    handle_flags: u32,
}

impl ObjectInfo {
    fn new(object: &Object, data_size: u64, flags: u32) -> Self {
        Self {
            object_type: object.kind().id,
            object_size: object.key().map_or(0, |key| key.size),
            max_object_size: object.max_size(),
            object_usage: object.usage(),
            data_size: data_size as usize,
            data_position: 0,
            handle_flags: flags | if object.key().is_some() { HANDLE_FLAG_INITIALIZED } else { 0 },
        }
    }

    /// Of an object that is not open.
    pub(super) fn stored(object: &Object, data_size: u64) -> Self {
        Self::new(object, data_size, HANDLE_FLAG_PERSISTENT)
    }

    fn corrupted() -> Self {
        Self { object_type: TYPE_CORRUPTED_OBJECT, ..Self::default() }
    }
}

/// `__GP11_TEE_ObjectInfo`.
#[repr(C)]
pub(super) struct Gp11ObjectInfo {
    object_type: u32,
    object_size: u32,
    max_object_size: u32,
    object_usage: u32,
    data_size: u32,
    data_position: u32,
    handle_flags: u32,
}

impl From<ObjectInfo> for Gp11ObjectInfo {
    fn from(info: ObjectInfo) -> Self {
        Self {
            object_type: info.object_type,
            object_size: info.object_size,
            max_object_size: info.max_object_size,
            object_usage: info.object_usage,
            data_size: u32::try_from(info.data_size).unwrap_or(u32::MAX),
            data_position: u32::try_from(info.data_position).unwrap_or(u32::MAX),
            handle_flags: info.handle_flags,
        }
    }
}

/// Gives an object a handle.
pub(super) fn insert(object: Object) -> usize {
    OBJECTS.insert(Held { object, persistent: None })
}

/// Gives an object that is kept a handle.
pub(super) fn insert_persistent(object: Object, persistent: Persistent) -> usize {
    OBJECTS.insert(Held { object, persistent: Some(persistent) })
}

/// Forgets a handle, and no more.
pub(super) fn remove(handle: usize) {
    OBJECTS.remove(handle);
}

/// What a handle stands for, as it was when it was last looked at; a wrong one ends the TA.
pub(super) fn held(handle: usize) -> Arc<Mutex<Held>> {
    OBJECTS.get(handle).unwrap_or_else(|| panic(ERROR_BAD_PARAMETERS))
}

/// The same, as it is now: of one that cannot be read any more, as it was.
pub(super) fn object(handle: usize) -> Arc<Mutex<Held>> {
    let held = held(handle);
    let _ = lock(&held).refresh();
    held
}

/// What an object is; `TEE_ERROR_CORRUPT_OBJECT`, `TEE_ERROR_STORAGE_NOT_AVAILABLE` of a persistent one.
///
/// # Safety
/// A `TEE_ObjectInfo` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectInfo1(handle: usize, out: *mut c_void) -> u32 {
    let info = lock(&held(handle)).info();
    match info {
        // SAFETY: the caller's word.
        Ok(info) => unsafe { store(out.cast(), info) },
        Err(code) => return stored_or_panic(code),
    }
    SUCCESS
}

/// The same, as it was before API 1.1.1: of a corrupt one the type is `TEE_TYPE_CORRUPTED_OBJECT`.
///
/// # Safety
/// As [`TEE_GetObjectInfo1`].
#[no_mangle]
unsafe extern "C" fn TEE_GetObjectInfo(handle: usize, out: *mut c_void) {
    // SAFETY: the caller's word.
    match unsafe { TEE_GetObjectInfo1(handle, out) } {
        SUCCESS => {}
        // SAFETY: the caller's word.
        ERROR_CORRUPT_OBJECT => unsafe { store(out.cast(), ObjectInfo::corrupted()) },
        code => panic(code),
    }
}

/// As API 1.1 had it.
///
/// # Safety
/// A `__GP11_TEE_ObjectInfo` can be written at `out`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectInfo1(handle: usize, out: *mut c_void) -> u32 {
    let info = lock(&held(handle)).info();
    match info {
        // SAFETY: the caller's word.
        Ok(info) => unsafe { store(out.cast(), Gp11ObjectInfo::from(info)) },
        Err(code) => return stored_or_panic(code),
    }
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`__GP11_TEE_GetObjectInfo1`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetObjectInfo(handle: usize, out: *mut c_void) {
    // SAFETY: the caller's word.
    match unsafe { __GP11_TEE_GetObjectInfo1(handle, out) } {
        SUCCESS => {}
        // SAFETY: the caller's word.
        ERROR_CORRUPT_OBJECT => unsafe { store(out.cast(), Gp11ObjectInfo::from(ObjectInfo::corrupted())) },
        code => panic(code),
    }
}

/// Forbids every use of an object that is not in `usage`, for as long as it lives: of a persistent one, for good.
/// Of that `TEE_ERROR_CORRUPT_OBJECT`, `TEE_ERROR_STORAGE_NOT_AVAILABLE`.
#[no_mangle]
extern "C" fn TEE_RestrictObjectUsage1(handle: usize, usage: u32) -> u32 {
    let object = object(handle);
    let mut held = lock(&object);
    held.restrict(usage);
    let kept = held.persistent.as_ref().map_or(Ok(()), |persistent| persistent.keep(&held.object));
    match kept {
        Ok(()) => SUCCESS,
        Err(code) => stored_or_panic(code),
    }
}

/// The same, as it was before API 1.1.1.
#[no_mangle]
extern "C" fn TEE_RestrictObjectUsage(handle: usize, usage: u32) {
    match TEE_RestrictObjectUsage1(handle, usage) {
        SUCCESS | ERROR_CORRUPT_OBJECT => {}
        code => panic(code),
    }
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

/// Ends a handle, and with it an object that is transient; of no handle, does nothing.
#[no_mangle]
pub(super) extern "C" fn TEE_CloseObject(handle: usize) {
    if handle == 0 {
        return;
    }
    if let Some(persistent) = &lock(&held(handle)).persistent {
        persistent.close();
    }
    OBJECTS.remove(handle);
}
