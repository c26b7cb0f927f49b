// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! An object: what it is made of, and what can be done with it. The functions that a TA calls are in
//! [`objects`](super::objects) and [`transient_objects`](super::transient_objects).

use tee::gp::{
    ERROR_ACCESS_DENIED, ERROR_BAD_PARAMETERS, ERROR_BAD_STATE, ERROR_ITEM_NOT_FOUND, ERROR_NOT_SUPPORTED,
};
use zeroize::Zeroizing;

use super::asymmetric_keys;
use super::attribute_ids::SECRET_VALUE;
use super::attribute_set::{is_public, Attribute, AttributeSet, Content};
use super::object_types::{curve_bits, ObjectType, GENERIC_SECRET};
use super::type_attributes::{bits, Form, Need, TypeAttribute};
use crate::services;

/// `TEE_USAGE_EXTRACTABLE`.
const USAGE_EXTRACTABLE: u32 = 1;
/// What a new object may be used for: everything, as OP-TEE says it.
const USAGE_ALL: u32 = u32::MAX;

/// An object. Its attributes are wiped when it is dropped.
#[derive(Clone)]
pub(super) struct Object {
    kind: &'static ObjectType,
    /// In bits, as the TA counts: see [`ObjectType::size_of`].
    max_size: u32,
    usage: u32,
    /// What it was initialized with.
    key: Option<Key>,
}

/// The attributes of an object that is initialized, and how large they make it.
#[derive(Clone)]
pub(super) struct Key {
    /// In bits.
    pub(super) size: u32,
    pub(super) attributes: AttributeSet,
}

impl Key {
    /// The bytes of a key of which they are all.
    pub(super) fn secret(&self) -> &[u8] {
        self.attributes.buffer(SECRET_VALUE).map_or(&[], |secret| secret)
    }
}

/// Errors are codes to end the TA with.
impl Object {
    /// An object that is not initialized, for `max_size` bits; none where there are none of this size.
    pub(super) fn new(kind: &'static ObjectType, max_size: u32) -> Option<Self> {
        kind.has_size(max_size).then_some(Self { kind, max_size, usage: USAGE_ALL, key: None })
    }

    /// An object from what another was made of: [`kind`](Self::kind), [`max_size`](Self::max_size),
    /// [`usage`](Self::usage) and [`key`](Self::key). None where they do not fit together.
    pub(super) fn from_parts(
        kind: &'static ObjectType,
        max_size: u32,
        usage: u32,
        size: u32,
        attributes: Vec<Attribute>,
    ) -> Option<Self> {
        let of_type = |attribute: &Attribute| match (&attribute.content, kind.attribute(attribute.id)?.form) {
            (Content::Values(..), Form::Value) => Some(()),
            (Content::Buffer(buffer), Form::Bytes(len)) => (buffer.len() == len).then_some(()),
            (Content::Buffer(_), Form::Secret | Form::Number) => Some(()),
            (Content::Values(..) | Content::Buffer(_), _) => None,
        };
        if !kind.has_size(max_size) || attributes.iter().any(|attribute| of_type(attribute).is_none()) {
            return None;
        }
        kind.check_given(&attributes, |attribute| match attribute.populate {
            Need::No => Need::Optional,
            need => need,
        })
        .ok()?;
        let key = Key { size, attributes: AttributeSet::new(attributes) };
        Some(Self { kind, max_size, usage, key: Some(key) })
    }

    pub(super) fn kind(&self) -> &'static ObjectType {
        self.kind
    }

    /// How large it can be, in bits.
    pub(super) fn max_size(&self) -> u32 {
        self.max_size
    }

    /// What it may be used for, `TEE_USAGE_*`.
    pub(super) fn usage(&self) -> u32 {
        self.usage
    }

    /// Its attributes and their size, where it is initialized.
    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Allows nothing but `usage` from now on.
    pub(super) fn restrict(&mut self, usage: u32) {
        self.usage &= usage;
    }

    /// Back to what it was when it was allocated.
    pub(super) fn reset(&mut self) {
        self.usage = USAGE_ALL;
        self.key = None;
    }

    fn check_uninitialized(&self) -> Result<(), u32> {
        if self.key.is_some() {
            return Err(ERROR_BAD_STATE);
        }
        Ok(())
    }

    /// Initializes it; false where an attribute has a value that no object of this type has.
    pub(super) fn populate(&mut self, given: Vec<Attribute>) -> Result<bool, u32> {
        self.check_uninitialized()?;
        self.kind.check_given(&given, |attribute| attribute.populate)?;
        let optional = |of: &&TypeAttribute| of.populate == Need::Optional;
        let there = given.iter().filter_map(|of| self.kind.attribute(of.id)).filter(optional).count();
        if there != 0 && there != self.kind.attributes().iter().filter(optional).count() {
            return Err(ERROR_ITEM_NOT_FOUND);
        }
        self.key = self.take_in(given)?;
        Ok(self.key.is_some())
    }

    /// Attributes as the object has them. None where the size is none that there is.
    fn take_in(&self, given: Vec<Attribute>) -> Result<Option<Key>, u32> {
        let mut size = self.kind.only_size();
        let mut attributes = Vec::with_capacity(given.len());
        for Attribute { id, content } in given {
            let attribute = self.kind.attribute(id).ok_or(ERROR_ITEM_NOT_FOUND)?;
            if attribute.sizing {
                let (told, all) = self.told_size(&content)?;
                if !self.kind.has_size(all) {
                    return Ok(None);
                }
                size = Some(told);
            }
            let content = attribute.form.take(content)?;
            if let (true, Content::Buffer(number)) = (attribute.bounded, &content) {
                if bits(number) > u64::from(self.max_size) {
                    return Err(ERROR_BAD_STATE);
                }
            }
            attributes.push(Attribute { id, content });
        }
        Ok(Some(Key { size: size.unwrap_or(0), attributes: AttributeSet::new(attributes) }))
    }

    /// The size that an attribute tells, as the TA counts, and with all bits counted.
    fn told_size(&self, content: &Content) -> Result<(u32, u32), u32> {
        match content {
            Content::Values(curve, _) => {
                let bits = curve_bits(*curve).ok_or(ERROR_NOT_SUPPORTED)?;
                (bits <= self.max_size).then_some((bits, bits)).ok_or(ERROR_BAD_STATE)
            }
            Content::Buffer(buffer) => {
                let size = self.kind.size_of(buffer.len(), self.max_size).ok_or(ERROR_BAD_STATE)?;
                Ok((size, u32::try_from(buffer.len() * 8).map_err(|_| ERROR_BAD_STATE)?))
            }
        }
    }

    /// Initializes it with a new key; false where there can be none with these attributes.
    pub(super) fn generate(&mut self, size: u32, given: Vec<Attribute>) -> Result<bool, u32> {
        self.check_uninitialized()?;
        if !self.kind.has_size(size) {
            return Err(ERROR_NOT_SUPPORTED);
        }
        if size > self.max_size {
            return Err(ERROR_BAD_PARAMETERS);
        }
        self.kind.check_given(&given, |attribute| attribute.generate)?;
        let attributes = if self.kind.is_secret() {
            let mut secret = Zeroizing::new(vec![0; self.kind.secret_len(size)]);
            services::random(&mut secret);
            AttributeSet::new(vec![Attribute { id: SECRET_VALUE, content: Content::Buffer(secret) }])
        } else {
            let Some(told) = self.take_in(given)? else {
                return Ok(false);
            };
            match asymmetric_keys::generate(self.kind.id, size, told.attributes) {
                Ok(attributes) => attributes,
                Err(error) if asymmetric_keys::code(&error) == ERROR_BAD_PARAMETERS => return Ok(false),
                Err(error) => return Err(asymmetric_keys::code(&error)),
            }
        };
        self.key = Some(Key { size, attributes });
        Ok(true)
    }

    /// Whether a key can be derived into it.
    pub(super) fn check_underived(&self) -> Result<(), u32> {
        self.check_uninitialized()?;
        (self.kind.id == GENERIC_SECRET).then_some(()).ok_or(ERROR_BAD_PARAMETERS)
    }

    /// Initializes it with a derived key.
    pub(super) fn set_derived(&mut self, secret: Zeroizing<Vec<u8>>) -> Result<(), u32> {
        self.check_underived()?;
        let size = u32::try_from(secret.len() * 8).map_err(|_| ERROR_BAD_PARAMETERS)?;
        let attributes = vec![Attribute { id: SECRET_VALUE, content: Content::Buffer(secret) }];
        self.key = Some(Key { size, attributes: AttributeSet::new(attributes) });
        Ok(())
    }

    /// Initializes it with what `from` has, or with the public half of it.
    pub(super) fn copy_from(&mut self, from: Object) -> Result<(), u32> {
        self.check_uninitialized()?;
        let key = from.key.ok_or(ERROR_BAD_STATE)?;
        let copy = copy_for(self.kind, from.kind, &key).ok_or(ERROR_BAD_PARAMETERS)?;
        let size = if self.kind.is_secret() {
            self.kind.size_of(copy.secret().len(), self.max_size)
        } else {
            (copy.size <= self.max_size).then_some(copy.size)
        };
        self.key = Some(Key { size: size.ok_or(ERROR_BAD_PARAMETERS)?, ..copy });
        self.restrict(from.usage);
        Ok(())
    }

    /// An attribute that is a buffer, where it has it.
    pub(super) fn buffer(&self, id: u32) -> Result<Option<&[u8]>, u32> {
        let attributes = self.readable(id)?;
        Ok(attributes.buffer(id).map(|buffer| &buffer[..]))
    }

    /// An attribute that is two values, where it has it.
    pub(super) fn values(&self, id: u32) -> Result<Option<(u32, u32)>, u32> {
        Ok(self.readable(id)?.values(id))
    }

    fn readable(&self, id: u32) -> Result<&AttributeSet, u32> {
        let key = self.key.as_ref().ok_or(ERROR_BAD_PARAMETERS)?;
        if !is_public(id) && self.usage & USAGE_EXTRACTABLE == 0 {
            return Err(ERROR_ACCESS_DENIED);
        }
        Ok(&key.attributes)
    }
}

/// A key of type `from` as an object of type `kind` has it; none where it cannot.
pub(super) fn copy_for(kind: &ObjectType, from: &ObjectType, key: &Key) -> Option<Key> {
    let of_type = |attribute: &&Attribute| kind.attribute(attribute.id).is_some();
    let copy = || key.attributes.iter().filter(of_type).cloned().collect();
    kind.copies(from).then(|| Key { size: key.size, attributes: AttributeSet::new(copy()) })
}

#[cfg(test)]
mod tests {
    use super::super::attribute_ids::*;
    use super::super::object_types::*;
    use tee::gp::ERROR_SECURITY;

    use super::*;

    fn buffer(id: u32, bytes: &[u8]) -> Attribute {
        Attribute { id, content: Content::Buffer(Zeroizing::new(bytes.to_vec())) }
    }

    fn curve(curve: u32) -> Attribute {
        Attribute { id: ECC_CURVE, content: Content::Values(curve, 7) }
    }

    fn object(id: u32, max: u32) -> Object {
        Object::new(object_type(id).unwrap(), max).unwrap()
    }

    fn pair() -> Object {
        let mut pair = object(ECDSA_KEYPAIR, 521);
        let number = |id, last| buffer(id, &[0, 0, 1, last]);
        let given = vec![
            curve(3),
            number(ECC_PRIVATE_VALUE, 2),
            number(ECC_PUBLIC_VALUE_X, 3),
            number(ECC_PUBLIC_VALUE_Y, 4),
        ];
        assert_eq!(pair.populate(given), Ok(true));
        pair
    }

    #[test]
    fn numbers_have_no_leading_zeros_and_values_one_half() {
        let pair = pair();
        assert_eq!(pair.key().unwrap().size, 256);
        assert_eq!(pair.buffer(ECC_PRIVATE_VALUE), Ok(Some(&[1, 2][..])));
        assert_eq!(pair.values(ECC_CURVE), Ok(Some((3, 0))));
        assert_eq!(pair.buffer(RSA_MODULUS), Ok(None));
    }

    #[test]
    fn a_public_key_is_copied_from_a_pair_but_not_the_other_way() {
        let pair = pair();
        let mut public = object(ECDSA_KEYPAIR & !PAIR, 256);
        public.copy_from(pair.clone()).unwrap();
        assert_eq!(public.key().unwrap().attributes.iter().count(), 3);
        assert_eq!(public.buffer(ECC_PRIVATE_VALUE), Ok(None));
        assert_eq!(object(ECDSA_KEYPAIR, 256).copy_from(public), Err(ERROR_BAD_PARAMETERS));
        assert_eq!(object(ECDH_KEYPAIR & !PAIR, 256).copy_from(pair.clone()), Err(ERROR_BAD_PARAMETERS));
        assert_eq!(object(ECDSA_KEYPAIR & !PAIR, 224).copy_from(pair), Err(ERROR_BAD_PARAMETERS));
    }

    #[test]
    fn optional_attributes_are_there_all_or_none() {
        let rsa = |ids: &[u32]| {
            let given = [RSA_MODULUS, RSA_PUBLIC_EXPONENT, RSA_PRIVATE_EXPONENT];
            let given = given.iter().chain(ids).map(|id| buffer(*id, &[3; 64])).collect();
            object(RSA_KEYPAIR, 512).populate(given)
        };
        assert_eq!(rsa(&[]), Ok(true));
        assert_eq!(rsa(&[RSA_PRIME1, RSA_PRIME2]), Err(ERROR_ITEM_NOT_FOUND));
        let all = [RSA_PRIME1, RSA_PRIME2, RSA_EXPONENT1, RSA_EXPONENT2, RSA_COEFFICIENT];
        assert_eq!(rsa(&all), Ok(true));
        assert_eq!(rsa(&[&all[..], &[RSA_PRIME1]].concat()), Err(ERROR_ITEM_NOT_FOUND));
        assert_eq!(rsa(&[DSA_PRIME]), Err(ERROR_ITEM_NOT_FOUND));
    }

    #[test]
    fn sizes_that_do_not_fit() {
        let x25519 = |len| {
            let given = [X25519_PUBLIC_VALUE, X25519_PRIVATE_VALUE].map(|id| buffer(id, &vec![1; len]));
            object(X25519_KEYPAIR, 256).populate(given.into())
        };
        assert_eq!((x25519(32), x25519(31)), (Ok(true), Err(ERROR_SECURITY)));
        let ecc = |of| {
            let given = vec![curve(of), buffer(ECC_PUBLIC_VALUE_X, &[]), buffer(ECC_PUBLIC_VALUE_Y, &[])];
            object(ECDH_KEYPAIR & !PAIR, 256).populate(given)
        };
        assert_eq!((ecc(3), ecc(4), ecc(99)), (Ok(true), Err(ERROR_BAD_STATE), Err(ERROR_NOT_SUPPORTED)));
        let rsa = |len| {
            let given = [RSA_MODULUS, RSA_PUBLIC_EXPONENT].map(|id| buffer(id, &vec![1; len]));
            object(RSA_KEYPAIR & !PAIR, 512).populate(given.into())
        };
        assert_eq!((rsa(64), rsa(65), rsa(31)), (Ok(true), Err(ERROR_BAD_STATE), Ok(false)));
    }

    #[test]
    fn an_object_is_made_again_from_its_parts() {
        let pair = pair();
        let key = pair.key().unwrap();
        let parts: Vec<_> = key.attributes.iter().cloned().collect();
        let make = |kind: u32, parts: Vec<Attribute>| {
            Object::from_parts(object_type(kind).unwrap(), pair.max_size(), pair.usage(), key.size, parts)
        };
        let again = make(ECDSA_KEYPAIR, parts.clone()).unwrap();
        assert_eq!(again.buffer(ECC_PRIVATE_VALUE), pair.buffer(ECC_PRIVATE_VALUE));
        assert_eq!((again.values(ECC_CURVE), again.key().unwrap().size), (Ok(Some((3, 0))), 256));
        // Of another type; one missing; in another form; nothing.
        assert!(make(RSA_KEYPAIR, parts.clone()).is_none());
        assert!(make(ECDSA_KEYPAIR, parts[1..].to_vec()).is_none());
        assert!(make(ECDSA_KEYPAIR, [&[buffer(ECC_CURVE, &[3])][..], &parts[1..]].concat()).is_none());
        let data = Object::from_parts(object_type(DATA).unwrap(), 0, 1, 0, Vec::new()).unwrap();
        assert_eq!((data.usage(), data.key().unwrap().size), (1, 0));
    }
}
