// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Persistent objects (API 1.3.1, section 5.7).
//!
//! Which errors are returned, and which end the TA, is as in OP-TEE. There, and here, an object that is found corrupt
//! is removed, and the handle to it is of no more use.

use std::ffi::c_void;

use tee::gp::{
    ERROR_ACCESS_CONFLICT, ERROR_ACCESS_DENIED, ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_CORRUPT_OBJECT,
    ERROR_ITEM_NOT_FOUND, ERROR_OUT_OF_MEMORY, ERROR_STORAGE_NOT_AVAILABLE, ERROR_STORAGE_NO_SPACE, SUCCESS,
};

use super::handles::lock;
use super::object::Object;
use super::object_types::{object_type, DATA};
use super::objects::{held, insert_persistent, object, remove, Held};
use super::panic::panic;
use super::pointers::{bytes, store};
use super::stored_object::{decode, encode};
use crate::services::memory::{self, Access, Owner};
use crate::services::storage::{self, Handle};

/// `TEE_OBJECT_ID_MAX_LEN`.
pub(super) const MAX_ID: usize = 64;
/// What an object of data may be used for: everything, as OP-TEE says it.
const USAGE_ALL: u32 = u32::MAX;

/// An open persistent object, besides what it has as any object.
pub(super) struct Persistent {
    pub(super) handle: Handle,
    /// `TEE_DATA_FLAG_*` that it was opened with.
    pub(super) flags: u32,
    /// Where its data are read or written next, in bytes.
    pub(super) position: u64,
}

impl Persistent {
    fn new(handle: Handle, flags: u32) -> Self {
        Self { handle, flags, position: 0 }
    }

    /// The object as it is kept, and the size of its data.
    pub(super) fn read_anew(&self) -> Result<(Object, u64), u32> {
        let info = storage::info(self.handle)?;
        Ok((decode(&info.meta).ok_or(ERROR_CORRUPT_OBJECT)?, info.size))
    }

    /// Keeps what has become of the object.
    pub(super) fn keep(&self, object: &Object) -> Result<(), u32> {
        storage::set_meta(self.handle, &encode(object)).map_err(|code| match code {
            // Nothing has become longer.
            ERROR_STORAGE_NO_SPACE => ERROR_STORAGE_NOT_AVAILABLE,
            code => code,
        })
    }

    /// Others may open it. That fails only where it was found corrupt, and is closed.
    pub(super) fn close(&self) {
        let _ = storage::close(self.handle);
    }
}

/// An error that any function on a persistent object may return; others end the TA.
pub(super) fn stored_or_panic(code: u32) -> u32 {
    returned_or_panic(code, &[])
}

/// The same, with more of them.
pub(super) fn returned_or_panic(code: u32, more: &[u32]) -> u32 {
    match code {
        SUCCESS | ERROR_CORRUPT_OBJECT | ERROR_STORAGE_NOT_AVAILABLE => code,
        code if more.contains(&code) => code,
        code => panic(code),
    }
}

/// The persistent half of what a handle stands for.
pub(super) fn persistent(held: &mut Held) -> Result<&mut Persistent, u32> {
    held.persistent.as_mut().ok_or(ERROR_BAD_STATE)
}

/// An object's name. One that is too long is cut, and still too long. GP wants it in memory that the TA shares with
/// nobody: elsewhere it ends the TA, as it does on OP-TEE.
///
/// # Safety
/// `len` bytes can be read at `id`.
unsafe fn id<'a>(id: *const c_void, len: usize) -> &'a [u8] {
    if !matches!(memory::owner(id.addr(), len), Owner::Ta(Access { read: true, .. })) {
        panic(ERROR_ACCESS_DENIED);
    }
    // SAFETY: the caller's word.
    unsafe { bytes(id, len.min(MAX_ID + 1)) }
}

/// Opens an object. `TEE_ERROR_ITEM_NOT_FOUND` where there is none, or no such storage; `TEE_ERROR_ACCESS_CONFLICT`
/// where handles to it exclude this one; then the handle is null.
///
/// # Safety
/// `id_len` bytes can be read at `object_id`; a handle can be written at `handle`.
#[no_mangle]
unsafe extern "C" fn TEE_OpenPersistentObject(
    storage_id: u32,
    object_id: *const c_void,
    id_len: usize,
    flags: u32,
    handle: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    let id = unsafe { id(object_id, id_len) };
    let opened = storage::open(storage_id, id, flags).and_then(|(opened, info)| {
        let persistent = Persistent::new(opened, flags);
        match decode(&info.meta) {
            Some(object) => Ok(insert_persistent(object, persistent)),
            None => {
                persistent.close();
                Err(ERROR_CORRUPT_OBJECT)
            }
        }
    });
    let (opened, code) = opened.map_or_else(|code| (0, code), |handle| (handle, SUCCESS));
    let allowed = [ERROR_ITEM_NOT_FOUND, ERROR_ACCESS_CONFLICT, ERROR_OUT_OF_MEMORY];
    let code = returned_or_panic(code, &allowed);
    // SAFETY: the caller's word.
    unsafe { store(handle, opened) };
    code
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_OpenPersistentObject`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_OpenPersistentObject(
    storage_id: u32,
    object_id: *const c_void,
    id_len: u32,
    flags: u32,
    handle: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { TEE_OpenPersistentObject(storage_id, object_id, id_len as usize, flags, handle) }
}

/// Makes an object with the attributes of the object `attributes`, or with none, and data, all at once.
/// `TEE_ERROR_ACCESS_CONFLICT` where there is such an object, and with `TEE_DATA_FLAG_OVERWRITE` where a handle to it
/// excludes this. Where nobody wants a handle, a transient object `attributes` becomes the persistent one.
///
/// # Safety
/// `id_len` bytes can be read at `object_id`, `data_len` at `data`; a handle can be written at `handle`, if it is not
/// null.
#[no_mangle]
unsafe extern "C" fn TEE_CreatePersistentObject(
    storage_id: u32,
    object_id: *const c_void,
    id_len: usize,
    flags: u32,
    attributes: usize,
    data: *const c_void,
    data_len: usize,
    handle: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    let (id, data) = unsafe { (id(object_id, id_len), bytes(data, data_len)) };
    let created = create(storage_id, id, flags, attributes, data, !handle.is_null());
    let (created, code) = created.map_or_else(|code| (0, code), |handle| (handle, SUCCESS));
    let allowed = [ERROR_ITEM_NOT_FOUND, ERROR_ACCESS_CONFLICT, ERROR_OUT_OF_MEMORY, ERROR_STORAGE_NO_SPACE];
    let code = returned_or_panic(code, &allowed);
    if !handle.is_null() {
        // SAFETY: the caller's word.
        unsafe { store(handle, created) };
    }
    code
}

fn create(
    storage_id: u32,
    id: &[u8],
    flags: u32,
    attributes: usize,
    data: &[u8],
    wanted: bool,
) -> Result<usize, u32> {
    let source = (attributes != 0).then(|| object(attributes));
    let object = match &source {
        Some(source) => Some(lock(source).clone()).filter(|object| object.key().is_some()),
        None => object_type(DATA).and_then(|data| Object::from_parts(data, 0, USAGE_ALL, 0, Vec::new())),
    };
    let object = object.ok_or(ERROR_BAD_PARAMETERS)?;
    let created = storage::create(storage_id, id, flags, &encode(&object), data)?;
    let persistent = Persistent::new(created, flags);
    if wanted {
        return Ok(insert_persistent(object, persistent));
    }
    match source.as_deref().map(lock) {
        Some(mut source) if source.persistent.is_none() => source.persistent = Some(persistent),
        _ => persistent.close(),
    }
    Ok(0)
}

/// As API 1.1 had it: a handle is always wanted.
///
/// # Safety
/// As [`TEE_CreatePersistentObject`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_CreatePersistentObject(
    storage_id: u32,
    object_id: *const c_void,
    id_len: u32,
    flags: u32,
    attributes: usize,
    data: *const c_void,
    data_len: u32,
    handle: *mut usize,
) -> u32 {
    if handle.is_null() {
        panic(ERROR_BAD_PARAMETERS);
    }
    let (id_len, data_len) = (id_len as usize, data_len as usize);
    // SAFETY: the caller's word.
    unsafe {
        TEE_CreatePersistentObject(storage_id, object_id, id_len, flags, attributes, data, data_len, handle)
    }
}

/// Removes an object, and ends the handle, which has to have been opened with `TEE_DATA_FLAG_ACCESS_WRITE_META`; of
/// no handle, does nothing.
#[no_mangle]
extern "C" fn TEE_CloseAndDeletePersistentObject1(handle: usize) -> u32 {
    if handle == 0 {
        return SUCCESS;
    }
    let deleted = match &lock(&held(handle)).persistent {
        Some(persistent) => storage::delete(persistent.handle),
        None => Err(ERROR_ACCESS_CONFLICT),
    };
    let code = match deleted {
        Ok(()) => SUCCESS,
        Err(code @ ERROR_STORAGE_NOT_AVAILABLE) => code,
        // Of a full disk: nothing has been removed.
        Err(ERROR_STORAGE_NO_SPACE) => ERROR_STORAGE_NOT_AVAILABLE,
        Err(code) => panic(code),
    };
    remove(handle);
    code
}

/// The same, as it was before API 1.1.1.
#[no_mangle]
extern "C" fn TEE_CloseAndDeletePersistentObject(handle: usize) {
    match TEE_CloseAndDeletePersistentObject1(handle) {
        SUCCESS => {}
        code => panic(code),
    }
}

/// Gives an object another name; `TEE_ERROR_ACCESS_CONFLICT` where another object has it, open or not.
///
/// # Safety
/// `id_len` bytes can be read at `object_id`.
#[no_mangle]
unsafe extern "C" fn TEE_RenamePersistentObject(
    handle: usize,
    object_id: *const c_void,
    id_len: usize,
) -> u32 {
    if handle == 0 {
        panic(ERROR_ITEM_NOT_FOUND);
    }
    let held = held(handle);
    // SAFETY: the caller's word.
    let id = unsafe { id(object_id, id_len) };
    let renamed = persistent(&mut lock(&held)).and_then(|persistent| storage::rename(persistent.handle, id));
    match renamed {
        Ok(()) => SUCCESS,
        // GP has no code for it.
        Err(ERROR_STORAGE_NO_SPACE) => ERROR_STORAGE_NOT_AVAILABLE,
        Err(code) => returned_or_panic(code, &[ERROR_ACCESS_CONFLICT]),
    }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_RenamePersistentObject`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_RenamePersistentObject(
    handle: usize,
    object_id: *const c_void,
    id_len: u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { TEE_RenamePersistentObject(handle, object_id, id_len as usize) }
}
