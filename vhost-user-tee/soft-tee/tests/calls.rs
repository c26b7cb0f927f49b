// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sessions and calls of a TA: what is the software TEE's own. What every TEE must do is in `conformance.rs`.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::time::{Duration, SystemTime};

use common::*;
use tee::{gp, Access, CancelToken, Failure, Param, Tee};
use uuid::Uuid;

#[test]
fn more_than_four_parameters_are_refused() {
    let tee = soft_tee("five");
    let session = open(&context(&tee), MULTI).unwrap();
    let mut params = vec![value(Access::Input, 0, 0); 5];
    assert_eq!(invoke(&session, NOP, &mut params), Err(Failure::tee(gp::ERROR_BAD_PARAMETERS)));
    params[4] = Param::None;
    invoke(&session, NOP, &mut params).unwrap();
    session.close(&CancelToken::new());
}

#[test]
fn the_client_is_known() {
    let tee = soft_tee("client");
    let client = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let mut request = request(MULTI);
    (request.login, request.client) = (gp::LOGIN_USER, client);
    let session = context(&tee).open_session(&request, &mut [], &CancelToken::new()).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(tee::Lifetime::Transient, &[(0, 1)]);
    let mut params = [value(Access::Output, 0, 0), memref(Access::Output, &memory, 0, 16)];
    invoke(&session, IDENTITY, &mut params).unwrap();
    assert_eq!(values(&params[0]).0, u64::from(gp::LOGIN_USER));
    let bytes: Vec<u8> = (0..16).map(|at| ram.byte(at)).collect();
    // A `TEE_UUID`: the first three fields in the machine's byte order.
    let fields = client.as_fields();
    assert_eq!(bytes[..4], fields.0.to_le_bytes());
    assert_eq!(&bytes[8..], fields.3);
    session.close(&CancelToken::new());
}

/// REE time is asked of the daemon, while the call runs.
#[test]
fn ree_time_comes_from_the_daemon() {
    let tee = soft_tee("time");
    let session = open(&context(&tee), MULTI).unwrap();
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let before = now();
    let mut params = [value(Access::Output, 0, 0), value(Access::Output, 0, 0)];
    invoke(&session, TIME, &mut params).unwrap();
    let seconds = values(&params[1]).0;
    assert!((before..=now()).contains(&seconds));
    session.close(&CancelToken::new());
}

#[test]
fn what_tee_functions_do_is_allowed() {
    let tee = soft_tee("functions");
    let session = open(&context(&tee), MULTI).unwrap();
    let ram = Ram::new(2);
    let memory = ram.memory(tee::Lifetime::Transient, &[(0, 2)]);
    invoke(&session, RANDOM, &mut [memref(Access::Output, &memory, 0, PAGE)]).unwrap();
    assert!((0..64).any(|at| ram.byte(at) != 0));
    // SHA-256 of nothing: the library is first used here, inside the sandbox.
    let mut params = [
        value(Access::Input, 0x5000_0004, 0),
        memref(Access::Input, &memory, 0, 0),
        memref(Access::Output, &memory, PAGE, 32),
    ];
    invoke(&session, DIGEST, &mut params).unwrap();
    assert_eq!([ram.byte(PAGE), ram.byte(PAGE + 31)], [0xe3, 0x55]);
    invoke_value(&session, ALLOC, 16 << 10, 0).unwrap();
    invoke(&session, 18, &mut []).unwrap();
    session.close(&CancelToken::new());
}

#[test]
fn tees_are_apart() {
    let (one, two) = (soft_tee("one"), soft_tee("two"));
    assert_eq!(one.version(), two.version());
    let (a, b) = (open(&context(&one), SHARED).unwrap(), open(&context(&two), SHARED).unwrap());
    invoke(&a, NOP, &mut []).unwrap();
    invoke(&a, NOP, &mut []).unwrap();
    assert_eq!(invoke_value(&a, COUNT, 0, 0).unwrap().0, 3);
    assert_eq!(invoke_value(&b, COUNT, 0, 0).unwrap().0, 1);
    a.close(&CancelToken::new());
    b.close(&CancelToken::new());
}

#[test]
fn a_long_call_in_one_session_delays_no_other() {
    let tee = soft_tee("parallel");
    let context = context(&tee);
    let (sleeper, other) = (open(&context, MULTI).unwrap(), open(&context, MULTI).unwrap());
    std::thread::scope(|scope| {
        let sleeping = scope.spawn(|| {
            let start = std::time::Instant::now();
            invoke_value(&sleeper, SLEEP, 1000, 0).unwrap();
            start.elapsed()
        });
        for _ in 0..100 {
            invoke(&other, NOP, &mut []).unwrap();
        }
        assert!(!sleeping.is_finished());
        assert!(sleeping.join().unwrap() >= Duration::from_secs(1));
    });
    sleeper.close(&CancelToken::new());
    other.close(&CancelToken::new());
}
