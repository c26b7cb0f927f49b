// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Result codes (GP TEE Client API 1.0, section 4.2.1; TEE Internal Core API 1.3.1, section 3.3).

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        $($(#[$doc])* pub const $name: u32 = $value;)*

        /// The code's GP name; none for one that only a TA knows the meaning of.
        pub fn name(code: u32) -> Option<&'static str> {
            match code {
                $($value => Some(concat!("TEEC_", stringify!($name))),)*
                _ => None,
            }
        }
    };
}

codes! {
    /// The call did what it was asked to do.
    SUCCESS = 0x0000_0000,
    /// The object is corrupt.
    ERROR_CORRUPT_OBJECT = 0xf010_0001,
    /// A cause that no other code names.
    ERROR_GENERIC = 0xffff_0000,
    /// The client may not do this.
    ERROR_ACCESS_DENIED = 0xffff_0001,
    /// The call was cancelled.
    ERROR_CANCEL = 0xffff_0002,
    /// Something else is doing what excludes this.
    ERROR_ACCESS_CONFLICT = 0xffff_0003,
    /// More data than it can take.
    ERROR_EXCESS_DATA = 0xffff_0004,
    /// Data of the wrong form.
    ERROR_BAD_FORMAT = 0xffff_0005,
    /// Parameters that make no sense.
    ERROR_BAD_PARAMETERS = 0xffff_0006,
    /// Not in this state.
    ERROR_BAD_STATE = 0xffff_0007,
    /// No such thing: for a session, no such TA.
    ERROR_ITEM_NOT_FOUND = 0xffff_0008,
    /// Not implemented.
    ERROR_NOT_IMPLEMENTED = 0xffff_0009,
    /// Valid, but not supported.
    ERROR_NOT_SUPPORTED = 0xffff_000a,
    /// Data that were expected are missing.
    ERROR_NO_DATA = 0xffff_000b,
    /// Not enough memory, or another resource.
    ERROR_OUT_OF_MEMORY = 0xffff_000c,
    /// Taken, for now.
    ERROR_BUSY = 0xffff_000d,
    /// The way to the TEE failed.
    ERROR_COMMUNICATION = 0xffff_000e,
    /// A security fault.
    ERROR_SECURITY = 0xffff_000f,
    /// The output does not fit; the size says what would.
    ERROR_SHORT_BUFFER = 0xffff_0010,
    /// The TA was ended by something outside.
    ERROR_EXTERNAL_CANCEL = 0xffff_0011,
    /// The TA instance is gone, by panic or otherwise.
    ERROR_TARGET_DEAD = 0xffff_3024,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_gps() {
        assert_eq!(name(ERROR_TARGET_DEAD), Some("TEEC_ERROR_TARGET_DEAD"));
        assert_eq!(name(SUCCESS), Some("TEEC_SUCCESS"));
        assert_eq!(name(0x1234), None);
    }
}
