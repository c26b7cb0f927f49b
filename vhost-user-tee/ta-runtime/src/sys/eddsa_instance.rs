// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The crypto library's variants of EdDSA (EVP_SIGNATURE-ED25519(7)), which crate `openssl` does not wrap.

use std::ffi::{c_void, CStr};

use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::pkey_ctx::PkeyCtxRef;
use openssl_sys as ffi;

use super::parameters;

/// Makes a signature that was begun one of this variant, with this context.
pub(crate) fn set_instance<T>(
    signature: &mut PkeyCtxRef<T>,
    instance: &CStr,
    context: &[u8],
) -> Result<(), ErrorStack> {
    // SAFETY: the library reads the strings, of the lengths told, that the parameters point to, and does not write
    // to them; it has copied them when `EVP_PKEY_CTX_set_params` returns, with `instance`, `context` and the
    // parameters still there. `signature` is a context of the library's.
    let done = unsafe {
        let settings = [
            parameters::string(c"instance", instance),
            ffi::OSSL_PARAM_construct_octet_string(
                c"context-string".as_ptr(),
                context.as_ptr().cast_mut().cast::<c_void>(),
                context.len(),
            ),
            ffi::OSSL_PARAM_construct_end(),
        ];
        ffi::EVP_PKEY_CTX_set_params(signature.as_ptr(), settings.as_ptr())
    };
    if done == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}
