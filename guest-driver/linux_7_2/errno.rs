// SPDX-License-Identifier: GPL-2.0

//! Error codes.

use core::{
    mem::{align_of, size_of, transmute},
    num::NonZeroI32,
};

use kernel::{bindings, error::Error};

const _: () = assert!(size_of::<Error>() == size_of::<NonZeroI32>());
const _: () = assert!(align_of::<Error>() == align_of::<NonZeroI32>());

const fn code(errno: u32) -> Error {
    assert!(errno != 0 && errno <= bindings::MAX_ERRNO);
    let Some(value) = NonZeroI32::new(-(errno as i32)) else {
        unreachable!()
    };
    // SAFETY: `Error` is a structure of one field, a `NonZeroI32`, which as it is as large begins
    // where `Error` does. Its invariant is the range asserted above. It has no constructor that
    // can be used in constants, as match patterns want it.
    unsafe { transmute::<NonZeroI32, Error>(value) }
}

/// Protocol error.
pub(crate) const EPROTO: Error = code(bindings::EPROTO);
/// Operation not supported on transport endpoint.
pub(crate) const EOPNOTSUPP: Error = code(bindings::EOPNOTSUPP);
/// Stale file handle.
pub(crate) const ESTALE: Error = code(bindings::ESTALE);
