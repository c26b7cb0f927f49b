// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Clocks and waiting.

use std::time::{Duration, Instant};

use rustix::time::{clock_gettime, ClockId};
use ta_protocol::message::{ServiceReply, ServiceRequest, SERVICE_REE_TIME};

use crate::process;

/// Time since an origin that does not change while the instance lives, and goes on while the host
/// sleeps. Never goes back.
pub(crate) fn system_time() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::try_from(now).unwrap_or_default()
}

/// Time since 1970, as the daemon's host has it: as trustworthy as that.
///
/// # Errors
///
/// The daemon's, as a GP result code.
pub(crate) fn ree_time() -> Result<Duration, u32> {
    let request = ServiceRequest { service: SERVICE_REE_TIME, ..ServiceRequest::default() };
    let ServiceReply { ret, values: [seconds, millis, ..], .. } = process::this().request(&request);
    if ret != tee::gp::SUCCESS {
        return Err(ret);
    }
    Ok(Duration::from_secs(seconds) + Duration::from_millis(millis))
}

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The time is over.
    Completed,
    /// The client has asked to cancel the call.
    Cancelled,
}

/// Waits for `timeout`, for ever without one; with `cancellable`, no longer than until the client
/// asks to cancel the call that runs, and not at all if it has asked before.
pub(crate) fn wait(timeout: Option<Duration>, cancellable: bool) -> Waited {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    if cancellable {
        return match process::this().mailbox().wait_cancelled(deadline) {
            true => Waited::Cancelled,
            false => Waited::Completed,
        };
    }
    match deadline {
        Some(deadline) => std::thread::sleep(deadline.saturating_duration_since(Instant::now())),
        None => loop {
            std::thread::park();
        },
    }
    Waited::Completed
}
