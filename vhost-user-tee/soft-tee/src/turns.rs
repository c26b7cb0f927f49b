// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Whose turn it is with an instance: one call at a time, in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// The call was cancelled while it waited.
    Cancelled,
    /// The instance has ended, or will when the turn that runs is over.
    Ended,
}

#[derive(Default)]
struct State {
    running: Option<Arc<Ticket>>,
    waiting: VecDeque<Arc<Ticket>>,
    ended: bool,
}

/// A place in the queue, for one call.
#[derive(Default)]
pub(crate) struct Ticket {
    state: Mutex<TicketState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum TicketState {
    #[default]
    Waiting,
    Granted,
    Refused(NoTurn),
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, TicketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles it, unless it is settled.
    fn settle(&self, to: TicketState) -> bool {
        let mut state = self.lock();
        let waiting = *state == TicketState::Waiting;
        if waiting {
            *state = to;
            self.changed.notify_all();
        }
        waiting
    }

    fn is_waiting(&self) -> bool {
        *self.lock() == TicketState::Waiting
    }

    /// Waits until it is settled; `None` where it is not `until` then.
    fn wait(&self, until: Option<Instant>) -> Option<Result<(), NoTurn>> {
        let mut state = self.lock();
        loop {
            match *state {
                TicketState::Waiting => {}
                TicketState::Granted => return Some(Ok(())),
                TicketState::Refused(why) => return Some(Err(why)),
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The queue of one instance.
#[derive(Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
}

impl Turns {
    /// Waits for its turn, with `ticket`, which serves once. A wait that is not over `until` then is cancelled.
    pub(crate) fn take(&self, ticket: &Arc<Ticket>, until: Option<Instant>) -> Result<Turn<'_>, NoTurn> {
        {
            let mut state = self.lock();
            if state.ended {
                return Err(NoTurn::Ended);
            }
            if state.running.is_some() {
                if ticket.is_waiting() {
                    state.waiting.push_back(ticket.clone());
                }
            } else if ticket.settle(TicketState::Granted) {
                state.running = Some(ticket.clone());
            }
        }
        let mut settled = ticket.wait(until);
        if settled.is_none() {
            // Where its turn has come this very moment, it has come.
            self.cancel(ticket, || ());
            settled = ticket.wait(None);
        }
        settled.unwrap_or(Err(NoTurn::Cancelled)).map(|()| Turn { turns: self })
    }

    /// Cancels the call with `ticket`: one that waits gets no turn; for one that runs, `running` is
    /// called before its turn can end.
    pub(crate) fn cancel(&self, ticket: &Arc<Ticket>, running: impl FnOnce()) {
        let mut state = self.lock();
        if state.runs(ticket) {
            running();
        } else {
            ticket.settle(TicketState::Refused(NoTurn::Cancelled));
            // A client could make and cancel calls for ever, while one call runs.
            state.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
        }
    }

    /// Calls `running` if the call with `ticket` runs, before its turn can end.
    pub(crate) fn if_running_with(&self, ticket: &Arc<Ticket>, running: impl FnOnce()) {
        let state = self.lock();
        if state.runs(ticket) {
            running();
        }
    }

    /// Calls `running` if a call runs, before its turn can end.
    pub(crate) fn if_running(&self, running: impl FnOnce()) {
        let state = self.lock();
        if state.running.is_some() {
            running();
        }
    }

    /// There are no more turns. Does not end the one that runs.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        for ticket in state.waiting.drain(..) {
            ticket.settle(TicketState::Refused(NoTurn::Ended));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn, until it is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
}

impl Turn<'_> {
    /// Ends the turn; `last` is called when no [`Turns::cancel`] can find it running any more, and
    /// before the next turn begins.
    pub(crate) fn finish(self, last: impl FnOnce()) {
        let mut state = self.turns.lock();
        last();
        state.next();
        drop(state);
        std::mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().next();
    }
}

impl State {
    fn runs(&self, ticket: &Arc<Ticket>) -> bool {
        self.running.as_ref().is_some_and(|other| Arc::ptr_eq(other, ticket))
    }

    /// Gives the turn to the first that still waits.
    fn next(&mut self) {
        self.running = None;
        while let Some(ticket) = self.waiting.pop_front() {
            if ticket.settle(TicketState::Granted) {
                self.running = Some(ticket);
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn waiting(turns: &Turns) -> usize {
        turns.lock().waiting.len()
    }

    fn wait_until(condition: impl Fn() -> bool) {
        while !condition() {
            thread::yield_now();
        }
    }

    #[test]
    fn turns_come_in_order() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(&Arc::default(), None).unwrap();
        let (order, came) = mpsc::channel();
        let threads: Vec<_> = (0..5)
            .map(|number| {
                let (turns2, order) = (turns.clone(), order.clone());
                let thread = thread::spawn(move || {
                    let _turn = turns2.take(&Arc::default(), None).unwrap();
                    order.send(number).unwrap();
                });
                wait_until(|| waiting(&turns) == number + 1);
                thread
            })
            .collect();
        first.finish(|| ());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(order);
        assert_eq!(came.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_cancelled_wait_is_over_at_once() {
        let turns = Turns::default();
        let turn = turns.take(&Arc::default(), None).unwrap();
        let ticket = Arc::default();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| turns.take(&ticket, None).err());
            wait_until(|| waiting(&turns) == 1);
            turns.cancel(&ticket, || unreachable!());
            assert_eq!(waiter.join().unwrap(), Some(NoTurn::Cancelled));
        });
        assert_eq!(waiting(&turns), 0);
        drop(turn);
        // What was cancelled is passed over.
        assert!(turns.take(&Arc::default(), None).is_ok());
    }

    #[test]
    fn cancelling_before_and_during() {
        let turns = Turns::default();
        let ticket = Arc::default();
        turns.cancel(&ticket, || unreachable!());
        assert_eq!(turns.take(&ticket, None).err(), Some(NoTurn::Cancelled));
        let ticket = Arc::default();
        let turn = turns.take(&ticket, None).unwrap();
        let mut told = false;
        turns.cancel(&ticket, || told = true);
        assert!(told);
        turn.finish(|| ());
    }

    #[test]
    fn the_end_is_for_all_that_wait_and_come() {
        let turns = Turns::default();
        let turn = turns.take(&Arc::default(), None).unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| turns.take(&Arc::default(), None).err());
            wait_until(|| waiting(&turns) == 1);
            turns.end();
            assert_eq!(waiter.join().unwrap(), Some(NoTurn::Ended));
        });
        drop(turn);
        assert_eq!(turns.take(&Arc::default(), None).err(), Some(NoTurn::Ended));
    }
    #[test]
    fn a_wait_ends_in_time() {
        let turns = Turns::default();
        let turn = turns.take(&Arc::default(), None).unwrap();
        let until = Instant::now() + Duration::from_millis(20);
        assert_eq!(turns.take(&Arc::default(), Some(until)).err(), Some(NoTurn::Cancelled));
        assert!(Instant::now() >= until && waiting(&turns) == 0);
        drop(turn);
        // A turn that is there is had even late.
        assert!(turns.take(&Arc::default(), Some(until)).is_ok());
    }
}
