// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The crypto library's message authentication codes (EVP_MAC(3)), which crate `openssl` does not wrap.

use std::ffi::{c_int, CStr};
use std::ptr::{self, NonNull};

use openssl_sys as ffi;

use super::parameters;

/// The library failed: no memory, or a key that the algorithm does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the crypto library cannot make this code")]
pub(crate) struct Error;

/// A code being made, with its key. The library wipes both when it is dropped.
pub(crate) struct MacContext {
    context: NonNull<ffi::EVP_MAC_CTX>,
}

// SAFETY: a context belongs to no thread (openssl-threads(7)); it is used through `&mut` but for copying, which
// only reads it.
unsafe impl Send for MacContext {}

impl MacContext {
    /// Begins a code of this kind ("HMAC", "CMAC") with a digest ("digest", its name) or cipher ("cipher").
    pub(crate) fn new(kind: &CStr, parameter: &CStr, value: &CStr, key: &[u8]) -> Result<Self, Error> {
        // SAFETY: both are zero-terminated; null is the default library context, and no properties.
        let mac = unsafe { ffi::EVP_MAC_fetch(ptr::null_mut(), kind.as_ptr(), ptr::null()) };
        if mac.is_null() {
            return Err(Error);
        }
        // SAFETY: `mac` is a MAC. The context takes a reference of its own, so that ours is given back.
        let context = unsafe {
            let context = ffi::EVP_MAC_CTX_new(mac);
            ffi::EVP_MAC_free(mac);
            context
        };
        let new = Self { context: NonNull::new(context).ok_or(Error)? };

        // SAFETY: the library reads the string of `value.count_bytes()` bytes that the parameter points to, and
        // does not write to it; it is used up by `EVP_MAC_init` before `value` and the parameters are gone.
        // The key is read during the call. An empty slice's pointer is not null, which would mean "as before".
        let done = unsafe {
            let settings = [parameters::string(parameter, value), ffi::OSSL_PARAM_construct_end()];
            ffi::EVP_MAC_init(context, key.as_ptr(), key.len(), settings.as_ptr())
        };
        succeeded(done)?;
        Ok(new)
    }

    /// Takes in data.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        // SAFETY: the context is initialized; the library reads `data` during the call.
        succeeded(unsafe { ffi::EVP_MAC_update(self.context.as_ptr(), data.as_ptr(), data.len()) })
    }

    /// Ends the code and writes it, as long as it is; `out` has room for all of it.
    pub(crate) fn finish(self, out: &mut [u8]) -> Result<usize, Error> {
        let mut written = 0;
        // SAFETY: the context is initialized; the library writes no more than the length of `out` to it.
        succeeded(unsafe {
            ffi::EVP_MAC_final(self.context.as_ptr(), out.as_mut_ptr(), &mut written, out.len())
        })?;
        Ok(written)
    }

    /// One that goes on by itself from here.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        // SAFETY: the context is one, and is only read.
        let context = unsafe { ffi::EVP_MAC_CTX_dup(self.context.as_ptr()) };
        Ok(Self { context: NonNull::new(context).ok_or(Error)? })
    }
}

impl Drop for MacContext {
    fn drop(&mut self) {
        // SAFETY: the context is ours, and not used again.
        unsafe { ffi::EVP_MAC_CTX_free(self.context.as_ptr()) };
    }
}

fn succeeded(result: c_int) -> Result<(), Error> {
    if result == 1 {
        Ok(())
    } else {
        Err(Error)
    }
}
