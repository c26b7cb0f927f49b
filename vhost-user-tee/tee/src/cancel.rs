// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asking a call that another thread makes to give up.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Handler = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    cancelled: bool,
    handler: Option<Handler>,
}

/// One call's cancellation request (GP TEE Client API 1.0, section 4.5.8).
///
/// The device cancels; the TEE that carries the call out installs a handler for as long as it is
/// able to do something about it. Cancelling is a request: the call may complete all the same.
#[derive(Default)]
pub struct CancelToken {
    state: Mutex<State>,
}

impl CancelToken {
    /// A token nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels: runs the handler if there is one, or as soon as one is installed. The second and
    /// later times do nothing.
    pub fn cancel(&self) {
        let mut state = self.lock();
        if !state.cancelled {
            state.cancelled = true;
            if let Some(handler) = &state.handler {
                handler();
            }
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Runs `call` with `handler` installed. `handler` runs at most once, on the thread that
    /// cancels (on this one if that has happened already); it must be short, and must not use the
    /// token. It has returned for good when this returns.
    pub fn with_handler<R>(&self, handler: impl Fn() + Send + 'static, call: impl FnOnce() -> R) -> R {
        {
            let mut state = self.lock();
            if state.cancelled {
                handler();
            }
            state.handler = Some(Box::new(handler));
        }
        let result = call();
        self.lock().handler = None;
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::Arc;

    use super::*;

    fn counter() -> (Arc<AtomicU32>, impl Fn() + Send + 'static) {
        let count = Arc::new(AtomicU32::new(0));
        let handler = {
            let count = count.clone();
            move || {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        (count, handler)
    }

    #[test]
    fn handler_runs_once_while_installed() {
        let token = CancelToken::new();
        let (count, handler) = counter();
        token.with_handler(handler, || {
            token.cancel();
            token.cancel();
        });
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(token.is_cancelled());
    }

    #[test]
    fn handler_runs_at_once_when_already_cancelled() {
        let token = CancelToken::new();
        token.cancel();
        let (count, handler) = counter();
        token.with_handler(handler, || assert_eq!(count.load(Ordering::Relaxed), 1));
    }

    #[test]
    fn handler_is_gone_after_the_call() {
        let token = CancelToken::new();
        let (count, handler) = counter();
        token.with_handler(handler, || ());
        token.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
