// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asking a call that another thread makes to give up.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is asked of a call that another thread makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GiveUp {
    /// GP's cancellation: the TA may heed it, or complete the call all the same. It is for this call alone, also
    /// where others of the session wait or run; but a TEE beneath may take one that comes just as the call ends
    /// for the session's next.
    Cancel,
    /// The call has lost its client, and what it uses is wanted back: end it by force if that is
    /// what it takes, with [`gp::ERROR_TARGET_DEAD`](crate::gp::ERROR_TARGET_DEAD). A TEE that cannot end a TA
    /// from outside cancels the call, which goes on until its TA returns; other calls do not wait for it.
    Abandon,
}

type Handler = Box<dyn Fn(GiveUp) + Send>;

#[derive(Default)]
struct State {
    asked: Option<GiveUp>,
    handler: Option<Handler>,
}

/// The way to ask one call to give up (GP TEE Client API 1.0, section 4.5.8, and beyond).
///
/// The device asks; the TEE that carries the call out installs a handler for as long as it is
/// able to do something about it.
#[derive(Default)]
pub struct CancelToken {
    state: Mutex<State>,
}

impl CancelToken {
    /// A token of a call that nobody has asked to give up.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks: runs the handler if there is one, or as soon as one is installed. To ask again does
    /// nothing, unless it is for more, or for [`GiveUp::Abandon`] again: that runs the handler again,
    /// since what could not be ended when it was first asked for may be by now.
    pub fn ask(&self, what: GiveUp) {
        let mut state = self.lock();
        if state.asked < Some(what) || what == GiveUp::Abandon {
            state.asked = Some(what);
            if let Some(handler) = &state.handler {
                handler(what);
            }
        }
    }

    /// Asks for [`GiveUp::Cancel`].
    pub fn cancel(&self) {
        self.ask(GiveUp::Cancel);
    }

    /// Whether it was asked for anything.
    pub fn is_cancelled(&self) -> bool {
        self.lock().asked.is_some()
    }

    /// Runs `call` with `handler` installed. `handler` runs at most once for [`GiveUp::Cancel`], and
    /// each time that [`GiveUp::Abandon`] is asked for, on the thread that asks (on this one, once, for
    /// what has been asked already); it must be short, and must not use the token. It has returned for
    /// good when this returns.
    pub fn with_handler<R>(&self, handler: impl Fn(GiveUp) + Send + 'static, call: impl FnOnce() -> R) -> R {
        {
            let mut state = self.lock();
            if let Some(what) = state.asked {
                handler(what);
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
        f.debug_struct("CancelToken").field("asked", &self.lock().asked).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn recorder() -> (Arc<Mutex<Vec<GiveUp>>>, impl Fn(GiveUp) + Send + 'static) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let handler = {
            let asked = asked.clone();
            move |what| asked.lock().unwrap().push(what)
        };
        (asked, handler)
    }

    #[test]
    fn handler_runs_once_for_cancel_and_each_time_for_abandon() {
        let token = CancelToken::new();
        let (asked, handler) = recorder();
        token.with_handler(handler, || {
            token.ask(GiveUp::Cancel);
            token.ask(GiveUp::Cancel);
            token.ask(GiveUp::Abandon);
            token.ask(GiveUp::Cancel);
            token.ask(GiveUp::Abandon);
        });
        assert_eq!(*asked.lock().unwrap(), [GiveUp::Cancel, GiveUp::Abandon, GiveUp::Abandon]);
        assert!(token.is_cancelled());
    }

    #[test]
    fn handler_runs_at_once_when_already_asked() {
        let token = CancelToken::new();
        token.ask(GiveUp::Abandon);
        let (asked, handler) = recorder();
        token.with_handler(handler, || assert_eq!(*asked.lock().unwrap(), [GiveUp::Abandon]));
    }

    #[test]
    fn handler_is_gone_after_the_call() {
        let token = CancelToken::new();
        let (asked, handler) = recorder();
        token.with_handler(handler, || ());
        token.ask(GiveUp::Cancel);
        assert_eq!(*asked.lock().unwrap(), []);
    }
}
