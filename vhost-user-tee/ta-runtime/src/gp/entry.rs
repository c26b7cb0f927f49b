// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What OP-TEE's kernel and its TAs call of each other.
//!
//! There a TA has one entry, `__ta_entry`, and leaves by a system call. Here the runtime calls the five
//! `TA_*EntryPoint`s themselves. `optee-utee-sys` links `__ta_entry` into every TA all the same, so what
//! it names must be found; that nobody calls it, is made sure of.

use std::ffi::{c_ulong, c_void};

use tee::gp::ERROR_NOT_SUPPORTED;

use super::panic::panic;

/// Ends the TA: only its own `__ta_entry` calls this, which only OP-TEE's kernel calls.
#[no_mangle]
extern "C" fn __utee_entry(
    _func: c_ulong,
    _session: c_ulong,
    _params: *mut c_void,
    _command: c_ulong,
) -> u32 {
    panic(ERROR_NOT_SUPPORTED)
}

/// Ends the TA: it is in no system call that it could return from.
#[no_mangle]
extern "C" fn _utee_return(_result: c_ulong) -> ! {
    panic(ERROR_NOT_SUPPORTED)
}
