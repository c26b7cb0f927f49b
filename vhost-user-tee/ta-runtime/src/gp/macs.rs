// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Message authentication codes (API 1.3.1, section 6.5).

use std::ffi::c_void;

use tee::gp::{
    ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_MAC_INVALID, ERROR_OUT_OF_MEMORY, ERROR_SHORT_BUFFER,
    SUCCESS,
};
use zeroize::Zeroizing;

use super::algorithms::Algorithm;
use super::handles::lock;
use super::operations::{operation, Operation, State, Work};
use super::panic::panic;
use super::pointers::{bytes, bytes_mut, load, store, with_gp11_len};
use crate::services;
use crate::services::mac::{Error, Mac};

/// What a failure of the service is to the TA.
pub(super) fn code(error: Error) -> u32 {
    match error {
        Error::Length => ERROR_BAD_PARAMETERS,
        Error::NoMemory => ERROR_OUT_OF_MEMORY,
    }
}

/// Begins a code with the operation's key. None of the algorithms has an initialization vector: it is ignored.
/// What the operation was at before is given up.
#[no_mangle]
extern "C" fn TEE_MACInit(handle: usize, _iv: *const c_void, _iv_len: usize) {
    let operation = operation(handle);
    let result = lock(&operation).begin_mac();
    result.unwrap_or_else(|code| panic(code));
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_MACInit(handle: usize, iv: *const c_void, iv_len: u32) {
    TEE_MACInit(handle, iv, iv_len as usize);
}

/// Takes in a chunk of the message.
///
/// # Safety
/// `size` bytes can be read at `chunk`.
#[no_mangle]
unsafe extern "C" fn TEE_MACUpdate(handle: usize, chunk: *const c_void, size: usize) {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let chunk = unsafe { bytes(chunk, size) };
    lock(&operation).update_mac(chunk).unwrap_or_else(|code| panic(code));
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_MACUpdate`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_MACUpdate(handle: usize, chunk: *const c_void, size: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_MACUpdate(handle, chunk, size as usize) }
}

/// Takes in the last chunk, gives out the code, and ends what was begun; `TEE_ERROR_SHORT_BUFFER` where `mac_len` is
/// too little room, says then how much is needed, and nothing was done.
///
/// # Safety
/// `message_len` bytes can be read at `message`, `*mac_len` be written at `mac`; `mac_len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_MACComputeFinal(
    handle: usize,
    message: *const c_void,
    message_len: usize,
    mac: *mut c_void,
    mac_len: *mut usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    let len = operation.mac().unwrap_or_else(|code| panic(code)).algorithm().output_len();
    // SAFETY: the caller's word.
    let room = unsafe { load(mac_len) };
    // SAFETY: the caller's word.
    unsafe { store(mac_len, len) };
    if room < len {
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word.
    let message = unsafe { bytes(message, message_len) };
    let code = operation.finish_mac(message).unwrap_or_else(|code| panic(code));
    // SAFETY: the caller's word, and there is room. The message is not needed any more.
    unsafe { bytes_mut(mac, len) }.copy_from_slice(&code);
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_MACComputeFinal`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_MACComputeFinal(
    handle: usize,
    message: *const c_void,
    message_len: u32,
    mac: *mut c_void,
    mac_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe {
        with_gp11_len(mac_len, |wide| TEE_MACComputeFinal(handle, message, message_len as usize, mac, wide))
    }
}

/// Takes in the last chunk, compares the code, and ends what was begun; `TEE_ERROR_MAC_INVALID` where it is another.
/// The time that it takes tells nothing of the code.
///
/// # Safety
/// `message_len` bytes can be read at `message`, `mac_len` at `mac`.
#[no_mangle]
unsafe extern "C" fn TEE_MACCompareFinal(
    handle: usize,
    message: *const c_void,
    message_len: usize,
    mac: *const c_void,
    mac_len: usize,
) -> u32 {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let (message, mac) = unsafe { (bytes(message, message_len), bytes(mac, mac_len)) };
    let code = lock(&operation).finish_mac(message).unwrap_or_else(|code| panic(code));
    if services::equal(&code, mac) {
        SUCCESS
    } else {
        ERROR_MAC_INVALID
    }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_MACCompareFinal`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_MACCompareFinal(
    handle: usize,
    message: *const c_void,
    message_len: u32,
    mac: *const c_void,
    mac_len: u32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { TEE_MACCompareFinal(handle, message, message_len as usize, mac, mac_len as usize) }
}

/// What an operation does that is a code. Errors are codes to end the TA with.
impl Operation {
    fn begin_mac(&mut self) -> Result<(), u32> {
        let Algorithm::Mac(algorithm) = self.algorithm else {
            return Err(ERROR_BAD_PARAMETERS);
        };
        let key = self.keys.first().ok_or(ERROR_BAD_STATE)?;
        self.work = Work::Mac(Mac::new(algorithm, key.secret()).map_err(code)?);
        self.state = State::Active;
        Ok(())
    }

    fn mac(&mut self) -> Result<&mut Mac, u32> {
        match &mut self.work {
            Work::Mac(mac) => Ok(mac),
            _ => Err(ERROR_BAD_STATE),
        }
    }

    fn update_mac(&mut self, chunk: &[u8]) -> Result<(), u32> {
        self.mac()?.update(chunk).map_err(code)
    }

    fn finish_mac(&mut self, chunk: &[u8]) -> Result<Zeroizing<Vec<u8>>, u32> {
        self.update_mac(chunk)?;
        match self.end() {
            Work::Mac(mac) => mac.finish().map_err(code),
            _ => Err(ERROR_BAD_STATE),
        }
    }
}
