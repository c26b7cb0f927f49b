// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A log that neither guests nor TAs can flood.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many lines may be logged: some at once, and one more each so often.
#[derive(Debug)]
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

    /// How many lines were refused since the last one that was not, if any were and a line may be logged that says so.
    pub(crate) fn take_refused(&mut self) -> Option<u64> {
        self.refill(Instant::now());
        if self.left == 0 || self.refused == 0 {
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.refused))
    }

    fn take_at(&mut self, now: Instant) -> Option<u64> {
        self.refill(now);
        if self.left == 0 {
            self.refused += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.refused))
    }

    fn refill(&mut self, now: Instant) {
        let periods = now.saturating_duration_since(self.refilled).as_nanos() / self.refill.as_nanos();
        if periods > 0 {
            let periods = u32::try_from(periods).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(periods).min(self.burst);
            self.refilled = now;
        }
    }
}

/// What may be logged of one VM's TAs, all together: its guest can start one after the other, and with resets one TEE
/// after the other.
#[derive(Debug)]
pub(crate) struct Rations {
    errors: Mutex<Ration>,
    printed: Mutex<Ration>,
}

impl Default for Rations {
    fn default() -> Self {
        Self {
            errors: Mutex::new(Ration::new(50, Duration::from_millis(100))),
            printed: Mutex::new(Ration::new(1000, Duration::from_millis(10))),
        }
    }
}

impl Rations {
    /// Of what goes wrong with them.
    fn errors(&self) -> MutexGuard<'_, Ration> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of what they print.
    pub(crate) fn printed(&self) -> MutexGuard<'_, Ration> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log of what goes wrong with a VM's TAs, which its guest can make happen as often as it likes.
pub(crate) struct ErrorLog {
    vm: String,
    rations: Arc<Rations>,
}

impl ErrorLog {
    /// For this VM.
    pub(crate) fn new(vm: String, rations: Arc<Rations>) -> Self {
        Self { vm, rations }
    }

    /// Name of the VM.
    pub(crate) fn vm(&self) -> &str {
        &self.vm
    }

    /// What may be logged of the VM's TAs.
    pub(crate) fn rations(&self) -> &Arc<Rations> {
        &self.rations
    }

    /// Logs an error, after the VM's name.
    pub(crate) fn error(&self, line: fmt::Arguments<'_>) {
        let may = self.rations.errors().take();
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
        assert_eq!(ration.refused, 1);
    }

    #[test]
    fn what_was_refused_is_said_when_there_is_a_line_to_say_it() {
        let mut ration = Ration::new(1, Duration::from_secs(3600));
        assert_eq!(ration.take_refused(), None, "nothing was");
        assert_eq!((ration.take(), ration.take()), (Some(0), None));
        assert_eq!(ration.take_refused(), None);
        ration.left = 1;
        assert_eq!((ration.take_refused(), ration.left), (Some(1), 0));
    }
}
