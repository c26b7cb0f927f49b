// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls from many threads.

use std::thread;

use tee::{Access, Lifetime};

use super::wait_until;
use crate::client::*;
use crate::probe::{MULTI, SHARED, SWAP, WATCH};
use crate::ram::{page, Ram};
use crate::Subject;

/// Threads in each session, and what each does.
const THREADS: u64 = 3;
const ROUNDS: u64 = 10;

/// In sessions of one instance and of several, in one context and in two; more than any TEE has threads.
pub(super) fn calls(subject: &Subject) {
    let contexts = [subject.context(), subject.context()];
    let opened = [(0, MULTI), (1, MULTI), (0, SHARED), (1, SHARED)];
    let sessions = opened.map(|(context, ta)| (&contexts[context], open(&contexts[context], ta).unwrap()));
    thread::scope(|scope| {
        for (n, (context, session)) in (0..).zip(&sessions) {
            let ram = Ram::new(2);
            // Of all threads of the session; which of them uses it first is chance.
            let shared = ram.memory(Lifetime::Registered, &[(0, 2)]);
            let calls = (0..THREADS).map(|thread| {
                let shared = shared.clone();
                scope.spawn(move || {
                    let own = Ram::new(1);
                    for round in 0..ROUNDS {
                        let number = (n * THREADS + thread) * ROUNDS + round;
                        let mut params = [value(Access::InOut, number, 7)];
                        invoke(session, SWAP, &mut params).unwrap();
                        assert_eq!(values(&params[0]), (7, number));
                        own.set_page(0, number as u8);
                        let memory = own.memory(Lifetime::Transient, &[(0, 1)]);
                        assert_eq!(sum(session, &memory, 0, page()), u64::from(number as u8) * page());
                        // Each its own byte.
                        assert_eq!(touch(session, &shared, page() - 1, 9, thread), round + 1);
                    }
                })
            });
            let calls: Vec<_> = calls.collect();
            scope.spawn(move || {
                let results: Vec<_> = calls.into_iter().map(thread::ScopedJoinHandle::join).collect();
                context.release_memory(&shared);
                results.into_iter().for_each(Result::unwrap);
                assert!(!ram.is_held());
            });
        }
    });
    let calls_of = |session| count(session).1 - 1;
    for (_, session) in &sessions {
        assert_eq!(calls_of(session), 3 * THREADS * ROUNDS);
        close(session);
    }
}

pub(super) fn long_call(subject: &Subject) {
    let sessions = [(); 2].map(|()| open(&subject.context(), MULTI).unwrap());
    let context = subject.context();
    let long = open(&context, SHARED).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
    let mut params = [memref(Access::InOut, &memory, 0, 2), value(Access::InOut, 0, 1)];
    thread::scope(|scope| {
        let call = scope.spawn(|| invoke(&long, WATCH, &mut params));
        wait_until("the TA's sign", || ram.byte(1) == 1 || call.is_finished());
        for number in 0..20 {
            let mut params = [value(Access::InOut, number, 7)];
            invoke(&sessions[number as usize % 2], SWAP, &mut params).unwrap();
            assert_eq!(values(&params[0]), (7, number));
        }
        let runs = !call.is_finished();
        ram.set_byte(0, 1);
        call.join().unwrap().unwrap();
        assert!(runs, "the others were called when it was over");
    });
    context.release_memory(&memory);
    sessions.iter().chain([&long]).for_each(close);
}
