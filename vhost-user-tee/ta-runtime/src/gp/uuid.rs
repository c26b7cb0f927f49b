// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `TEE_UUID`, and OP-TEE's `tee_uuid_from_str`.

use std::ffi::c_char;

use tee::gp::{ERROR_BAD_FORMAT, SUCCESS};
use uuid::Uuid;

use super::pointers::{store, string};

/// `TEE_UUID`: its fields are in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct TeeUuid {
    time_low: u32,
    time_mid: u16,
    time_hi_and_version: u16,
    clock_seq_and_node: [u8; 8],
}

impl From<Uuid> for TeeUuid {
    fn from(uuid: Uuid) -> Self {
        let (time_low, time_mid, time_hi_and_version, clock_seq_and_node) = uuid.as_fields();
        Self { time_low, time_mid, time_hi_and_version, clock_seq_and_node: *clock_seq_and_node }
    }
}

impl From<TeeUuid> for Uuid {
    fn from(uuid: TeeUuid) -> Self {
        let TeeUuid { time_low, time_mid, time_hi_and_version, clock_seq_and_node } = uuid;
        Self::from_fields(time_low, time_mid, time_hi_and_version, &clock_seq_and_node)
    }
}

/// Reads a UUID in its usual form; as in OP-TEE `TEE_ERROR_BAD_FORMAT` where it is another, or nothing.
///
/// # Safety
/// `s` is null or points to a string, and a `TEE_UUID` can be written at `uuid`.
#[no_mangle]
unsafe extern "C" fn tee_uuid_from_str(uuid: *mut TeeUuid, s: *const c_char) -> u32 {
    if s.is_null() {
        return ERROR_BAD_FORMAT;
    }
    // SAFETY: the caller's word, and it is not null.
    match parse(unsafe { string(s) }.to_bytes()) {
        Some(parsed) => {
            // SAFETY: the caller's word.
            unsafe { store(uuid, parsed.into()) };
            SUCCESS
        }
        None => ERROR_BAD_FORMAT,
    }
}

/// The crate knows more forms than the one that is meant here.
fn parse(text: &[u8]) -> Option<Uuid> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    Uuid::try_parse_ascii(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_read() {
        let parsed = parse(b"8aaaf200-2450-11E4-abe2-0002a5d5c51b").map(TeeUuid::from);
        let expected = TeeUuid {
            time_low: 0x8aaa_f200,
            time_mid: 0x2450,
            time_hi_and_version: 0x11e4,
            clock_seq_and_node: [0xab, 0xe2, 0, 2, 0xa5, 0xd5, 0xc5, 0x1b],
        };
        assert_eq!(parsed, Some(expected));
        assert_eq!(Some(Uuid::from(expected)), parse(b"8aaaf200-2450-11e4-abe2-0002a5d5c51b"));
        for text in [
            "",
            "8aaaf200",
            "8aaaf200245011e4abe20002a5d5c51b",
            "{8aaaf200-2450-11e4-abe2-0002a5d5c51b}",
            "8aaaf200-2450-11e4-abe2-0002a5d5c51g",
            "8aaaf2002-450-11e4-abe2-0002a5d5c51b",
            "8aaaf200-2450-11e4-abe2-0002a5d5c51b ",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
