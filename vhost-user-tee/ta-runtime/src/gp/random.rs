// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Random numbers (API 1.3.1, section 6.9).

use std::ffi::c_void;

use super::pointers::bytes_mut;
use crate::services;

/// Fills a buffer with random bytes.
///
/// # Safety
/// `len` bytes can be written at `buffer`.
#[no_mangle]
unsafe extern "C" fn TEE_GenerateRandom(buffer: *mut c_void, len: usize) {
    // SAFETY: the caller's word.
    services::random(unsafe { bytes_mut(buffer, len) });
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_GenerateRandom`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_GenerateRandom(buffer: *mut c_void, len: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_GenerateRandom(buffer, len as usize) }
}
