// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! TAs that die: their sessions hear of it, whoever has them, and no others.

use tee::{gp, Access, Failure};

use crate::client::*;
use crate::probe::{CRASH, MULTI, NOP, PANIC, SHARED};
use crate::Subject;

const DEAD: Failure = Failure::tee(gp::ERROR_TARGET_DEAD);

/// Calls `func`, which kills the instance of its session alone.
fn dies(subject: &Subject, func: u32) {
    let context = subject.context();
    let [session, other] = [(); 2].map(|()| open(&context, MULTI).unwrap());
    assert_eq!(invoke(&session, func, &mut [value(Access::Input, 0xdead, 0)]), Err(DEAD));
    for _ in 0..2 {
        assert_eq!(invoke(&session, NOP, &mut []), Err(DEAD));
    }
    assert_eq!(count(&other), (1, 1));
    close(&session);
    let new = open(&context, MULTI).unwrap();
    assert_eq!(count(&new), (1, 1));
    assert_eq!(count(&other), (2, 2));
    close(&new);
    close(&other);
}

pub(super) fn panic(subject: &Subject) {
    dies(subject, PANIC);
}

pub(super) fn crash(subject: &Subject) {
    dies(subject, CRASH);
}

pub(super) fn shared(subject: &Subject) {
    let contexts = [subject.context(), subject.context()];
    let sessions: Vec<_> = (0..4).map(|n| open(&contexts[n % 2], SHARED).unwrap()).collect();
    assert_eq!(invoke(&sessions[2], PANIC, &mut [value(Access::Input, 1, 0)]), Err(DEAD));
    for session in &sessions {
        assert_eq!(invoke(session, NOP, &mut []), Err(DEAD));
    }
    // Before they are closed: clients may take their time.
    let new = open(&contexts[0], SHARED).unwrap();
    assert_eq!(count(&new), (1, 1), "a new instance");
    sessions.iter().for_each(close);
    assert_eq!(count(&new), (2, 2), "to close the dead does no harm");
    close(&new);
}
