// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asymmetric encryption and signatures (API 1.3.1, section 6.7).
//!
//! Where OP-TEE ends a TA that verifies with a key that is no point of its curve, or a signature that is too short
//! or too long, the signature here is an invalid one: both may come from anybody.

use std::ffi::c_void;

use tee::gp::{
    ERROR_BAD_PARAMETERS, ERROR_CIPHERTEXT_INVALID, ERROR_NOT_SUPPORTED, ERROR_SHORT_BUFFER,
    ERROR_SIGNATURE_INVALID, SUCCESS,
};
use zeroize::Zeroizing;

use super::asymmetric_operations::{check_room, Failure, Output};
use super::attribute_set::AttributeSet;
use super::attributes::Attributes;
use super::handles::lock;
use super::operations::{operation, Operation};
use super::panic::panic;
use super::pointers::{bytes, bytes_mut, load, store, with_gp11_len};

/// A result that may be given to the TA; any other ends it.
type Returned = &'static [u32];

const OF_ENCRYPT: Returned = &[ERROR_SHORT_BUFFER, ERROR_BAD_PARAMETERS, ERROR_NOT_SUPPORTED];
const OF_DECRYPT: Returned =
    &[ERROR_SHORT_BUFFER, ERROR_BAD_PARAMETERS, ERROR_CIPHERTEXT_INVALID, ERROR_NOT_SUPPORTED];
const OF_GP11: Returned = &[ERROR_SHORT_BUFFER, ERROR_BAD_PARAMETERS];
const OF_SIGN: Returned = &[ERROR_SHORT_BUFFER];

/// What a function is given, copied.
struct Given {
    handle: usize,
    told: AttributeSet,
    data: Zeroizing<Vec<u8>>,
}

impl Given {
    /// # Safety
    /// As [`Attributes::read`] and [`bytes`].
    unsafe fn read(
        handle: usize,
        told: Attributes,
        count: u32,
        data: *const c_void,
        data_len: usize,
    ) -> Self {
        // SAFETY: the caller's word.
        unsafe {
            Self {
                handle,
                told: AttributeSet::new(told.read(count)),
                data: Zeroizing::new(bytes(data, data_len).to_vec()),
            }
        }
    }

    /// Does something and gives out what comes of it.
    ///
    /// # Safety
    /// `len` points to a length, and so many bytes can be written at `out`.
    unsafe fn give_out(
        self,
        out: *mut c_void,
        len: *mut usize,
        returned: Returned,
        of: impl FnOnce(&Operation, &AttributeSet, &[u8], usize) -> Output,
    ) -> u32 {
        let operation = operation(self.handle);
        // SAFETY: the caller's word.
        let room = unsafe { load(len) };
        let output = of(&lock(&operation), &self.told, &self.data, room).and_then(|output| {
            check_room(output.len(), room)?;
            Ok(output)
        });
        let (result, needed) = match output {
            Ok(output) => {
                // SAFETY: the caller's word, and there is room.
                unsafe { bytes_mut(out, output.len()) }.copy_from_slice(&output);
                (SUCCESS, output.len())
            }
            Err(Failure::Short(needed)) => (ERROR_SHORT_BUFFER, needed),
            Err(Failure::Code(code)) if returned.contains(&code) => (code, room),
            Err(Failure::Code(code) | Failure::Panic(code)) => panic(code),
        };
        // SAFETY: the caller's word.
        unsafe { store(len, needed) };
        result
    }
}

/// Encrypts; `TEE_ERROR_SHORT_BUFFER` with the length needed in `out_len` where there is too little room,
/// `TEE_ERROR_BAD_PARAMETERS` where the data are too long.
///
/// # Safety
/// `count` of `TEE_Attribute` can be read at `told`, and what they refer to; `data_len` bytes be read at `data`,
/// `*out_len` be written at `out`; `out_len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_AsymmetricEncrypt(
    handle: usize,
    told: *const c_void,
    count: u32,
    data: *const c_void,
    data_len: usize,
    out: *mut c_void,
    out_len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe {
        Given::read(handle, Attributes::Now(told), count, data, data_len).give_out(
            out,
            out_len,
            OF_ENCRYPT,
            Operation::encrypt,
        )
    }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_AsymmetricEncrypt`], of `__GP11_TEE_Attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AsymmetricEncrypt(
    handle: usize,
    told: *const c_void,
    count: u32,
    data: *const c_void,
    data_len: u32,
    out: *mut c_void,
    out_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe {
        let given = Given::read(handle, Attributes::Gp11(told), count, data, data_len as usize);
        with_gp11_len(out_len, |wide| given.give_out(out, wide, OF_GP11, Operation::encrypt))
    }
}

/// Decrypts; `TEE_ERROR_SHORT_BUFFER` with the length needed in `out_len` where there is too little room,
/// `TEE_ERROR_BAD_PARAMETERS` or (SM2) `TEE_ERROR_CIPHERTEXT_INVALID` where it was not encrypted with this key.
///
/// # Safety
/// As [`TEE_AsymmetricEncrypt`].
#[no_mangle]
unsafe extern "C" fn TEE_AsymmetricDecrypt(
    handle: usize,
    told: *const c_void,
    count: u32,
    data: *const c_void,
    data_len: usize,
    out: *mut c_void,
    out_len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe {
        Given::read(handle, Attributes::Now(told), count, data, data_len).give_out(
            out,
            out_len,
            OF_DECRYPT,
            |operation, told, data, _| operation.decrypt(told, data),
        )
    }
}

/// As API 1.1 had it: an invalid ciphertext of SM2 ends the TA.
///
/// # Safety
/// As [`__GP11_TEE_AsymmetricEncrypt`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AsymmetricDecrypt(
    handle: usize,
    told: *const c_void,
    count: u32,
    data: *const c_void,
    data_len: u32,
    out: *mut c_void,
    out_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe {
        let given = Given::read(handle, Attributes::Gp11(told), count, data, data_len as usize);
        with_gp11_len(out_len, |wide| {
            given.give_out(out, wide, OF_GP11, |operation, told, data, _| operation.decrypt(told, data))
        })
    }
}

/// Signs a digest; with EdDSA, a message. `TEE_ERROR_SHORT_BUFFER` with the length needed in `out_len` where there
/// is too little room.
///
/// # Safety
/// As [`TEE_AsymmetricEncrypt`].
#[no_mangle]
unsafe extern "C" fn TEE_AsymmetricSignDigest(
    handle: usize,
    told: *const c_void,
    count: u32,
    digest: *const c_void,
    digest_len: usize,
    out: *mut c_void,
    out_len: *mut usize,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe {
        Given::read(handle, Attributes::Now(told), count, digest, digest_len).give_out(
            out,
            out_len,
            OF_SIGN,
            Operation::sign,
        )
    }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`__GP11_TEE_AsymmetricEncrypt`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AsymmetricSignDigest(
    handle: usize,
    told: *const c_void,
    count: u32,
    digest: *const c_void,
    digest_len: u32,
    out: *mut c_void,
    out_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe {
        let given = Given::read(handle, Attributes::Gp11(told), count, digest, digest_len as usize);
        with_gp11_len(out_len, |wide| given.give_out(out, wide, OF_SIGN, Operation::sign))
    }
}

fn verify(given: &Given, signature: &[u8]) -> u32 {
    let operation = operation(given.handle);
    let valid = lock(&operation).verify(&given.told, &given.data, signature);
    match valid {
        Ok(true) => SUCCESS,
        Ok(false) => ERROR_SIGNATURE_INVALID,
        Err(code) => panic(code),
    }
}

/// Verifies the signature of a digest; with EdDSA, of a message: `TEE_ERROR_SIGNATURE_INVALID` where it is not that.
///
/// # Safety
/// As [`TEE_AsymmetricEncrypt`]; `signature_len` bytes can be read at `signature`.
#[no_mangle]
unsafe extern "C" fn TEE_AsymmetricVerifyDigest(
    handle: usize,
    told: *const c_void,
    count: u32,
    digest: *const c_void,
    digest_len: usize,
    signature: *const c_void,
    signature_len: usize,
) -> u32 {
    // SAFETY: the caller's word.
    let given = unsafe { Given::read(handle, Attributes::Now(told), count, digest, digest_len) };
    // SAFETY: the caller's word.
    let signature = unsafe { bytes(signature, signature_len) }.to_vec();
    verify(&given, &signature)
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_AsymmetricVerifyDigest`], of `__GP11_TEE_Attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_AsymmetricVerifyDigest(
    handle: usize,
    told: *const c_void,
    count: u32,
    digest: *const c_void,
    digest_len: u32,
    signature: *const c_void,
    signature_len: u32,
) -> u32 {
    // SAFETY: the caller's word.
    let given = unsafe { Given::read(handle, Attributes::Gp11(told), count, digest, digest_len as usize) };
    // SAFETY: the caller's word.
    let signature = unsafe { bytes(signature, signature_len as usize) }.to_vec();
    verify(&given, &signature)
}
