// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Types of objects (API 1.3.1, table 5-9, and section 6.11).

use tee::gp::ERROR_ITEM_NOT_FOUND;

use super::attribute_set::Attribute;
use super::type_attributes::*;

pub(super) const AES: u32 = 0xA000_0010;
pub(super) const DES: u32 = 0xA000_0011;
pub(super) const DES3: u32 = 0xA000_0013;
pub(super) const SM4: u32 = 0xA000_0014;
/// `TEE_TYPE_HMAC_MD5`; the others follow in the order of `TEE_ALG_HMAC_*`.
pub(super) const HMAC: u32 = 0xA000_0000;
/// `TEE_TYPE_GENERIC_SECRET`.
pub(super) const GENERIC_SECRET: u32 = 0xA000_0000;
/// `TEE_TYPE_DATA`: no attributes. Only persistent objects are of this type.
pub(super) const DATA: u32 = 0xA000_00BF;

/// `TEE_TYPE_*_KEYPAIR`. The public key alone has the same number without [`PAIR`].
pub(super) const RSA_KEYPAIR: u32 = 0xA100_0030;
pub(super) const DSA_KEYPAIR: u32 = 0xA100_0031;
pub(super) const DH_KEYPAIR: u32 = 0xA100_0032;
pub(super) const ECDSA_KEYPAIR: u32 = 0xA100_0041;
pub(super) const ECDH_KEYPAIR: u32 = 0xA100_0042;
pub(super) const ED25519_KEYPAIR: u32 = 0xA100_0043;
pub(super) const X25519_KEYPAIR: u32 = 0xA100_0044;
pub(super) const SM2_DSA_KEYPAIR: u32 = 0xA100_0045;
pub(super) const SM2_KEP_KEYPAIR: u32 = 0xA100_0046;
pub(super) const SM2_PKE_KEYPAIR: u32 = 0xA100_0047;
pub(super) const ED448_KEYPAIR: u32 = 0xA100_0048;
pub(super) const X448_KEYPAIR: u32 = 0xA100_0049;
/// `TEE_TYPE_HKDF` of API 1.3, and OP-TEE's own types of what keys are derived from.
pub(super) const HKDF: u32 = 0xA000_004A;
pub(super) const HKDF_IKM: u32 = 0xA100_00C0;
pub(super) const CONCAT_KDF_Z: u32 = 0xA100_00C1;
pub(super) const PBKDF2_PASSWORD: u32 = 0xA100_00C2;

/// In the number of a type: that of a key pair, not of a public key.
pub(super) const PAIR: u32 = 0x0100_0000;

/// A type of objects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ObjectType {
    pub(super) id: u32,
    /// Sizes of its keys, whether generated or made from attributes, and for which an object is allocated, in bits: from,
    /// to, in steps of.
    min: u32,
    max: u32,
    step: u32,
    attributes: &'static [TypeAttribute],
}

const fn exact(id: u32, min: u32, max: u32, step: u32) -> ObjectType {
    ObjectType { id, min, max, step, attributes: &SECRET }
}

const fn up_to(id: u32, min: u32, max: u32, attributes: &'static [TypeAttribute]) -> ObjectType {
    ObjectType { id, min, max, step: 8, attributes }
}

/// A type of asymmetric keys.
const fn key(id: u32, (min, max, step): (u32, u32, u32), attributes: &'static [TypeAttribute]) -> ObjectType {
    ObjectType { id, min, max, step, attributes }
}

const fn one_size(id: u32, size: u32, attributes: &'static [TypeAttribute]) -> ObjectType {
    key(id, (size, size, 1), attributes)
}

const RSA_SIZES: (u32, u32, u32) = (256, 4096, 1);
const DSA_SIZES: (u32, u32, u32) = (512, 3072, 64);
const DH_SIZES: (u32, u32, u32) = (256, 2048, 1);
const ECC_SIZES: (u32, u32, u32) = (192, 521, 1);

/// Sizes are those of OP-TEE, and of API 1.3.1 where OP-TEE has no such type.
static TYPES: [ObjectType; 44] = [
    exact(AES, 128, 256, 64),
    exact(DES, 64, 64, 64),
    exact(DES3, 128, 192, 64),
    exact(SM4, 128, 128, 128),
    up_to(HMAC | 1, 64, 512, &SECRET),
    up_to(HMAC | 2, 80, 512, &SECRET),
    up_to(HMAC | 3, 112, 512, &SECRET),
    up_to(HMAC | 4, 192, 1024, &SECRET),
    up_to(HMAC | 5, 256, 1024, &SECRET),
    up_to(HMAC | 6, 256, 1024, &SECRET),
    // SM3, then SHA-3.
    up_to(HMAC | 7, 80, 1024, &SECRET),
    up_to(HMAC | 8, 192, 1024, &SECRET),
    up_to(HMAC | 9, 256, 1024, &SECRET),
    up_to(HMAC | 0xA, 256, 1024, &SECRET),
    up_to(HMAC | 0xB, 256, 1024, &SECRET),
    up_to(GENERIC_SECRET, 0, 4096, &SECRET),
    up_to(HKDF, 0, 4096, &SECRET),
    up_to(HKDF_IKM, 0, 4096, &IKM),
    up_to(CONCAT_KDF_Z, 0, 4096, &Z),
    up_to(PBKDF2_PASSWORD, 0, 4096, &PASSWORD),
    key(RSA_KEYPAIR & !PAIR, RSA_SIZES, &RSA_PUBLIC),
    key(RSA_KEYPAIR, RSA_SIZES, &RSA_PAIR),
    key(DSA_KEYPAIR & !PAIR, DSA_SIZES, &DSA_PUBLIC),
    key(DSA_KEYPAIR, DSA_SIZES, &DSA_PAIR),
    key(DH_KEYPAIR, DH_SIZES, &DH_PAIR),
    key(ECDSA_KEYPAIR & !PAIR, ECC_SIZES, &ECC_PUBLIC),
    key(ECDSA_KEYPAIR, ECC_SIZES, &ECC_PAIR),
    key(ECDH_KEYPAIR & !PAIR, ECC_SIZES, &ECC_PUBLIC),
    key(ECDH_KEYPAIR, ECC_SIZES, &ECC_PAIR),
    one_size(SM2_DSA_KEYPAIR & !PAIR, 256, &SM2_PUBLIC),
    one_size(SM2_DSA_KEYPAIR, 256, &SM2_PAIR),
    one_size(SM2_KEP_KEYPAIR & !PAIR, 256, &SM2_PUBLIC),
    one_size(SM2_KEP_KEYPAIR, 256, &SM2_PAIR),
    one_size(SM2_PKE_KEYPAIR & !PAIR, 256, &SM2_PUBLIC),
    one_size(SM2_PKE_KEYPAIR, 256, &SM2_PAIR),
    one_size(ED25519_KEYPAIR & !PAIR, 256, &ED25519_PUBLIC),
    one_size(ED25519_KEYPAIR, 256, &ED25519_PAIR),
    one_size(X25519_KEYPAIR & !PAIR, 256, &X25519_PUBLIC),
    one_size(X25519_KEYPAIR, 256, &X25519_PAIR),
    one_size(ED448_KEYPAIR & !PAIR, 448, &ED448_PUBLIC),
    one_size(ED448_KEYPAIR, 448, &ED448_PAIR),
    one_size(X448_KEYPAIR & !PAIR, 448, &X448_PUBLIC),
    one_size(X448_KEYPAIR, 448, &X448_PAIR),
    one_size(DATA, 0, &NONE),
];

/// Bits of the curves that there are, `TEE_ECC_CURVE_*`.
const CURVES: [(u32, u32); 7] =
    [(1, 192), (2, 224), (3, 256), (4, 384), (5, 521), (0x300, 256), (0x400, 256)];

/// Size in bits of a key on a curve.
pub(super) fn curve_bits(curve: u32) -> Option<u32> {
    CURVES.iter().find(|(known, _)| *known == curve).map(|(_, bits)| *bits)
}

/// The type that has this number.
pub(super) fn object_type(id: u32) -> Option<&'static ObjectType> {
    TYPES.iter().find(|known| known.id == id)
}

impl ObjectType {
    /// Whether there are objects of this size, in bits.
    pub(super) fn has_size(&self, bits: u32) -> bool {
        let bits = with_parity(self.id, bits);
        (self.min..=self.max).contains(&bits) && bits % self.step == 0
    }

    /// Bytes that a secret of `bits` has.
    pub(super) fn secret_len(&self, bits: u32) -> usize {
        with_parity(self.id, bits) as usize / 8
    }

    /// Size in bits of a secret of `len` bytes, in an object for `max` bits. `None` where it does not fit.
    pub(super) fn size_of(&self, len: usize, max: u32) -> Option<u32> {
        let bits = u32::try_from(len.checked_mul(8)?).ok()?;
        (bits <= with_parity(self.id, max)).then(|| {
            if counts_parity(self.id, max) {
                bits
            } else {
                bits / 8 * 7
            }
        })
    }

    /// The attributes that objects of this type have.
    pub(super) fn attributes(&self) -> &'static [TypeAttribute] {
        self.attributes
    }

    /// An attribute of this type.
    pub(super) fn attribute(&self, id: u32) -> Option<&'static TypeAttribute> {
        self.attributes.iter().find(|attribute| attribute.id == id)
    }

    /// The size in bits of objects that no attribute tells it of: there is but one.
    pub(super) fn only_size(&self) -> Option<u32> {
        (self.min == self.max).then_some(self.max)
    }

    /// Whether its keys are random bytes alone.
    pub(super) fn is_secret(&self) -> bool {
        self.attributes == SECRET
    }

    /// Whether an object can have a copy of the attributes of one of type `from`: it is of the same type, or the
    /// public half of it.
    pub(super) fn copies(&self, from: &Self) -> bool {
        self == from || self.id | PAIR == from.id && self.attributes.iter().all(|of| from.has(of))
    }

    fn has(&self, attribute: &TypeAttribute) -> bool {
        self.attribute(attribute.id).is_some()
    }

    /// Whether those attributes are given that are needed, each once, and none that is not. The error is a code to
    /// end the TA with.
    pub(super) fn check_given(
        &self,
        given: &[Attribute],
        need: impl Fn(&TypeAttribute) -> Need,
    ) -> Result<(), u32> {
        let count = |id| given.iter().filter(|attribute| attribute.id == id).count();
        let known = given.iter().all(|attribute| self.attribute(attribute.id).is_some());
        let needed = self.attributes.iter().all(|attribute| match need(attribute) {
            Need::No => count(attribute.id) == 0,
            Need::Optional => count(attribute.id) <= 1,
            Need::Required => count(attribute.id) == 1,
        });
        (known && needed).then_some(()).ok_or(ERROR_ITEM_NOT_FOUND)
    }
}

/// Whether a size of a DES key counts the bits of parity. API 1.3.1 counts them; older ones, whose sizes OP-TEE
/// takes as well, have sizes of 56, 112 and 168 bits.
fn counts_parity(id: u32, bits: u32) -> bool {
    !matches!((id, bits), (DES, 56) | (DES3, 112 | 168))
}

fn with_parity(id: u32, bits: u32) -> u32 {
    if counts_parity(id, bits) {
        bits
    } else {
        bits / 7 * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let aes = object_type(AES).unwrap();
        for (bits, has) in [(127, false), (128, true), (192, true), (224, false), (256, true), (320, false)] {
            assert_eq!(aes.has_size(bits), has, "{bits}");
        }
        assert_eq!(aes.size_of(16, 256), Some(128));
        assert_eq!(aes.size_of(32, 128), None);
        let hmac = object_type(HMAC | 4).unwrap();
        assert!(hmac.has_size(192) && !hmac.has_size(184) && !hmac.has_size(32));
    }

    #[test]
    fn des_with_and_without_parity() {
        let des3 = object_type(DES3).unwrap();
        assert!([112, 128, 168, 192].iter().all(|bits| des3.has_size(*bits)));
        assert!(![56, 64, 120, 160].iter().any(|bits| des3.has_size(*bits)));
        assert_eq!((des3.secret_len(168), des3.secret_len(192)), (24, 24));
        assert_eq!((des3.size_of(24, 168), des3.size_of(24, 192)), (Some(168), Some(192)));
        assert_eq!(des3.size_of(24, 112), None);
        assert!(object_type(DES).unwrap().has_size(56));
    }
}
