// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Key agreement and derivation (API 1.3.1, section 6.8, and OP-TEE's own).
//!
//! As in OP-TEE every failure ends the TA, and a derived key may be longer than its object was allocated for, up to
//! what such objects can hold at most. Unlike there the object's size is that of the key.

use std::ffi::c_void;

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_NOT_SUPPORTED, ERROR_OUT_OF_MEMORY};
use zeroize::Zeroizing;

use super::algorithms::Algorithm;
use super::asymmetric_algorithms::{Asymmetric, Derivation};
use super::asymmetric_keys::{code, montgomery_public_id};
use super::attribute_ids::*;
use super::attribute_set::{Attribute, AttributeSet, Content};
use super::attributes::Attributes;
use super::digests;
use super::handles::lock;
use super::object::Key;
use super::objects::object;
use super::operations::{operation, Operation};
use super::panic::panic;
use crate::services::asym::ecc::{Curve, PublicKey};
use crate::services::asym::sm2_exchange::{self, Exchange, Side};
use crate::services::asym::{dh, ecc, montgomery};
use crate::services::digest::Algorithm as Digest;
use crate::services::{equal, kdf};

/// The most bytes that a derived key has.
const MOST: usize = 512;
/// Length of what confirms a key agreed on with SM2, in bytes.
const CONFIRMATION_LEN: usize = 32;

/// What came of it.
struct Derived {
    key: Zeroizing<Vec<u8>>,
    /// To be written where the TA has told (`TEE_ATTR_SM2_KEP_CONFIRMATION_OUT`).
    confirmation: Option<[u8; CONFIRMATION_LEN]>,
}

/// Errors are codes to end the TA with.
impl Operation {
    /// Derives a key for an object of `max_size` bits.
    fn derive(&self, told: &AttributeSet, max_size: u32) -> Result<Derived, u32> {
        let Algorithm::Asymmetric(Asymmetric::Derive(algorithm)) = self.algorithm else {
            return Err(ERROR_BAD_PARAMETERS);
        };
        let key = self.keys.first().ok_or(ERROR_BAD_STATE)?;
        let derived = match algorithm {
            Derivation::Sm2 => {
                let ephemeral = self.keys.get(1).ok_or(ERROR_BAD_STATE)?;
                return sm2(key, ephemeral, told, max_size as usize / 8);
            }
            Derivation::Dh => {
                let [public] = buffers(told, [DH_PUBLIC_VALUE])?;
                dh::agree(key.attributes.dh_group(), key.attributes.dh_private(), public)
                    .map_err(|error| code(&error))?
            }
            Derivation::Ecdh(of) => {
                let curve = key.attributes.curve().map_err(|error| code(&error))?;
                if curve == Curve::Sm2 || of.is_some_and(|of| of != curve) {
                    return Err(ERROR_BAD_PARAMETERS);
                }
                let [x, y] = buffers(told, [ECC_PUBLIC_VALUE_X, ECC_PUBLIC_VALUE_Y])?;
                ecc::agree(key.attributes.ecc_pair(curve), PublicKey { curve, x, y })
                    .map_err(|error| code(&error))?
            }
            Derivation::Montgomery(algorithm) => {
                let [public] = buffers(told, [montgomery_public_id(algorithm)])?;
                montgomery::agree(algorithm, key.attributes.montgomery_private(algorithm), public)
                    .map_err(|error| code(&error))?
            }
            Derivation::Hkdf(digest) => hkdf(digest, key, told)?,
            Derivation::Concat(digest) => {
                let told = Told::new(told, &[CONCAT_KDF_OTHER_INFO, CONCAT_KDF_DKM_LENGTH])?;
                let secret = secret(key, CONCAT_KDF_Z);
                let info = told.buffer(&[CONCAT_KDF_OTHER_INFO]);
                let len = told.len(&[CONCAT_KDF_DKM_LENGTH])?;
                kdf::concat(digest, kdf::Order::CounterFirst, secret, info, len).map_err(kdf_code)?
            }
            Derivation::Pbkdf2 => {
                let told = Told::new(told, &[PBKDF2_SALT, PBKDF2_ITERATION_COUNT, PBKDF2_DKM_LENGTH])?;
                let count = told.value(&[PBKDF2_ITERATION_COUNT]).ok_or(ERROR_BAD_PARAMETERS)?;
                let len = told.len(&[PBKDF2_DKM_LENGTH])?;
                let salt = told.buffer(&[PBKDF2_SALT]);
                kdf::pbkdf2(Digest::Sha1, secret(key, PBKDF2_PASSWORD), salt, count, len).map_err(kdf_code)?
            }
        };
        Ok(Derived { key: derived, confirmation: None })
    }
}

fn kdf_code(error: kdf::Error) -> u32 {
    match error {
        kdf::Error::Parameters => ERROR_BAD_PARAMETERS,
        kdf::Error::NoMemory => ERROR_OUT_OF_MEMORY,
    }
}

fn secret(key: &Key, id: u32) -> &[u8] {
    key.attributes.buffer(id).map_or(&[], |secret| secret)
}

/// What is told, which is nothing but these, in this order.
fn buffers<const N: usize>(told: &AttributeSet, ids: [u32; N]) -> Result<[&[u8]; N], u32> {
    if !told.iter().map(|attribute| attribute.id).eq(ids) {
        return Err(ERROR_BAD_PARAMETERS);
    }
    Ok(ids.map(|id| told.buffer(id).map_or(&[][..], |buffer| buffer)))
}

/// What is told, each under one of several numbers; of those told twice the first counts.
struct Told<'a>(&'a AttributeSet);

impl<'a> Told<'a> {
    fn new(told: &'a AttributeSet, known: &[u32]) -> Result<Self, u32> {
        if told.iter().any(|attribute| !known.contains(&attribute.id)) {
            return Err(ERROR_BAD_PARAMETERS);
        }
        Ok(Self(told))
    }

    fn find(&self, ids: &[u32]) -> Option<&'a Attribute> {
        self.0.iter().find(|attribute| ids.contains(&attribute.id))
    }

    fn value(&self, ids: &[u32]) -> Option<u32> {
        match self.find(ids)?.content {
            Content::Values(a, _) => Some(a),
            Content::Buffer(_) => None,
        }
    }

    fn buffer(&self, ids: &[u32]) -> &'a [u8] {
        match self.find(ids).map(|attribute| &attribute.content) {
            Some(Content::Buffer(buffer)) => buffer,
            Some(Content::Values(..)) | None => &[],
        }
    }

    fn has(&self, ids: &[u32]) -> bool {
        self.find(ids).is_some()
    }

    /// The length of a key, in bytes.
    fn len(&self, ids: &[u32]) -> Result<usize, u32> {
        self.value(ids).map(|len| len as usize).filter(|len| *len <= MOST).ok_or(ERROR_BAD_PARAMETERS)
    }
}

/// API 1.3 tells the digest, OP-TEE's own algorithms have it in their number. Salt, info and length are taken under
/// the numbers of either.
fn hkdf(digest: Option<Digest>, key: &Key, told: &AttributeSet) -> Result<Zeroizing<Vec<u8>>, u32> {
    const SALT: [u32; 2] = [HKDF_SALT, OPTEE_HKDF_SALT];
    const INFO: [u32; 2] = [HKDF_INFO, OPTEE_HKDF_INFO];
    const LEN: [u32; 2] = [KDF_KEY_SIZE, HKDF_OKM_LENGTH];
    let known = [&SALT[..], &INFO, &LEN, &[HKDF_HASH_ALGORITHM]].concat();
    let told = Told::new(told, &known)?;
    let (digest, secret) = match digest {
        Some(digest) if !told.has(&[HKDF_HASH_ALGORITHM]) => (digest, secret(key, HKDF_IKM)),
        Some(_) => return Err(ERROR_BAD_PARAMETERS),
        None => {
            let id = told.value(&[HKDF_HASH_ALGORITHM]).ok_or(ERROR_BAD_PARAMETERS)?;
            let of_either = if key.secret().is_empty() { secret(key, HKDF_IKM) } else { key.secret() };
            (digests::algorithm(id).ok_or(ERROR_NOT_SUPPORTED)?, of_either)
        }
    };
    kdf::hkdf(digest, secret, told.buffer(&SALT), told.buffer(&INFO), told.len(&LEN)?).map_err(kdf_code)
}

/// The first key is this side's own, the second that for this exchange alone. The key derived is as long as its
/// object can be.
fn sm2(key: &Key, ephemeral: &Key, told: &AttributeSet, len: usize) -> Result<Derived, u32> {
    const X: [u32; 2] = [ECC_EPHEMERAL_PUBLIC_VALUE_X, OPTEE_EPHEMERAL_X];
    const Y: [u32; 2] = [ECC_EPHEMERAL_PUBLIC_VALUE_Y, OPTEE_EPHEMERAL_Y];
    const NEEDED: [&[u32]; 7] = [
        &[SM2_KEP_USER],
        &[ECC_PUBLIC_VALUE_X],
        &[ECC_PUBLIC_VALUE_Y],
        &X,
        &Y,
        &[SM2_ID_INITIATOR],
        &[SM2_ID_RESPONDER],
    ];
    const OPTIONAL: [u32; 2] = [SM2_KEP_CONFIRMATION_IN, SM2_KEP_CONFIRMATION_OUT];
    let told = Told::new(told, &[&NEEDED.concat()[..], &OPTIONAL].concat())?;
    if NEEDED.iter().any(|ids| !told.has(ids)) {
        return Err(ERROR_BAD_PARAMETERS);
    }
    let initiator = told.value(&[SM2_KEP_USER]) == Some(0);
    let ids = [SM2_ID_INITIATOR, SM2_ID_RESPONDER].map(|id| told.buffer(&[id]));
    let [id, peer_id] = if initiator { ids } else { [ids[1], ids[0]] };
    let point = |x, y| PublicKey { curve: Curve::Sm2, x: told.buffer(x), y: told.buffer(y) };
    let exchange = Exchange {
        initiator,
        id,
        key: key.attributes.ecc_pair(Curve::Sm2),
        ephemeral: ephemeral.attributes.ecc_pair(Curve::Sm2),
        peer: Side {
            id: peer_id,
            key: point(&[ECC_PUBLIC_VALUE_X], &[ECC_PUBLIC_VALUE_Y]),
            ephemeral: point(&X, &Y),
        },
    };
    let agreed = sm2_exchange::agree(exchange, len).map_err(|error| code(&error))?;
    if told.has(&[SM2_KEP_CONFIRMATION_IN]) {
        let confirmation = told.buffer(&[SM2_KEP_CONFIRMATION_IN]);
        let confirmation = confirmation.get(..CONFIRMATION_LEN).ok_or(ERROR_BAD_PARAMETERS)?;
        if !equal(confirmation, &agreed.expected) {
            return Err(ERROR_BAD_STATE);
        }
    }
    let mut confirmation = None;
    if told.has(&[SM2_KEP_CONFIRMATION_OUT]) {
        if told.buffer(&[SM2_KEP_CONFIRMATION_OUT]).len() < CONFIRMATION_LEN {
            return Err(ERROR_BAD_PARAMETERS);
        }
        confirmation = Some(agreed.confirmation);
    }
    Ok(Derived { key: agreed.key, confirmation })
}

/// # Safety
/// As [`Attributes::read`] and [`Attributes::write`].
unsafe fn derive(handle: usize, attributes: Attributes, count: u32, derived: usize) {
    let operation = operation(handle);
    let object = object(derived);
    // SAFETY: the caller's word.
    let told = AttributeSet::new(unsafe { attributes.read(count) });
    let result = {
        let mut object = lock(&object);
        object
            .check_underived()
            .and_then(|()| lock(&operation).derive(&told, object.max_size()))
            .and_then(|derived| object.set_derived(derived.key).map(|()| derived.confirmation))
    };
    if let Some(confirmation) = result.unwrap_or_else(|code| panic(code)) {
        // SAFETY: the caller's word; a buffer of this length was found there.
        unsafe { attributes.write(count, SM2_KEP_CONFIRMATION_OUT, &confirmation) };
    }
}

/// Derives a key into an object of type `TEE_TYPE_GENERIC_SECRET` that is not initialized.
///
/// # Safety
/// `count` of `TEE_Attribute` can be read at `told`, and what they refer to; what
/// `TEE_ATTR_SM2_KEP_CONFIRMATION_OUT` refers to can be written.
#[no_mangle]
unsafe extern "C" fn TEE_DeriveKey(handle: usize, told: *const c_void, count: u32, derived: usize) {
    // SAFETY: the caller's word.
    unsafe { derive(handle, Attributes::Now(told), count, derived) }
}

/// As API 1.1 had it.
///
/// # Safety
/// The same of `__GP11_TEE_Attribute`.
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_DeriveKey(handle: usize, told: *const c_void, count: u32, derived: usize) {
    // SAFETY: the caller's word.
    unsafe { derive(handle, Attributes::Gp11(told), count, derived) }
}
