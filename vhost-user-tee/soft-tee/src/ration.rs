// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A log that neither guests nor TAs can flood.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many lines may be logged: some at once, and one more each so often.
pub(crate) struct Ration {
    burst: u32,
    refill: Duration,
    left: u32,
    refilled: Instant,
    refused: u64,
}

impl Ration {
    /// `burst` lines at once, and one more each `refill`, which is not zero.
    pub(crate) fn new(burst: u32, refill: Duration) -> Self {
        Self { burst, refill, left: burst, refilled: Instant::now(), refused: 0 }
    }

    /// Whether a line may be logged; if so, how many were refused since the last one.
    pub(crate) fn take(&mut self) -> Option<u64> {
        self.take_at(Instant::now())
    }

    /// How many lines were refused since the last one that was not.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn take_at(&mut self, now: Instant) -> Option<u64> {
        let periods = now.saturating_duration_since(self.refilled).as_nanos() / self.refill.as_nanos();
        if periods > 0 {
            let periods = u32::try_from(periods).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(periods).min(self.burst);
            self.refilled = now;
        }
        if self.left == 0 {
            self.refused += 1;
            return None;
        }
        self.left -= 1;
        Some(self.take_refused())
    }
}

/// The log of what goes wrong with a VM's TAs, which its guest can make happen as often as it likes.
pub(crate) struct ErrorLog {
    vm: String,
    ration: Mutex<Ration>,
}

impl ErrorLog {
    /// For this VM.
    pub(crate) fn new(vm: String) -> Self {
        Self { vm, ration: Mutex::new(Ration::new(50, Duration::from_millis(100))) }
    }

    /// Name of the VM.
    pub(crate) fn vm(&self) -> &str {
        &self.vm
    }

    /// Logs an error, after the VM's name.
    pub(crate) fn error(&self, line: fmt::Arguments<'_>) {
        let may = self.ration.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(refused) = may else { return };
        if refused > 0 {
            log::warn!("{}: {refused} errors of TAs left out: there are too many", self.vm);
        }
        log::error!("{}: {line}", self.vm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let refill = Duration::from_millis(10);
        let mut ration = Ration::new(3, refill);
        let start = ration.refilled;
        for _ in 0..3 {
            assert_eq!(ration.take_at(start), Some(0));
        }
        assert_eq!(ration.take_at(start), None);
        assert_eq!(ration.take_at(start + refill / 2), None);
        assert_eq!(ration.take_at(start + refill), Some(2));
        assert_eq!(ration.take_at(start + refill), None);
        assert_eq!(ration.take_refused(), 1);
    }
}
