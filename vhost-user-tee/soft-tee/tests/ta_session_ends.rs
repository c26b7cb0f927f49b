// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The end of TAs that call others, of those that are called, and of the TEE beneath them. A program of its own, of
//! which one test runs at a time: they count processes.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;
mod session_ta;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use common::*;
use session_ta::*;
use tee::{gp, Access, CancelToken, Failure};

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills processes of TAs by hand while one calls the other.
#[test]
fn either_can_be_killed_in_a_call() {
    let _alone = alone();
    let tee = soft_tee("killed");
    let context = context(&tee);
    for kill_callee in [true, false] {
        let a = open(&context, CALLER).unwrap();
        wait_until("one process", || children().len() == 1);
        let caller = children()[0];
        let session = opened_from(&a, MULTI);
        let callee = *children().iter().find(|pid| **pid != caller).unwrap();
        let waiter = {
            let a = a.clone();
            let sleep = Ask {
                session,
                command: SLEEP,
                kinds: [VALUE_IN, 0, 0, 0],
                value: (600_000, 0),
                ..Ask::default()
            };
            thread::spawn(move || ask(&a, sleep))
        };
        thread::sleep(Duration::from_millis(50));
        let victim =
            rustix::process::Pid::from_raw(if kill_callee { callee } else { caller } as i32).unwrap();
        rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
        let result = waiter.join().unwrap();
        if kill_callee {
            assert_eq!(result.unwrap().0, (gp::ERROR_TARGET_DEAD, BY_TEE));
        } else {
            // What the other does is of no use any more, and it listens.
            assert_eq!(result, Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
        }
        close(a);
        wait_until("no process is left", || children().is_empty());
    }
}

/// A client that has gone takes with it what works for it, the inner TA too.
#[test]
fn abandoning_the_outer_call_ends_both() {
    let _alone = alone();
    let tee = soft_tee("abandoned");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, MULTI);
    let abandoned = || {
        let token = Arc::new(CancelToken::new());
        let caller = {
            let (a, token) = (a.clone(), token.clone());
            thread::spawn(move || ask_until(&a, Ask { session, command: SPIN, ..Ask::default() }, &token))
        };
        thread::sleep(Duration::from_millis(100));
        token.ask(tee::GiveUp::Abandon);
        caller.join().unwrap()
    };
    let mut result = abandoned();
    // It had not begun.
    while result == Err(Failure::tee(gp::ERROR_CANCEL)) {
        result = abandoned();
    }
    assert_eq!(result, Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
    wait_until("both have ended", || children().is_empty());
    close(a);
}

#[test]
fn sessions_are_closed_when_the_ta_ends_that_has_them() {
    let _alone = alone();
    let tee = soft_tee("closed");
    let context = context(&tee);
    // As planned, and by its death.
    for death in [false, true] {
        let a = open(&context, CALLER).unwrap();
        opened_from(&a, EXCLUSIVE);
        opened_from(&a, MULTI);
        assert_eq!(open(&context, EXCLUSIVE).err(), Some(Failure::tee(gp::ERROR_BUSY)));
        if death {
            let _ = invoke(&a, WRONG, &mut [value(Access::Input, 0, 0)]);
        }
        close(a);
        wait_until("the exclusive TA can be had", || match open(&context, EXCLUSIVE) {
            Ok(session) => {
                close(session);
                true
            }
            Err(_) => false,
        });
        wait_until("no process is left", || children().is_empty());
    }
}

/// Nobody waits for it who could give up.
#[test]
fn a_ta_that_hangs_in_closing_for_a_dead_one_is_ended() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let source = ta_source("")
        .replace(".stack_size = 4096,", ".stack_size = 4096, .flags = TA_FLAG_SINGLE_INSTANCE,")
        .replace(
            "TA_CloseSessionEntryPoint(void *s) { }",
            "TA_CloseSessionEntryPoint(void *s) { for (;;) ; }",
        );
    soft_tee_testing::compile(&source, &folder.path().join(format!("{MULTI}.ta")));
    let caller = format!("{CALLER}.ta");
    std::fs::copy(soft_tee_testing::test_tas().join(&caller), folder.path().join(&caller)).unwrap();
    let tee = soft_tee_with("hanging", |config| {
        config.ta_dir = folder.path().to_owned();
        config.limits.grace = Duration::from_millis(200);
    });
    let context = context(&tee);
    let hang = |caller: &Arc<dyn tee::Session>| {
        open_from(caller, MULTI, FOREVER, false, &CancelToken::new()).unwrap().0
    };
    // More often than there are threads to close with.
    for round in 0..20 {
        let a = open(&context, CALLER).unwrap();
        wait_until("the TA can be had", || hang(&a) == (gp::SUCCESS, BY_TA));
        assert_eq!(open(&context, MULTI).err(), Some(Failure::tee(gp::ERROR_BUSY)), "{round}");
        assert!(invoke(&a, WRONG, &mut [value(Access::Input, 0, 0)]).is_err());
        close(a);
    }
    drop(context);
    drop(tee);
}

/// However many sessions TAs leave to be closed, there is an end to them.
#[test]
fn sessions_that_wait_to_be_closed_are_bounded() {
    const CALLERS: usize = 5;
    const EACH: usize = 256;
    let _alone = alone();
    let tee = soft_tee("behind");
    let context = context(&tee);
    let callers: Vec<_> = (0..CALLERS).map(|_| open(&context, CALLER).unwrap()).collect();
    for caller in &callers {
        for _ in 0..EACH {
            opened_from(caller, SHARED);
        }
    }
    let last = open(&context, CALLER).unwrap();
    // Its client is still there, so who closes waits.
    let busy = open(&context, SHARED).unwrap();
    let token = Arc::new(CancelToken::new());
    let sleeper = {
        let token = token.clone();
        thread::spawn(move || busy.invoke(SLEEP, &mut [value(Access::Input, 600_000, 0)], &token))
    };
    let opened = |uuid, timeout| {
        let (answer, number) = open_from(&last, uuid, timeout, false, &CancelToken::new()).unwrap();
        if answer.0 == gp::SUCCESS {
            invoke(&last, CLOSE, &mut [value(Access::Input, number.into(), 0)]).unwrap();
        }
        answer
    };
    wait_until("it sleeps", || opened(SHARED, 10) == (gp::ERROR_CANCEL, BY_TEE));
    for caller in callers {
        assert!(invoke(&caller, WRONG, &mut [value(Access::Input, 0, 0)]).is_err());
        close(caller);
    }
    wait_until("no more are opened", || opened(MULTI, FOREVER) == (gp::ERROR_OUT_OF_MEMORY, BY_TEE));
    token.cancel();
    assert_eq!(sleeper.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
    wait_until("more are opened", || opened(MULTI, FOREVER) == (gp::SUCCESS, BY_TA));
    close(last);
}

#[test]
fn the_end_of_the_tee_ends_calls_within_calls() {
    let _alone = alone();
    let tee = soft_tee("end");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, MULTI);
    let caller = {
        let a = a.clone();
        let kinds = [VALUE_IN, 0, 0, 0];
        let sleep = Ask { session, command: SLEEP_MASKED, kinds, value: (600_000, 0), ..Ask::default() };
        thread::spawn(move || ask(&a, sleep))
    };
    thread::sleep(Duration::from_millis(50));
    drop(tee);
    assert_eq!(caller.join().unwrap(), Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
    assert!(children().is_empty());
    close(a);
}

#[test]
fn nothing_is_left_of_many_sessions_of_tas() {
    let _alone = alone();
    let before = (children().len(), open_files());
    let tee = soft_tee("leaks");
    let context = context(&tee);
    let shared = open(&context, SHARED).unwrap();
    let (ram, memory) = memory_with(&[1; 100_000]);
    let single = open(&context, SINGLE_CALLER).unwrap();
    let round = |number: usize| {
        let a = if number % 2 == 0 { open(&context, CALLER).unwrap() } else { single.clone() };
        let session = opened_from(&a, [MULTI, SHARED, EXCLUSIVE][number % 3]);
        let kinds = [MEMREF_INOUT, VALUE_INOUT, 0, 0];
        for flags in [0, OWN] {
            let buffer = Some((&memory, 0, 100_000));
            ask(
                &a,
                Ask { session: session | flags, command: TOUCH, kinds, memory: buffer, ..Ask::default() },
            )
            .unwrap();
        }
        match number % 10 {
            // The other dies, the one dies, or nobody closes the session.
            0 => assert_ne!(
                ask(&a, Ask { session, command: CRASH, ..Ask::default() }).unwrap().0 .0,
                gp::SUCCESS
            ),
            2 => assert!(invoke(&a, WRONG, &mut [value(Access::Input, 0, 0)]).is_err()),
            4 => {}
            _ => invoke(&a, CLOSE, &mut [value(Access::Input, session.into(), 0)]).unwrap(),
        }
        if number % 2 == 0 {
            close(a);
            // A session that is closed later is of the exclusive TA's, perhaps.
            wait_until("the exclusive TA can be had", || open(&context, EXCLUSIVE).map(close).is_ok());
        }
    };
    let settled = || (children().len(), open_files());
    (0..60).for_each(round);
    wait_until("two processes", || settled().0 == 2);
    let (warm, warm_memory) = (settled(), private_memory());
    (0..300).for_each(round);
    // Fewer, where what had just ended was still being freed when these were counted.
    wait_until("no more processes and files than before", || {
        let now = settled();
        now.0 <= warm.0 && now.1 <= warm.1
    });
    let grown = private_memory().saturating_sub(warm_memory);
    assert!(grown < 1 << 20, "{grown} bytes more");
    close(single);
    close(shared);
    drop(context);
    drop(tee);
    assert!(!ram.is_held());
    drop((memory, ram));
    assert_eq!(settled(), before);
}
