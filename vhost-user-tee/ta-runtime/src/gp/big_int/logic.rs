// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Comparison, bits, assignment (API 1.3.1, section 8.7). Bits are those of the absolute value.

use tee::gp::{ERROR_OVERFLOW, SUCCESS};

use super::layout::Overflow;
use super::{computed, layout, Word};
use crate::services::big_int::Integer;

/// Compares (section 8.7.1): -1, 0 or 1.
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntCmp(op1: *const Word, op2: *const Word) -> i32 {
    // SAFETY: the caller's word.
    let (op1, op2) = unsafe { (layout::load(op1), layout::load(op2)) };
    op1.cmp(&op2) as i32
}

/// Compares with 32 bits (section 8.7.2): -1, 0 or 1.
///
/// # Safety
/// `op` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntCmpS32(op: *const Word, value: i32) -> i32 {
    // SAFETY: the caller's word.
    let op = unsafe { layout::load(op) };
    op.cmp(&computed(Integer::from_i32(value))) as i32
}

/// Leaves away the lowest `bits` bits, and leaves the sign as it is (section 8.7.3).
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntShiftRight(dest: *mut Word, op: *const Word, bits: usize) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(layout::load(op).shift_right(bits))) }
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_BigIntShiftRight`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_BigIntShiftRight(dest: *mut Word, op: *const Word, bits: u32) {
    // SAFETY: the caller's word.
    unsafe { TEE_BigIntShiftRight(dest, op, bits as usize) }
}

/// A bit (section 8.7.4): false beyond the last.
///
/// # Safety
/// `src` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntGetBit(src: *const Word, index: u32) -> bool {
    // SAFETY: the caller's word.
    unsafe { layout::load(src) }.bit(index)
}

/// How many bits there are (section 8.7.5): 0 of zero.
///
/// # Safety
/// `src` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntGetBitCount(src: *const Word) -> u32 {
    // SAFETY: the caller's word.
    let bits = unsafe { layout::load(src) }.bit_len();
    // No big integer is that long.
    u32::try_from(bits).unwrap_or(u32::MAX)
}

/// Sets or clears a bit, and leaves the sign as it is (section 8.7.6); `TEE_ERROR_OVERFLOW` where there is no room
/// for the bit to be set.
///
/// # Safety
/// `op` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntSetBit(op: *mut Word, index: u32, value: bool) -> u32 {
    // SAFETY: the caller's word.
    let (number, room) = unsafe { (layout::load(op), layout::capacity_bits(op)) };
    if value && index as usize >= room {
        return ERROR_OVERFLOW;
    }
    // SAFETY: the caller's word.
    unsafe { layout::store(op, &computed(number.with_bit(index, value))) };
    SUCCESS
}

/// Copies (section 8.7.7); `TEE_ERROR_OVERFLOW` where there is no room.
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntAssign(dest: *mut Word, src: *const Word) -> u32 {
    // SAFETY: the caller's word.
    result(unsafe { layout::try_store(dest, &layout::load(src)) })
}

/// Copies the absolute value (section 8.7.8); `TEE_ERROR_OVERFLOW` where there is no room.
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntAbs(dest: *mut Word, src: *const Word) -> u32 {
    // SAFETY: the caller's word.
    result(unsafe { layout::try_store(dest, &computed(layout::load(src).abs())) })
}

fn result(stored: Result<(), Overflow>) -> u32 {
    match stored {
        Ok(()) => SUCCESS,
        Err(Overflow) => ERROR_OVERFLOW,
    }
}
