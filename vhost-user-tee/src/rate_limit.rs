// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A log that a guest cannot flood.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets a few lines through per interval, and counts the rest.
#[derive(Debug)]
pub(crate) struct RateLimit {
    burst: u32,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl RateLimit {
    /// `burst` lines in each `interval`.
    pub(crate) fn new(burst: u32, interval: Duration) -> Self {
        let state = State { since: Instant::now(), lines: 0, suppressed: 0 };
        Self { burst, interval, state: Mutex::new(state) }
    }

    /// Whether a line may be logged now; if so, how many were not since the last that was.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.since) >= self.interval {
            state.since = now;
            state.lines = 0;
        }
        if state.lines < self.burst {
            state.lines += 1;
            Some(std::mem::take(&mut state.suppressed))
        } else {
            state.suppressed += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_silence_then_a_count() {
        let limit = RateLimit::new(2, Duration::from_secs(10));
        let start = Instant::now();
        assert_eq!(limit.admit_at(start), Some(0));
        assert_eq!(limit.admit_at(start), Some(0));
        assert_eq!(limit.admit_at(start), None);
        assert_eq!(limit.admit_at(start), None);
        assert_eq!(limit.admit_at(start + Duration::from_secs(11)), Some(2));
    }
}
