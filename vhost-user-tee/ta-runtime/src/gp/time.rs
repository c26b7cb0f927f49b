// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Time (API 1.3.1, chapter 7).

use std::time::Duration;

use tee::gp::{
    ERROR_CANCEL, ERROR_OUT_OF_MEMORY, ERROR_OVERFLOW, ERROR_STORAGE_NOT_AVAILABLE, ERROR_STORAGE_NO_SPACE,
    ERROR_TIME_NEEDS_RESET, ERROR_TIME_NOT_SET, SUCCESS,
};

use super::cancellation;
use super::panic::panic;
use super::pointers::{load, store};
use crate::services::storage;
use crate::services::time::{self, Waited};

/// `TEE_TIMEOUT_INFINITE`: wait without an end.
const TIMEOUT_INFINITE: u32 = u32::MAX;

/// `TEE_Time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Time {
    seconds: u32,
    millis: u32,
}

impl From<Duration> for Time {
    /// Seconds wrap, as those of 32 bits do.
    fn from(time: Duration) -> Self {
        Self { seconds: time.as_secs() as u32, millis: time.subsec_millis() }
    }
}

/// The time since some moment that stays the same while the instance lives.
///
/// # Safety
/// A `TEE_Time` can be written at `time`.
#[no_mangle]
unsafe extern "C" fn TEE_GetSystemTime(time: *mut Time) {
    // SAFETY: the caller's word.
    unsafe { store(time, time::system_time().into()) }
}

/// The time since 1970, as the host has it.
///
/// # Safety
/// A `TEE_Time` can be written at `time`.
#[no_mangle]
unsafe extern "C" fn TEE_GetREETime(time: *mut Time) {
    match time::ree_time() {
        // SAFETY: the caller's word.
        Ok(now) => unsafe { store(time, now.into()) },
        Err(code) => panic(code),
    }
}

/// The time that the TA has set, and what has passed since by the host's clock. `TEE_ERROR_TIME_NOT_SET` where it never
/// has, `TEE_ERROR_TIME_NEEDS_RESET` where the host's clock has been set back since, `TEE_ERROR_OVERFLOW` where the
/// seconds do not fit, and are cut. With the first two the time is zero.
///
/// # Safety
/// A `TEE_Time` can be written at `time`.
#[no_mangle]
unsafe extern "C" fn TEE_GetTAPersistentTime(time: *mut Time) -> u32 {
    let (now, code) = match storage::persistent_time() {
        Ok(now) if u32::try_from(now.as_secs()).is_ok() => (now, SUCCESS),
        Ok(now) => (now, ERROR_OVERFLOW),
        Err(code) => (Duration::ZERO, code),
    };
    match code {
        SUCCESS | ERROR_TIME_NOT_SET | ERROR_TIME_NEEDS_RESET | ERROR_OVERFLOW | ERROR_OUT_OF_MEMORY => {}
        // GP has no other code for it.
        ERROR_STORAGE_NOT_AVAILABLE => {}
        code => panic(code),
    }
    // SAFETY: the caller's word.
    unsafe { store(time, now.into()) };
    code
}

/// Sets the TA's time, for all its instances from now on; `TEE_ERROR_STORAGE_NO_SPACE`.
///
/// # Safety
/// A `TEE_Time` can be read at `time`.
#[no_mangle]
unsafe extern "C" fn TEE_SetTAPersistentTime(time: *const Time) -> u32 {
    // SAFETY: the caller's word.
    let Time { seconds, millis } = unsafe { load(time) };
    match storage::set_persistent_time(seconds, millis) {
        Ok(()) => SUCCESS,
        Err(code @ (ERROR_STORAGE_NO_SPACE | ERROR_STORAGE_NOT_AVAILABLE | ERROR_OUT_OF_MEMORY)) => code,
        Err(code) => panic(code),
    }
}

/// Waits for `timeout` milliseconds; `TEE_ERROR_CANCEL` where the client cancels the call before they are over
/// and cancellation is not masked.
#[no_mangle]
extern "C" fn TEE_Wait(timeout: u32) -> u32 {
    let timeout = (timeout != TIMEOUT_INFINITE).then(|| Duration::from_millis(timeout.into()));
    match time::wait(timeout, !cancellation::is_masked()) {
        Waited::Completed => SUCCESS,
        Waited::Cancelled => ERROR_CANCEL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_and_milliseconds() {
        let time = Duration::from_micros(1_234_567_890);
        assert_eq!(Time::from(time), Time { seconds: 1234, millis: 567 });
        assert_eq!(Time::from(Duration::from_secs(1 << 32 | 5)), Time { seconds: 5, millis: 0 });
    }
}
