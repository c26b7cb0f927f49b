// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Authenticated encryption as API 1.1 had it: with lengths of 32 bits, and active from the first data on, be they
//! encrypted or not.

use std::ffi::c_void;

use tee::gp::SUCCESS;

use super::authenticated::{TEE_AEDecryptFinal, TEE_AEEncryptFinal, TEE_AEInit, TEE_AEUpdate};
use super::handles::lock;
use super::operations::{operation, State};
use super::panic::panic;
use super::pointers::{bytes, with_gp11_len};

/// # Safety
/// As [`TEE_AEInit`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AEInit(
    handle: usize,
    nonce: *const c_void,
    nonce_len: u32,
    tag_bits: u32,
    aad_len: u32,
    payload_len: u32,
) -> u32 {
    let (nonce_len, aad_len, payload_len) = (nonce_len as usize, aad_len as usize, payload_len as usize);
    // SAFETY: the caller's word.
    unsafe { TEE_AEInit(handle, nonce, nonce_len, tag_bits, aad_len, payload_len) }
}

/// # Safety
/// `len` bytes can be read at `data`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AEUpdateAAD(handle: usize, data: *const c_void, len: u32) {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let data = unsafe { bytes(data, len as usize) };
    let mut operation = lock(&operation);
    operation.gp11_update_aad(data).unwrap_or_else(|code| panic(code));
    operation.state = State::Active;
}

/// # Safety
/// As [`TEE_AEUpdate`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AEUpdate(
    handle: usize,
    src: *const c_void,
    src_len: u32,
    dest: *mut c_void,
    dest_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    let code =
        unsafe { with_gp11_len(dest_len, |wide| TEE_AEUpdate(handle, src, src_len as usize, dest, wide)) };
    if code == SUCCESS {
        lock(&operation(handle)).state = State::Active;
    }
    code
}

/// # Safety
/// As [`TEE_AEEncryptFinal`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AEEncryptFinal(
    handle: usize,
    src: *const c_void,
    src_len: u32,
    dest: *mut c_void,
    dest_len: *mut u32,
    tag: *mut c_void,
    tag_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and the wide ones point to lengths.
    unsafe {
        with_gp11_len(dest_len, |dest_len| {
            with_gp11_len(tag_len, |tag_len| {
                TEE_AEEncryptFinal(handle, src, src_len as usize, dest, dest_len, tag, tag_len)
            })
        })
    }
}

/// # Safety
/// As [`TEE_AEDecryptFinal`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AEDecryptFinal(
    handle: usize,
    src: *const c_void,
    src_len: u32,
    dest: *mut c_void,
    dest_len: *mut u32,
    tag: *const c_void,
    tag_len: u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe {
        with_gp11_len(dest_len, |wide| {
            TEE_AEDecryptFinal(handle, src, src_len as usize, dest, wide, tag, tag_len as usize)
        })
    }
}
