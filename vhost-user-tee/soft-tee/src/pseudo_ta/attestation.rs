// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Measurements, signed with a key of the device's (`pta_attestation.h`).
//!
//! What is measured, where OP-TEE hashes memory:
//!
//! | command | SHA-256 of |
//! | --- | --- |
//! | GET_TA_SHDR_DIGEST | the TA's file, as it is in the folder of TAs now |
//! | HASH_TA_MEMORY | the calling TA's UUID, and the SHA-256 of the file that the instance runs: a sealed copy, made when it was started |
//! | HASH_TEE_MEMORY | the SHA-256 of the daemon's program, and of the runtime's, as they were when the TEE was made |
//!
//! The daemon measures them, not the TA's process, which could say anything. Who has the host has the key. A guest can
//! have the first of any TA; no measurement that one command gives is one that another could give, so it cannot pass
//! that off as one that the TA itself has asked for.
//!
//! A measurement goes out as OP-TEE has it: the digest, then the signature (RSASSA-PSS, SHA-256, MGF1 with SHA-256, a
//! salt of 32 bytes) of the nonce and the digest.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sha::sha256;
use openssl::sign::{RsaPssSaltlen, Signer};
use ta_protocol::message::param_type::{MEMREF_INPUT, MEMREF_OUTPUT, NONE, VALUE_OUTPUT};
use tee::{gp, Failure};
use uuid::{uuid, Uuid};

use super::measurement::{self, Digest, Error, Measurement};
use super::{Call, PseudoTa};
use crate::attestation_key::MODULUS_LEN;

const GET_PUBKEY: u32 = 0;
const GET_TA_SHDR_DIGEST: u32 = 1;
const HASH_TA_MEMORY: u32 = 2;
const HASH_TEE_MEMORY: u32 = 3;

/// `TEE_ALG_RSASSA_PKCS1_PSS_MGF1_SHA256`.
const ALGORITHM: u32 = 0x7041_4930;

/// Length of a measurement: digest and signature.
const MEASUREMENT_LEN: usize = size_of::<Digest>() + MODULUS_LEN;

/// The pseudo TA.
pub(super) struct Attestation {
    tee: Measurement,
}

impl Attestation {
    /// Of a TEE of these programs.
    pub(super) fn new(tee: Measurement) -> Self {
        Self { tee }
    }
}

impl PseudoTa for Attestation {
    fn uuid(&self) -> Uuid {
        uuid!("39800861-182a-4720-9b67-2bcd622bc0b5")
    }

    fn invoke(&self, command: u32, call: &mut Call<'_>) -> Result<(), u32> {
        match command {
            GET_PUBKEY => public_key(call),
            GET_TA_SHDR_DIGEST => {
                call.expect([MEMREF_INPUT, MEMREF_INPUT, MEMREF_OUTPUT, NONE])?;
                if call.size(0) != 16 {
                    return Err(gp::ERROR_BAD_PARAMETERS);
                }
                check(call, 1, 2)?;
                let uuid = tee_uuid(&call.read(0, 16)?)?;
                let digest =
                    call.instances().registry().digest(uuid).map_err(|error| Failure::from(&error).ret)?;
                sign(call, 1, 2, &digest)
            }
            HASH_TA_MEMORY => {
                call.expect([MEMREF_INPUT, MEMREF_OUTPUT, NONE, NONE])?;
                let ta = call.ta().ok_or(gp::ERROR_ACCESS_DENIED)?;
                check(call, 0, 1)?;
                let image = measurement::of_file(ta.image()).map_err(|error| log(call, &error))?;
                sign(call, 0, 1, &sha256(&[&ta.uuid().as_bytes()[..], &image].concat()))
            }
            HASH_TEE_MEMORY => {
                call.expect([MEMREF_INPUT, MEMREF_OUTPUT, NONE, NONE])?;
                check(call, 0, 1)?;
                let digest = self.tee.digest().map_err(|error| log(call, &error))?;
                sign(call, 0, 1, &digest)
            }
            _ => Err(gp::ERROR_BAD_PARAMETERS),
        }
    }
}

/// A `TEE_UUID`, whose numbers are little-endian, as those of guests and TAs.
fn tee_uuid(bytes: &[u8]) -> Result<Uuid, u32> {
    Uuid::from_slice_le(bytes).map_err(|_| gp::ERROR_BAD_PARAMETERS)
}

fn log(call: &Call<'_>, error: &dyn std::fmt::Display) -> u32 {
    call.instances().errors().error(format_args!("attestation: {error}"));
    gp::ERROR_GENERIC
}

/// Checks the nonce, and that there is room for a measurement.
fn check(call: &mut Call<'_>, nonce: usize, out: usize) -> Result<(), u32> {
    let room = call.size(out);
    if call.is_null(nonce) || call.size(nonce) == 0 || call.is_null(out) && room > 0 {
        return Err(gp::ERROR_BAD_PARAMETERS);
    }
    if room < MEASUREMENT_LEN as u64 {
        call.set_size(out, MEASUREMENT_LEN as u64);
        return Err(gp::ERROR_SHORT_BUFFER);
    }
    Ok(())
}

/// Returns a digest, signed together with the nonce.
fn sign(call: &mut Call<'_>, nonce: usize, out: usize, digest: &Digest) -> Result<(), u32> {
    let signature = signature(call, nonce, digest)?;
    call.write(out, &[&digest[..], &signature].concat())
}

fn signature(call: &Call<'_>, nonce: usize, digest: &Digest) -> Result<Vec<u8>, u32> {
    let failed = |error: openssl::error::ErrorStack| log(call, &Error::Crypto(error));
    let key = call.instances().state().attestation_key().get().map_err(|error| log(call, &error))?;
    let key = PKey::from_rsa(key).map_err(failed)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).map_err(failed)?;
    signer.set_rsa_padding(Padding::PKCS1_PSS).map_err(failed)?;
    signer.set_rsa_mgf1_md(MessageDigest::sha256()).map_err(failed)?;
    signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).map_err(failed)?;
    call.read_pieces(nonce, |piece| signer.update(piece).map_err(failed))?;
    signer.update(digest).map_err(failed)?;
    signer.sign_to_vec().map_err(failed)
}

fn public_key(call: &mut Call<'_>) -> Result<(), u32> {
    call.expect([MEMREF_OUTPUT, MEMREF_OUTPUT, VALUE_OUTPUT, NONE])?;
    let key = call.instances().state().attestation_key().get().map_err(|error| log(call, &error))?;
    // Both sizes are told, also where one does not fit.
    let exponent = call.write(0, &key.e().to_vec());
    let modulus = call.write(1, &key.n().to_vec());
    call.set_value(2, ALGORITHM, 0);
    exponent.and(modulus)
}
