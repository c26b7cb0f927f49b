// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Nothing is left of many sessions. A program of its own, so that it counts its own only.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use common::*;
use tee::{Access, CancelToken, Lifetime};

#[test]
fn nothing_is_left_of_many_sessions() {
    let before = (children().len(), open_files());
    let tee = soft_tee("leaks");
    let context = context(&tee);
    let ram = Ram::new(2);
    let round = |number: u32| {
        let uuid = [MULTI, EXCLUSIVE][number as usize % 2];
        let session = open(&context, uuid).unwrap();
        let registered = ram.memory(Lifetime::Registered, &[(0, 1)]);
        let transient = ram.memory(Lifetime::Transient, &[(1, 1)]);
        let mut params = [memref(Access::InOut, &registered, 0, 8), memref(Access::InOut, &transient, 0, 8)];
        invoke(&session, NOP, &mut params).unwrap();
        context.release_memory(&registered);
        match number % 5 {
            0 => assert!(invoke_value(&session, CRASH, 0, 0).is_err()),
            1 => assert!(invoke_value(&session, PANIC, 1, 0).is_err()),
            _ => {}
        }
        session.close(&CancelToken::new());
    };
    // Whatever is allocated once has been by then.
    (0..100).for_each(round);
    let shared = open(&context, SHARED).unwrap();
    let settled = || (children().len(), open_files());
    wait_until("one process", || settled().0 == 1);
    let (warm, warm_memory) = (settled(), private_memory());
    (0..500).for_each(round);
    for _ in 0..1000 {
        open(&context, SHARED).unwrap().close(&CancelToken::new());
    }
    wait_until("no more processes and files than before", || settled() == warm);
    let grown = private_memory().saturating_sub(warm_memory);
    assert!(grown < 1 << 20, "{grown} bytes more after 1500 sessions");
    shared.close(&CancelToken::new());
    drop(shared);
    drop(context);
    drop(tee);
    drop(ram);
    assert_eq!(settled(), before);
}
