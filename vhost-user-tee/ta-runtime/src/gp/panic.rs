// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Panic (API 1.3.1, section 4.8).

use super::trace;
use crate::services;

/// Ends the instance: the client, and every other with a session, sees `TEE_ERROR_TARGET_DEAD`.
#[no_mangle]
extern "C" fn TEE_Panic(code: u32) -> ! {
    panic(code)
}

/// Ends the instance, for what the TA did wrong in a call of this API.
pub(super) fn panic(code: u32) -> ! {
    trace::flush();
    services::panic(code)
}
