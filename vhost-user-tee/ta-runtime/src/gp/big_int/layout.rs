// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Big integers in the TA's memory: see the [front page](super).

use zeroize::Zeroizing;

use super::super::panic::panic;
use super::super::pointers::{self, bytes, bytes_mut};
use super::{computed, Word, PANIC};
use crate::services::big_int::Integer;

/// Words before the absolute value.
const HEADER_WORDS: usize = 2;
/// OP-TEE allows no more words to a big integer, its header among them.
const MAX_WORDS: usize = 512;
/// Bytes of a word.
const WORD_LEN: usize = size_of::<Word>();

/// The first two words.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    sign: i32,
    capacity: u16,
    len: u16,
}

/// There is no room for the number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// Words that a big integer of `bits` bits takes: what `TEE_BigIntSizeInU32` is.
pub(super) fn words(bits: usize) -> usize {
    bits.div_ceil(32) + HEADER_WORDS
}

/// Makes `words` words a big integer: zero. Panics where that are too few or too many.
///
/// # Safety
/// `words` words can be written at `big_int`.
pub(super) unsafe fn init(big_int: *mut Word, words: usize) {
    let capacity = match words.checked_sub(HEADER_WORDS).map(u16::try_from) {
        Some(Ok(capacity)) if words <= MAX_WORDS => capacity,
        _ => panic(PANIC),
    };
    // SAFETY: the caller's word.
    unsafe { bytes_mut(big_int.cast(), words * WORD_LEN) }.fill(0);
    // SAFETY: the caller's word: the header is the first two words.
    unsafe { pointers::store(big_int.cast(), Header { sign: 1, capacity, len: 0 }) };
}

/// The header of a big integer that was initialized; panics if it was not.
///
/// # Safety
/// Two words can be read at `big_int`, if it is not null.
unsafe fn header(big_int: *const Word) -> Header {
    // SAFETY: the caller's word; any two words are a header.
    let header: Header = unsafe { pointers::load(big_int.cast()) };
    let initialized = matches!(header.sign, 1 | -1)
        && header.len <= header.capacity
        && usize::from(header.capacity) + HEADER_WORDS <= MAX_WORDS;
    if !initialized {
        panic(PANIC);
    }
    header
}

/// Reads a big integer.
///
/// # Safety
/// `big_int` points to one that was initialized.
pub(super) unsafe fn load(big_int: *const Word) -> Integer {
    // SAFETY: the caller's word.
    let header = unsafe { header(big_int) };
    let magnitude = big_int.wrapping_add(HEADER_WORDS);
    // SAFETY: there are `capacity` words by the caller's word, and `len` is no more.
    let words = unsafe { bytes(magnitude.cast(), usize::from(header.len) * WORD_LEN) };
    computed(Integer::from_be_bytes(&to_big_endian(words), header.sign < 0))
}

/// Writes a big integer, or says that there is no room for it, and leaves it as it is.
///
/// # Safety
/// `dest` points to a big integer that was initialized.
pub(super) unsafe fn try_store(dest: *mut Word, number: &Integer) -> Result<(), Overflow> {
    // SAFETY: the caller's word.
    let header = unsafe { header(dest) };
    let len = number.bit_len().div_ceil(8 * WORD_LEN);
    let len = u16::try_from(len).ok().filter(|len| *len <= header.capacity).ok_or(Overflow)?;

    let magnitude = computed(number.magnitude(usize::from(len) * WORD_LEN));
    let sign = if number.is_negative() { -1 } else { 1 };
    let words = dest.wrapping_add(HEADER_WORDS);
    // SAFETY: there are `capacity` words by the caller's word, and `len` is no more.
    unsafe { bytes_mut(words.cast(), magnitude.len()) }.copy_from_slice(&to_big_endian(&magnitude));
    // SAFETY: the caller's word.
    unsafe { pointers::store(dest.cast(), Header { sign, len, ..header }) };
    Ok(())
}

/// Writes a big integer; panics where there is no room for it.
///
/// # Safety
/// As [`try_store`].
pub(super) unsafe fn store(dest: *mut Word, number: &Integer) {
    // SAFETY: the caller's word.
    unsafe { try_store(dest, number) }.unwrap_or_else(|Overflow| panic(PANIC));
}

/// Bits that there is room for.
///
/// # Safety
/// As [`load`].
pub(super) unsafe fn capacity_bits(big_int: *const Word) -> usize {
    // SAFETY: the caller's word.
    usize::from(unsafe { header(big_int) }.capacity) * 8 * WORD_LEN
}

/// Words in the machine's byte order, least significant first, as bytes, most significant first; or back.
fn to_big_endian(words: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(if cfg!(target_endian = "little") {
        words.iter().rev().copied().collect()
    } else {
        words.rchunks_exact(WORD_LEN).flatten().copied().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_op_tees() {
        let mut big_int = [0xAAAA_AAAA_u32; 6];
        let number = Integer::from_be_bytes(&[1, 2, 3, 4, 5], true).unwrap();
        let dest = big_int.as_mut_ptr();
        // SAFETY: `dest` has four words, which are initialized first.
        unsafe {
            init(dest, words(33));
            assert_eq!(capacity_bits(dest), 64);
            assert!(load(dest) == Integer::from_i32(0).unwrap());
            store(dest, &number);
            assert!(load(dest) == number);
        }
        let lengths = u32::from_ne_bytes([[2, 0], [2, 0]].as_flattened().try_into().unwrap());
        assert_eq!(big_int, [-1_i32 as u32, lengths, 0x0203_0405, 1, 0xAAAA_AAAA, 0xAAAA_AAAA]);
    }

    #[test]
    fn what_has_no_room_changes_nothing() {
        let mut big_int = [0_u32; 3];
        let dest = big_int.as_mut_ptr();
        // SAFETY: `dest` has three words, which are initialized first.
        unsafe {
            init(dest, 3);
            store(dest, &Integer::from_i32(-5).unwrap());
            let before = big_int;
            let too_long = Integer::from_be_bytes(&[1, 0, 0, 0, 0], false).unwrap();
            assert_eq!(try_store(big_int.as_mut_ptr(), &too_long), Err(Overflow));
            assert_eq!(big_int, before);
        }
    }

    #[test]
    fn sizes_are_whole_words() {
        assert_eq!([0, 1, 32, 33, 4096].map(words), [2, 3, 3, 4, 130]);
    }
}
