// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Common divisors and primes (API 1.3.1, section 8.10).

use super::{computed, layout, Word};

/// Confidence levels that are honoured; another counts as the nearest of them.
const CONFIDENCE: std::ops::RangeInclusive<u32> = 80..=256;

/// Whether the numbers have no common divisor but one (section 8.10.1).
///
/// # Safety
/// Both point to big integers.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntRelativePrime(op1: *const Word, op2: *const Word) -> bool {
    // SAFETY: the caller's word.
    computed(unsafe { layout::load(op1).is_relatively_prime(&layout::load(op2)) })
}

/// Greatest common divisor, which is not negative, and `u` · `op1` + `v` · `op2`, which it is (section 8.10.2). Each
/// of `u` and `v` is left away where its pointer is null. Panics where a result has no room.
///
/// There are many `u` and `v`, and OP-TEE often finds others, by steps that depend on the numbers and now and then
/// lead to larger ones. Here |`u`| is no more than |`op2` / `gcd`| and |`v`| no more than |`op1` / `gcd`|, or 1 where
/// that is 0. The divisor of zero and zero is 0, as OP-TEE has it; that of a negative number and zero is not negative,
/// as OP-TEE has it only where one of `u` and `v` is asked for.
///
/// # Safety
/// All point to big integers; `u` and `v` may be null.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntComputeExtendedGcd(
    gcd: *mut Word,
    u: *mut Word,
    v: *mut Word,
    op1: *const Word,
    op2: *const Word,
) {
    // SAFETY: the caller's word.
    let (op1, op2) = unsafe { (layout::load(op1), layout::load(op2)) };
    if u.is_null() && v.is_null() {
        // SAFETY: the caller's word.
        unsafe { layout::store(gcd, &computed(op1.gcd(&op2))) };
        return;
    }
    let found = computed(op1.extended_gcd(&op2));
    for (dest, number) in [(u, &found.u), (v, &found.v)] {
        if !dest.is_null() {
            // SAFETY: the caller's word.
            unsafe { layout::store(dest, number) };
        }
    }
    // SAFETY: the caller's word.
    unsafe { layout::store(gcd, &found.gcd) };
}

/// Whether |`op`| is prime (section 8.10.3): 0 where it is not, and 1 where it is not with a probability below
/// 2^-`confidence`. GP would have -1 there, since nothing is proven; OP-TEE says 1, and TAs ask for it.
///
/// # Safety
/// `op` points to a big integer.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntIsProbablePrime(op: *const Word, confidence: u32) -> i32 {
    let confidence = confidence.clamp(*CONFIDENCE.start(), *CONFIDENCE.end());
    // SAFETY: the caller's word.
    computed(unsafe { layout::load(op) }.is_probable_prime(confidence)).into()
}
