// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Parameters of the crypto library's algorithms (OSSL_PARAM_int(3)) that crate `openssl-sys` has no function for.

use std::ffi::{c_char, CStr};

use openssl_sys as ffi;

extern "C" {
    /// Part of libcrypto. `key` is kept in what it returns, and so is `string`, of `len` bytes; neither is read.
    fn OSSL_PARAM_construct_utf8_string(
        key: *const c_char,
        string: *mut c_char,
        len: usize,
    ) -> ffi::OSSL_PARAM;
}

/// A string. Who uses it sees to it that both are there until then, and that the library only reads them.
pub(super) fn string(key: &CStr, value: &CStr) -> ffi::OSSL_PARAM {
    // SAFETY: pointers and a length are stored, and nothing is done with them.
    unsafe { OSSL_PARAM_construct_utf8_string(key.as_ptr(), value.as_ptr().cast_mut(), value.count_bytes()) }
}
