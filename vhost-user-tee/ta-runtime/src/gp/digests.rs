// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Message digests (API 1.3.1, section 6.3).

use std::ffi::c_void;

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_OUT_OF_MEMORY, ERROR_SHORT_BUFFER, SUCCESS};

use super::handles::lock;
use super::operations::{operation, Operation, State, Work};
use super::panic::panic;
use super::pointers::{bytes, bytes_mut, load, store, with_gp11_len};
use crate::services::digest::{Algorithm, Digest, Error};

/// `TEE_ALG_*` of the digests that there are.
const ALGORITHMS: [(u32, Algorithm); 13] = [
    (0x5000_0001, Algorithm::Md5),
    (0x5000_0002, Algorithm::Sha1),
    (0x5000_0003, Algorithm::Sha224),
    (0x5000_0004, Algorithm::Sha256),
    (0x5000_0005, Algorithm::Sha384),
    (0x5000_0006, Algorithm::Sha512),
    (0x5000_0007, Algorithm::Sm3),
    (0x5000_0008, Algorithm::Sha3_224),
    (0x5000_0009, Algorithm::Sha3_256),
    (0x5000_000A, Algorithm::Sha3_384),
    (0x5000_000B, Algorithm::Sha3_512),
    (0x5000_0101, Algorithm::Shake128),
    (0x5000_0102, Algorithm::Shake256),
];

/// The digest that a `TEE_ALG_*` names.
pub(super) fn algorithm(id: u32) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(number, _)| *number == id).map(|(_, algorithm)| *algorithm)
}

/// The `TEE_ALG_*` of a digest.
pub(super) fn algorithm_id(algorithm: Algorithm) -> u32 {
    ALGORITHMS.iter().find(|(_, known)| *known == algorithm).map_or(0, |(id, _)| *id)
}

/// What a failure of the service is to the TA, which has asked for nothing wrong when it comes to that.
pub(super) fn code(error: Error) -> u32 {
    match error {
        Error::NoMemory => ERROR_OUT_OF_MEMORY,
        Error::Extracting => ERROR_BAD_STATE,
        Error::Length => ERROR_BAD_PARAMETERS,
    }
}

/// Takes in a chunk of the message.
///
/// # Safety
/// `size` bytes can be read at `chunk`.
#[no_mangle]
unsafe extern "C" fn TEE_DigestUpdate(handle: usize, chunk: *const c_void, size: usize) {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let chunk = unsafe { bytes(chunk, size) };
    lock(&operation).update(chunk).unwrap_or_else(|code| panic(code));
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_DigestUpdate`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_DigestUpdate(handle: usize, chunk: *const c_void, size: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_DigestUpdate(handle, chunk, size as usize) }
}

/// Takes in the last chunk, gives out the digest, and begins anew; `TEE_ERROR_SHORT_BUFFER` where `hash` has
/// too little room, with the length needed in `hash_len`, and then nothing else was done. The output of SHAKE is
/// as long as there is room for.
///
/// # Safety
/// `chunk_len` bytes can be read at `chunk`, `*hash_len` be written at `hash`; `hash_len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_DigestDoFinal(
    handle: usize,
    chunk: *const c_void,
    chunk_len: usize,
    hash: *mut c_void,
    hash_len: *mut usize,
) -> u32 {
    let operation = operation(handle);
    let mut operation = lock(&operation);
    // SAFETY: the caller's word.
    let room = unsafe { load(hash_len) };

    let len = match operation.final_len(room, chunk_len) {
        Ok(len) => len,
        Err(code) => panic(code),
    };
    // SAFETY: the caller's word.
    unsafe { store(hash_len, len) };
    if len > room {
        return ERROR_SHORT_BUFFER;
    }
    // One after the other: the digest may be written over the message.
    if chunk_len > 0 {
        // SAFETY: the caller's word.
        operation.update(unsafe { bytes(chunk, chunk_len) }).unwrap_or_else(|code| panic(code));
    }
    // SAFETY: the caller's word, and `len` is no more than `room`.
    operation.finish(unsafe { bytes_mut(hash, len) }).unwrap_or_else(|code| panic(code));
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_DigestDoFinal`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_DigestDoFinal(
    handle: usize,
    chunk: *const c_void,
    chunk_len: u32,
    hash: *mut c_void,
    hash_len: *mut u32,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe {
        with_gp11_len(hash_len, |wide| TEE_DigestDoFinal(handle, chunk, chunk_len as usize, hash, wide))
    }
}

/// Gives out a part of the digest, the one after what was given out before; of the message no more can follow.
/// At the end of a digest it is less than there is room for; SHAKE has no end.
///
/// # Safety
/// `*hash_len` bytes can be written at `hash`; `hash_len` points to a length.
#[no_mangle]
unsafe extern "C" fn TEE_DigestExtract(handle: usize, hash: *mut c_void, hash_len: *mut usize) -> u32 {
    let operation = operation(handle);
    // SAFETY: the caller's word.
    let out = unsafe { bytes_mut(hash, load(hash_len)) };
    let len = lock(&operation).extract(out).unwrap_or_else(|code| panic(code));
    // SAFETY: the caller's word.
    unsafe { store(hash_len, len) };
    SUCCESS
}

/// What an operation does that is a digest. Errors are codes to end the TA with.
impl Operation {
    fn digest(&mut self) -> Result<&mut Digest, u32> {
        match &mut self.work {
            Work::Digest(digest) => Ok(digest),
            _ => Err(ERROR_BAD_PARAMETERS),
        }
    }

    fn update(&mut self, chunk: &[u8]) -> Result<(), u32> {
        if self.state == State::Extracting {
            return Err(ERROR_BAD_STATE);
        }
        self.digest()?.update(chunk).map_err(code)?;
        self.state = State::Active;
        Ok(())
    }

    /// How many bytes the digest has that is to be finished into `room` bytes, after a last chunk.
    fn final_len(&mut self, room: usize, chunk_len: usize) -> Result<usize, u32> {
        if self.state == State::Extracting && chunk_len > 0 {
            return Err(ERROR_BAD_STATE);
        }
        // What is left of it.
        Ok(self.digest()?.rest_len().unwrap_or(room))
    }

    /// `out` is as long as [`final_len`](Self::final_len) says.
    fn finish(&mut self, out: &mut [u8]) -> Result<(), u32> {
        self.digest()?.finish(out).map_err(code)?;
        self.state = State::Initial;
        Ok(())
    }

    fn extract(&mut self, out: &mut [u8]) -> Result<usize, u32> {
        let len = self.digest()?.extract(out).map_err(code)?;
        self.state = State::Extracting;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::algorithms::DIGEST;
    use super::*;

    const SHA256: u32 = 0x5000_0004;
    const SHAKE256: u32 = 0x5000_0102;
    /// FIPS 180-4, examples: "abc".
    const ABC: [u8; 32] = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0,
        0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];

    fn sha256() -> Operation {
        Operation::new(SHA256, DIGEST, 0).unwrap()
    }

    #[test]
    fn finishing_begins_anew() {
        let mut operation = sha256();
        let mut out = [0; 32];
        for _ in 0..2 {
            operation.update(b"ab").unwrap();
            assert_eq!(operation.state, State::Active);
            operation.update(b"c").unwrap();
            operation.finish(&mut out).unwrap();
            assert_eq!(out, ABC);
            assert_eq!(operation.state, State::Initial);
        }
    }

    #[test]
    fn a_digest_tells_its_length_and_shake_takes_what_there_is() {
        assert_eq!(sha256().final_len(0, 9), Ok(32));
        assert_eq!(sha256().final_len(100, 0), Ok(32));
        assert_eq!(Operation::new(SHAKE256, DIGEST, 0).unwrap().final_len(100, 9), Ok(100));
    }

    #[test]
    fn after_extraction_has_begun_no_message_can_follow() {
        let mut operation = sha256();
        operation.update(b"abc").unwrap();
        let mut out = [0; 40];
        assert_eq!(operation.extract(&mut out[..10]), Ok(10));
        assert_eq!(operation.state, State::Extracting);
        assert_eq!(operation.update(b""), Err(ERROR_BAD_STATE));
        assert_eq!(operation.final_len(40, 1), Err(ERROR_BAD_STATE));
        assert_eq!(operation.final_len(40, 0), Ok(22));
        assert_eq!(operation.extract(&mut out[10..]), Ok(22));
        assert_eq!(out[..32], ABC);
        assert_eq!(operation.extract(&mut out), Ok(0));
        operation.begin_anew().unwrap();
        operation.update(b"abc").unwrap();
        operation.finish(&mut out[..32]).unwrap();
        assert_eq!(out[..32], ABC);
    }

    #[test]
    fn what_is_left_can_be_finished() {
        let mut operation = sha256();
        operation.update(b"abc").unwrap();
        let mut out = [0; 32];
        operation.extract(&mut out[..30]).unwrap();
        operation.finish(&mut out[30..]).unwrap();
        assert_eq!(out, ABC);
        assert_eq!(operation.state, State::Initial);
    }

    #[test]
    fn every_digest_has_a_number_of_its_own() {
        for (id, of) in ALGORITHMS {
            assert_eq!(algorithm(id), Some(of));
            assert_eq!(algorithm_id(of), id);
        }
        // MD5 and SHA-1 in one, which only a signature uses.
        assert_eq!(algorithm(0x5000_000F), None);
    }
}
