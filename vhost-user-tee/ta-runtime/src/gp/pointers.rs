// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The one place where pointers that a TA passes are looked through.
//!
//! What can be checked, is: that a pointer is not null where there is something to point to, that it
//! is aligned, that a length is one that an object can have. What fails ends the TA with
//! `TEE_ERROR_BAD_PARAMETERS`. Beyond that a TA that passes a wild pointer harms itself, like any C
//! program: the process is its own, and is ended by the signal.
//!
//! References that come from here live for the one call that the pointer was passed to.

use std::ffi::{c_char, c_void, CStr};
use std::mem::size_of;
use std::slice;

use tee::gp::ERROR_BAD_PARAMETERS;

use super::panic::panic;

/// The largest object that there can be.
const MAX_LEN: usize = isize::MAX as usize;

fn bad_parameters() -> ! {
    panic(ERROR_BAD_PARAMETERS)
}

/// A buffer to read: none where `len` is 0, whatever the pointer.
///
/// # Safety
/// Where `ptr` is not null, `len` bytes can be read there during the call. (They may be guest memory,
/// which changes at any time: use them for what reads each byte once, or copy them.)
pub(super) unsafe fn bytes<'a>(ptr: *const c_void, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    if ptr.is_null() || len > MAX_LEN {
        bad_parameters();
    }
    // SAFETY: not null, of a length that fits, readable by the caller's word; bytes have no alignment.
    unsafe { slice::from_raw_parts(ptr.cast(), len) }
}

/// A buffer to write: none where `len` is 0, whatever the pointer.
///
/// # Safety
/// Where `ptr` is not null, `len` bytes can be written there during the call, and nothing else refers
/// to them.
pub(super) unsafe fn bytes_mut<'a>(ptr: *mut c_void, len: usize) -> &'a mut [u8] {
    if len == 0 {
        return &mut [];
    }
    if ptr.is_null() || len > MAX_LEN {
        bad_parameters();
    }
    // SAFETY: not null, of a length that fits, writable and unshared by the caller's word.
    unsafe { slice::from_raw_parts_mut(ptr.cast(), len) }
}

/// Values in a row: none where `count` is 0.
///
/// # Safety
/// Where `ptr` is not null, so many of `T` can be read there during the call.
pub(super) unsafe fn items<'a, T: Copy>(ptr: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    if ptr.is_null() || !ptr.is_aligned() || count > MAX_LEN / size_of::<T>().max(1) {
        bad_parameters();
    }
    // SAFETY: not null, aligned, of a length that fits, readable by the caller's word.
    unsafe { slice::from_raw_parts(ptr, count) }
}

/// Input and output of a function that may write its output over its input (sections 6.4 and 6.6).
pub(super) enum Stream<'a> {
    /// Two buffers.
    Apart(&'a [u8], &'a mut [u8]),
    /// One buffer, and how much of it is input.
    InPlace(&'a mut [u8], usize),
}

/// An input and an output, which are one, or have nothing in common.
///
/// # Safety
/// As [`bytes`] and [`bytes_mut`], but for the input that the output may be written over.
pub(super) unsafe fn stream<'a>(
    input: *const c_void,
    input_len: usize,
    output: *mut c_void,
    output_len: usize,
) -> Stream<'a> {
    let apart = input.addr().abs_diff(output.addr());
    let first_len = if input.addr() < output.addr() { input_len } else { output_len };
    if input_len == 0 || output_len == 0 || apart >= first_len.max(1) {
        // SAFETY: the caller's word, and they have nothing in common.
        return unsafe { Stream::Apart(bytes(input, input_len), bytes_mut(output, output_len)) };
    }
    if apart != 0 {
        bad_parameters();
    }
    // SAFETY: the caller's word: all of it can be read or written. What can be read only is not changed.
    unsafe { Stream::InPlace(bytes_mut(output, input_len.max(output_len)), input_len) }
}

/// A value that the TA left there.
///
/// # Safety
/// Where `ptr` is not null, a `T` can be read there.
pub(super) unsafe fn load<T: Copy>(ptr: *const T) -> T {
    if ptr.is_null() || !ptr.is_aligned() {
        bad_parameters();
    }
    // SAFETY: not null, aligned, and readable by the caller's word.
    unsafe { ptr.read() }
}

/// Stores a result.
///
/// # Safety
/// Where `ptr` is not null, a `T` can be written there; there need not be one yet.
pub(super) unsafe fn store<T>(ptr: *mut T, value: T) {
    if ptr.is_null() || !ptr.is_aligned() {
        bad_parameters();
    }
    // SAFETY: not null, aligned, and writable by the caller's word.
    unsafe { ptr.write(value) };
}

/// A zero-terminated string.
///
/// # Safety
/// Where `ptr` is not null, a zero follows, and what is before it can be read during the call.
pub(super) unsafe fn string<'a>(ptr: *const c_char) -> &'a CStr {
    if ptr.is_null() {
        bad_parameters();
    }
    // SAFETY: not null, and terminated by the caller's word.
    unsafe { CStr::from_ptr(ptr) }
}

/// Calls `f` with a `size_t` in the place of the 32-bit length that API 1.1 had there, both ways.
///
/// # Safety
/// As [`load`] and [`store`].
pub(super) unsafe fn with_gp11_len<R>(len: *mut u32, f: impl FnOnce(*mut usize) -> R) -> R {
    // SAFETY: the caller's word.
    let mut wide = unsafe { load(len) } as usize;
    let result = f(&mut wide);
    // A length beyond 32 bits cannot be told to such a TA; the greatest it knows is still too short.
    // SAFETY: the caller's word.
    unsafe { store(len, u32::try_from(wide).unwrap_or(u32::MAX)) };
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_anywhere() {
        // SAFETY: nothing is read or written.
        unsafe {
            assert!(bytes(std::ptr::null(), 0).is_empty());
            assert!(bytes_mut(std::ptr::null_mut(), 0).is_empty());
        }
    }

    #[test]
    fn input_and_output_are_one_or_apart() {
        let mut buffer = [0_u8; 48];
        let ptr: *mut c_void = buffer.as_mut_ptr().cast();
        let at = |offset| ptr.wrapping_byte_add(offset);
        // SAFETY: all is within `buffer`, and nothing else refers to it.
        unsafe {
            assert!(matches!(stream(ptr, 16, ptr, 32), Stream::InPlace(both, 16) if both.len() == 32));
            assert!(matches!(stream(ptr, 32, ptr, 16), Stream::InPlace(both, 32) if both.len() == 32));
            for (input, output) in [(0, 16), (16, 0), (0, 32)] {
                assert!(matches!(stream(at(input), 16, at(output), 16), Stream::Apart(..)));
            }
            for (input_len, output_len) in [(0, 16), (16, 0)] {
                assert!(matches!(stream(ptr, input_len, ptr, output_len), Stream::Apart(..)));
            }
        }
    }

    #[test]
    fn gp11_lengths_go_both_ways() {
        let mut len = 5_u32;
        // SAFETY: `len` is a variable of ours.
        let seen = unsafe {
            with_gp11_len(&mut len, |wide| {
                let seen = *wide;
                *wide = 7;
                seen
            })
        };
        assert_eq!((seen, len), (5, 7));
    }
}
