// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Ed25519 and Ed448 (RFC 8032), with context and prehashing. What is signed is the message itself; where it is to
//! be hashed before, that is done here, as in OP-TEE.

use openssl::md_ctx::MdCtx;
use openssl::pkey::{Id, PKey};
use zeroize::Zeroizing;

use super::Error;
use crate::sys::eddsa_instance::set_instance;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Ed25519,
    Ed448,
}

/// Variants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant<'a> {
    pub(crate) prehash: bool,
    /// No more than 255 bytes.
    pub(crate) context: &'a [u8],
}

/// The longest context.
const MAX_CONTEXT: usize = 255;

impl Algorithm {
    fn id(self) -> Id {
        match self {
            Self::Ed25519 => Id::ED25519,
            Self::Ed448 => Id::ED448,
        }
    }

    /// Length of a signature in bytes.
    pub(crate) fn signature_len(self) -> usize {
        match self {
            Self::Ed25519 => 64,
            Self::Ed448 => 114,
        }
    }

    /// The name that the library has for a variant.
    fn instance(self, variant: Variant<'_>) -> Result<&'static std::ffi::CStr, Error> {
        if variant.context.len() > MAX_CONTEXT {
            return Err(Error::Data);
        }
        Ok(match (self, variant.prehash) {
            (Self::Ed25519, false) if variant.context.is_empty() => c"Ed25519",
            (Self::Ed25519, false) => c"Ed25519ctx",
            (Self::Ed25519, true) => c"Ed25519ph",
            (Self::Ed448, false) => c"Ed448",
            (Self::Ed448, true) => c"Ed448ph",
        })
    }
}

/// Signs a message.
pub(crate) fn sign(
    algorithm: Algorithm,
    private: &[u8],
    variant: Variant<'_>,
    message: &[u8],
) -> Result<Vec<u8>, Error> {
    let key = PKey::private_key_from_raw_bytes(private, algorithm.id()).map_err(|_| Error::Key)?;
    let mut context = MdCtx::new()?;
    set_instance(context.digest_sign_init(None, &key)?, algorithm.instance(variant)?, variant.context)?;
    let mut signature = vec![0; algorithm.signature_len()];
    context.digest_sign(message, Some(&mut signature))?;
    Ok(signature)
}

/// Whether a signature is that of a message.
pub(crate) fn verify(
    algorithm: Algorithm,
    public: &[u8],
    variant: Variant<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Error> {
    let Ok(key) = PKey::public_key_from_raw_bytes(public, algorithm.id()) else {
        return Err(Error::Key);
    };
    let mut context = MdCtx::new()?;
    set_instance(context.digest_verify_init(None, &key)?, algorithm.instance(variant)?, variant.context)?;
    Ok(context.digest_verify(message, signature).unwrap_or(false))
}

/// A new pair: the private key and the public one.
pub(crate) fn generate(algorithm: Algorithm) -> Result<[Zeroizing<Vec<u8>>; 2], Error> {
    let key = match algorithm {
        Algorithm::Ed25519 => PKey::generate_ed25519()?,
        Algorithm::Ed448 => PKey::generate_ed448()?,
    };
    Ok([Zeroizing::new(key.raw_private_key()?), Zeroizing::new(key.raw_public_key()?)])
}
