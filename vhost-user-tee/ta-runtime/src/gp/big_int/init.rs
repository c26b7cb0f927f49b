// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sizes and initialization (API 1.3.1, sections 8.4 and 8.5).

use tee::gp::SUCCESS;

use super::{computed, layout, Word};
use crate::services::big_int::Montgomery;

/// Words that an FMM context for a modulus of `bits` bits takes (section 8.4.2). OP-TEE, which makes no use of the
/// context, always says 1.
#[no_mangle]
extern "C" fn TEE_BigIntFMMContextSizeInU32(bits: usize) -> usize {
    layout::words(bits)
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_BigIntFMMContextSizeInU32(bits: u32) -> u32 {
    words32(bits)
}

/// Words that an FMM form for a modulus of `bits` bits takes (section 8.4.3).
#[no_mangle]
extern "C" fn TEE_BigIntFMMSizeInU32(bits: usize) -> usize {
    layout::words(bits)
}

/// As API 1.1 had it.
#[no_mangle]
extern "C" fn __GP11_TEE_BigIntFMMSizeInU32(bits: u32) -> u32 {
    words32(bits)
}

fn words32(bits: u32) -> u32 {
    // Far fewer than bits, and never that few that it matters.
    u32::try_from(layout::words(bits as usize)).unwrap_or(u32::MAX)
}

/// Makes `len` words a big integer: zero (section 8.5.1). Panics below 2 words, and, as OP-TEE does, above 512.
///
/// # Safety
/// `len` words can be written at `big_int`.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntInit(big_int: *mut Word, len: usize) {
    // SAFETY: the caller's word.
    unsafe { layout::init(big_int, len) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_BigIntInit`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_BigIntInit(big_int: *mut Word, len: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_BigIntInit(big_int, len as usize) }
}

/// Makes `len` words the context of a modulus (section 8.5.3). Panics where the modulus is below two, and where
/// `len` is less than `TEE_BigIntFMMContextSizeInU32` says. Even moduli work, as with OP-TEE.
///
/// # Safety
/// `len` words can be written at `context`; `modulus` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntInitFMMContext1(context: *mut Word, len: usize, modulus: *const Word) -> u32 {
    // SAFETY: the caller's word.
    let modulus = unsafe { layout::load(modulus) };
    let factor = computed(Montgomery::factor(&modulus));
    // SAFETY: the caller's word.
    unsafe {
        layout::init(context, len);
        layout::store(context, &factor);
    }
    SUCCESS
}

/// The same without a result, as API 1.2 and before had it; it is there for their TAs.
///
/// # Safety
/// As [`TEE_BigIntInitFMMContext1`].
#[no_mangle]
unsafe extern "C" fn TEE_BigIntInitFMMContext(context: *mut Word, len: usize, modulus: *const Word) {
    // SAFETY: the caller's word. There is one result only.
    unsafe { TEE_BigIntInitFMMContext1(context, len, modulus) };
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_BigIntInitFMMContext1`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_BigIntInitFMMContext(context: *mut Word, len: u32, modulus: *const Word) {
    // SAFETY: the caller's word.
    unsafe { TEE_BigIntInitFMMContext(context, len as usize, modulus) }
}

/// Makes `len` words an FMM form: that of zero (section 8.5.2). Panics as [`TEE_BigIntInit`].
///
/// # Safety
/// `len` words can be written at `form`.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntInitFMM(form: *mut Word, len: usize) {
    // SAFETY: the caller's word.
    unsafe { layout::init(form, len) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_BigIntInitFMM`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_BigIntInitFMM(form: *mut Word, len: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_BigIntInitFMM(form, len as usize) }
}
