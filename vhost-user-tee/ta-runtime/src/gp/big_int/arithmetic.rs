// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Basic arithmetic (API 1.3.1, section 8.8). Panics where a result has no room.

use super::{computed, layout, Word};

/// Sum (section 8.8.1).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntAdd(dest: *mut Word, op1: *const Word, op2: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op1).add(&layout::load(op2)))) }
}

/// Difference (section 8.8.2).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntSub(dest: *mut Word, op1: *const Word, op2: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op1).sub(&layout::load(op2)))) }
}

/// The other sign (section 8.8.3).
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntNeg(dest: *mut Word, op: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op).neg())) }
}

/// Product (section 8.8.4).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntMul(dest: *mut Word, op1: *const Word, op2: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op1).mul(&layout::load(op2)))) }
}

/// Product with itself (section 8.8.5).
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntSquare(dest: *mut Word, op: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op).square())) }
}

/// Quotient, rounded towards zero, and remainder, of the sign of `op1` (section 8.8.6). Each is left away where its
/// pointer is null. Panics where `op2` is zero.
///
/// # Safety
/// All point to big integers; the first two may be null.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntDiv(
    quotient: *mut Word,
    remainder: *mut Word,
    op1: *const Word,
    op2: *const Word,
) {
    // SAFETY: the caller's word.
    let (q, r) = computed(unsafe { layout::load(op1).div_rem(&layout::load(op2)) });
    if !quotient.is_null() {
        // SAFETY: the caller's word.
        unsafe { layout::store(quotient, &q) };
    }
    if !remainder.is_null() {
        // SAFETY: the caller's word.
        unsafe { layout::store(remainder, &r) };
    }
}
