// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! SHA-256 over a buffer of the client, as large as it may be: the TA works on the client's own pages, nothing is
//! copied. Build and run: see the dev kit's README.

use optee_utee::prelude::*;
use optee_utee::{raw, AlgorithmId, Digest, ErrorKind, OpHandle, RawParamType, Result};

/// p0 memref input: the data. p1 memref output: their SHA-256, 32 bytes; `ShortBuffer` where it has less room,
/// and its size says what is needed.
const CMD_DIGEST: u32 = 0;

#[ta_create]
fn create() -> Result<()> {
    Ok(())
}

#[ta_open_session]
fn open_session(_params: &mut ParametersAny) -> Result<()> {
    Ok(())
}

#[ta_close_session]
fn close_session() {}

#[ta_destroy]
fn destroy() {}

/// The types of the parameters are part of the signature: with others the client gets `BadParameters`.
type DigestParams<'a> = (ParameterMemrefInput<'a>, HashOut<'a>, ParameterNone, ParameterNone);

#[ta_invoke_command]
fn invoke_command(command: u32, params: &mut DigestParams<'_>) -> Result<()> {
    match command {
        CMD_DIGEST => digest(&params.0, &mut params.1),
        _ => Err(ErrorKind::NotSupported.into()),
    }
}

fn digest(data: &ParameterMemrefInput<'_>, hash: &mut HashOut<'_>) -> Result<()> {
    let operation = Digest::allocate(AlgorithmId::Sha256)?;
    // SAFETY: the client's buffer stays mapped, `buffer_len` bytes of it, while the command runs. It can change
    // meanwhile, which is why there is no `&[u8]` of it: the function reads each byte once, and it is no matter
    // which of two values it finds. (`read_to_vec` would copy, which is right where data are checked first.)
    unsafe { raw::TEE_DigestUpdate(operation.handle(), data.buffer_ptr().cast(), data.buffer_len()) };

    let mut bytes = [0; 32];
    let len = operation.do_final(&[], &mut bytes)?;
    hash.set(&bytes[..len])
}

/// An output buffer that can say how much room it should have had, which `ParameterMemrefOutput` cannot.
struct HashOut<'a>(&'a mut raw::TEE_Param);

impl<'a> FromRawParameter<'a> for HashOut<'a> {
    unsafe fn from_raw(raw_type: RawParamType, param: &'a mut raw::TEE_Param) -> Result<Self> {
        if raw_type == raw::TEE_PARAM_TYPE_MEMREF_OUTPUT {
            Ok(Self(param))
        } else {
            Err(ErrorKind::BadParameters.into())
        }
    }
}

impl HashOut<'_> {
    fn set(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: `from_raw` made sure that it is a memref.
        let memref = unsafe { &mut self.0.memref };
        let room = memref.size;
        memref.size = bytes.len();
        if room < bytes.len() || memref.buffer.is_null() {
            return Err(ErrorKind::ShortBuffer.into());
        }
        // SAFETY: the client's buffer has `room` bytes, and the hash does not lie in it.
        unsafe { raw::TEE_MemMove(memref.buffer, bytes.as_ptr().cast(), bytes.len()) };
        Ok(())
    }
}

// What build.rs wrote.
include!(concat!(env!("OUT_DIR"), "/user_ta_header.rs"));
