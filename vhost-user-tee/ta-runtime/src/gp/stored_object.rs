// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! An object as it is kept with a persistent object's data.

use zeroize::Zeroizing;

use super::attribute_set::{is_value, Attribute, Content};
use super::object::Object;
use super::object_types::object_type;

/// The form below; others may come.
const FORM: u32 = 1;

/// Bytes before the attributes.
const HEAD: usize = 5 * 4;

/// What is kept: numbers of 32 bits, and buffers after their length.
///
/// Form, type, greatest size, usage, size, then each attribute: its number, and its two values or its buffer.
pub(super) fn encode(object: &Object) -> Zeroizing<Vec<u8>> {
    // With room for all: what is moved to have more would be left behind.
    let len = |attribute: &Attribute| match &attribute.content {
        Content::Values(..) => 12,
        Content::Buffer(buffer) => 8 + buffer.len(),
    };
    let attributes = object.key().map_or(0, |key| key.attributes.iter().map(len).sum());
    let mut out = Zeroizing::new(Vec::with_capacity(HEAD + attributes));
    let mut put = |value: u32| out.extend_from_slice(&value.to_le_bytes());
    let size = object.key().map_or(0, |key| key.size);
    [FORM, object.kind().id, object.max_size(), object.usage(), size].into_iter().for_each(&mut put);
    for attribute in object.key().iter().flat_map(|key| key.attributes.iter()) {
        out.extend_from_slice(&attribute.id.to_le_bytes());
        match &attribute.content {
            Content::Values(a, b) => {
                out.extend_from_slice(&a.to_le_bytes());
                out.extend_from_slice(&b.to_le_bytes());
            }
            Content::Buffer(buffer) => {
                out.extend_from_slice(&(buffer.len() as u32).to_le_bytes());
                out.extend_from_slice(buffer);
            }
        }
    }
    out
}

/// The object again; none where it is of a form or type that there is not here.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Object> {
    let rest = &mut bytes;
    if take_u32(rest)? != FORM {
        return None;
    }
    let kind = object_type(take_u32(rest)?)?;
    let (max_size, usage, size) = (take_u32(rest)?, take_u32(rest)?, take_u32(rest)?);
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let id = take_u32(rest)?;
        let content = if is_value(id) {
            Content::Values(take_u32(rest)?, take_u32(rest)?)
        } else {
            let len = take_u32(rest)? as usize;
            let (buffer, after) = rest.split_at_checked(len)?;
            *rest = after;
            Content::Buffer(Zeroizing::new(buffer.to_vec()))
        };
        attributes.push(Attribute { id, content });
    }
    Object::from_parts(kind, max_size, usage, size, attributes)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (value, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*value))
}

#[cfg(test)]
mod tests {
    use super::super::attribute_ids::{ECC_CURVE, ECC_PUBLIC_VALUE_X, ECC_PUBLIC_VALUE_Y};
    use super::super::object_types::DATA;
    use super::*;

    #[test]
    fn an_object_is_the_same_again() {
        let buffer = |id, len| Attribute { id, content: Content::Buffer(Zeroizing::new(vec![7; len])) };
        let curve = Attribute { id: ECC_CURVE, content: Content::Values(3, 0) };
        let mut object = Object::new(object_type(0xA000_0041).unwrap(), 521).unwrap();
        let given = vec![curve, buffer(ECC_PUBLIC_VALUE_X, 32), buffer(ECC_PUBLIC_VALUE_Y, 31)];
        assert_eq!(object.populate(given), Ok(true));
        object.restrict(5);
        let bytes = encode(&object);
        assert_eq!(bytes.len(), bytes.capacity());
        let again = decode(&bytes).unwrap();
        assert_eq!(encode(&again), bytes);
        assert_eq!((again.kind().id, again.max_size(), again.usage()), (0xA000_0041, 521, 5));
        assert_eq!(again.buffer(ECC_PUBLIC_VALUE_Y), Ok(Some(&[7; 31][..])));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_none(), "{len}");
        }
    }

    #[test]
    fn data_have_no_attributes() {
        let data = Object::from_parts(object_type(DATA).unwrap(), 0, u32::MAX, 0, Vec::new()).unwrap();
        let again = decode(&encode(&data)).unwrap();
        assert!(again.kind().id == DATA && again.key().is_some());
    }
}
