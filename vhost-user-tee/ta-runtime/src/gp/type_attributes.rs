// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which attributes an object of each type has (API 1.3.1, tables 5-9 to 5-11), as OP-TEE has them.

use tee::gp::{ERROR_BAD_PARAMETERS, ERROR_SECURITY};
use zeroize::Zeroizing;

use super::attribute_ids::*;
use super::attribute_set::Content;

/// Whether an attribute is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    No,
    Optional,
    Required,
}

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A key as it is.
    Secret,
    /// A number, most significant byte first; leading zeros are not kept.
    Number,
    /// So many bytes.
    Bytes(usize),
    /// The first of two values; the second is not kept.
    Value,
}

impl Form {
    /// An attribute that is given, as an object has it. Errors are codes to end the TA with.
    pub(super) fn take(self, given: Content) -> Result<Content, u32> {
        Ok(match (self, given) {
            (Self::Value, Content::Values(value, _)) => Content::Values(value, 0),
            (Self::Secret, Content::Buffer(secret)) => Content::Buffer(secret),
            (Self::Bytes(len), Content::Buffer(bytes)) if bytes.len() == len => Content::Buffer(bytes),
            (Self::Bytes(_), Content::Buffer(_)) => return Err(ERROR_SECURITY),
            (Self::Number, Content::Buffer(number)) => {
                Content::Buffer(Zeroizing::new(without_zeros(&number).to_vec()))
            }
            (_, Content::Values(..) | Content::Buffer(_)) => return Err(ERROR_BAD_PARAMETERS),
        })
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// Bits that a number has.
pub(super) fn bits(number: &[u8]) -> u64 {
    match without_zeros(number) {
        [first, rest @ ..] => u64::from(first.ilog2() + 1) + rest.len() as u64 * 8,
        [] => 0,
    }
}

/// An attribute of a type of objects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypeAttribute {
    pub(super) id: u32,
    pub(super) form: Form,
    /// To make an object from attributes. Optional ones are there all, or none.
    pub(super) populate: Need,
    /// To make a new key.
    pub(super) generate: Need,
    /// It tells how large the object is.
    pub(super) sizing: bool,
    /// It has no more bits than the object is made for.
    pub(super) bounded: bool,
}

impl TypeAttribute {
    const fn new(id: u32, form: Form) -> Self {
        Self { id, form, populate: Need::Required, generate: Need::No, sizing: false, bounded: false }
    }

    const fn populate(self, populate: Need) -> Self {
        Self { populate, ..self }
    }

    const fn generate(self, generate: Need) -> Self {
        Self { generate, ..self }
    }

    const fn sizing(self) -> Self {
        Self { sizing: true, ..self }
    }

    const fn bounded(self) -> Self {
        Self { bounded: true, ..self }
    }
}

const fn number(id: u32) -> TypeAttribute {
    TypeAttribute::new(id, Form::Number)
}

const fn bytes(id: u32, len: usize) -> TypeAttribute {
    TypeAttribute::new(id, Form::Bytes(len))
}

const fn secret(id: u32) -> [TypeAttribute; 1] {
    [TypeAttribute::new(id, Form::Secret).sizing()]
}

/// A public key and a private one, of so many bytes.
const fn pair(private: u32, public: u32, len: usize) -> [TypeAttribute; 2] {
    [bytes(private, len), bytes(public, len)]
}

pub(super) static SECRET: [TypeAttribute; 1] = secret(SECRET_VALUE);
pub(super) static IKM: [TypeAttribute; 1] = secret(HKDF_IKM);
pub(super) static Z: [TypeAttribute; 1] = secret(CONCAT_KDF_Z);
pub(super) static PASSWORD: [TypeAttribute; 1] = secret(PBKDF2_PASSWORD);
pub(super) static NONE: [TypeAttribute; 0] = [];

pub(super) static RSA_PUBLIC: [TypeAttribute; 2] =
    [number(RSA_MODULUS).sizing(), number(RSA_PUBLIC_EXPONENT)];

pub(super) static RSA_PAIR: [TypeAttribute; 8] = [
    number(RSA_MODULUS).sizing(),
    number(RSA_PUBLIC_EXPONENT).generate(Need::Optional),
    number(RSA_PRIVATE_EXPONENT),
    number(RSA_PRIME1).populate(Need::Optional),
    number(RSA_PRIME2).populate(Need::Optional),
    number(RSA_EXPONENT1).populate(Need::Optional),
    number(RSA_EXPONENT2).populate(Need::Optional),
    number(RSA_COEFFICIENT).populate(Need::Optional),
];

pub(super) static DSA_PUBLIC: [TypeAttribute; 4] = [
    number(DSA_PRIME).sizing().bounded(),
    number(DSA_SUBPRIME),
    number(DSA_BASE).bounded(),
    number(DSA_PUBLIC_VALUE).bounded(),
];

pub(super) static DSA_PAIR: [TypeAttribute; 5] = [
    number(DSA_PRIME).sizing().bounded().generate(Need::Required),
    number(DSA_SUBPRIME).generate(Need::Required),
    number(DSA_BASE).bounded().generate(Need::Required),
    number(DSA_PRIVATE_VALUE).bounded(),
    number(DSA_PUBLIC_VALUE).bounded(),
];

pub(super) static DH_PAIR: [TypeAttribute; 6] = [
    number(DH_PRIME).sizing().generate(Need::Required),
    number(DH_BASE).generate(Need::Required),
    number(DH_PUBLIC_VALUE),
    number(DH_PRIVATE_VALUE),
    number(DH_SUBPRIME).populate(Need::Optional).generate(Need::Optional),
    TypeAttribute::new(DH_X_BITS, Form::Value).populate(Need::No).generate(Need::Optional),
];

const CURVE: TypeAttribute = TypeAttribute::new(ECC_CURVE, Form::Value).sizing();

pub(super) static ECC_PUBLIC: [TypeAttribute; 3] =
    [number(ECC_PUBLIC_VALUE_X), number(ECC_PUBLIC_VALUE_Y), CURVE];

pub(super) static ECC_PAIR: [TypeAttribute; 4] = [
    number(ECC_PRIVATE_VALUE),
    number(ECC_PUBLIC_VALUE_X),
    number(ECC_PUBLIC_VALUE_Y),
    CURVE.generate(Need::Required),
];

pub(super) static SM2_PUBLIC: [TypeAttribute; 2] = [number(ECC_PUBLIC_VALUE_X), number(ECC_PUBLIC_VALUE_Y)];

pub(super) static SM2_PAIR: [TypeAttribute; 3] =
    [number(ECC_PRIVATE_VALUE), number(ECC_PUBLIC_VALUE_X), number(ECC_PUBLIC_VALUE_Y)];

pub(super) static ED25519_PUBLIC: [TypeAttribute; 1] = [bytes(ED25519_PUBLIC_VALUE, 32)];
pub(super) static ED25519_PAIR: [TypeAttribute; 2] = pair(ED25519_PRIVATE_VALUE, ED25519_PUBLIC_VALUE, 32);
pub(super) static X25519_PUBLIC: [TypeAttribute; 1] = [bytes(X25519_PUBLIC_VALUE, 32)];
pub(super) static X25519_PAIR: [TypeAttribute; 2] = pair(X25519_PRIVATE_VALUE, X25519_PUBLIC_VALUE, 32);
pub(super) static ED448_PUBLIC: [TypeAttribute; 1] = [bytes(ED448_PUBLIC_VALUE, 57)];
pub(super) static ED448_PAIR: [TypeAttribute; 2] = pair(ED448_PRIVATE_VALUE, ED448_PUBLIC_VALUE, 57);
pub(super) static X448_PUBLIC: [TypeAttribute; 1] = [bytes(X448_PUBLIC_VALUE, 56)];
pub(super) static X448_PAIR: [TypeAttribute; 2] = pair(X448_PRIVATE_VALUE, X448_PUBLIC_VALUE, 56);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_numbers() {
        assert_eq!([bits(&[0, 1, 0]), bits(&[0x80]), bits(&[0]), bits(&[])], [9, 8, 0, 0]);
    }
}
