// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls whose client has gone, and which are given some time to end by themselves.
//!
//! All are given the same time, so one thread and a FIFO do: it sleeps until the first is due. What
//! has not ended so long after it was abandoned is abandoned again: a closing that waited for its turn
//! then may have got it since, and hang.

use std::collections::VecDeque;
use std::panic::catch_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tee::{CancelToken, GiveUp};

use crate::executor::SpawnError;

/// How long such a call has: enough for a TA that heeds its cancellation and cleans up.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct State {
    /// A call that has ended has dropped its token.
    due: VecDeque<(Instant, Weak<CancelToken>)>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Abandons calls in due time.
pub(super) struct Reaper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Reaper {
    pub(super) fn new() -> Result<Self, SpawnError> {
        const NAME: &str = "tee-reaper";
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = shared.clone();
            Builder::new()
                .name(NAME.into())
                .spawn(move || reap(&shared))
                .map_err(|source| SpawnError::new(NAME, source))?
        };
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Abandons the call of `token`, unless it ends in time, and again until it ends.
    pub(super) fn watch(&self, token: &Arc<CancelToken>) {
        self.shared.lock().due.push_back((Instant::now() + GRACE, Arc::downgrade(token)));
        self.shared.changed.notify_one();
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It catches the only panics that there can be.
            let _ = thread.join();
        }
    }
}

fn reap(shared: &Shared) {
    let mut state = shared.lock();
    while !state.closed {
        let Some((at, _)) = state.due.front() else {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let due = state.due.pop_front().map(|(_, token)| token);
        drop(state);
        let again = due.filter(abandon);
        state = shared.lock();
        if let Some(token) = again {
            // At the back: whatever came meanwhile is due before it.
            state.due.push_back((Instant::now() + GRACE, token));
        }
    }
}

/// Abandons a call. Says whether it is there still.
fn abandon(token: &Weak<CancelToken>) -> bool {
    let Some(token) = token.upgrade() else {
        return false;
    };
    if catch_unwind(|| token.ask(GiveUp::Abandon)).is_err() {
        log::error!("the TEE implementation panicked abandoning a call");
    }
    // More than the one here.
    Arc::strong_count(&token) > 1
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_does_not_end_is_abandoned_until_it_does_and_what_ends_is_not() {
        let reaper = Reaper::new().unwrap();
        let (asked, was_asked) = mpsc::channel();
        let ended = Arc::new(CancelToken::new());
        reaper.watch(&ended);
        drop(ended);
        let token = Arc::new(CancelToken::new());
        reaper.watch(&token);
        token.with_handler(
            move |what| asked.send(what).unwrap(),
            || {
                assert_eq!(was_asked.recv().unwrap(), GiveUp::Abandon);
                assert_eq!(was_asked.recv().unwrap(), GiveUp::Abandon);
            },
        );
        // It has let go of it.
        drop(reaper);
        let weak = Arc::downgrade(&token);
        assert!(abandon(&weak));
        drop(token);
        assert!(!abandon(&weak));
    }
}
