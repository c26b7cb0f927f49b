// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The crypto library without its configuration file: it would look for one when it is first used,
//! and opening files ends the process by then.

use std::ffi::{c_int, c_void};

/// `openssl/crypto.h`.
const OPENSSL_INIT_NO_LOAD_CONFIG: u64 = 0x80;

extern "C" {
    /// Part of libcrypto, which crate `openssl` links.
    fn OPENSSL_init_crypto(options: u64, settings: *const c_void) -> c_int;
}

/// Settles for good that no configuration is loaded. Returns whether it could.
pub(crate) fn forgo_configuration() -> bool {
    // SAFETY: a null pointer means no settings (OPENSSL_init_crypto(3)).
    unsafe { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, std::ptr::null()) == 1 }
}
