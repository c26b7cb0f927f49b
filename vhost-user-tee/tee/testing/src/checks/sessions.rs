// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TEE says it is; contexts and sessions, how they begin and how they end.

use tee::{gp, Access, CancelToken, Failure, GiveUp, Lifetime};
use uuid::Uuid;

use crate::client::*;
use crate::probe::{EXCLUSIVE, IDENTITY, MULTI, NOP, SHARED};
use crate::ram::Ram;
use crate::Subject;

/// `TEE_GEN_CAP_GP`.
const GEN_CAP_GP: u32 = 1;

pub(super) fn version_stays(subject: &Subject) {
    let before = subject.tee.version().clone();
    assert_ne!(before.gen_caps & GEN_CAP_GP, 0, "{before:?}: not a GP TEE");
    let session = open(&subject.context(), MULTI).unwrap();
    assert_eq!(*subject.tee.version(), before);
    close(&session);
    assert_eq!(*subject.tee.version(), before);
}

pub(super) fn missing_ta(subject: &Subject) {
    let context = subject.context();
    for _ in 0..2 {
        let mut params = [value(Access::InOut, 1, 2)];
        let missing = open_with(&context, Uuid::from_u128(1), &mut params).err();
        assert_eq!(missing, Some(Failure::tee(gp::ERROR_ITEM_NOT_FOUND)));
        assert_eq!(values(&params[0]), (1, 2));
    }
    close(open(&context, MULTI).unwrap());
}

pub(super) fn refused(subject: &Subject) {
    let context = subject.context();
    for ta in [MULTI, EXCLUSIVE] {
        let refused = open_with(&context, ta, &mut [value(Access::Input, 77, 0)]).err();
        assert_eq!(refused, Some(Failure::trusted_app(77)));
        // As of a call that fails, results come back.
        let mut params = [value(Access::InOut, 78, 5)];
        assert_eq!(open_with(&context, ta, &mut params).err(), Some(Failure::trusted_app(78)));
        assert_eq!(values(&params[0]), (5, 78));
        // There is no session of it.
        close(open(&context, ta).unwrap());
    }
}

/// That it has ended shows by a TA that takes one session at a time.
pub(super) fn end(subject: &Subject) {
    let busy = Some(Failure::tee(gp::ERROR_BUSY));
    let (one, other) = (subject.context(), subject.context());
    let session = open(&one, EXCLUSIVE).unwrap();
    assert_eq!(open(&other, EXCLUSIVE).err(), busy);
    close(&session);
    close(open(&other, EXCLUSIVE).unwrap());
    // It has been closed: to drop it is nothing to anybody.
    let again = open(&other, EXCLUSIVE).unwrap();
    drop(session);
    assert_eq!(count(&again), (1, 1));

    drop(again);
    let session = open(&one, EXCLUSIVE).unwrap();
    // A context is there for as long as it has sessions.
    drop(one);
    assert_eq!(count(&session), (1, 1));
    assert_eq!(open(&other, EXCLUSIVE).err(), busy);
    drop(session);
    close(open(&other, EXCLUSIVE).unwrap());
}

pub(super) fn closed_in_any_case(subject: &Subject) {
    for what in [GiveUp::Cancel, GiveUp::Abandon] {
        let context = subject.context();
        let session = open(&context, EXCLUSIVE).unwrap();
        let token = CancelToken::new();
        token.ask(what);
        session.close(&token);
        // What is abandoned may be closed with its context.
        drop((session, context));
        close(open(&subject.context(), EXCLUSIVE).unwrap());
    }
}

pub(super) fn many(subject: &Subject) {
    let contexts = [subject.context(), subject.context()];
    let sessions: Vec<_> = (0..20).map(|n| open(&contexts[n % 2], SHARED).unwrap()).collect();
    let (before, _) = count(&sessions[0]);
    for (calls, session) in (1..).zip(&sessions[1..]) {
        assert_eq!(count(session), (before + calls, 1), "one instance has them all");
    }
    // In another order than they were opened, and of those that are left each is what it was.
    for odd in [1, 0] {
        sessions.iter().skip(odd).step_by(2).for_each(close);
        if odd == 1 {
            for session in sessions.iter().step_by(2) {
                invoke(session, NOP, &mut []).unwrap();
            }
            assert_eq!(count(&sessions[2]).1, 3);
        }
    }
}

pub(super) fn client(subject: &Subject) {
    let context = subject.context();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let somebody = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    for (login, client) in
        [(gp::LOGIN_PUBLIC, Uuid::nil()), (gp::LOGIN_USER, somebody), (gp::LOGIN_APPLICATION, somebody)]
    {
        let mut request = request(MULTI);
        (request.login, request.client) = (login, client);
        let session = match context.open_session(&request, &mut [], &CancelToken::new()) {
            Ok(session) => session,
            Err(refused) => {
                assert_eq!(refused, Failure::tee(gp::ERROR_ACCESS_DENIED));
                assert_ne!(login, gp::LOGIN_PUBLIC);
                continue;
            }
        };
        let mut params = [value(Access::Output, 0, 0), memref(Access::Output, &memory, 0, 16)];
        invoke(&session, IDENTITY, &mut params).unwrap();
        assert_eq!((values(&params[0]).0, size(&params[1])), (u64::from(login), 16));
        // A `TEE_UUID`: its first three fields are in the machine's byte order.
        let (a, b, c, d) = client.as_fields();
        let uuid = [&a.to_le_bytes()[..], &b.to_le_bytes(), &c.to_le_bytes(), d].concat();
        assert_eq!(ram.bytes()[..16], uuid);
        close(&session);
    }
}
