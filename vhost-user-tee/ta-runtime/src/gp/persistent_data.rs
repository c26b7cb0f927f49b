// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The data of a persistent object (API 1.3.1, section 5.9).

use std::ffi::c_void;

use ta_protocol::storage::flag;
use tee::gp::{
    ERROR_ACCESS_CONFLICT, ERROR_BAD_PARAMETERS, ERROR_GENERIC, ERROR_ITEM_NOT_FOUND, ERROR_OVERFLOW,
    ERROR_STORAGE_NO_SPACE, SUCCESS,
};

use super::handles::lock;
use super::objects::held;
use super::persistent::{persistent, returned_or_panic, stored_or_panic, Persistent};
use super::pointers::{bytes, bytes_mut, load, store, with_gp11_len};
use crate::services::storage;

/// `TEE_DATA_MAX_POSITION`.
const MAX_POSITION: u64 = u32::MAX as u64;

/// Does `work` on the persistent object of `handle`, which has to have been opened with `flags`.
fn on<T>(handle: usize, flags: u32, work: impl FnOnce(&mut Persistent) -> Result<T, u32>) -> Result<T, u32> {
    if handle == 0 {
        return Err(ERROR_BAD_PARAMETERS);
    }
    let held = held(handle);
    let mut held = lock(&held);
    let persistent = persistent(&mut held)?;
    if persistent.flags & flags != flags {
        return Err(ERROR_ACCESS_CONFLICT);
    }
    work(persistent)
}

/// Reads on from where the handle is; `count` says how much there was.
///
/// # Safety
/// `size` bytes can be written at `buffer`; a count can be written at `count`.
#[no_mangle]
unsafe extern "C" fn TEE_ReadObjectData(
    handle: usize,
    buffer: *mut c_void,
    size: usize,
    count: *mut usize,
) -> u32 {
    // Where it cannot be written, nothing is read.
    // SAFETY: the caller's word.
    let _ = unsafe { load(count) };
    let read = on(handle, flag::ACCESS_READ, |persistent| {
        // SAFETY: the caller's word.
        let len = storage::read(persistent.handle, persistent.position, unsafe { bytes_mut(buffer, size) })?;
        persistent.position += len as u64;
        Ok(len)
    });
    match read {
        // SAFETY: the caller's word.
        Ok(len) => unsafe { store(count, len) },
        Err(code) => return stored_or_panic(code),
    }
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_ReadObjectData`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_ReadObjectData(
    handle: usize,
    buffer: *mut c_void,
    size: u32,
    count: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a count.
    unsafe { with_gp11_len(count, |wide| TEE_ReadObjectData(handle, buffer, size as usize, wide)) }
}

/// Writes on from where the handle is, all or nothing. `TEE_ERROR_OVERFLOW` beyond `TEE_DATA_MAX_POSITION`,
/// `TEE_ERROR_STORAGE_NO_SPACE`.
///
/// # Safety
/// `size` bytes can be read at `buffer`.
#[no_mangle]
unsafe extern "C" fn TEE_WriteObjectData(handle: usize, buffer: *const c_void, size: usize) -> u32 {
    let written = on(handle, flag::ACCESS_WRITE, |persistent| {
        // SAFETY: the caller's word.
        let data = unsafe { bytes(buffer, size) };
        let end = persistent.position.checked_add(size as u64).filter(|end| *end <= MAX_POSITION);
        let end = end.ok_or(ERROR_OVERFLOW)?;
        if !data.is_empty() {
            storage::write(persistent.handle, persistent.position, data)?;
        }
        persistent.position = end;
        Ok(())
    });
    match written {
        Ok(()) => SUCCESS,
        Err(code) => returned_or_panic(code, &[ERROR_STORAGE_NO_SPACE, ERROR_OVERFLOW]),
    }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_WriteObjectData`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_WriteObjectData(handle: usize, buffer: *const c_void, size: u32) -> u32 {
    // SAFETY: the caller's word.
    unsafe { TEE_WriteObjectData(handle, buffer, size as usize) }
}

/// Makes the data `size` bytes long: cuts them, or adds zeros. The handle stays where it is.
#[no_mangle]
extern "C" fn TEE_TruncateObjectData(handle: usize, size: usize) -> u32 {
    let truncated = on(handle, flag::ACCESS_WRITE, |persistent| {
        storage::set_size(persistent.handle, size as u64).map_err(|code| match code {
            // As in OP-TEE; GP has no code for it.
            ERROR_OVERFLOW => ERROR_GENERIC,
            code => code,
        })
    });
    match truncated {
        Ok(()) => SUCCESS,
        Err(code) => returned_or_panic(code, &[ERROR_STORAGE_NO_SPACE]),
    }
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_TruncateObjectData(handle: usize, size: u32) -> u32 {
    TEE_TruncateObjectData(handle, size as usize)
}

/// Moves the handle, from the beginning, from where it is, or from the end; before the beginning is the beginning.
/// `TEE_ERROR_OVERFLOW` beyond `TEE_DATA_MAX_POSITION`.
#[no_mangle]
extern "C" fn TEE_SeekObjectData(handle: usize, offset: i64, whence: u32) -> u32 {
    let moved = on(handle, 0, |persistent| {
        let from = match whence {
            // TEE_DATA_SEEK_SET, TEE_DATA_SEEK_CUR, TEE_DATA_SEEK_END.
            0 => 0,
            1 => persistent.position,
            2 => storage::info(persistent.handle)?.size,
            _ => return Err(ERROR_ITEM_NOT_FOUND),
        };
        let position = (from as i64).saturating_add(offset).max(0) as u64;
        if position > MAX_POSITION {
            return Err(ERROR_OVERFLOW);
        }
        persistent.position = position;
        Ok(())
    });
    match moved {
        Ok(()) => SUCCESS,
        Err(code) => returned_or_panic(code, &[ERROR_OVERFLOW]),
    }
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_SeekObjectData(handle: usize, offset: i32, whence: u32) -> u32 {
    TEE_SeekObjectData(handle, offset.into(), whence)
}
