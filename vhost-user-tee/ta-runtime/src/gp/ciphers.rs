// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Symmetric ciphers (API 1.3.1, section 6.4).

use std::ffi::c_void;
use std::sync::MutexGuard;

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_OUT_OF_MEMORY, ERROR_SHORT_BUFFER, SUCCESS};

use super::algorithms::{Algorithm, ENCRYPT};
use super::handles::lock;
use super::object::Key;
use super::operations::{operation, Operation, State, Work};
use super::panic::panic;
use super::pointers::{bytes, bytes_mut, load, store, stream, with_gp11_len};
use super::streams::Direct;
use crate::services::cipher::{Cipher, Error};

/// What a failure of the service is to the TA.
pub(super) fn code(error: Error) -> u32 {
    match error {
        Error::Length => ERROR_BAD_PARAMETERS,
        Error::Library(_) => ERROR_OUT_OF_MEMORY,
    }
}

/// Begins to encrypt or decrypt with the operation's keys. The initialization vector is a block long, in CTR the
/// first counter, in XTS the tweak; of ECB there is none. What the operation was at before is given up.
///
/// # Safety
/// `iv_len` bytes can be read at `iv`.
#[no_mangle]
unsafe extern "C" fn TEE_CipherInit(handle: usize, iv: *const c_void, iv_len: usize) {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let iv = unsafe { bytes(iv, iv_len) };
    lock(&operation).begin_cipher(iv).unwrap_or_else(|code| panic(code));
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_CipherInit`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_CipherInit(handle: usize, iv: *const c_void, iv_len: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_CipherInit(handle, iv, iv_len as usize) }
}

/// Takes in data, and gives out what is ready: whole blocks; in CTS and XTS not the last two; with AES-CTR
/// everything. `TEE_ERROR_SHORT_BUFFER` where `dest_len` is too little room, says then how much is needed, and
/// nothing was done.
///
/// # Safety
/// `src_len` bytes can be read at `src`, `*dest_len` be written at `dest`, and both begin at one place or have
/// nothing in common; `dest_len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_CipherUpdate(
    handle: usize,
    src: *const c_void,
    src_len: usize,
    dest: *mut c_void,
    dest_len: *mut usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    let cipher = operation.cipher().unwrap_or_else(|code| panic(code));
    // SAFETY: the caller's word.
    let room = unsafe { load(dest_len) };
    let ready = cipher.update_len(src_len);
    // SAFETY: the caller's word.
    unsafe { store(dest_len, ready) };
    if room < ready {
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word, and there is room.
    let stream = unsafe { stream(src, src_len, dest, ready) };
    stream
        .run(Direct::default(), |data, out| cipher.update(data, out))
        .unwrap_or_else(|error| panic(code(error)));
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_CipherUpdate`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_CipherUpdate(
    handle: usize,
    src: *const c_void,
    src_len: u32,
    dest: *mut c_void,
    dest_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(dest_len, |wide| TEE_CipherUpdate(handle, src, src_len as usize, dest, wide)) }
}

/// Takes in the last data, gives out all that is left, and ends what was begun. Too little room is as in
/// [`TEE_CipherUpdate`]; `dest_len` may be null where nothing is left. Data of ECB and CBC are whole blocks, of CTS
/// more than one, of XTS one or more; of each they may be nothing.
///
/// # Safety
/// As [`TEE_CipherUpdate`].
#[no_mangle]
unsafe extern "C" fn TEE_CipherDoFinal(
    handle: usize,
    src: *const c_void,
    src_len: usize,
    dest: *mut c_void,
    dest_len: *mut usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation: MutexGuard<Operation> = lock(&operation);
    let cipher = operation.cipher().unwrap_or_else(|code| panic(code));
    // As in OP-TEE of whole blocks alone before the room is looked at.
    let may_end = cipher.may_end(src_len);
    if !may_end && cipher.takes_whole_blocks() {
        panic(ERROR_BAD_PARAMETERS);
    }
    let (ready, all) = (cipher.update_len(src_len), cipher.final_len(src_len));
    // SAFETY: the caller's word.
    let room = if dest_len.is_null() { 0 } else { unsafe { load(dest_len) } };
    if !dest_len.is_null() {
        // SAFETY: the caller's word.
        unsafe { store(dest_len, all) };
    }
    if room < all {
        return ERROR_SHORT_BUFFER;
    }
    if !may_end {
        panic(ERROR_BAD_PARAMETERS);
    }
    // SAFETY: the caller's word, and there is room.
    let stream = unsafe { stream(src, src_len, dest, ready) };
    stream
        .run(Direct::default(), |data, out| cipher.update(data, out))
        .unwrap_or_else(|error| panic(code(error)));
    // SAFETY: the caller's word, and there is room; what was read of the input is not needed any more.
    let rest = unsafe { bytes_mut(dest.wrapping_byte_add(ready), all - ready) };
    operation.finish_cipher(rest).unwrap_or_else(|code| panic(code));
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_CipherDoFinal`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_CipherDoFinal(
    handle: usize,
    src: *const c_void,
    src_len: u32,
    dest: *mut c_void,
    dest_len: *mut u32,
) -> u32 {
    let src_len = src_len as usize;
    if dest_len.is_null() {
        // SAFETY: the caller's word.
        return unsafe { TEE_CipherDoFinal(handle, src, src_len, dest, std::ptr::null_mut()) };
    }
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(dest_len, |wide| TEE_CipherDoFinal(handle, src, src_len, dest, wide)) }
}

/// What an operation does that is a cipher. Errors are codes to end the TA with.
impl Operation {
    fn begin_cipher(&mut self, iv: &[u8]) -> Result<(), u32> {
        let Algorithm::Cipher(algorithm) = self.algorithm else {
            return Err(ERROR_BAD_PARAMETERS);
        };
        if self.keys.is_empty() {
            return Err(ERROR_BAD_STATE);
        }
        let keys: Vec<&[u8]> = self.keys.iter().map(Key::secret).collect();
        let cipher = Cipher::new(algorithm, self.mode == ENCRYPT, &keys, iv).map_err(code)?;
        self.work = Work::Cipher(cipher);
        self.state = State::Active;
        Ok(())
    }

    fn cipher(&mut self) -> Result<&mut Cipher, u32> {
        match &mut self.work {
            Work::Cipher(cipher) => Ok(cipher),
            _ => Err(ERROR_BAD_STATE),
        }
    }

    fn finish_cipher(&mut self, rest: &mut [u8]) -> Result<(), u32> {
        match self.end() {
            Work::Cipher(cipher) => cipher.finish(rest).map_err(code),
            _ => Err(ERROR_BAD_STATE),
        }
    }
}
