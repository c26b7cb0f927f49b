// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Maintenance of the cache, OP-TEE's extension. Memory is coherent between a guest and its TAs here, so that there
//! is nothing to do; what OP-TEE checks, is checked.

use std::ffi::c_char;

use tee::gp::{ERROR_ACCESS_DENIED, ERROR_NOT_SUPPORTED, SUCCESS};

use crate::services::instance;
use crate::services::memory::{self, Owner};

/// `TEE_ERROR_NOT_SUPPORTED` where the TA's header has not `TA_FLAG_CACHE_MAINTENANCE`; `TEE_ERROR_ACCESS_DENIED` for
/// what is not in memory of the client's.
fn maintain(buffer: *mut c_char, len: usize) -> u32 {
    if !instance::may_maintain_cache() {
        return ERROR_NOT_SUPPORTED;
    }
    match memory::owner(buffer.expose_provenance(), len) {
        Owner::Client(_) => SUCCESS,
        Owner::Ta(_) | Owner::Nobody => ERROR_ACCESS_DENIED,
    }
}

/// Writes back what the cache has of a buffer.
#[no_mangle]
extern "C" fn TEE_CacheClean(buffer: *mut c_char, len: usize) -> u32 {
    maintain(buffer, len)
}

/// Writes back and forgets what the cache has of a buffer.
#[no_mangle]
extern "C" fn TEE_CacheFlush(buffer: *mut c_char, len: usize) -> u32 {
    maintain(buffer, len)
}

/// Forgets what the cache has of a buffer.
#[no_mangle]
extern "C" fn TEE_CacheInvalidate(buffer: *mut c_char, len: usize) -> u32 {
    maintain(buffer, len)
}
