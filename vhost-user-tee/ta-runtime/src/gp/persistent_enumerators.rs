// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Going through persistent objects (API 1.3.1, section 5.8).

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_CORRUPT_OBJECT, ERROR_ITEM_NOT_FOUND, SUCCESS};

use super::handles::{lock, Handles};
use super::objects::{Gp11ObjectInfo, ObjectInfo};
use super::panic::panic;
use super::persistent::{returned_or_panic, MAX_ID};
use super::pointers::{bytes_mut, load, store, with_gp11_len};
use super::stored_object::decode;
use crate::services::storage::{self, Cursor};

static ENUMERATORS: Handles<Enumerator> = Handles::new();

/// Goes through the objects of one storage, once it has been started.
#[derive(Default)]
struct Enumerator {
    storage: Option<u32>,
    cursor: Option<Cursor>,
}

/// What an enumerator has come to.
struct Found {
    id: Vec<u8>,
    info: ObjectInfo,
}

impl Enumerator {
    fn start(&mut self, storage_id: u32) -> Result<(), u32> {
        *self = Self { storage: Some(storage_id), cursor: None };
        // GP wants to know at once whether there is anything. What is corrupt is something.
        match storage::next(storage_id, &mut None) {
            Ok(_) | Err(ERROR_CORRUPT_OBJECT) => Ok(()),
            Err(code) => Err(code),
        }
    }

    fn next(&mut self) -> Result<Found, u32> {
        let storage::Found { id, info } =
            storage::next(self.storage.ok_or(ERROR_ITEM_NOT_FOUND)?, &mut self.cursor)?;
        let object = decode(&info.meta).ok_or(ERROR_CORRUPT_OBJECT)?;
        Ok(Found { id, info: ObjectInfo::stored(&object, info.size) })
    }
}

fn enumerator(handle: usize) -> Arc<Mutex<Enumerator>> {
    ENUMERATORS.get(handle).unwrap_or_else(|| panic(ERROR_BAD_PARAMETERS))
}

/// Makes an enumerator.
///
/// # Safety
/// A handle can be written at `handle`.
#[no_mangle]
unsafe extern "C" fn TEE_AllocatePersistentObjectEnumerator(handle: *mut usize) -> u32 {
    // SAFETY: the caller's word.
    unsafe { store(handle, ENUMERATORS.insert(Enumerator::default())) };
    SUCCESS
}

/// Ends an enumerator; of no handle, does nothing.
#[no_mangle]
extern "C" fn TEE_FreePersistentObjectEnumerator(handle: usize) {
    if handle != 0 && !ENUMERATORS.remove(handle) {
        panic(ERROR_BAD_PARAMETERS);
    }
}

/// Puts an enumerator back to what it was when it was made; of no handle, does nothing.
#[no_mangle]
extern "C" fn TEE_ResetPersistentObjectEnumerator(handle: usize) {
    if handle != 0 {
        *lock(&enumerator(handle)) = Enumerator::default();
    }
}

/// Begins with the objects of a storage; `TEE_ERROR_ITEM_NOT_FOUND` where there are none, or no such storage.
#[no_mangle]
extern "C" fn TEE_StartPersistentObjectEnumerator(handle: usize, storage_id: u32) -> u32 {
    let started = lock(&enumerator(handle)).start(storage_id);
    match started {
        Ok(()) => SUCCESS,
        Err(code) => returned_or_panic(code, &[ERROR_ITEM_NOT_FOUND]),
    }
}

/// Tells of the next object; `TEE_ERROR_ITEM_NOT_FOUND` where there are no more, `TEE_ERROR_CORRUPT_OBJECT` of one
/// that is, and then goes on. As in OP-TEE the object's name is written whatever `id_len` says.
///
/// # Safety
/// A `TEE_ObjectInfo` can be written at `info`, if it is not null; a name of 64 bytes at `object_id`, and its length at
/// `id_len`.
#[no_mangle]
unsafe extern "C" fn TEE_GetNextPersistentObject(
    handle: usize,
    info: *mut c_void,
    object_id: *mut c_void,
    id_len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { next(handle, info.cast::<ObjectInfo>(), object_id, id_len) }
}

/// As API 1.1 had it.
///
/// # Safety
/// The same of a `__GP11_TEE_ObjectInfo`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GetNextPersistentObject(
    handle: usize,
    info: *mut c_void,
    object_id: *mut c_void,
    id_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(id_len, |wide| next(handle, info.cast::<Gp11ObjectInfo>(), object_id, wide)) }
}

/// # Safety
/// A `T` can be written at `info`, if it is not null; a name at `object_id`, and its length at `id_len`.
unsafe fn next<T: From<ObjectInfo>>(
    handle: usize,
    info: *mut T,
    object_id: *mut c_void,
    id_len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    let _ = unsafe { load(id_len) };
    if object_id.is_null() {
        panic(ERROR_BAD_PARAMETERS);
    }
    let found = lock(&enumerator(handle)).next();
    let (told, code) = match found {
        Ok(found) => {
            let len = found.id.len().min(MAX_ID);
            // SAFETY: the caller's word.
            unsafe { bytes_mut(object_id, len) }.copy_from_slice(&found.id[..len]);
            // SAFETY: the caller's word.
            unsafe { store(id_len, len) };
            (found.info, SUCCESS)
        }
        Err(code) => (ObjectInfo::default(), returned_or_panic(code, &[ERROR_ITEM_NOT_FOUND])),
    };
    if !info.is_null() {
        // SAFETY: the caller's word.
        unsafe { store(info, told.into()) };
    }
    code
}
