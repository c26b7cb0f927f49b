// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The host's clock.

use std::time::SystemTime;

use tee::gp;

use super::Answer;

/// Seconds since 1970, and milliseconds.
pub(super) fn ree_time() -> Answer {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A host whose clock has never been set.
    let now = now.map_err(|_| gp::ERROR_BAD_STATE)?;
    Ok([now.as_secs(), now.subsec_millis().into(), 0, 0, 0, 0])
}
