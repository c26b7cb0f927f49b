// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The three property sets, and what a property is in each of the forms that a TA can ask for.

use tee::gp::{ERROR_BAD_FORMAT, ERROR_ITEM_NOT_FOUND};
use uuid::Uuid;

use crate::services::instance::{self, Identity};
use crate::services::properties::{self, Property, Value};

/// A `TEE_PROPSET_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    TeeImplementation,
    CurrentClient,
    CurrentTa,
}

impl Set {
    /// The set that a pseudo-handle stands for.
    pub(super) fn from_handle(handle: usize) -> Option<Self> {
        match handle {
            0xffff_fffd => Some(Self::TeeImplementation),
            0xffff_fffe => Some(Self::CurrentClient),
            0xffff_ffff => Some(Self::CurrentTa),
            _ => None,
        }
    }

    /// All its properties, in an order that does not change during a call.
    fn properties(self) -> Vec<Property> {
        match self {
            Self::TeeImplementation => properties::tee().to_vec(),
            Self::CurrentTa => {
                let mut all = properties::ta().to_vec();
                all.push(property("gpd.ta.appID", Value::Uuid(instance::uuid())));
                all
            }
            Self::CurrentClient => match instance::client() {
                Some(client) => vec![
                    property("gpd.client.identity", Value::Identity(client)),
                    // Little-endian, as are all machines that this runs on.
                    property("gpd.client.endian", Value::U32(0)),
                ],
                None => Vec::new(),
            },
        }
    }

    /// The property of that name.
    pub(super) fn named(self, name: &[u8]) -> Result<Value, u32> {
        let found = self.properties().into_iter().find(|property| property.name == name);
        found.map(|property| property.value).ok_or(ERROR_ITEM_NOT_FOUND)
    }

    /// The property in that place.
    pub(super) fn at(self, index: usize) -> Result<Property, u32> {
        self.properties().into_iter().nth(index).ok_or(ERROR_ITEM_NOT_FOUND)
    }
}

fn property(name: &str, value: Value) -> Property {
    Property { name: name.as_bytes().to_vec(), value }
}

/// Any property as text, without the zero at its end.
pub(super) fn text(value: Value) -> Vec<u8> {
    match value {
        Value::Bool(value) => value.to_string().into_bytes(),
        Value::U32(value) => value.to_string().into_bytes(),
        Value::U64(value) => value.to_string().into_bytes(),
        Value::Uuid(uuid) => uuid.to_string().into_bytes(),
        Value::Identity(Identity { login, uuid }) => format!("{login}:{uuid}").into_bytes(),
        Value::String(text) => text,
        Value::Binary(bytes) => openssl::base64::encode_block(&bytes).into_bytes(),
    }
}

/// Defines what a property of one type is, and of no other.
macro_rules! exactly {
    ($name:ident, $variant:ident, $type:ty) => {
        pub(super) fn $name(value: Value) -> Result<$type, u32> {
            match value {
                Value::$variant(value) => Ok(value),
                _ => Err(ERROR_BAD_FORMAT),
            }
        }
    };
}

exactly!(boolean, Bool, bool);
exactly!(u32, U32, u32);
exactly!(u64, U64, u64);
exactly!(uuid, Uuid, Uuid);
exactly!(identity, Identity, Identity);
exactly!(binary, Binary, Vec<u8>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_text() {
        let uuid = Uuid::from_u128(0x8aaa_f200_2450_11e4_abe2_0002_a5d5_c51b);
        let uuid_text = "8aaaf200-2450-11e4-abe2-0002a5d5c51b";
        for (value, expected) in [
            (Value::Bool(true), "true"),
            (Value::Bool(false), "false"),
            (Value::U32(u32::MAX), "4294967295"),
            (Value::U64(u64::MAX), "18446744073709551615"),
            (Value::Uuid(uuid), uuid_text),
            (Value::Identity(Identity { login: 1, uuid }), &format!("1:{uuid_text}")),
            (Value::String(b"any".to_vec()), "any"),
            (Value::Binary(b"Hello".to_vec()), "SGVsbG8="),
        ] {
            assert_eq!(text(value), expected.as_bytes());
        }
    }

    #[test]
    fn a_type_is_not_taken_for_another() {
        assert_eq!(u32(Value::U32(5)), Ok(5));
        assert_eq!(u32(Value::U64(5)), Err(ERROR_BAD_FORMAT));
        assert_eq!(u64(Value::U32(5)), Err(ERROR_BAD_FORMAT));
        assert_eq!(boolean(Value::U32(1)), Err(ERROR_BAD_FORMAT));
        assert_eq!(binary(Value::String(b"SGVsbG8=".to_vec())), Err(ERROR_BAD_FORMAT));
    }

    #[test]
    fn only_three_handles_are_sets() {
        assert_eq!(Set::from_handle(0xffff_ffff), Some(Set::CurrentTa));
        for handle in [0, 0xffff_fffc, 1 << 32, usize::MAX] {
            assert_eq!(Set::from_handle(handle), None);
        }
    }
}
