// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Cancelling calls: that wait for their turn, that run and listen, and that run and do not.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use tee::{gp, Access, CancelToken, Failure, Session};

/// Makes a call on a thread of its own.
fn call(
    session: &Arc<dyn Session>,
    func: u32,
    millis: u64,
) -> (Arc<CancelToken>, thread::JoinHandle<Result<(), Failure>>) {
    let (session, token) = (session.clone(), Arc::new(CancelToken::new()));
    let cancel = token.clone();
    let thread = thread::spawn(move || session.invoke(func, &mut [value(Access::Input, millis, 0)], &cancel));
    // Long enough for the call to begin, as a rule; where it is not, the test still holds.
    thread::sleep(Duration::from_millis(50));
    (token, thread)
}

#[test]
fn a_sleeping_call_wakes_up() {
    let tee = soft_tee("sleeping");
    let session = open(&context(&tee), MULTI).unwrap();
    let start = Instant::now();
    let (token, thread) = call(&session, SLEEP, 60_000);
    token.cancel();
    assert_eq!(thread.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
    assert!(start.elapsed() < Duration::from_secs(30));
    // The next call is not cancelled.
    invoke_value(&session, SLEEP, 1, 0).unwrap();
    session.close(&CancelToken::new());
}

#[test]
fn a_call_cancelled_before_it_begins_does_not_run() {
    let tee = soft_tee("before");
    let session = open(&context(&tee), MULTI).unwrap();
    let token = CancelToken::new();
    token.cancel();
    let cancelled = session.invoke(NOP, &mut [], &token);
    assert_eq!(cancelled, Err(Failure::tee(gp::ERROR_CANCEL)));
    assert_eq!(invoke_value(&session, COUNT, 0, 0).unwrap().0, 1);
    session.close(&CancelToken::new());
}

#[test]
fn a_call_that_does_not_listen_goes_on() {
    let tee = soft_tee("masked");
    let session = open(&context(&tee), MULTI).unwrap();
    let (token, thread) = call(&session, SLEEP_MASKED, 300);
    token.cancel();
    assert_eq!(thread.join().unwrap(), Ok(()));
    session.close(&CancelToken::new());
}

#[test]
fn a_queued_call_ends_at_once() {
    let tee = soft_tee("queued");
    let context = context(&tee);
    let (a, b) = (open(&context, SHARED).unwrap(), open(&context, SHARED).unwrap());
    let (sleeping, sleeper) = call(&a, SLEEP, 60_000);
    let (token, queued) = call(&b, NOP, 0);
    token.cancel();
    assert_eq!(queued.join().unwrap(), Err(Failure::tee(gp::ERROR_CANCEL)));
    // So does the opening of a session, which is given back without waiting.
    let token = Arc::new(CancelToken::new());
    let cancel = token.clone();
    let opening = {
        let context = context.clone();
        thread::spawn(move || context.open_session(&request(SHARED), &mut [], &cancel).err())
    };
    thread::sleep(Duration::from_millis(50));
    token.cancel();
    assert_eq!(opening.join().unwrap(), Some(Failure::tee(gp::ERROR_CANCEL)));
    assert!(!sleeper.is_finished());
    sleeping.cancel();
    assert_eq!(sleeper.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
    a.close(&CancelToken::new());
    b.close(&CancelToken::new());
}

/// Cancelling races with the end of the call: the next call must never see it.
#[test]
fn a_late_cancellation_hits_no_other_call() {
    let tee = soft_tee("race");
    let session = open(&context(&tee), MULTI).unwrap();
    for _ in 0..200 {
        let token = Arc::new(CancelToken::new());
        let cancel = token.clone();
        let canceller = thread::spawn(move || cancel.cancel());
        let _ = session.invoke(NOP, &mut [], &token);
        // Not cancelled, so it runs to its end.
        invoke_value(&session, SLEEP, 1, 0).unwrap();
        canceller.join().unwrap();
    }
    session.close(&CancelToken::new());
}
