// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Conversion (API 1.3.1, section 8.6).

use tee::gp::{ERROR_OVERFLOW, ERROR_SHORT_BUFFER, SUCCESS};

use super::super::pointers::{self, bytes, bytes_mut, with_gp11_len};
use super::{computed, layout, Word};
use crate::services::big_int::Integer;

/// From bytes, most significant first (section 8.6.1): negative where `sign` is. `TEE_ERROR_OVERFLOW` where `dest`
/// has no room.
///
/// # Safety
/// `dest` points to a big integer; `len` bytes can be read at `buffer`.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntConvertFromOctetString(
    dest: *mut Word,
    buffer: *const u8,
    len: usize,
    sign: i32,
) -> u32 {
    // SAFETY: the caller's word.
    let (octets, room) = unsafe { (bytes(buffer.cast(), len), layout::capacity_bits(dest)) };
    let leading_zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let octets = octets.get(leading_zeros..).unwrap_or_default();
    if octets.len() > room / 8 {
        return ERROR_OVERFLOW;
    }
    let number = computed(Integer::from_be_bytes(octets, sign < 0));
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &number) };
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_BigIntConvertFromOctetString`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_BigIntConvertFromOctetString(
    dest: *mut Word,
    buffer: *const u8,
    len: u32,
    sign: i32,
) -> u32 {
    // SAFETY: the caller's word.
    unsafe { TEE_BigIntConvertFromOctetString(dest, buffer, len as usize, sign) }
}

/// The absolute value as bytes, most significant first and not zero (section 8.6.2): none of zero.
/// `TEE_ERROR_SHORT_BUFFER` where there is no room, with the length needed in `len`.
///
/// # Safety
/// `*len` bytes can be written at `buffer`; `len` points to a length, `big_int` to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntConvertToOctetString(
    buffer: *mut u8,
    len: *mut usize,
    big_int: *const Word,
) -> u32 {
    // SAFETY: the caller's word.
    let (number, room) = unsafe { (layout::load(big_int), pointers::load(len)) };
    let needed = number.bit_len().div_ceil(8);
    // SAFETY: the caller's word.
    unsafe { pointers::store(len, needed) };
    if needed > room {
        return ERROR_SHORT_BUFFER;
    }
    let magnitude = computed(number.magnitude(needed));
    // SAFETY: the caller's word, and `needed` is no more than `room`.
    unsafe { bytes_mut(buffer.cast(), needed) }.copy_from_slice(&magnitude);
    SUCCESS
}

/// As API 1.1 had it.
///
/// # Safety
/// As [`TEE_BigIntConvertToOctetString`].
#[no_mangle]
unsafe extern "C" fn __GP11_TEE_BigIntConvertToOctetString(
    buffer: *mut u8,
    len: *mut u32,
    big_int: *const Word,
) -> u32 {
    // SAFETY: the caller's word, and `wide` points to a length.
    unsafe { with_gp11_len(len, |wide| TEE_BigIntConvertToOctetString(buffer, wide, big_int)) }
}

/// From 32 bits (section 8.6.3).
///
/// # Safety
/// `dest` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntConvertFromS32(dest: *mut Word, value: i32) {
    // SAFETY: the caller's word.
    unsafe { layout::store(dest, &computed(Integer::from_i32(value))) }
}

/// To 32 bits (section 8.6.4), or `TEE_ERROR_OVERFLOW` where they do not suffice; then nothing is written to `dest`.
///
/// # Safety
/// `dest` points to 32 bits, `src` to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntConvertToS32(dest: *mut i32, src: *const Word) -> u32 {
    // SAFETY: the caller's word.
    let number = unsafe { layout::load(src) };
    let Some(value) = computed(number.to_i32()) else { return ERROR_OVERFLOW };
    // SAFETY: the caller's word.
    unsafe { pointers::store(dest, value) };
    SUCCESS
}
