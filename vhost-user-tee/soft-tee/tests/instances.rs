// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which sessions share an instance, and how long it lives.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::*;
use tee::{gp, Access, CancelToken, Failure};

/// Calls that the instance of this session has had.
fn calls_of_instance(session: &Arc<dyn tee::Session>) -> u64 {
    invoke_value(session, COUNT, 0, 0).unwrap().0
}

#[test]
fn a_multi_instance_ta_has_a_process_per_session() {
    let tee = soft_tee("multi");
    let context = context(&tee);
    let (a, b) = (open(&context, MULTI).unwrap(), open(&context, MULTI).unwrap());
    assert_eq!((calls_of_instance(&a), calls_of_instance(&a), calls_of_instance(&b)), (1, 2, 1));
    a.close(&CancelToken::new());
    assert_eq!(calls_of_instance(&b), 2);
    b.close(&CancelToken::new());
}

#[test]
fn a_shared_instance_is_one_and_is_kept() {
    let tee = soft_tee("shared");
    let (one, two) = (context(&tee), context(&tee));
    let (a, b) = (open(&one, SHARED).unwrap(), open(&two, SHARED).unwrap());
    assert_eq!((calls_of_instance(&a), calls_of_instance(&b)), (1, 2));
    assert_eq!(invoke_value(&b, COUNT, 0, 0).unwrap(), (3, 2));
    a.close(&CancelToken::new());
    b.close(&CancelToken::new());
    let c = open(&one, SHARED).unwrap();
    assert_eq!(calls_of_instance(&c), 4, "the instance is kept alive");
    c.close(&CancelToken::new());
}

#[test]
fn an_exclusive_instance_is_busy_while_it_has_a_session() {
    let tee = soft_tee("exclusive");
    let context = context(&tee);
    let a = open(&context, EXCLUSIVE).unwrap();
    assert_eq!(calls_of_instance(&a), 1);
    assert_eq!(open(&context, EXCLUSIVE).err(), Some(Failure::tee(gp::ERROR_BUSY)));
    a.close(&CancelToken::new());
    let b = open(&context, EXCLUSIVE).unwrap();
    assert_eq!(calls_of_instance(&b), 1, "the instance is a new one");
    b.close(&CancelToken::new());
}

#[test]
fn a_refused_session_leaves_nothing_behind() {
    let tee = soft_tee("refused");
    let context = context(&tee);
    for uuid in [MULTI, EXCLUSIVE] {
        let mut params = [value(Access::Input, 5, 0)];
        let refused = context.open_session(&request(uuid), &mut params, &CancelToken::new());
        assert_eq!(refused.err(), Some(Failure::trusted_app(5)));
        open(&context, uuid).unwrap().close(&CancelToken::new());
    }
}

#[test]
fn sessions_opened_at_once_share_one_instance() {
    let tee = soft_tee("at-once");
    let context = context(&tee);
    let sessions: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&context, SHARED).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let counts: Vec<_> = sessions.iter().map(calls_of_instance).collect();
    assert_eq!(counts, (1..=8).collect::<Vec<_>>());
    sessions.iter().for_each(|session| session.close(&CancelToken::new()));
}

/// Sessions come and go while others do: whoever comes while an instance ends gets the next one.
#[test]
fn opening_and_closing_an_exclusive_instance_at_once() {
    let tee = soft_tee("churn");
    let context = context(&tee);
    let opened: usize = std::thread::scope(|scope| {
        let churn = || {
            let mut opened = 0;
            for _ in 0..30 {
                match open(&context, EXCLUSIVE) {
                    Ok(session) => {
                        assert_eq!(calls_of_instance(&session), 1, "two sessions in one instance");
                        session.close(&CancelToken::new());
                        opened += 1;
                    }
                    Err(failure) => assert_eq!(failure, Failure::tee(gp::ERROR_BUSY)),
                }
            }
            opened
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(churn)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(opened > 0);
}

#[test]
fn calls_to_one_instance_wait_for_each_other() {
    let tee = soft_tee("serial");
    let context = context(&tee);
    let (a, b) = (open(&context, SHARED).unwrap(), open(&context, SHARED).unwrap());
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| invoke_value(&a, SLEEP, 200, 0).unwrap());
        scope.spawn(|| invoke_value(&b, SLEEP, 200, 0).unwrap());
    });
    assert!(start.elapsed() >= Duration::from_millis(400));
    a.close(&CancelToken::new());
    b.close(&CancelToken::new());
}

#[test]
fn the_limit_of_instances_is_kept() {
    let tee = soft_tee_with("limit", |config| config.limits.instances = 2);
    let context = context(&tee);
    let (a, b) = (open(&context, MULTI).unwrap(), open(&context, MULTI).unwrap());
    assert_eq!(open(&context, MULTI).err(), Some(Failure::tee(gp::ERROR_OUT_OF_MEMORY)));
    a.close(&CancelToken::new());
    // What a closed session had is free at once.
    open(&context, MULTI).unwrap().close(&CancelToken::new());
    b.close(&CancelToken::new());
}
