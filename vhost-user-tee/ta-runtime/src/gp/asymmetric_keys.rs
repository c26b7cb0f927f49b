// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asymmetric keys, as attributes and as the algorithms want them; new ones.

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_CIPHERTEXT_INVALID, ERROR_NOT_SUPPORTED, ERROR_OUT_OF_MEMORY};
use zeroize::Zeroizing;

use super::asymmetric_algorithms::curve;
use super::attribute_ids::*;
use super::attribute_set::{Attribute, AttributeSet, Content};
use super::object_types as types;
use crate::services::asym::ecc::{self, Curve};
use crate::services::asym::{dh, dsa, edwards, montgomery, rsa, rsa_generate, Error};

/// The public exponent of RSA where none is told: 65537.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// What a failure of an algorithm is to the TA.
pub(super) fn code(error: &Error) -> u32 {
    match error {
        Error::Key | Error::Data => ERROR_BAD_PARAMETERS,
        Error::Ciphertext => ERROR_CIPHERTEXT_INVALID,
        Error::Unsupported => ERROR_NOT_SUPPORTED,
        // No other cause is known by then.
        Error::Library(_) => ERROR_OUT_OF_MEMORY,
    }
}

/// What is not there is zero, which no key has; the type of an object sees to it that it is there.
impl AttributeSet {
    fn number(&self, id: u32) -> &[u8] {
        self.buffer(id).map_or(&[], |number| number)
    }

    pub(super) fn rsa_public(&self) -> rsa::PublicKey<'_> {
        rsa::PublicKey { modulus: self.number(RSA_MODULUS), exponent: self.number(RSA_PUBLIC_EXPONENT) }
    }

    pub(super) fn rsa_pair(&self) -> rsa::KeyPair<'_> {
        let factors = [RSA_PRIME1, RSA_PRIME2, RSA_EXPONENT1, RSA_EXPONENT2, RSA_COEFFICIENT];
        rsa::KeyPair {
            public: self.rsa_public(),
            exponent: self.number(RSA_PRIVATE_EXPONENT),
            factors: self.buffer(RSA_PRIME1).map(|_| factors.map(|id| self.number(id))),
        }
    }

    pub(super) fn dsa_domain(&self) -> dsa::Domain<'_> {
        dsa::Domain {
            prime: self.number(DSA_PRIME),
            subprime: self.number(DSA_SUBPRIME),
            base: self.number(DSA_BASE),
        }
    }

    pub(super) fn dsa_private(&self) -> &[u8] {
        self.number(DSA_PRIVATE_VALUE)
    }

    pub(super) fn dsa_public(&self) -> &[u8] {
        self.number(DSA_PUBLIC_VALUE)
    }

    pub(super) fn dh_group(&self) -> dh::Group<'_> {
        dh::Group {
            prime: self.number(DH_PRIME),
            base: self.number(DH_BASE),
            subprime: self.buffer(DH_SUBPRIME).map(|subprime| &subprime[..]),
        }
    }

    pub(super) fn dh_private(&self) -> &[u8] {
        self.number(DH_PRIVATE_VALUE)
    }

    /// The curve that is told.
    pub(super) fn curve(&self) -> Result<Curve, Error> {
        self.values(ECC_CURVE).and_then(|(id, _)| curve(id)).ok_or(Error::Key)
    }

    pub(super) fn point(&self, curve: Curve) -> ecc::PublicKey<'_> {
        ecc::PublicKey { curve, x: self.number(ECC_PUBLIC_VALUE_X), y: self.number(ECC_PUBLIC_VALUE_Y) }
    }

    pub(super) fn ecc_pair(&self, curve: Curve) -> ecc::KeyPair<'_> {
        ecc::KeyPair { public: self.point(curve), private: self.number(ECC_PRIVATE_VALUE) }
    }

    pub(super) fn edwards_private(&self, algorithm: edwards::Algorithm) -> &[u8] {
        self.number(match algorithm {
            edwards::Algorithm::Ed25519 => ED25519_PRIVATE_VALUE,
            edwards::Algorithm::Ed448 => ED448_PRIVATE_VALUE,
        })
    }

    pub(super) fn edwards_public(&self, algorithm: edwards::Algorithm) -> &[u8] {
        self.number(match algorithm {
            edwards::Algorithm::Ed25519 => ED25519_PUBLIC_VALUE,
            edwards::Algorithm::Ed448 => ED448_PUBLIC_VALUE,
        })
    }

    pub(super) fn montgomery_private(&self, algorithm: montgomery::Algorithm) -> &[u8] {
        self.number(match algorithm {
            montgomery::Algorithm::X25519 => X25519_PRIVATE_VALUE,
            montgomery::Algorithm::X448 => X448_PRIVATE_VALUE,
        })
    }
}

/// The attribute that a public key is told with.
pub(super) fn montgomery_public_id(algorithm: montgomery::Algorithm) -> u32 {
    match algorithm {
        montgomery::Algorithm::X25519 => X25519_PUBLIC_VALUE,
        montgomery::Algorithm::X448 => X448_PUBLIC_VALUE,
    }
}

fn buffers(ids: &[u32], buffers: impl IntoIterator<Item = Zeroizing<Vec<u8>>>) -> Vec<Attribute> {
    let attribute = |(id, buffer): (&u32, _)| Attribute { id: *id, content: Content::Buffer(buffer) };
    ids.iter().zip(buffers).map(attribute).collect()
}

/// The attributes of a new key pair of type `kind` and `size` bits, from those that are told.
pub(super) fn generate(kind: u32, size: u32, told: AttributeSet) -> Result<AttributeSet, Error> {
    const ECC: [u32; 3] = [ECC_PRIVATE_VALUE, ECC_PUBLIC_VALUE_X, ECC_PUBLIC_VALUE_Y];
    let new = match kind {
        types::RSA_KEYPAIR => {
            let exponent = told.buffer(RSA_PUBLIC_EXPONENT).map_or(&RSA_EXPONENT[..], |exponent| exponent);
            let pair = rsa_generate::generate(size, exponent)?;
            let factors = [RSA_PRIME1, RSA_PRIME2, RSA_EXPONENT1, RSA_EXPONENT2, RSA_COEFFICIENT];
            let all = [RSA_MODULUS, RSA_PUBLIC_EXPONENT, RSA_PRIVATE_EXPONENT];
            let numbers = [pair.modulus, pair.public_exponent, pair.private_exponent];
            return Ok(AttributeSet::new(buffers(
                &[&all[..], &factors].concat(),
                numbers.into_iter().chain(pair.factors),
            )));
        }
        types::DSA_KEYPAIR => {
            let (private, public) = dsa::generate(told.dsa_domain(), size)?;
            buffers(&[DSA_PRIVATE_VALUE, DSA_PUBLIC_VALUE], [private, public])
        }
        types::DH_KEYPAIR => {
            let private_bits = told.values(DH_X_BITS).map_or(0, |(bits, _)| bits);
            let (private, public) = dh::generate(told.dh_group(), size, private_bits)?;
            let mut new = buffers(&[DH_PRIVATE_VALUE, DH_PUBLIC_VALUE], [private, public]);
            if told.values(DH_X_BITS).is_none() {
                new.push(Attribute { id: DH_X_BITS, content: Content::Values(0, 0) });
            }
            new
        }
        types::ECDSA_KEYPAIR | types::ECDH_KEYPAIR => {
            let (id, _) = told.values(ECC_CURVE).ok_or(Error::Key)?;
            if types::curve_bits(id) != Some(size) {
                return Err(Error::Key);
            }
            buffers(&ECC, ecc::generate(told.curve()?)?)
        }
        types::SM2_DSA_KEYPAIR | types::SM2_KEP_KEYPAIR | types::SM2_PKE_KEYPAIR => {
            buffers(&ECC, ecc::generate(Curve::Sm2)?)
        }
        types::ED25519_KEYPAIR => {
            let ids = [ED25519_PRIVATE_VALUE, ED25519_PUBLIC_VALUE];
            buffers(&ids, edwards::generate(edwards::Algorithm::Ed25519)?)
        }
        types::ED448_KEYPAIR => {
            buffers(&[ED448_PRIVATE_VALUE, ED448_PUBLIC_VALUE], edwards::generate(edwards::Algorithm::Ed448)?)
        }
        types::X25519_KEYPAIR => {
            let ids = [X25519_PRIVATE_VALUE, X25519_PUBLIC_VALUE];
            buffers(&ids, montgomery::generate(montgomery::Algorithm::X25519)?)
        }
        types::X448_KEYPAIR => buffers(
            &[X448_PRIVATE_VALUE, X448_PUBLIC_VALUE],
            montgomery::generate(montgomery::Algorithm::X448)?,
        ),
        // A public key, or what no key is generated of.
        _ => return Err(Error::Unsupported),
    };
    Ok(AttributeSet::new(told.iter().cloned().chain(new).collect()))
}
