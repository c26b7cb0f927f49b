// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! When the TEE lets go of memory: nothing maps it, and no page of it is pinned.

use std::thread;

use tee::{gp, Access, Failure, Lifetime};

use super::wait_until;
use crate::client::*;
use crate::probe::{MULTI, NOP, PANIC, SHARED, WATCH};
use crate::ram::{page, Ram};
use crate::Subject;

pub(super) fn transient(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    let pages = subject.promises.shared_above.unwrap_or(0) / page() + 2;
    for size in [10, pages * page()] {
        let ram = Ram::new(pages);
        let memory = ram.memory(Lifetime::Transient, &[(0, pages)]);
        touch(&session, &memory, 0, size, 3);
        assert!(!ram.is_held(), "{size} bytes");
    }
    close(&session);
}

pub(super) fn registered(subject: &Subject) {
    let contexts = [subject.context(), subject.context()];
    let [context, other] = &contexts;
    let sessions = [(context, MULTI), (context, SHARED), (other, SHARED)].map(|(c, ta)| open(c, ta).unwrap());
    let rams = [(); 3].map(|()| Ram::new(2));
    let [first, second, others] = rams.each_ref().map(|ram| ram.memory(Lifetime::Registered, &[(0, 2)]));
    // By two instances, twice.
    for round in 0..2 {
        assert_eq!(touch(&sessions[0], &first, page() - 1, 10, 4), 2 * round + 1);
        assert_eq!(touch(&sessions[1], &first, page() - 1, 10, 4), 2 * round + 2);
        assert_eq!(touch(&sessions[1], &second, 0, 10, 4), round + 1);
        assert_eq!(touch(&sessions[2], &others, 0, 10, 4), round + 1);
    }
    context.release_memory(&first);
    assert!(!rams[0].is_held());
    // Once more, and of what no call has used: nothing happens.
    context.release_memory(&first);
    context.release_memory(&Ram::new(1).memory(Lifetime::Registered, &[(0, 1)]));
    if subject.shares() {
        assert!(
            rams[1].is_held() && rams[2].is_held(),
            "is memory held at all? then it is not released here"
        );
    }
    assert_eq!(touch(&sessions[1], &second, 0, 10, 4), 3);
    assert_eq!(touch(&sessions[2], &others, 0, 10, 4), 3);
    context.release_memory(&second);
    assert!(!rams[1].is_held());
    // After its sessions: before its context.
    sessions.iter().for_each(close);
    other.release_memory(&others);
    assert!(!rams[2].is_held());
}

pub(super) fn after_a_death(subject: &Subject) {
    let context = subject.context();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
    let session = open(&context, MULTI).unwrap();
    touch(&session, &memory, 0, 1, 0);
    let died = invoke(&session, PANIC, &mut [value(Access::Input, 1, 0)]);
    assert_eq!(died, Err(Failure::tee(gp::ERROR_TARGET_DEAD)));
    close(&session);
    let session = open(&context, MULTI).unwrap();
    assert_eq!(touch(&session, &memory, 0, 1, 0), 2);
    context.release_memory(&memory);
    assert!(!ram.is_held());
    close(&session);
}

pub(super) fn while_a_ta_runs(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    let (ram, watched) = (Ram::new(1), Ram::new(1));
    let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
    let in_use = watched.memory(Lifetime::Registered, &[(0, 1)]);
    touch(&session, &memory, 0, 1, 0);
    let mut params = [memref(Access::InOut, &in_use, 0, 2), value(Access::InOut, 0, 1)];
    thread::scope(|scope| {
        let call = scope.spawn(|| invoke(&session, WATCH, &mut params));
        wait_until("the TA's sign", || watched.byte(1) == 1 || call.is_finished());
        context.release_memory(&memory);
        let (held, runs) = (ram.is_held(), !call.is_finished());
        watched.set_byte(0, 1);
        call.join().unwrap().unwrap();
        assert!(!held && runs, "held: {held}; its TA ran when it was released: {runs}");
    });
    context.release_memory(&in_use);
    assert!(!watched.is_held());
    invoke(&session, NOP, &mut []).unwrap();
    close(&session);
}
