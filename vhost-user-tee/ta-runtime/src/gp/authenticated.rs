// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Authenticated encryption (API 1.3.1, section 6.6).

use std::ffi::c_void;

use tee::gp::{
    ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_MAC_INVALID, ERROR_NOT_SUPPORTED, ERROR_OUT_OF_MEMORY,
    ERROR_SHORT_BUFFER, SUCCESS,
};
use zeroize::Zeroizing;

use super::algorithms::{Algorithm, DECRYPT, ENCRYPT};
use super::handles::lock;
use super::operations::{operation, Operation, State, Work};
use super::panic::panic;
use super::pointers::{bytes, bytes_mut, load, store, stream};
use super::streams::Direct;
use crate::services::ae::{self, Ae, Begin, Error};

/// What a failure of the service is to the TA.
pub(super) fn code(error: Error) -> u32 {
    match error {
        Error::Length => ERROR_BAD_PARAMETERS,
        Error::NoMemory => ERROR_OUT_OF_MEMORY,
    }
}

/// Begins a message with the operation's key; the length of the tag is in bits, the others in bytes, and the last
/// two count for CCM only. The nonce of GCM has a byte or more, that of CCM 7 to 13.
/// `TEE_ERROR_NOT_SUPPORTED` where the algorithm has no such tag.
///
/// # Safety
/// `nonce_len` bytes can be read at `nonce`.
#[no_mangle]
pub(super) unsafe extern "C" fn TEE_AEInit(
    handle: usize,
    nonce: *const c_void,
    nonce_len: usize,
    tag_bits: u32,
    aad_len: usize,
    payload_len: usize,
) -> u32 {
    let operation = operation(handle);
    // Copied: it is used more than once, and may be the client's, who can change it.
    // SAFETY: the caller's word.
    let nonce = unsafe { bytes(nonce, nonce_len) }.to_vec();
    let begun = lock(&operation).begin_ae(&nonce, tag_bits, aad_len, payload_len);
    match begun {
        Ok(()) => SUCCESS,
        Err(ERROR_NOT_SUPPORTED) => ERROR_NOT_SUPPORTED,
        Err(code) => panic(code),
    }
}

/// Takes in data that are authenticated and not encrypted; before the payload.
///
/// # Safety
/// `len` bytes can be read at `data`.
#[no_mangle]
unsafe extern "C" fn TEE_AEUpdateAAD(handle: usize, data: *const c_void, len: usize) {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let data = unsafe { bytes(data, len) };
    lock(&operation).update_aad(data).unwrap_or_else(|code| panic(code));
}

/// Takes in payload, and gives out what is ready: with GCM all of it, with CCM whole blocks.
/// `TEE_ERROR_SHORT_BUFFER` where `dest_len` is too little room, says then how much is needed, and nothing was done.
///
/// # Safety
/// `src_len` bytes can be read at `src`, `*dest_len` be written at `dest`, and both begin at one place or have
/// nothing in common; `dest_len` points to a length.
#[no_mangle]
pub(super) unsafe extern "C" fn TEE_AEUpdate(
    handle: usize,
    src: *const c_void,
    src_len: usize,
    dest: *mut c_void,
    dest_len: *mut usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    let direct = operation.direct();
    let ae = operation.ae().unwrap_or_else(|code| panic(code));
    // SAFETY: the caller's word.
    let room = unsafe { load(dest_len) };
    let ready = ae.update_len(src_len);
    // SAFETY: the caller's word.
    unsafe { store(dest_len, ready) };
    if room < ready {
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word, and there is room.
    let stream = unsafe { stream(src, src_len, dest, ready) };
    stream.run(direct, |data, out| ae.update(data, out)).unwrap_or_else(|error| panic(code(error)));
    if src_len > 0 {
        operation.state = State::Active;
    }
    SUCCESS
}

/// Takes in the last payload, gives out all that is left and the tag, and ends the message. Too little room, for
/// either, is as in [`TEE_AEUpdate`].
///
/// # Safety
/// As [`TEE_AEUpdate`]; and `*tag_len` bytes can be written at `tag`, `tag_len` points to a length.
#[no_mangle]
pub(super) unsafe extern "C" fn TEE_AEEncryptFinal(
    handle: usize,
    src: *const c_void,
    src_len: usize,
    dest: *mut c_void,
    dest_len: *mut usize,
    tag: *mut c_void,
    tag_len: *mut usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    operation.check_mode(ENCRYPT).unwrap_or_else(|code| panic(code));
    let direct = operation.direct();
    let needed_tag = operation.tag_len;
    let ae = operation.ae().unwrap_or_else(|code| panic(code));
    let (ready, all) = (ae.update_len(src_len), ae.final_len(src_len));
    // SAFETY: the caller's word.
    let (room, tag_room) = unsafe { (load(dest_len), load(tag_len)) };
    if room < all || tag_room < needed_tag {
        // What fits is left as it is, as in OP-TEE.
        // SAFETY: the caller's word.
        unsafe {
            store(dest_len, room.max(all));
            store(tag_len, tag_room.max(needed_tag));
        }
        return ERROR_SHORT_BUFFER;
    }
    // SAFETY: the caller's word.
    unsafe {
        store(dest_len, all);
        store(tag_len, needed_tag);
    }
    // SAFETY: the caller's word, and there is room.
    let stream = unsafe { stream(src, src_len, dest, ready) };
    stream.run(direct, |data, out| ae.update(data, out)).unwrap_or_else(|error| panic(code(error)));
    // SAFETY: the caller's word, and there is room; what was read of the input is not needed any more.
    let rest = unsafe { bytes_mut(dest.wrapping_byte_add(ready), all - ready) };
    let made = operation.seal(rest).unwrap_or_else(|code| panic(code));
    // SAFETY: the caller's word, and there is room.
    unsafe { bytes_mut(tag, needed_tag) }.copy_from_slice(&made);
    SUCCESS
}

/// Takes in the last payload, gives out all that is left, and ends the message. `TEE_ERROR_MAC_INVALID` where the
/// tag is another: then this call gives out zeros, and what others gave out is not to be used. Too little room is as
/// in [`TEE_AEUpdate`].
///
/// # Safety
/// As [`TEE_AEUpdate`]; and `tag_len` bytes can be read at `tag`.
#[no_mangle]
pub(super) unsafe extern "C" fn TEE_AEDecryptFinal(
    handle: usize,
    src: *const c_void,
    src_len: usize,
    dest: *mut c_void,
    dest_len: *mut usize,
    tag: *const c_void,
    tag_len: usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    operation.check_mode(DECRYPT).unwrap_or_else(|code| panic(code));
    let direct = operation.direct();
    let ae = operation.ae().unwrap_or_else(|code| panic(code));
    let (ready, all) = (ae.update_len(src_len), ae.final_len(src_len));
    // SAFETY: the caller's word.
    let room = unsafe { load(dest_len) };
    // SAFETY: the caller's word.
    unsafe { store(dest_len, all) };
    if room < all {
        return ERROR_SHORT_BUFFER;
    }
    // Copied: the output may be written over it.
    // SAFETY: the caller's word.
    let tag = unsafe { bytes(tag, tag_len) }.to_vec();
    // SAFETY: the caller's word, and there is room.
    let stream = unsafe { stream(src, src_len, dest, ready) };
    stream.run(direct, |data, out| ae.update(data, out)).unwrap_or_else(|error| panic(code(error)));
    // SAFETY: the caller's word, and there is room; what was read of the input is not needed any more.
    let out = unsafe { bytes_mut(dest, all) };
    if operation.open(&mut out[ready..], &tag).unwrap_or_else(|code| panic(code)) {
        return SUCCESS;
    }
    out.fill(0);
    ERROR_MAC_INVALID
}

/// What an operation does that is authenticated encryption. Errors are codes to end the TA with.
impl Operation {
    fn begin_ae(
        &mut self,
        nonce: &[u8],
        tag_bits: u32,
        aad_len: usize,
        payload_len: usize,
    ) -> Result<(), u32> {
        let Algorithm::Ae(algorithm) = self.algorithm else {
            return Err(ERROR_BAD_PARAMETERS);
        };
        if self.state != State::Initial {
            return Err(ERROR_BAD_STATE);
        }
        let key = self.keys.first().ok_or(ERROR_BAD_STATE)?.secret();
        if !algorithm.has_tag(tag_bits) {
            return Err(ERROR_NOT_SUPPORTED);
        }
        let (encrypt, tag_len) = (self.mode == ENCRYPT, tag_bits as usize / 8);
        let begin = Begin { encrypt, key, nonce, tag_len, aad_len, payload_len };
        self.work = Work::Ae(Ae::new(algorithm, &begin).map_err(code)?);
        self.tag_len = tag_len;
        Ok(())
    }

    fn check_mode(&self, mode: u32) -> Result<(), u32> {
        if self.mode == mode {
            Ok(())
        } else {
            Err(ERROR_BAD_STATE)
        }
    }

    /// What of the client's memory is used without a copy. GCM authenticates what is encrypted: that comes out of
    /// encryption, which reads the rest once, and goes into decryption, whose output is final when it is written.
    /// CCM authenticates the rest, and reads it twice.
    fn direct(&self) -> Direct {
        let encrypt = self.mode == ENCRYPT;
        match self.algorithm {
            Algorithm::Ae(ae::Algorithm::AesGcm) => Direct { input: encrypt, output: !encrypt },
            _ => Direct::default(),
        }
    }

    fn ae(&mut self) -> Result<&mut Ae, u32> {
        match &mut self.work {
            Work::Ae(ae) => Ok(ae),
            _ => Err(ERROR_BAD_STATE),
        }
    }

    fn update_aad(&mut self, data: &[u8]) -> Result<(), u32> {
        if self.state != State::Initial {
            return Err(ERROR_BAD_STATE);
        }
        self.gp11_update_aad(data)
    }

    /// API 1.1 did not look at the state; the algorithms want it before the payload all the same.
    pub(super) fn gp11_update_aad(&mut self, data: &[u8]) -> Result<(), u32> {
        self.ae()?.update_aad(data).map_err(code)
    }

    fn seal(&mut self, rest: &mut [u8]) -> Result<Zeroizing<Vec<u8>>, u32> {
        match self.end() {
            Work::Ae(ae) => ae.seal(rest).map_err(code),
            _ => Err(ERROR_BAD_STATE),
        }
    }

    fn open(&mut self, rest: &mut [u8], tag: &[u8]) -> Result<bool, u32> {
        match self.end() {
            Work::Ae(ae) => ae.open(rest, tag).map_err(code),
            _ => Err(ERROR_BAD_STATE),
        }
    }
}
