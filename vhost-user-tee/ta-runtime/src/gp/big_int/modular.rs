// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Modular arithmetic (API 1.3.1, section 8.9). Results are from 0 to `n` - 1, whatever the operands' signs.
//! Panics where `n` is below 2, and where a result has no room.

use tee::gp::{ERROR_NOT_SUPPORTED, SUCCESS};

use super::super::panic::panic;
use super::{computed, layout, Word, PANIC};
use crate::services::big_int::Integer;

/// `op` modulo `n` (section 8.9.1).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntMod(dest: *mut Word, op: *const Word, n: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op).modulo(&layout::load(n)))) }
}

/// Sum modulo `n` (section 8.9.2).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntAddMod(dest: *mut Word, op1: *const Word, op2: *const Word, n: *const Word) {
    // SAFETY: the caller's word.
    unsafe {
        let sum = layout::load(op1).add_mod(&layout::load(op2), &layout::load(n));
        layout::store(dest, &computed(sum));
    }
}

/// Difference modulo `n` (section 8.9.3).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntSubMod(dest: *mut Word, op1: *const Word, op2: *const Word, n: *const Word) {
    // SAFETY: the caller's word.
    unsafe {
        let difference = layout::load(op1).sub_mod(&layout::load(op2), &layout::load(n));
        layout::store(dest, &computed(difference));
    }
}

/// Product modulo `n` (section 8.9.4).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntMulMod(dest: *mut Word, op1: *const Word, op2: *const Word, n: *const Word) {
    // SAFETY: the caller's word.
    unsafe {
        let product = layout::load(op1).mul_mod(&layout::load(op2), &layout::load(n));
        layout::store(dest, &computed(product));
    }
}

/// Product of `op` with itself modulo `n` (section 8.9.5).
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntSquareMod(dest: *mut Word, op: *const Word, n: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op).square_mod(&layout::load(n)))) }
}

/// Inverse of `op` modulo `n` (section 8.9.6). Panics where the two have a common divisor.
///
/// # Safety
/// All point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntInvMod(dest: *mut Word, op: *const Word, n: *const Word) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op).inverse_mod(&layout::load(n)))) }
}

/// `op1` to the power of `op2` modulo `n` (section 8.9.7): `TEE_ERROR_NOT_SUPPORTED` where `n` is even. Panics where
/// `n` is 2 or less, as OP-TEE does, and where `op2` is negative. OpenSSL makes a context of its own, so `_context`,
/// which may be null, is not looked at.
///
/// # Safety
/// All but the last point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntExpMod(
    dest: *mut Word,
    op1: *const Word,
    op2: *const Word,
    n: *const Word,
    _context: *const Word,
) -> u32 {
    // SAFETY: the caller's word.
    let (base, exponent, n) = unsafe { (layout::load(op1), layout::load(op2), layout::load(n)) };
    if n <= computed(Integer::from_i32(2)) {
        panic(PANIC);
    }
    if !n.is_odd() {
        return ERROR_NOT_SUPPORTED;
    }
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(base.exp_mod(&exponent, &n))) };
    SUCCESS
}
