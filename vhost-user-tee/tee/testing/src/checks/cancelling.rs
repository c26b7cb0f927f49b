// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asking calls to give up: when it comes in time, when it does not, and when the TA does not care.
//!
//! When a call has reached its TA cannot be seen from outside. So what is about that is tried with more and
//! more time, until the call was where it should be.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tee::{gp, Access, CancelToken, Failure, GiveUp, Session};

use super::wait_until;
use crate::client::*;
use crate::probe::{EXCLUSIVE, MULTI, NOP, SLEEP, SLEEP_MASKED, SPIN};
use crate::{Subject, HANG};

/// Times after which a call should have reached its TA.
const DELAYS: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// The call did not begin: it was asked to give up before.
const NOT_BEGUN: Result<(), Failure> = Err(Failure::tee(gp::ERROR_CANCEL));

/// Has the probe sleep for `time`, and asks it to give up after `delay`.
fn sleep(
    session: &Arc<dyn Session>,
    func: u32,
    time: Duration,
    what: GiveUp,
    delay: Duration,
) -> Result<(), Failure> {
    let token = CancelToken::new();
    let mut params = [value(Access::Input, time.as_millis() as u64, 0)];
    thread::scope(|scope| {
        let call = scope.spawn(|| session.invoke(func, &mut params, &token));
        thread::sleep(delay);
        token.ask(what);
        call.join().unwrap()
    })
}

pub(super) fn waiting(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    let mut came = NOT_BEGUN;
    for delay in DELAYS {
        let wakes = subject.promises.wakes_sleepers;
        let time = if wakes { HANG } else { 4 * delay };
        let begun = Instant::now();
        came = sleep(&session, SLEEP, time, GiveUp::Cancel, delay);
        if came == Err(Failure::trusted_app(gp::ERROR_CANCEL)) {
            assert!(!wakes || begun.elapsed() < time, "it has slept for all of its time");
            // The next one is not.
            invoke(&session, SLEEP, &mut [value(Access::Input, 1, 0)]).unwrap();
            return close(&session);
        }
    }
    panic!("the TA has heard of no cancellation: {came:?}");
}

pub(super) fn before(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    for what in [GiveUp::Cancel, GiveUp::Abandon] {
        let token = CancelToken::new();
        token.ask(what);
        assert_eq!(session.invoke(NOP, &mut [], &token), NOT_BEGUN);
        let opened = context.open_session(&request(EXCLUSIVE), &mut [], &token);
        assert_eq!(opened.err(), Some(Failure::tee(gp::ERROR_CANCEL)));
    }
    assert_eq!(count(&session), (1, 1), "the TA has not heard of them");
    close(open(&context, EXCLUSIVE).unwrap());
    close(&session);
}

pub(super) fn in_turn(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    let token = CancelToken::new();
    thread::scope(|scope| {
        let first = scope.spawn(|| invoke(&session, SLEEP, &mut [value(Access::Input, 1500, 0)]));
        thread::sleep(Duration::from_millis(300));
        let second = scope.spawn(|| session.invoke(NOP, &mut [], &token));
        thread::sleep(Duration::from_millis(300));
        token.cancel();
        let second = second.join().unwrap();
        assert!(second == Ok(()) || second == NOT_BEGUN, "{second:?}");
        first.join().unwrap().unwrap();
    });
    close(&session);
}

pub(super) fn too_late(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    for _ in 0..50 {
        let token = CancelToken::new();
        let called = thread::scope(|scope| {
            scope.spawn(|| token.cancel());
            session.invoke(NOP, &mut [], &token)
        });
        assert!(called == Ok(()) || called == NOT_BEGUN, "{called:?}");
        // Nobody has cancelled this one.
        invoke(&session, SLEEP, &mut [value(Access::Input, 1, 0)]).unwrap();
    }
    close(&session);
}

pub(super) fn deaf(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    for delay in DELAYS {
        match sleep(&session, SLEEP_MASKED, 2 * delay, GiveUp::Cancel, delay) {
            NOT_BEGUN => {}
            came => {
                assert_eq!(came, Ok(()));
                return close(&session);
            }
        }
    }
    panic!("the call has not begun");
}

/// Whether it is ended, or goes on until its TA returns.
pub(super) fn abandoned(subject: &Subject) {
    let other = open(&subject.context(), MULTI).unwrap();
    for delay in DELAYS {
        let session = open(&subject.context(), MULTI).unwrap();
        let came = thread::scope(|scope| {
            let call = scope.spawn(|| sleep(&session, SLEEP_MASKED, 3 * delay, GiveUp::Abandon, delay));
            while !call.is_finished() {
                invoke(&other, NOP, &mut []).unwrap();
            }
            call.join().unwrap()
        });
        let dead = Err(Failure::tee(gp::ERROR_TARGET_DEAD));
        if came != NOT_BEGUN {
            assert!(came == dead || came == Ok(()) && !subject.promises.ends_by_force, "{came:?}");
            assert_eq!(invoke(&session, NOP, &mut []), came);
        }
        close(&session);
        if came != NOT_BEGUN {
            return close(&other);
        }
    }
    panic!("the call has not begun");
}

pub(super) fn forced(subject: &Subject) {
    let context = subject.context();
    for delay in DELAYS {
        let session = open(&context, MULTI).unwrap();
        let token = Arc::new(CancelToken::new());
        // A thread that nobody waits for, in case the call never ends.
        let call = {
            let (session, token) = (session.clone(), token.clone());
            thread::spawn(move || session.invoke(SPIN, &mut [], &token))
        };
        thread::sleep(delay);
        token.ask(GiveUp::Abandon);
        wait_until("the end of the call", || call.is_finished());
        let came = call.join().unwrap();
        close(&session);
        if came != NOT_BEGUN {
            assert_eq!(came, Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
            return close(open(&context, MULTI).unwrap());
        }
    }
    panic!("the call has not begun");
}
