// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Fast modular multiplication (API 1.3.1, section 8.11), of Montgomery forms. A form lies in memory like a big
//! integer, and so does a context: it is the factor that belongs to the modulus.
//!
//! OP-TEE's forms are the numbers themselves. What a form is, a TA cannot know; but one that has used a context
//! where there was none, or one of another modulus, panics here.

use super::{computed, layout, Word};
use crate::services::big_int::{Error, Integer, Montgomery};

/// The form of a number modulo `n` (section 8.11.1).
///
/// # Safety
/// `context` points to a context, the others to big integers or forms.
#[no_mangle]
unsafe extern "C" fn TEE_BigIntConvertToFMM(
    dest: *mut Word,
    src: *const Word,
    n: *const Word,
    context: *const Word,
) {
    // SAFETY: the caller's word.
    unsafe {
        let src = layout::load(src);
        let form = with_modulus(n, context, |modulus| modulus.form(&src));
        layout::store(dest, &form);
    }
}

/// The number of a form (section 8.11.2).
///
/// # Safety
/// As [`TEE_BigIntConvertToFMM`].
#[no_mangle]
unsafe extern "C" fn TEE_BigIntConvertFromFMM(
    dest: *mut Word,
    src: *const Word,
    n: *const Word,
    context: *const Word,
) {
    // SAFETY: the caller's word.
    unsafe {
        let src = layout::load(src);
        let number = with_modulus(n, context, |modulus| modulus.number(&src));
        layout::store(dest, &number);
    }
}

/// The form of the product modulo `n` (section 8.11.3).
///
/// # Safety
/// As [`TEE_BigIntConvertToFMM`].
#[no_mangle]
unsafe extern "C" fn TEE_BigIntComputeFMM(
    dest: *mut Word,
    op1: *const Word,
    op2: *const Word,
    n: *const Word,
    context: *const Word,
) {
    // SAFETY: the caller's word.
    unsafe {
        let (op1, op2) = (layout::load(op1), layout::load(op2));
        let product = with_modulus(n, context, |modulus| modulus.multiply(&op1, &op2));
        layout::store(dest, &product);
    }
}

/// What `compute` computes modulo `n`; panics where it cannot, and where the context is of another modulus.
///
/// # Safety
/// As [`TEE_BigIntConvertToFMM`].
unsafe fn with_modulus(
    n: *const Word,
    context: *const Word,
    compute: impl FnOnce(&Montgomery<'_>) -> Result<Integer, Error>,
) -> Integer {
    // SAFETY: the caller's word.
    let (n, factor) = unsafe { (layout::load(n), layout::load(context)) };
    computed(Montgomery::new(&n, &factor).and_then(|modulus| compute(&modulus)))
}
