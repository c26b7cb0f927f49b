// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guest memory in a TA, for as long as it is lent: what is the software TEE's own. What every TEE must do is in `conformance.rs`.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use tee::{gp, Access, CancelToken, Failure, Lifetime, Memory, Param};

#[test]
fn scattered_memory_is_one_buffer() {
    let tee = soft_tee("scattered");
    let session = open(&context(&tee), MULTI).unwrap();
    // Every second page, backwards: no two are neighbours; more of them than a message takes.
    let pages = 4000;
    let ram = Ram::new(pages);
    let runs: Vec<_> = (0..pages).rev().step_by(2).map(|page| (page, 1)).collect();
    for (index, (page, _)) in runs.iter().enumerate() {
        ram.set_byte(page * PAGE + 1, (index % 100) as u8);
    }
    let expected: u64 = (0..runs.len() as u64).map(|index| index % 100).sum();
    for lifetime in [Lifetime::Transient, Lifetime::Registered] {
        let memory = ram.memory(lifetime, &runs);
        let size = memory.size();
        assert_eq!(sum(&session, &memory, 0, size), expected);
        // Across the border of two runs.
        assert_eq!(sum(&session, &memory, 10 * PAGE - 10, 20), 10);
    }
    session.close(&CancelToken::new());
}

#[test]
fn transient_memory_is_gone_after_the_call() {
    let tee = soft_tee("transient");
    let session = open(&context(&tee), MULTI).unwrap();
    let ram = Ram::new(4);
    let memory = ram.memory(Lifetime::Transient, &[(0, 2)]);
    // One memory in two parameters is mapped once.
    let mut params = [memref(Access::Input, &memory, 0, 4), memref(Access::InOut, &memory, 4, 4)];
    invoke(&session, NOP, &mut params).unwrap();
    assert!(!ram.is_held());
    session.close(&CancelToken::new());
}

#[test]
fn released_memory_is_gone_from_every_instance() {
    let tee = soft_tee("release");
    let context = context(&tee);
    let sessions = [MULTI, MULTI, SHARED].map(|uuid| open(&context, uuid).unwrap());
    let ram = Ram::new(4);
    let memory = ram.memory(Lifetime::Registered, &[(0, 4)]);
    for session in &sessions {
        touch(session, &memory, 0, 10, 0);
    }
    assert_eq!(ram.byte(0), 3);
    assert!(ram.is_held());
    context.release_memory(&memory);
    assert!(!ram.is_held());
    // Twice, or of what was never used: nothing happens.
    context.release_memory(&memory);
    context.release_memory(&Ram::new(1).memory(Lifetime::Registered, &[(0, 1)]));
    // What comes after is mapped anew.
    let ram = Ram::new(4);
    let memory = ram.memory(Lifetime::Registered, &[(3, 1)]);
    touch(&sessions[0], &memory, 0, 10, 0);
    assert_eq!(ram.byte(3 * PAGE), 1);
    sessions.iter().for_each(|session| session.close(&CancelToken::new()));
}

#[test]
fn memory_is_released_while_a_ta_runs() {
    let tee = soft_tee_with("release-busy", |config| config.limits.grace = Duration::from_millis(50));
    let context = context(&tee);
    let session = open(&context, MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
    touch(&session, &memory, 0, 10, 0);
    std::thread::scope(|scope| {
        let spinner = scope.spawn(|| invoke_value(&session, SPIN, 0, 0));
        std::thread::sleep(Duration::from_millis(100));
        context.release_memory(&memory);
        assert!(!ram.is_held());
        assert!(!spinner.is_finished(), "the TA was not harmed");
        drop(tee);
        assert_eq!(spinner.join().unwrap(), Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
    });
    session.close(&CancelToken::new());
}

#[test]
fn memory_that_the_vmm_takes_away_kills_the_instance_only() {
    let tee = soft_tee("truncated");
    let context = context(&tee);
    let session = open(&context, MULTI).unwrap();
    let ram = Ram::new(4);
    let memory = ram.memory(Lifetime::Registered, &[(0, 4)]);
    touch(&session, &memory, 0, 10, 0);
    ram.file.set_len(0).unwrap();
    let mut params = [memref(Access::InOut, &memory, 0, 10), value(Access::InOut, 0, 0)];
    assert_eq!(invoke(&session, TOUCH, &mut params), Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
    session.close(&CancelToken::new());
    let other = open(&context, MULTI).unwrap();
    invoke(&other, NOP, &mut []).unwrap();
    other.close(&CancelToken::new());
}

#[test]
fn what_cannot_be_mapped_fails_the_call_alone() {
    let tee = soft_tee("unmappable");
    let session = open(&context(&tee), MULTI).unwrap();
    // A file that cannot be written cannot be mapped for writing.
    let file = Arc::new(std::fs::File::open("/dev/null").unwrap());
    let memory = |lifetime| {
        let run = tee::Run { file: file.clone(), offset: 0, len: PAGE };
        Arc::new(Memory::new(vec![run], lifetime))
    };
    let ram = Ram::new(1);
    let good = ram.memory(Lifetime::Registered, &[(0, 1)]);
    for lifetime in [Lifetime::Transient, Lifetime::Registered] {
        let bad = memory(lifetime);
        for _ in 0..2 {
            let mut params = [memref(Access::InOut, &good, 0, 1), memref(Access::InOut, &bad, 0, 1)];
            assert_eq!(invoke(&session, NOP, &mut params), Err(Failure::tee(gp::ERROR_OUT_OF_MEMORY)));
        }
    }
    assert_eq!(touch(&session, &good, 0, 1, 0), 1);
    session.close(&CancelToken::new());
}

#[test]
fn sizes_come_back() {
    let tee = soft_tee("sizes");
    let session = open(&context(&tee), MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let size = |param: &Param| match param {
        Param::MemRef { size, .. } => *size,
        other => panic!("{other:?} is no memref"),
    };
    let mut params = [memref(Access::Output, &memory, 0, 10), value(Access::Input, 100, 0)];
    let short = invoke(&session, SHORT_BUFFER, &mut params);
    assert_eq!(short, Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER)));
    assert_eq!(size(&params[0]), 100);
    let mut params = [memref(Access::Output, &memory, 0, 1000), value(Access::Input, 100, 0)];
    invoke(&session, SHORT_BUFFER, &mut params).unwrap();
    assert_eq!((size(&params[0]), ram.byte(99), ram.byte(100)), (100, 0x5a, 0));
    session.close(&CancelToken::new());
}

#[test]
fn a_memref_without_memory_is_null() {
    let tee = soft_tee("null");
    let session = open(&context(&tee), MULTI).unwrap();
    let null = Param::MemRef { access: Access::Input, buffer: None, size: 12 };
    let mut params = [null, value(Access::Output, 0, 0)];
    invoke(&session, NULL_MEMREF, &mut params).unwrap();
    // As in OP-TEE nothing has no size, whatever the client says.
    assert_eq!(values(&params[1]), (1, 0));
    // An empty buffer is not the same.
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let mut params = [memref(Access::Input, &memory, PAGE, 0), value(Access::Output, 0, 0)];
    invoke(&session, NULL_MEMREF, &mut params).unwrap();
    assert_eq!(values(&params[1]), (0, 0));
    session.close(&CancelToken::new());
}

/// `TEE_CheckMemoryAccessRights` knows which memory is whose.
#[test]
fn access_rights_are_those_of_the_memref() {
    const READ: u64 = 1;
    const WRITE: u64 = 2;
    const ANY_OWNER: u64 = 4;
    let tee = soft_tee("access");
    let session = open(&context(&tee), MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let check = |access, flags| {
        let mut params = [memref(access, &memory, 0, 16), value(Access::Input, flags, 0)];
        invoke(&session, CHECK_ACCESS, &mut params)
    };
    let denied = Err(Failure::trusted_app(gp::ERROR_ACCESS_DENIED));
    assert_eq!(check(Access::InOut, READ | WRITE | ANY_OWNER), Ok(()));
    assert_eq!(check(Access::InOut, READ), denied, "it is the client's");
    assert_eq!(check(Access::Input, READ | ANY_OWNER), Ok(()));
    assert_eq!(check(Access::Input, WRITE | ANY_OWNER), denied);
    session.close(&CancelToken::new());
}
