// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Cancellation (API 1.3.1, section 4.10): masked whenever the client calls, until the TA unmasks it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::services;

/// The TA runs on one thread, one call at a time.
static MASKED: AtomicBool = AtomicBool::new(true);

/// A call begins.
pub(super) fn begin_call() {
    MASKED.store(true, Ordering::Relaxed);
}

pub(super) fn is_masked() -> bool {
    MASKED.load(Ordering::Relaxed)
}

/// Whether the client has cancelled the call, and the TA wants to know.
#[no_mangle]
extern "C" fn TEE_GetCancellationFlag() -> bool {
    !is_masked() && services::cancellation_requested()
}

/// Lets cancellation end a wait, and show in the flag. Returns whether it was masked.
#[no_mangle]
extern "C" fn TEE_UnmaskCancellation() -> bool {
    MASKED.swap(false, Ordering::Relaxed)
}

/// Hides cancellation. Returns whether it was masked.
#[no_mangle]
extern "C" fn TEE_MaskCancellation() -> bool {
    MASKED.swap(true, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_until_unmasked_and_again_with_the_next_call() {
        begin_call();
        assert!(TEE_UnmaskCancellation());
        assert!(!TEE_UnmaskCancellation());
        assert!(!TEE_MaskCancellation());
        assert!(TEE_MaskCancellation());
        TEE_UnmaskCancellation();
        begin_call();
        assert!(is_masked());
        // A masked flag is never set.
        assert!(!TEE_GetCancellationFlag());
    }
}
