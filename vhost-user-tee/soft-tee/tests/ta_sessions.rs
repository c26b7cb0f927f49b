// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sessions of TAs with TAs: what goes through, what is refused, and what becomes of the one where the other dies.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;
mod session_ta;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use session_ta::*;
use tee::{gp, Access, CancelToken, Failure, Lifetime, Session};
use uuid::Uuid;

#[test]
fn values_go_both_ways_and_results_come_with_their_origin() {
    let tee = soft_tee("values");
    let context = context(&tee);
    for caller in [CALLER, SINGLE_CALLER, CALLER_GP11] {
        let a = open(&context, caller).unwrap();
        for callee in [MULTI, SHARED, EXCLUSIVE] {
            let session = opened_from(&a, callee);
            let swap = Ask {
                session,
                command: SWAP,
                kinds: [VALUE_INOUT, 0, 0, 0],
                value: (5, 6),
                ..Ask::default()
            };
            assert_eq!(ask(&a, swap), Ok(((gp::SUCCESS, BY_TA), (6, 5))));
            let fails = Ask {
                session,
                command: RETURN,
                kinds: [VALUE_IN, 0, 0, 0],
                value: (0x1234, 0),
                ..Ask::default()
            };
            assert_eq!(ask(&a, fails).unwrap().0, (0x1234, BY_TA));
            // No such command, a wrong type: the other TA's to say.
            let unknown = Ask { session, command: 999, ..Ask::default() };
            assert_eq!(ask(&a, unknown).unwrap().0, (gp::ERROR_NOT_SUPPORTED, BY_TA));
            let odd = Ask { session, command: SWAP, kinds: [VALUE_INOUT, 4, 8, 15], ..Ask::default() };
            assert_eq!(ask(&a, odd).unwrap().0, (gp::ERROR_BAD_PARAMETERS, BY_TA));
            invoke_number(&a, CLOSE, session).unwrap();
        }
        close(a);
    }
}

/// What is denied is so for whoever asks: a guest, or a TA on its behalf.
#[test]
fn a_denied_ta_is_not_reached_through_another() {
    // A TA, one whose instance there could be already, and a pseudo TA.
    let attestation = uuid::uuid!("39800861-182a-4720-9b67-2bcd622bc0b5");
    let denied = [EXCLUSIVE, SHARED, attestation];
    let tee = soft_tee_with("denied", |config| config.denied = denied.into());
    let context = context(&tee);
    for caller in [CALLER, CALLER_GP11] {
        let a = open(&context, caller).unwrap();
        for uuid in denied {
            let (answer, _) = open_from(&a, uuid, FOREVER, false, &CancelToken::new()).unwrap();
            assert_eq!(answer, (gp::ERROR_ACCESS_DENIED, BY_TEE), "{uuid}");
            assert_eq!(open(&context, uuid).err(), Some(Failure::tee(gp::ERROR_ACCESS_DENIED)), "{uuid}");
        }
        opened_from(&a, MULTI);
        close(a);
    }
}

fn invoke_number(session: &Arc<dyn Session>, command: u32, number: u32) -> Result<(), Failure> {
    invoke(session, command, &mut [value(Access::Input, number.into(), 0)])
}

#[test]
fn the_client_of_a_ta_is_a_ta() {
    let tee = soft_tee("identity");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, MULTI);
    for lend in [0, OWN] {
        let (ram, memory) = memory_with(&[0xff; 32]);
        let identity = Ask {
            session: session | lend,
            command: IDENTITY,
            kinds: [VALUE_OUT, MEMREF_OUT, 0, 0],
            memory: Some((&memory, 0, 32)),
            ..Ask::default()
        };
        // What came back last is the buffer's size.
        assert_eq!(ask(&a, identity), Ok(((gp::SUCCESS, BY_TA), (16, 0))));
        let seen: Vec<u8> = (0..16).map(|at| ram.byte(at)).collect();
        assert_eq!(Uuid::from_slice_le(&seen).unwrap(), CALLER);
    }
    close(a);
    // And a guest's is what the guest says of it, but never a TA.
    for (login, client) in [
        (gp::LOGIN_PUBLIC, Uuid::nil()),
        (gp::LOGIN_USER, Uuid::from_u128(11)),
        (gp::LOGIN_GROUP, Uuid::from_u128(12)),
        (gp::LOGIN_APPLICATION, Uuid::from_u128(13)),
        (gp::LOGIN_USER_APPLICATION, Uuid::from_u128(14)),
        (gp::LOGIN_GROUP_APPLICATION, Uuid::from_u128(15)),
        (gp::LOGIN_REE_KERNEL, Uuid::nil()),
    ] {
        let request = tee::OpenSession { uuid: MULTI, login, client };
        let session = context.open_session(&request, &mut [], &CancelToken::new()).unwrap();
        let (ram, memory) = memory_with(&[0; 16]);
        let mut params = [value(Access::Output, 0, 0), memref(Access::Output, &memory, 0, 16)];
        invoke(&session, IDENTITY, &mut params).unwrap();
        assert_eq!(values(&params[0]).0, u64::from(login));
        let seen: Vec<u8> = (0..16).map(|at| ram.byte(at)).collect();
        assert_eq!(Uuid::from_slice_le(&seen).unwrap(), client);
        close(session);
    }
    let request = tee::OpenSession { uuid: MULTI, login: gp::LOGIN_TRUSTED_APP, client: CALLER };
    let refused = context.open_session(&request, &mut [], &CancelToken::new()).err();
    assert_eq!(refused, Some(Failure::tee(gp::ERROR_BAD_PARAMETERS)));
}

/// Both sides work on the same page at the same time: only then can the inner TA see what the guest writes meanwhile.
#[test]
fn the_inner_ta_works_on_the_guests_own_page() {
    let tee = soft_tee("same page");
    let context = context(&tee);
    for (caller, lifetime) in [
        (CALLER, Lifetime::Transient),
        (CALLER_GP11, Lifetime::Registered),
        (SINGLE_CALLER, Lifetime::Registered),
    ] {
        let a = open(&context, caller).unwrap();
        let session = opened_from(&a, MULTI);
        let ram = Ram::new(4);
        let memory = ram.memory(lifetime, &[(2, 1), (0, 1)]);
        let watcher = {
            let (a, memory) = (a.clone(), memory.clone());
            thread::spawn(move || {
                let watch = Ask {
                    session: session | PART,
                    command: WATCH,
                    kinds: [MEMREF_INOUT, VALUE_INOUT, 0, 0],
                    value: (0, PAGE - 16),
                    memory: Some((&memory, 0, 2 * PAGE)),
                    ..Ask::default()
                };
                ask(&a, watch)
            })
        };
        // The part begins 16 bytes into page 2; its byte PAGE - 16 is the first of page 0.
        wait_until("the inner TA writes", || ram.byte(0) == 1);
        ram.set_byte(2 * PAGE + 16, 7);
        assert_eq!(watcher.join().unwrap().unwrap(), ((gp::SUCCESS, BY_TA), (7, PAGE - 16)));
        assert_eq!(ram.byte(0), 8);
        if lifetime == Lifetime::Registered {
            context.release_memory(&memory);
        }
        assert!(!ram.is_held());
        close(a);
    }
}

#[test]
fn private_memory_is_lent_and_comes_back_where_it_is_an_output() {
    let tee = soft_tee("lent");
    let context = context(&tee);
    for caller in [CALLER, CALLER_GP11] {
        let a = open(&context, caller).unwrap();
        let session = opened_from(&a, SHARED) | OWN;
        let (ram, memory) = memory_with(&[3; 1_000_000]);
        let buffer = Some((&memory, 0, 1_000_000));
        let ask_for = |command, kinds, value| {
            ask(&a, Ask { session, command, kinds, value, memory: buffer, ..Ask::default() }).unwrap()
        };
        // In.
        let (answer, (low, high)) = ask_for(SUM, [MEMREF_IN, VALUE_OUT, 0, 0], (0, 0));
        assert_eq!((answer, low, high), ((gp::SUCCESS, BY_TA), 3_000_000, 0));
        // Both ways.
        let touched = ask_for(TOUCH, [MEMREF_INOUT, VALUE_INOUT, 0, 0], (999_999, 0));
        assert_eq!(touched, ((gp::SUCCESS, BY_TA), (999_999, 4)));
        assert_eq!((ram.byte(999_998), ram.byte(999_999)), (3, 4));
        // Out.
        assert_eq!(ask_for(FILL, [MEMREF_OUT, VALUE_IN, 0, 0], (9, 0)).0, (gp::SUCCESS, BY_TA));
        assert_eq!((ram.byte(0), ram.byte(999_999)), (9, 9));
        // Out, but it does not fit, or is shorter.
        let short = ask_for(SHORT_BUFFER, [MEMREF_OUT, VALUE_IN, 0, 0], (1_000_001, 0));
        assert_eq!(short, ((gp::ERROR_SHORT_BUFFER, BY_TA), (1_000_001, 0)));
        let shorter = ask_for(SHORT_BUFFER, [MEMREF_OUT, VALUE_IN, 0, 0], (5, 0));
        assert_eq!(shorter, ((gp::SUCCESS, BY_TA), (5, 0)));
        assert_eq!((ram.byte(4), ram.byte(5)), (0x5a, 9));
        // Several at a time, and an empty one.
        let sum =
            Ask { session, command: NOP, kinds: [MEMREF_IN, MEMREF_OUT, MEMREF_INOUT, 0], ..Ask::default() };
        let (_ram, small) = memory_with(&[1; 100]);
        for size in [0, 1, 100] {
            assert_eq!(
                ask(&a, Ask { memory: Some((&small, 0, size)), ..sum }).unwrap().0,
                (gp::SUCCESS, BY_TA)
            );
        }
        close(a);
    }
}

#[test]
fn a_ta_passes_on_what_it_may_use_itself() {
    let tee = soft_tee("rights");
    let context = context(&tee);
    let (ram, memory) = memory_with(&[1; 64]);
    // What it has to read, can be read.
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, MULTI) | READ_ONLY;
    let buffer = Some((&memory, 0, 64));
    let sum =
        Ask { session, command: SUM, kinds: [MEMREF_IN, VALUE_OUT, 0, 0], memory: buffer, ..Ask::default() };
    assert_eq!(ask(&a, sum), Ok(((gp::SUCCESS, BY_TA), (64, 0))));
    assert_eq!(ask(&a, Ask { session: session | CONST, ..sum }), Ok(((gp::SUCCESS, BY_TA), (6, 0))));
    // NULL is passed on where it is empty.
    let null = Ask {
        session: session | NULL,
        command: NULL_MEMREF,
        kinds: [MEMREF_IN, VALUE_OUT, 0, 0],
        memory: Some((&memory, 0, 0)),
        ..Ask::default()
    };
    assert_eq!(ask(&a, null), Ok(((gp::SUCCESS, BY_TA), (1, 0))));
    close(a);
    // All else ends it.
    for (flags, command, kinds) in [
        (READ_ONLY, FILL, [MEMREF_OUT, VALUE_IN, 0, 0]),
        (READ_ONLY, TOUCH, [MEMREF_INOUT, VALUE_INOUT, 0, 0]),
        (CONST, FILL, [MEMREF_OUT, VALUE_IN, 0, 0]),
        (WILD, SUM, [MEMREF_IN, VALUE_OUT, 0, 0]),
        (NULL, SUM, [MEMREF_IN, VALUE_OUT, 0, 0]),
    ] {
        let a = open(&context, CALLER).unwrap();
        let session = opened_from(&a, MULTI) | flags;
        let result = ask(&a, Ask { session, command, kinds, memory: buffer, ..Ask::default() });
        assert_eq!(result, Err(Failure::tee(gp::ERROR_TARGET_DEAD)), "{flags:#x} {command}");
        close(a);
    }
    assert_eq!(ram.byte(0), 1);
}

#[test]
fn wrong_calls_end_the_ta_that_makes_them() {
    let tee = soft_tee("wrong");
    let context = context(&tee);
    for caller in [CALLER, CALLER_GP11] {
        for number in 0..WRONG_CALLS {
            let a = open(&context, caller).unwrap();
            let result = invoke(&a, WRONG, &mut [value(Access::Input, number, 0)]);
            assert_eq!(result, Err(Failure::tee(gp::ERROR_TARGET_DEAD)), "wrong call {number}");
        }
        let a = open(&context, caller).unwrap();
        // Closing no session at all is not wrong; one that there is not, is.
        invoke_number(&a, CLOSE, 0).unwrap();
        assert_eq!(invoke_number(&a, CLOSE, NO_SESSION), Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
    }
}

#[test]
fn sessions_that_cannot_be_opened() {
    let tee = soft_tee("not opened");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    let open_a = |uuid| open_from(&a, uuid, FOREVER, false, &CancelToken::new()).unwrap();
    assert_eq!(open_a(Uuid::from_u128(1)).0, (gp::ERROR_ITEM_NOT_FOUND, BY_TEE));
    // One session at a time: of this TA, and of others.
    let first = opened_from(&a, EXCLUSIVE);
    assert_eq!(open_a(EXCLUSIVE).0, (gp::ERROR_BUSY, BY_TEE));
    assert_eq!(open(&context, EXCLUSIVE).err(), Some(Failure::tee(gp::ERROR_BUSY)));
    invoke_number(&a, CLOSE, first).unwrap();
    let second = open(&context, EXCLUSIVE).unwrap();
    assert_eq!(open_a(EXCLUSIVE).0, (gp::ERROR_BUSY, BY_TEE));
    close(second);
    opened_from(&a, EXCLUSIVE);
    // There is an end to it.
    let b = open(&context, CALLER).unwrap();
    for _ in 0..256 {
        opened_from(&b, SHARED);
    }
    let more = open_from(&b, SHARED, FOREVER, false, &CancelToken::new()).unwrap();
    assert_eq!(more.0, (gp::ERROR_OUT_OF_MEMORY, BY_TEE));
    invoke_number(&b, CLOSE, 7).unwrap();
    assert_eq!(opened_from(&b, SHARED), 7);
    close(a);
    close(b);
}

#[test]
fn nobody_is_busy_with_a_client_that_has_died() {
    let tee = soft_tee("died");
    let context = context(&tee);
    for _ in 0..50 {
        let a = open(&context, CALLER).unwrap();
        opened_from(&a, EXCLUSIVE);
        assert_eq!(invoke_value(&a, WRONG, 0, 0), Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
        // At once: its session is closed first.
        close(open(&context, EXCLUSIVE).unwrap());
        close(a);
    }
}

#[test]
fn the_death_of_the_other_is_told() {
    let tee = soft_tee("death");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    for (callee, command) in [(MULTI, PANIC), (MULTI, CRASH), (SHARED, PANIC), (EXCLUSIVE, CRASH)] {
        let session = opened_from(&a, callee);
        let kinds = if command == PANIC { [VALUE_IN, 0, 0, 0] } else { [0; 4] };
        let dies = Ask { session, command, kinds, ..Ask::default() };
        assert_eq!(ask(&a, dies).unwrap().0, (gp::ERROR_TARGET_DEAD, BY_TEE));
        // It stays dead, and closing it works; the TA that called it lives.
        assert_eq!(ask(&a, Ask { session, ..Ask::default() }).unwrap().0, (gp::ERROR_TARGET_DEAD, BY_TEE));
        invoke_number(&a, CLOSE, session).unwrap();
        let again = opened_from(&a, callee);
        assert_eq!(ask(&a, Ask { session: again, ..Ask::default() }).unwrap().0, (gp::SUCCESS, BY_TA));
        invoke_number(&a, CLOSE, again).unwrap();
    }
    close(a);
}

#[test]
fn timeouts_cancel_the_inner_call() {
    let tee = soft_tee("timeouts");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, SHARED);
    let sleep =
        Ask { session, command: SLEEP, kinds: [VALUE_IN, 0, 0, 0], value: (600_000, 0), ..Ask::default() };
    for timeout in [0, 50] {
        let start = Instant::now();
        assert_eq!(ask(&a, Ask { timeout, ..sleep }).unwrap().0, (gp::ERROR_CANCEL, BY_TA));
        assert!(start.elapsed() >= Duration::from_millis(timeout));
    }
    // The mask of the inner TA is its own; and a call in time is not cancelled.
    let masked = Ask { command: SLEEP_MASKED, value: (100, 0), timeout: 10, ..sleep };
    assert_eq!(ask(&a, masked).unwrap().0, (gp::SUCCESS, BY_TA));
    assert_eq!(ask(&a, Ask { value: (1, 0), timeout: 600_000, ..sleep }).unwrap().0, (gp::SUCCESS, BY_TA));
    // Waiting for its turn counts as well.
    let other = open(&context, SHARED).unwrap();
    let b = open(&context, CALLER).unwrap();
    let number = opened_from(&b, SHARED);
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let busy = {
        let (other, memory) = (other.clone(), memory.clone());
        thread::spawn(move || {
            invoke(&other, WATCH, &mut [memref(Access::InOut, &memory, 0, 8), value(Access::InOut, 0, 1)])
        })
    };
    wait_until("the TA is busy", || ram.byte(1) == 1);
    assert_eq!(
        ask(&a, Ask { command: NOP, kinds: [0; 4], timeout: 20, ..sleep }).unwrap().0,
        (gp::ERROR_CANCEL, BY_TEE)
    );
    // But for one of 0, which OP-TEE's own library takes for none: this is over when its turn has come.
    let no_time = {
        let b = b.clone();
        thread::spawn(move || ask(&b, Ask { session: number, timeout: 0, ..Ask::default() }))
    };
    let opened = open_from(&a, SHARED, 20, false, &CancelToken::new()).unwrap();
    assert_eq!(opened.0, (gp::ERROR_CANCEL, BY_TEE));
    assert!(!no_time.is_finished());
    ram.set_byte(0, 1);
    assert_eq!(busy.join().unwrap(), Ok(()));
    assert_eq!(no_time.join().unwrap().unwrap().0, (gp::SUCCESS, BY_TA));
    close(other);
    close(b);
    close(a);
}

#[test]
fn cancelling_the_outer_call_reaches_the_inner_one_unless_masked() {
    let tee = soft_tee("cancel");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, MULTI);
    let cancelled = |flags, millis| loop {
        let token = Arc::new(CancelToken::new());
        let caller = {
            let (a, token) = (a.clone(), token.clone());
            let kinds = [VALUE_IN, 0, 0, 0];
            let value = (millis, 0);
            let sleep = Ask { session: session | flags, command: SLEEP, kinds, value, ..Ask::default() };
            thread::spawn(move || ask_until(&a, sleep, &token))
        };
        thread::sleep(Duration::from_millis(100));
        token.cancel();
        match caller.join().unwrap() {
            Ok((answer, _)) => break answer,
            // It had not begun.
            Err(failure) => assert_eq!(failure, Failure::tee(gp::ERROR_CANCEL)),
        }
    };
    // The inner call, that is, if it had begun.
    assert!([(gp::ERROR_CANCEL, BY_TA), (gp::ERROR_CANCEL, BY_TEE)].contains(&cancelled(UNMASK, 600_000)));
    assert_eq!(cancelled(0, 500), (gp::SUCCESS, BY_TA));
    // Neither is anything left of it for the next.
    assert_eq!(cancelled_never(&a, session), (gp::SUCCESS, BY_TA));
    close(a);
}

fn cancelled_never(a: &Arc<dyn Session>, session: u32) -> Answer {
    let kinds = [VALUE_IN, 0, 0, 0];
    let sleep = Ask { session: session | UNMASK, command: SLEEP, kinds, value: (20, 0), ..Ask::default() };
    ask(a, sleep).unwrap().0
}

fn chain(session: &Arc<dyn Session>, uuids: &[Uuid]) -> (Answer, u64) {
    let bytes = tee_uuids(uuids);
    let (_ram, memory) = memory_with(&bytes);
    let out = || value(Access::Output, 0, 0);
    let mut params = [memref(Access::Input, &memory, 0, bytes.len() as u64), out(), out()];
    invoke(session, CHAIN, &mut params).unwrap();
    let (ret, origin) = values(&params[1]);
    ((ret as u32, origin as u32), values(&params[2]).0)
}

#[test]
fn a_ta_that_would_wait_for_itself_is_told_so() {
    let tee = soft_tee("recursion");
    let context = context(&tee);
    let single = open(&context, SINGLE_CALLER).unwrap();
    let busy = (gp::ERROR_BUSY, BY_TEE);
    assert_eq!(chain(&single, &[SINGLE_CALLER]), (busy, 0));
    assert_eq!(chain(&single, &[CALLER, SINGLE_CALLER]), (busy, 1));
    assert_eq!(chain(&single, &[CALLER, CALLER_GP11, OTHER_SINGLE_CALLER, SINGLE_CALLER]), (busy, 3));
    // Instances of one TA are not one.
    assert_eq!(chain(&single, &[CALLER, CALLER, CALLER_GP11]), ((gp::SUCCESS, 0), 3));
    // A session that was opened while it could be had.
    let other = open(&context, OTHER_SINGLE_CALLER).unwrap();
    let back = opened_from(&other, SINGLE_CALLER);
    let there = opened_from(&single, OTHER_SINGLE_CALLER);
    assert_eq!(call_back(&single, there, back), busy);
    assert_eq!(call_back(&single, there, NO_SESSION), (gp::SUCCESS, BY_TA));
    close(other);
    close(single);
}

fn call_back(session: &Arc<dyn Session>, first: u32, second: u32) -> Answer {
    let mut params = [value(Access::Input, first.into(), second.into()), value(Access::Output, 0, 0)];
    invoke(session, CALL_BACK, &mut params).unwrap();
    let (ret, origin) = values(&params[1]);
    (ret as u32, origin as u32)
}

#[test]
fn two_that_call_each_other_at_the_same_time_do_not_hang() {
    let tee = soft_tee("crossing");
    let context = context(&tee);
    let pair = [SINGLE_CALLER, OTHER_SINGLE_CALLER].map(|uuid| open(&context, uuid).unwrap());
    let numbers = [opened_from(&pair[0], OTHER_SINGLE_CALLER), opened_from(&pair[1], SINGLE_CALLER)];
    let threads = [0, 1].map(|index| {
        let (session, number) = (pair[index].clone(), numbers[index]);
        thread::spawn(move || {
            for _ in 0..200 {
                let answer = call_back(&session, number, NO_SESSION);
                assert!([(gp::SUCCESS, BY_TA), (gp::ERROR_BUSY, BY_TEE)].contains(&answer), "{answer:x?}");
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    pair.into_iter().for_each(close);
}

#[test]
fn depth_is_bounded() {
    let tee = soft_tee("depth");
    let context = context(&tee);
    let a = open(&context, CALLER).unwrap();
    // The last one calls nobody.
    assert_eq!(chain(&a, &[CALLER; 16]), ((gp::SUCCESS, 0), 16));
    assert_eq!(chain(&a, &[CALLER; 17]), ((gp::ERROR_OUT_OF_MEMORY, BY_TEE), 16));
    close(a);
}

#[test]
fn sessions_from_the_entry_points_of_an_instance() {
    let tee = soft_tee("entry points");
    let context = context(&tee);
    let shared = open(&context, SHARED).unwrap();
    let calls = || invoke_value(&shared, COUNT, 0, 0).unwrap().0;
    let before = calls();
    let single = open(&context, SINGLE_CALLER).unwrap();
    let mut created = [value(Access::Output, 9, 0)];
    invoke(&single, CREATED, &mut created).unwrap();
    assert_eq!(values(&created[0]).0, u64::from(gp::SUCCESS));
    assert_eq!(calls(), before + 2);
    close(single);
    // One more by TA_DestroyEntryPoint, and the count itself.
    assert_eq!(calls(), before + 4);
    close(shared);
}

#[test]
fn a_ta_that_ends_waits_for_no_other() {
    let tee = soft_tee_with("ending", |config| config.limits.grace = Duration::from_millis(300));
    let context = context(&tee);
    let shared = open(&context, SHARED).unwrap();
    let single = open(&context, SINGLE_CALLER).unwrap();
    let cancel = CancelToken::new();
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let mut minutes = [value(Access::Input, 600_000, 0)];
            shared.invoke(SLEEP, &mut minutes, &cancel)
        });
        thread::sleep(Duration::from_millis(100));
        // Its TA_DestroyEntryPoint calls the one that sleeps, and does not get its turn.
        close(single);
        assert!(!sleeper.is_finished());
        cancel.cancel();
        assert_eq!(sleeper.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
    });
    // It was not that one's fault.
    assert_eq!(invoke(&shared, NOP, &mut []), Ok(()));
    close(shared);
}
