// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asymmetric algorithms, and those that derive keys (API 1.3.1, section 6.10, and OP-TEE's own).

use super::algorithms::{DECRYPT, DERIVE, ENCRYPT, SIGN, VERIFY};
use super::object_types as types;
use crate::services::asym::ecc::Curve;
use crate::services::asym::{edwards, montgomery};
use crate::services::digest::Algorithm as Digest;

/// What an algorithm does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asymmetric {
    Encrypt(Encryption),
    Sign(Signature),
    Derive(Derivation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    RsaNoPadding,
    RsaPkcs1,
    RsaOaep(Digest),
    Sm2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    RsaPkcs1(Digest),
    /// Of anything, or of so many bytes; the signature does not name a digest.
    RsaUnnamed(Option<usize>),
    RsaPss(Digest),
    Dsa(Digest),
    /// On this curve, or on that of the key.
    Ecdsa(Option<Curve>),
    Sm2,
    Edwards(edwards::Algorithm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derivation {
    Dh,
    /// On this curve, or on that of the key.
    Ecdh(Option<Curve>),
    Montgomery(montgomery::Algorithm),
    Sm2,
    /// With this digest, or with one that is told.
    Hkdf(Option<Digest>),
    Concat(Digest),
    Pbkdf2,
}

const fn encrypt(algorithm: Encryption) -> Asymmetric {
    Asymmetric::Encrypt(algorithm)
}

const fn sign(algorithm: Signature) -> Asymmetric {
    Asymmetric::Sign(algorithm)
}

const fn derive(algorithm: Derivation) -> Asymmetric {
    Asymmetric::Derive(algorithm)
}

/// Digests that signatures are made of, as `TEE_ALG_*` number them.
const DIGESTS: [(u32, Digest); 10] = [
    (1, Digest::Md5),
    (2, Digest::Sha1),
    (3, Digest::Sha224),
    (4, Digest::Sha256),
    (5, Digest::Sha384),
    (6, Digest::Sha512),
    (8, Digest::Sha3_224),
    (9, Digest::Sha3_256),
    (0xA, Digest::Sha3_384),
    (0xB, Digest::Sha3_512),
];

/// Curves, as `TEE_ALG_*` number them, and `TEE_ECC_CURVE_*`.
const CURVES: [(u32, Curve); 5] =
    [(1, Curve::P192), (2, Curve::P224), (3, Curve::P256), (4, Curve::P384), (5, Curve::P521)];

/// `TEE_ALG_*` of which there are several: see [`family`].
const PKCS1: u32 = 0x7000_0830;
const PSS: u32 = 0x7001_0930;
const OAEP: u32 = 0x6001_0230;
const DSA: u32 = 0x7000_0131;
const ECDSA: u32 = 0x7000_0042;
const OPTEE_ECDSA: u32 = 0x7000_0041;
const OPTEE_ECDH: u32 = 0x8000_0042;
const HKDF: u32 = 0x8000_00C0;
const CONCAT: u32 = 0x8000_00C1;

/// `TEE_ALG_*` of which there is one.
const ALGORITHMS: [(u32, Asymmetric); 16] = [
    (0x6000_0030, encrypt(Encryption::RsaNoPadding)),
    (0x6000_0130, encrypt(Encryption::RsaPkcs1)),
    (0xF011_0230, encrypt(Encryption::RsaOaep(Digest::Md5))),
    (0x8000_0046, encrypt(Encryption::Sm2)),
    (0xF000_0830, sign(Signature::RsaUnnamed(None))),
    // MD5 and SHA-1, one after the other.
    (0x7000_F830, sign(Signature::RsaUnnamed(Some(36)))),
    (0xF011_1930, sign(Signature::RsaPss(Digest::Md5))),
    (0x7000_6045, sign(Signature::Sm2)),
    (0x7000_6043, sign(Signature::Edwards(edwards::Algorithm::Ed25519))),
    (0x7000_6044, sign(Signature::Edwards(edwards::Algorithm::Ed448))),
    (0x8000_0032, derive(Derivation::Dh)),
    (OPTEE_ECDH, derive(Derivation::Ecdh(None))),
    (0x8000_0044, derive(Derivation::Montgomery(montgomery::Algorithm::X25519))),
    (0x8000_0045, derive(Derivation::Montgomery(montgomery::Algorithm::X448))),
    (0x6000_0045, derive(Derivation::Sm2)),
    (0x8000_0047, derive(Derivation::Hkdf(None))),
];

/// PBKDF2 with HMAC-SHA-1, of which OP-TEE has no other digest.
const PBKDF2: u32 = 0x8000_20C2;

/// The algorithm that has this number.
pub(super) fn asymmetric(id: u32) -> Option<Asymmetric> {
    if id == PBKDF2 {
        return Some(derive(Derivation::Pbkdf2));
    }
    if let Some((_, algorithm)) = ALGORITHMS.iter().find(|(known, _)| *known == id) {
        return Some(*algorithm);
    }
    family(id)
}

/// Algorithms that are numbered by their digests, or by their curves.
fn family(id: u32) -> Option<Asymmetric> {
    let number = id >> 12 & 0xF;
    let mgf = id >> 20 & 0xF;
    let digest = |number| DIGESTS.iter().find(|(known, _)| *known == number).map(|(_, digest)| *digest);
    let curve = || CURVES.iter().find(|(known, _)| *known == number).map(|(_, curve)| *curve);
    match id & !(0xF << 12) {
        PKCS1 => return digest(number).map(|digest| sign(Signature::RsaPkcs1(digest))),
        DSA if number != 1 && !matches!(number, 5 | 6) => {
            return digest(number).map(|digest| sign(Signature::Dsa(digest)));
        }
        // By the curve up to SHA-512, whose digest nobody looks at; SHA-3 is of any curve.
        ECDSA => {
            return match number {
                6..=9 => Some(sign(Signature::Ecdsa(None))),
                _ => curve().map(|curve| sign(Signature::Ecdsa(Some(curve)))),
            };
        }
        OPTEE_ECDSA => return curve().map(|curve| sign(Signature::Ecdsa(Some(curve)))),
        OPTEE_ECDH => return curve().map(|curve| derive(Derivation::Ecdh(Some(curve)))),
        HKDF if number < 7 => return digest(number).map(|digest| derive(Derivation::Hkdf(Some(digest)))),
        CONCAT if (2..7).contains(&number) => {
            return digest(number).map(|digest| derive(Derivation::Concat(digest)));
        }
        _ => {}
    }
    // Of these MD5 has a number of OP-TEE's own.
    let digest = digest(mgf).filter(|_| mgf != 1)?;
    if id & !(0xF << 20) == OAEP {
        Some(encrypt(Encryption::RsaOaep(digest)))
    } else if id & !(0xF << 20 | 0xF << 12) == PSS && number == mgf {
        Some(sign(Signature::RsaPss(digest)))
    } else {
        None
    }
}

/// Bytes of a digest that `TEE_OperationInfo` tells of an algorithm. As in OP-TEE these are DSA, and ECDSA by the names
/// that API 1.3 has for it; of all others 0.
pub(super) fn told_digest_len(id: u32) -> usize {
    let number = id >> 12 & 0xF;
    let named = match id & !(0xF << 12) {
        DSA => number,
        // SHA-1 is 1 here; SHA-3 follows SHA-512.
        ECDSA if number > 5 => number + 2,
        ECDSA => number + 1,
        _ => return 0,
    };
    let found = DIGESTS.iter().find(|(known, _)| *known == named && asymmetric(id).is_some());
    found.and_then(|(_, digest)| digest.output_len()).unwrap_or(0)
}

/// `TEE_ECC_CURVE_*`.
const CURVE_SM2: u32 = 0x400;
const CURVE_25519: u32 = 0x300;
const CURVE_448: u32 = 0x301;

/// The curve that a `TEE_ECC_CURVE_*` names.
pub(super) fn curve(id: u32) -> Option<Curve> {
    match id {
        CURVE_SM2 => Some(Curve::Sm2),
        _ => CURVES.iter().find(|(known, _)| *known == id).map(|(_, curve)| *curve),
    }
}

/// Sizes of keys in bits: from, to, in steps of.
type Sizes = (u32, u32, u32);

const fn only(size: u32) -> Sizes {
    (size, size, 1)
}

impl Asymmetric {
    /// `TEE_OPERATION_*`.
    pub(super) fn class(self) -> u32 {
        match self {
            Self::Encrypt(_) => 6,
            Self::Sign(_) => 7,
            Self::Derive(_) => 8,
        }
    }

    /// What a key is to be allowed for in this mode, `TEE_USAGE_*`; none where the algorithm has no such mode.
    pub(super) fn required_usage(self, mode: u32) -> Option<u32> {
        const USAGE_ENCRYPT: u32 = 2;
        const USAGE_DECRYPT: u32 = 4;
        const USAGE_SIGN: u32 = 0x10;
        const USAGE_VERIFY: u32 = 0x20;
        const USAGE_DERIVE: u32 = 0x40;
        match (self, mode) {
            // Which can be signatures as well.
            (Self::Encrypt(Encryption::RsaNoPadding), ENCRYPT) => Some(USAGE_ENCRYPT | USAGE_VERIFY),
            (Self::Encrypt(Encryption::RsaNoPadding), DECRYPT) => Some(USAGE_DECRYPT | USAGE_SIGN),
            (Self::Encrypt(_), ENCRYPT) => Some(USAGE_ENCRYPT),
            (Self::Encrypt(_), DECRYPT) => Some(USAGE_DECRYPT),
            (Self::Sign(_), SIGN) => Some(USAGE_SIGN),
            (Self::Sign(_), VERIFY) => Some(USAGE_VERIFY),
            (Self::Derive(_), DERIVE) => Some(USAGE_DERIVE),
            _ => None,
        }
    }

    /// How many keys there are: SM2's key agreement has one for this exchange alone.
    pub(super) fn keys(self) -> usize {
        match self {
            Self::Derive(Derivation::Sm2) => 2,
            _ => 1,
        }
    }

    /// The type of a key in this mode, `TEE_TYPE_*`.
    pub(super) fn key_type(self, mode: u32) -> u32 {
        let pair = match self {
            Self::Encrypt(Encryption::Sm2) => types::SM2_PKE_KEYPAIR,
            Self::Encrypt(_) => types::RSA_KEYPAIR,
            Self::Sign(Signature::Dsa(_)) => types::DSA_KEYPAIR,
            Self::Sign(Signature::Ecdsa(_)) => types::ECDSA_KEYPAIR,
            Self::Sign(Signature::Sm2) => types::SM2_DSA_KEYPAIR,
            Self::Sign(Signature::Edwards(edwards::Algorithm::Ed25519)) => types::ED25519_KEYPAIR,
            Self::Sign(Signature::Edwards(edwards::Algorithm::Ed448)) => types::ED448_KEYPAIR,
            Self::Sign(_) => types::RSA_KEYPAIR,
            Self::Derive(Derivation::Dh) => types::DH_KEYPAIR,
            Self::Derive(Derivation::Ecdh(_)) => types::ECDH_KEYPAIR,
            Self::Derive(Derivation::Montgomery(montgomery::Algorithm::X25519)) => types::X25519_KEYPAIR,
            Self::Derive(Derivation::Montgomery(montgomery::Algorithm::X448)) => types::X448_KEYPAIR,
            Self::Derive(Derivation::Sm2) => types::SM2_KEP_KEYPAIR,
            Self::Derive(Derivation::Hkdf(None)) => types::HKDF,
            Self::Derive(Derivation::Hkdf(Some(_))) => types::HKDF_IKM,
            Self::Derive(Derivation::Concat(_)) => types::CONCAT_KDF_Z,
            Self::Derive(Derivation::Pbkdf2) => types::PBKDF2_PASSWORD,
        };
        if matches!(mode, ENCRYPT | VERIFY) {
            pair & !types::PAIR
        } else {
            pair
        }
    }

    /// Another type that a key can have: API 1.3's HKDF has one of its own, in the place of which OP-TEE takes that of
    /// its older algorithms.
    pub(super) fn other_key_type(self) -> Option<u32> {
        (self == Self::Derive(Derivation::Hkdf(None))).then_some(types::HKDF_IKM)
    }

    /// Whether an operation can be for keys of so many bits, apart from what their type says. As in OP-TEE.
    pub(super) fn has_size(self, bits: u32) -> bool {
        let curve = |curve| match curve {
            Curve::P192 => only(192),
            Curve::P224 => only(224),
            Curve::P256 | Curve::Sm2 => only(256),
            Curve::P384 => only(384),
            Curve::P521 => only(521),
        };
        let (min, max, step) = match self {
            Self::Sign(Signature::Dsa(Digest::Sha1)) => (512, 1024, 64),
            Self::Sign(Signature::Dsa(Digest::Sha224 | Digest::Sha3_224)) => only(2048),
            Self::Sign(Signature::Dsa(_)) => (2048, 3072, 1024),
            Self::Sign(Signature::Ecdsa(Some(of))) | Self::Derive(Derivation::Ecdh(Some(of))) => curve(of),
            Self::Derive(Derivation::Sm2) => only(512),
            _ => return true,
        };
        (min..=max).contains(&bits) && bits % step == 0
    }

    /// Whether it is there with this element: a curve, or `TEE_CRYPTO_ELEMENT_NONE`.
    pub(super) fn has_element(self, element: u32) -> bool {
        match self {
            Self::Sign(Signature::Ecdsa(Some(of))) | Self::Derive(Derivation::Ecdh(Some(of))) => {
                curve(element) == Some(of)
            }
            Self::Sign(Signature::Ecdsa(None)) | Self::Derive(Derivation::Ecdh(None)) => {
                curve(element).is_some_and(|curve| curve != Curve::Sm2)
            }
            Self::Encrypt(Encryption::Sm2) | Self::Sign(Signature::Sm2) | Self::Derive(Derivation::Sm2) => {
                element == CURVE_SM2
            }
            Self::Sign(Signature::Edwards(edwards::Algorithm::Ed25519))
            | Self::Derive(Derivation::Montgomery(montgomery::Algorithm::X25519)) => element == CURVE_25519,
            Self::Sign(Signature::Edwards(edwards::Algorithm::Ed448))
            | Self::Derive(Derivation::Montgomery(montgomery::Algorithm::X448)) => element == CURVE_448,
            _ => element == 0,
        }
    }

    /// Bytes of a digest that it signs; 0 where it takes any data, or signs nothing.
    pub(super) fn digest_len(self) -> usize {
        let len = |digest: Digest| digest.output_len().unwrap_or(0);
        match self {
            Self::Sign(Signature::RsaPkcs1(digest) | Signature::RsaPss(digest) | Signature::Dsa(digest)) => {
                len(digest)
            }
            Self::Sign(Signature::RsaUnnamed(len)) => len.unwrap_or(0),
            Self::Sign(Signature::Sm2) => len(Digest::Sm3),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::object_types::object_type;
    use super::*;

    #[test]
    fn numbers_are_those_of_the_header() {
        let rsa = |id| match asymmetric(id) {
            Some(Asymmetric::Encrypt(Encryption::RsaOaep(digest)))
            | Some(Asymmetric::Sign(Signature::RsaPkcs1(digest) | Signature::RsaPss(digest))) => Some(digest),
            _ => None,
        };
        for id in [0x6041_0230, 0x7000_4830, 0x7041_4930] {
            assert_eq!(rsa(id), Some(Digest::Sha256), "{id:#x}");
        }
        assert_eq!(rsa(0x70B1_B930), Some(Digest::Sha3_512));
        assert_eq!((rsa(0x7000_1830), rsa(0xF011_1930)), (Some(Digest::Md5), Some(Digest::Md5)));
        for (id, of) in [(0x7000_3042, Curve::P256), (0x7000_5041, Curve::P521)] {
            assert_eq!(asymmetric(id), Some(sign(Signature::Ecdsa(Some(of)))), "{id:#x}");
        }
        assert_eq!(asymmetric(0x8000_1042), Some(derive(Derivation::Ecdh(Some(Curve::P192)))));
        // MGF1 with another digest; MD5 with no number of its own; DSA with SHA-512; SM3; curve 0.
        for id in [0x7041_5930, 0x6011_0230, 0x7011_1930, 0x7000_6131, 0x7000_7830, 0x7000_0041, 0] {
            assert_eq!(asymmetric(id), None, "{id:#x}");
        }
    }

    #[test]
    fn some_tell_a_digest() {
        for (id, len) in [
            (0x7000_2131, 20),
            (0x7000_4131, 32),
            (0x7000_1042, 20),
            (0x7000_3042, 32),
            (0x7000_5042, 64),
            (0x7000_6042, 28),
            (0x7000_9042, 64),
            // RSA, OP-TEE's older names of ECDSA, Ed25519, none.
            (0x7000_4830, 0),
            (0x7000_3041, 0),
            (0x7000_6043, 0),
            (0x7000_6131, 0),
        ] {
            assert_eq!(told_digest_len(id), len, "{id:#x}");
        }
    }

    #[test]
    fn each_has_types_of_keys_for_its_modes() {
        let families = (0..16).flat_map(|n| {
            [PKCS1 | n << 12, PSS | n << 20 | n << 12, OAEP | n << 20, DSA | n << 12, ECDSA | n << 12]
                .into_iter()
                .chain([OPTEE_ECDSA | n << 12, OPTEE_ECDH | n << 12, HKDF | n << 12, CONCAT | n << 12])
        });
        let all: Vec<_> = families.chain(ALGORITHMS.map(|(id, _)| id)).chain([PBKDF2]).collect();
        let there = all.iter().filter_map(|id| asymmetric(*id));
        for algorithm in there.clone() {
            let modes: Vec<_> = (0..8).filter(|mode| algorithm.required_usage(*mode).is_some()).collect();
            assert_eq!(modes.len(), if algorithm.class() == 8 { 1 } else { 2 });
            assert!(
                modes.iter().all(|mode| object_type(algorithm.key_type(*mode)).is_some()),
                "{algorithm:?}"
            );
        }
        assert!(there.count() > 60);
    }
}
