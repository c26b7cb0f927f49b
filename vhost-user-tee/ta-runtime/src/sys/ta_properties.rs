// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Reading a TA's `ta_props`, as OP-TEE's `user_ta_header.h` lays them out.

use std::ffi::{c_char, c_void, CStr};

use openssl::base64;
use uuid::Uuid;

use crate::services::instance::Identity;
use crate::services::properties::{Property, Value};

/// `struct user_ta_property`.
#[repr(C)]
pub(super) struct UserTaProperty {
    name: *const c_char,
    kind: u32,
    value: *const c_void,
}

/// `TEE_UUID`.
#[derive(Clone, Copy)]
#[repr(C)]
struct TeeUuid {
    time_low: u32,
    time_mid: u16,
    time_hi_and_version: u16,
    clock_seq_and_node: [u8; 8],
}

impl From<TeeUuid> for Uuid {
    fn from(uuid: TeeUuid) -> Self {
        Self::from_fields(uuid.time_low, uuid.time_mid, uuid.time_hi_and_version, &uuid.clock_seq_and_node)
    }
}

/// `TEE_Identity`.
#[derive(Clone, Copy)]
#[repr(C)]
struct TeeIdentity {
    login: u32,
    uuid: TeeUuid,
}

/// Copies `count` properties from `at`. One that it cannot make sense of is an error, its text.
///
/// # Safety
///
/// `at` is the `ta_props` of a TA, and `count` its `ta_num_props`.
pub(super) unsafe fn read(at: *const UserTaProperty, count: usize) -> Result<Vec<Property>, String> {
    // More are surely not meant.
    if count > 1024 {
        return Err(format!("ta_num_props is {count}"));
    }
    (0..count)
        .map(|index| {
            // SAFETY: there are `count` of them (the caller's promise).
            let property = unsafe { &*at.add(index) };
            if property.name.is_null() || property.value.is_null() {
                return Err(format!("ta_props[{index}] has a null pointer"));
            }
            // SAFETY: a name is a string that ends with zero (`user_ta_header.h`).
            let name = unsafe { CStr::from_ptr(property.name) }.to_bytes().to_vec();
            // SAFETY: `kind` says what `value` points to (`user_ta_header.h`).
            let value = unsafe { read_value(property.kind, property.value) }
                .map_err(|error| format!("property {}: {error}", name.escape_ascii()))?;
            Ok(Property { name, value })
        })
        .collect()
}

/// # Safety
///
/// `at` points to what `USER_TA_PROP_TYPE_*` number `kind` says.
unsafe fn read_value(kind: u32, at: *const c_void) -> Result<Value, String> {
    // SAFETY: for all reads: the caller's promise. Not necessarily aligned.
    Ok(unsafe {
        match kind {
            // Not read as `bool`, for which most bytes are not values.
            0 => Value::Bool(at.cast::<u8>().read() != 0),
            1 => Value::U32(at.cast::<u32>().read_unaligned()),
            2 => Value::Uuid(at.cast::<TeeUuid>().read_unaligned().into()),
            3 => {
                let identity = at.cast::<TeeIdentity>().read_unaligned();
                Value::Identity(Identity { login: identity.login, uuid: identity.uuid.into() })
            }
            4 => Value::String(CStr::from_ptr(at.cast()).to_bytes().to_vec()),
            5 => {
                let text = CStr::from_ptr(at.cast()).to_str().map_err(|_| "not base64")?;
                Value::Binary(base64::decode_block(text).map_err(|_| "not base64")?)
            }
            6 => Value::U64(at.cast::<u64>().read_unaligned()),
            other => return Err(format!("type {other} is not known")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read() {
        let property = |name: &'static CStr, kind, value: *const c_void| UserTaProperty {
            name: name.as_ptr(),
            kind,
            value,
        };
        let uuid = TeeUuid { time_low: 1, time_mid: 2, time_hi_and_version: 3, clock_seq_and_node: [4; 8] };
        let identity = TeeIdentity { login: 5, uuid };
        let (yes, number, long) = (1u8, 7u32, 1u64 << 40);
        let expected_uuid = Uuid::from_fields(1, 2, 3, &[4; 8]);
        let all = [
            property(c"b", 0, (&raw const yes).cast()),
            property(c"n", 1, (&raw const number).cast()),
            property(c"u", 2, (&raw const uuid).cast()),
            property(c"i", 3, (&raw const identity).cast()),
            property(c"s", 4, c"text".as_ptr().cast()),
            property(c"x", 5, c"AQID".as_ptr().cast()),
            property(c"l", 6, (&raw const long).cast()),
        ];
        // SAFETY: they are what `read` reads.
        let read = unsafe { read(all.as_ptr(), all.len()) }.unwrap();
        let values: Vec<_> = read.into_iter().map(|property| property.value).collect();
        assert_eq!(
            values,
            [
                Value::Bool(true),
                Value::U32(7),
                Value::Uuid(expected_uuid),
                Value::Identity(Identity { login: 5, uuid: expected_uuid }),
                Value::String(b"text".to_vec()),
                Value::Binary(vec![1, 2, 3]),
                Value::U64(1 << 40),
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let bad = |kind, value: *const c_void| {
            let property = UserTaProperty { name: c"odd".as_ptr(), kind, value };
            // SAFETY: `read` checks what is wrong with these before it follows the pointer.
            unsafe { read(&property, 1) }.unwrap_err()
        };
        assert!(bad(7, c"".as_ptr().cast()).contains("type 7"));
        assert!(bad(5, c"?".as_ptr().cast()).contains("base64"));
        assert!(bad(1, std::ptr::null()).contains("null"));
    }
}
