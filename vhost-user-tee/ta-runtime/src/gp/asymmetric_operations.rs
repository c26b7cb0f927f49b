// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What an operation does that encrypts or signs with an asymmetric key.

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_BAD_STATE};
use zeroize::Zeroizing;

use super::algorithms::{Algorithm, DECRYPT, ENCRYPT, SIGN, VERIFY};
use super::asymmetric_algorithms::{Asymmetric, Encryption, Signature};
use super::asymmetric_keys::code;
use super::attribute_ids::*;
use super::attribute_set::{AttributeSet, Content};
use super::digests;
use super::operations::Operation;
use crate::services::asym::ecc::Curve;
use crate::services::asym::edwards::Variant;
use crate::services::asym::rsa::Padding;
use crate::services::asym::{dsa, ecc, edwards, rsa, sm2, Error};
use crate::services::digest::Algorithm as Digest;

/// What an operation gives out, or how much room there has to be for it.
pub(super) type Output = Result<Zeroizing<Vec<u8>>, Failure>;

pub(super) enum Failure {
    /// Ends the TA, whatever the code.
    Panic(u32),
    /// Is returned, unless it is a code that the function does not return.
    Code(u32),
    /// There is not room for so many bytes.
    Short(usize),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Code(code(&error))
    }
}

impl From<u32> for Failure {
    fn from(code: u32) -> Self {
        Self::Panic(code)
    }
}

impl Operation {
    fn asymmetric(&self, mode: u32) -> Result<(Asymmetric, &AttributeSet), u32> {
        let Algorithm::Asymmetric(algorithm) = self.algorithm else {
            return Err(ERROR_BAD_PARAMETERS);
        };
        if self.mode != mode {
            return Err(ERROR_BAD_PARAMETERS);
        }
        Ok((algorithm, &self.keys.first().ok_or(ERROR_BAD_STATE)?.attributes))
    }

    pub(super) fn encrypt(&self, told: &AttributeSet, data: &[u8], room: usize) -> Output {
        let (Asymmetric::Encrypt(algorithm), key) = self.asymmetric(ENCRYPT)? else {
            return Err(Failure::Panic(ERROR_BAD_PARAMETERS));
        };
        let public = key.rsa_public();
        let out = match algorithm {
            Encryption::Sm2 => {
                check_room(data.len() + sm2::OVERHEAD, room)?;
                sm2::encrypt(key.point(Curve::Sm2), data)?
            }
            Encryption::RsaNoPadding => rsa::encrypt(public, Padding::None, data)?,
            Encryption::RsaPkcs1 => {
                check_room(public.modulus.len(), room)?;
                rsa::encrypt(public, Padding::Pkcs1, data)?
            }
            Encryption::RsaOaep(digest) => {
                check_room(public.modulus.len(), room)?;
                rsa::encrypt(public, oaep(digest, told)?, data)?
            }
        };
        Ok(Zeroizing::new(out))
    }

    pub(super) fn decrypt(&self, told: &AttributeSet, data: &[u8]) -> Output {
        let (Asymmetric::Encrypt(algorithm), key) = self.asymmetric(DECRYPT)? else {
            return Err(Failure::Panic(ERROR_BAD_PARAMETERS));
        };
        Ok(match algorithm {
            Encryption::Sm2 => sm2::decrypt(key.ecc_pair(Curve::Sm2), data)?,
            Encryption::RsaNoPadding => rsa::decrypt(key.rsa_pair(), Padding::None, data)?,
            Encryption::RsaPkcs1 => rsa::decrypt(key.rsa_pair(), Padding::Pkcs1, data)?,
            Encryption::RsaOaep(digest) => rsa::decrypt(key.rsa_pair(), oaep(digest, told)?, data)?,
        })
    }

    pub(super) fn sign(&self, told: &AttributeSet, digest: &[u8], room: usize) -> Output {
        let (Asymmetric::Sign(algorithm), key) = self.asymmetric(SIGN)? else {
            return Err(Failure::Panic(ERROR_BAD_PARAMETERS));
        };
        check_digest(algorithm, key, digest)?;
        let out = match algorithm {
            Signature::Dsa(_) => {
                let domain = key.dsa_domain();
                check_room(2 * domain.subprime_len(), room)?;
                dsa::sign(domain, key.dsa_private(), key.dsa_public(), digest)?
            }
            Signature::Ecdsa(of) => {
                let curve = curve(of, key)?;
                check_room(2 * curve.len(), room)?;
                ecc::sign(key.ecc_pair(curve), digest)?
            }
            Signature::Sm2 => {
                check_room(2 * Curve::Sm2.len(), room)?;
                sm2::sign(key.ecc_pair(Curve::Sm2), digest)?
            }
            Signature::Edwards(algorithm) => {
                let variant = variant(told)?;
                check_room(algorithm.signature_len(), room)?;
                edwards::sign(algorithm, key.edwards_private(algorithm), variant, digest)?
            }
            Signature::RsaPkcs1(_) | Signature::RsaUnnamed(_) | Signature::RsaPss(_) => {
                let pair = key.rsa_pair();
                check_room(pair.public.modulus.len(), room)?;
                rsa::sign(pair, rsa_scheme(algorithm, told)?, digest)?
            }
        };
        Ok(Zeroizing::new(out))
    }

    pub(super) fn verify(&self, told: &AttributeSet, digest: &[u8], signature: &[u8]) -> Result<bool, u32> {
        let (Asymmetric::Sign(algorithm), key) = self.asymmetric(VERIFY)? else {
            return Err(ERROR_BAD_PARAMETERS);
        };
        check_digest(algorithm, key, digest)?;
        let valid = match algorithm {
            Signature::Dsa(_) => dsa::verify(key.dsa_domain(), key.dsa_public(), digest, signature),
            Signature::Ecdsa(of) => ecc::verify(key.point(curve(of, key)?), digest, signature),
            Signature::Sm2 => sm2::verify(key.point(Curve::Sm2), digest, signature),
            Signature::Edwards(algorithm) => {
                let public = key.edwards_public(algorithm);
                edwards::verify(algorithm, public, variant(told)?, digest, signature)
            }
            Signature::RsaPkcs1(_) | Signature::RsaUnnamed(_) | Signature::RsaPss(_) => {
                rsa::verify(key.rsa_public(), rsa_scheme(algorithm, told)?, digest, signature)
            }
        };
        match valid {
            Ok(valid) => Ok(valid),
            Err(Error::Key) => Ok(false),
            Err(error) => Err(code(&error)),
        }
    }
}

pub(super) fn check_room(needed: usize, room: usize) -> Result<(), Failure> {
    if needed > room {
        return Err(Failure::Short(needed));
    }
    Ok(())
}

/// A digest has the length of its algorithm; with DSA it may be cut to that of a key. Ed25519 signs anything.
fn check_digest(algorithm: Signature, key: &AttributeSet, digest: &[u8]) -> Result<(), u32> {
    let len = Asymmetric::Sign(algorithm).digest_len();
    let cut = match algorithm {
        Signature::Dsa(_) => len.min(key.dsa_domain().subprime_len()),
        _ => len,
    };
    if len != 0 && digest.len() != len && digest.len() != cut {
        return Err(ERROR_BAD_PARAMETERS);
    }
    Ok(())
}

/// The curve of a key, which is the one that the algorithm is for.
fn curve(of: Option<Curve>, key: &AttributeSet) -> Result<Curve, u32> {
    let curve = key.curve().map_err(|error| code(&error))?;
    if curve == Curve::Sm2 || of.is_some_and(|of| of != curve) {
        return Err(ERROR_BAD_PARAMETERS);
    }
    Ok(curve)
}

/// As OP-TEE takes it: attributes that have nothing to say here are passed over.
fn oaep(digest: Digest, told: &AttributeSet) -> Result<Padding<'_>, Failure> {
    let mgf = match told.buffer(RSA_OAEP_MGF_HASH) {
        None => digest,
        Some(id) => <[u8; 4]>::try_from(&id[..])
            .ok()
            .and_then(|id| digests::algorithm(u32::from_ne_bytes(id)))
            .filter(|digest| digest.output_len().is_some())
            .ok_or(Failure::Code(ERROR_BAD_PARAMETERS))?,
    };
    Ok(Padding::Oaep { digest, mgf, label: told.buffer(RSA_OAEP_LABEL).map_or(&[], |label| label) })
}

fn rsa_scheme(algorithm: Signature, told: &AttributeSet) -> Result<rsa::Signature, u32> {
    match algorithm {
        Signature::RsaPkcs1(digest) => Ok(rsa::Signature::Pkcs1(digest)),
        Signature::RsaUnnamed(_) => Ok(rsa::Signature::Pkcs1Unnamed),
        Signature::RsaPss(digest) => {
            // As in OP-TEE: what is no length is as if it were not there.
            let told = told.values(RSA_PSS_SALT_LENGTH).map(|(len, _)| len);
            let salt_len = told.filter(|len| *len < i32::MAX as u32);
            let salt_len = salt_len.unwrap_or(digest.output_len().unwrap_or(0) as u32);
            Ok(rsa::Signature::Pss { digest, salt_len })
        }
        _ => Err(ERROR_BAD_PARAMETERS),
    }
}

fn variant(told: &AttributeSet) -> Result<Variant<'_>, u32> {
    let mut variant = Variant::default();
    for attribute in told.iter() {
        match (attribute.id, &attribute.content) {
            (EDDSA_PREHASH, Content::Values(prehash @ (0 | 1), 0)) => variant.prehash = *prehash == 1,
            (EDDSA_CTX, Content::Buffer(context)) if variant.context.is_empty() => variant.context = context,
            _ => return Err(ERROR_BAD_PARAMETERS),
        }
    }
    Ok(variant)
}
