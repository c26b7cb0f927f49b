// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Algorithms (API 1.3.1, section 6.10), and what an operation of each is made with.

use super::asymmetric_algorithms::{asymmetric, Asymmetric};
use super::digests;
use super::object_types::{self, object_type, ObjectType};
use crate::services::cipher::{BlockCipher, Mode};
use crate::services::mac::Padding;
use crate::services::{ae, cipher, digest, mac};

/// `TEE_MODE_*` of an operation.
pub(super) const ENCRYPT: u32 = 0;
pub(super) const DECRYPT: u32 = 1;
pub(super) const SIGN: u32 = 2;
pub(super) const VERIFY: u32 = 3;
pub(super) const MAC: u32 = 4;
pub(super) const DIGEST: u32 = 5;
pub(super) const DERIVE: u32 = 6;

/// `TEE_USAGE_*`: what a key has to be allowed for.
const USAGE_ENCRYPT: u32 = 2;
const USAGE_DECRYPT: u32 = 4;
const USAGE_MAC: u32 = 8;

/// `TEE_CRYPTO_ELEMENT_NONE`.
const ELEMENT_NONE: u32 = 0;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Cipher(cipher::Algorithm),
    Mac(mac::Algorithm),
    Ae(ae::Algorithm),
    Digest(digest::Algorithm),
    Asymmetric(Asymmetric),
}

const fn cipher(cipher: BlockCipher, mode: Mode) -> Algorithm {
    Algorithm::Cipher(cipher::Algorithm { cipher, mode })
}

const fn cbc_mac(cipher: BlockCipher, padding: Padding) -> Algorithm {
    Algorithm::Mac(mac::Algorithm::CbcMac(cipher, padding))
}

const fn cmac(cipher: BlockCipher) -> Algorithm {
    Algorithm::Mac(mac::Algorithm::Cmac(cipher))
}

/// `TEE_ALG_*` but for digests and HMAC, whose numbers are [`digests`]'.
const ALGORITHMS: [(u32, Algorithm); 23] = [
    (0x1000_0010, cipher(BlockCipher::Aes, Mode::Ecb)),
    (0x1000_0110, cipher(BlockCipher::Aes, Mode::Cbc)),
    (0x1000_0210, cipher(BlockCipher::Aes, Mode::Ctr)),
    (0x1000_0310, cipher(BlockCipher::Aes, Mode::Cts)),
    (0x1000_0410, cipher(BlockCipher::Aes, Mode::Xts)),
    (0x1000_0011, cipher(BlockCipher::Des, Mode::Ecb)),
    (0x1000_0111, cipher(BlockCipher::Des, Mode::Cbc)),
    (0x1000_0013, cipher(BlockCipher::Des3, Mode::Ecb)),
    (0x1000_0113, cipher(BlockCipher::Des3, Mode::Cbc)),
    (0x1000_0014, cipher(BlockCipher::Sm4, Mode::Ecb)),
    (0x1000_0114, cipher(BlockCipher::Sm4, Mode::Cbc)),
    (0x1000_0214, cipher(BlockCipher::Sm4, Mode::Ctr)),
    // OP-TEE's own.
    (0xF000_0414, cipher(BlockCipher::Sm4, Mode::Xts)),
    (0x3000_0110, cbc_mac(BlockCipher::Aes, Padding::None)),
    (0x3000_0510, cbc_mac(BlockCipher::Aes, Padding::Pkcs)),
    (0x3000_0610, cmac(BlockCipher::Aes)),
    (0x3000_0111, cbc_mac(BlockCipher::Des, Padding::None)),
    (0x3000_0511, cbc_mac(BlockCipher::Des, Padding::Pkcs)),
    (0x3000_0113, cbc_mac(BlockCipher::Des3, Padding::None)),
    (0x3000_0513, cbc_mac(BlockCipher::Des3, Padding::Pkcs)),
    // OP-TEE's own.
    (0xF000_0613, cmac(BlockCipher::Des3)),
    (0x4000_0710, Algorithm::Ae(ae::Algorithm::AesCcm)),
    (0x4000_0810, Algorithm::Ae(ae::Algorithm::AesGcm)),
];

/// In a number: which class of operation it is, at [`CLASS_SHIFT`].
const CLASS_SHIFT: u32 = 28;
const HMAC_CLASS: u32 = 3 << CLASS_SHIFT;
const DIGEST_CLASS: u32 = 5 << CLASS_SHIFT;

/// The algorithm that has this number.
pub(super) fn algorithm(id: u32) -> Option<Algorithm> {
    if let Some((_, algorithm)) = ALGORITHMS.iter().find(|(known, _)| *known == id) {
        return Some(*algorithm);
    }
    if let Some(algorithm) = asymmetric(id) {
        return Some(Algorithm::Asymmetric(algorithm));
    }
    let digest = |id| digests::algorithm(id);
    match id >> CLASS_SHIFT << CLASS_SHIFT {
        DIGEST_CLASS => digest(id).map(Algorithm::Digest),
        // HMAC has the numbers of its digests. There is none of SHAKE.
        HMAC_CLASS => digest(id ^ HMAC_CLASS ^ DIGEST_CLASS)
            .filter(|digest| digest.output_len().is_some())
            .map(|digest| Algorithm::Mac(mac::Algorithm::Hmac(digest))),
        _ => None,
    }
}

impl Algorithm {
    /// `TEE_OPERATION_*`.
    pub(super) fn class(self) -> u32 {
        match self {
            Self::Cipher(_) => 1,
            Self::Mac(_) => 3,
            Self::Ae(_) => 4,
            Self::Digest(_) => 5,
            Self::Asymmetric(algorithm) => algorithm.class(),
        }
    }

    /// What a key is to be allowed for in this mode; none where the algorithm has no such mode.
    pub(super) fn required_usage(self, mode: u32) -> Option<u32> {
        match (self, mode) {
            (Self::Cipher(_) | Self::Ae(_), ENCRYPT) => Some(USAGE_ENCRYPT),
            (Self::Cipher(_) | Self::Ae(_), DECRYPT) => Some(USAGE_DECRYPT),
            (Self::Mac(_), MAC) => Some(USAGE_MAC),
            (Self::Digest(_), DIGEST) => Some(0),
            (Self::Asymmetric(algorithm), mode) => algorithm.required_usage(mode),
            _ => None,
        }
    }

    /// How many keys there are.
    pub(super) fn keys(self) -> usize {
        match self {
            Self::Cipher(cipher::Algorithm { mode: Mode::Xts, .. }) => 2,
            Self::Cipher(_) | Self::Mac(_) | Self::Ae(_) => 1,
            Self::Digest(_) => 0,
            Self::Asymmetric(algorithm) => algorithm.keys(),
        }
    }

    /// Whether an operation can be for keys of so many bits, of all keys together.
    pub(super) fn has_size(self, mode: u32, bits: u32) -> bool {
        let of_algorithm = match self {
            Self::Asymmetric(algorithm) => algorithm.has_size(bits),
            _ => true,
        };
        let key_bits = bits / self.keys().max(1) as u32;
        of_algorithm && self.key_type(mode).is_none_or(|kind| kind.has_size(key_bits))
    }

    /// Whether it is there with this element, `TEE_CRYPTO_ELEMENT_NONE` or `TEE_ECC_CURVE_*`.
    pub(super) fn has_element(self, element: u32) -> bool {
        match self {
            Self::Asymmetric(algorithm) => algorithm.has_element(element),
            _ => element == ELEMENT_NONE,
        }
    }

    /// Another type that a key can have.
    pub(super) fn other_key_type(self) -> Option<&'static ObjectType> {
        match self {
            Self::Asymmetric(algorithm) => object_type(algorithm.other_key_type()?),
            _ => None,
        }
    }

    /// The type of its keys in this mode; of a digest none.
    pub(super) fn key_type(self, mode: u32) -> Option<&'static ObjectType> {
        let of_cipher = |cipher| match cipher {
            BlockCipher::Aes => object_types::AES,
            BlockCipher::Des => object_types::DES,
            BlockCipher::Des3 => object_types::DES3,
            BlockCipher::Sm4 => object_types::SM4,
        };
        object_type(match self {
            Self::Cipher(cipher::Algorithm { cipher, .. }) => of_cipher(cipher),
            Self::Mac(mac::Algorithm::Cmac(cipher) | mac::Algorithm::CbcMac(cipher, _)) => of_cipher(cipher),
            // They have the numbers of their digests.
            Self::Mac(mac::Algorithm::Hmac(digest)) => {
                digests::algorithm_id(digest) ^ DIGEST_CLASS ^ object_types::HMAC
            }
            Self::Ae(_) => object_types::AES,
            Self::Digest(_) => return None,
            Self::Asymmetric(algorithm) => algorithm.key_type(mode),
        })
    }

    /// Bytes that a digest or code has; 0 where there is none, or it is not the algorithm that tells.
    pub(super) fn output_len(self) -> usize {
        match self {
            Self::Mac(mac) => mac.output_len(),
            Self::Digest(digest) => digest.output_len().unwrap_or(0),
            Self::Cipher(_) | Self::Ae(_) => 0,
            // Which is in its number: see `told_digest_len`.
            Self::Asymmetric(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_number_of_its_own_and_a_type_of_key() {
        for (id, of) in ALGORITHMS {
            assert_eq!(algorithm(id), Some(of));
            assert!(of.key_type(ENCRYPT).is_some(), "{id:#x}");
        }
        for id in 0x3000_0001..=0x3000_000B {
            let hmac = algorithm(id).unwrap();
            assert_eq!(hmac.key_type(MAC).unwrap().id, 0xA000_0000 | id & 0xFF);
            assert!(matches!(hmac, Algorithm::Mac(mac::Algorithm::Hmac(_))));
        }
        // HMAC of SHAKE, of MD5 with SHA-1; nothing.
        for id in [0x3000_0101, 0x3000_000F, 0x3000_0000, 0, u32::MAX] {
            assert_eq!(algorithm(id), None, "{id:#x}");
        }
    }
}
