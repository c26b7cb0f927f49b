// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Values, and what a TA returns.

use std::sync::Arc;

use tee::{gp, Access, Failure, Lifetime, Origin, Param, Session};

use crate::client::*;
use crate::probe::{COUNT, FAIL, MULTI, NOP, RETURN, SWAP};
use crate::ram::Ram;
use crate::Subject;

fn session(subject: &Subject) -> Arc<dyn Session> {
    open(&subject.context(), MULTI).unwrap()
}

pub(super) fn values_go_and_come(subject: &Subject) {
    let session = session(subject);
    // GP's values have 32 bits.
    for (a, b, came) in
        [(1, 2, (2, 1)), (u64::from(u32::MAX), 0, (0, u64::from(u32::MAX))), (7 | 1 << 32, 8, (8, 7))]
    {
        let mut params = [value(Access::InOut, a, b)];
        invoke(&session, SWAP, &mut params).unwrap();
        assert_eq!(values(&params[0]), came);
    }
    let mut params = [value(Access::Output, 5, 6), Param::None, Param::None, Param::None];
    invoke(&session, COUNT, &mut params).unwrap();
    assert_eq!(values(&params[0]), (4, 4));
    // What goes in alone stays as it was, and so does what the TA leaves alone.
    let mut params = [value(Access::Input, 0, 9), value(Access::InOut, 3, 4)];
    invoke(&session, NOP, &mut params).unwrap();
    assert_eq!((values(&params[0]), values(&params[1])), ((0, 9), (3, 4)));
    close(&session);
}

pub(super) fn results(subject: &Subject) {
    let session = session(subject);
    // Also those by which a TEE tells of itself.
    let codes =
        [1, 0x7fff_ffff, gp::ERROR_ACCESS_CONFLICT, gp::ERROR_CANCEL, gp::ERROR_TARGET_DEAD, gp::ERROR_BUSY];
    for code in codes {
        let returned = invoke(&session, RETURN, &mut [value(Access::Input, code.into(), 0)]);
        assert_eq!(returned, Err(Failure::trusted_app(code)));
    }
    invoke(&session, RETURN, &mut [value(Access::Input, 0, 0)]).unwrap();
    assert_eq!(invoke(&session, u32::MAX, &mut []), Err(Failure::trusted_app(gp::ERROR_NOT_SUPPORTED)));
    close(&session);
}

pub(super) fn failure_with_results(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    let ram = Ram::new(1);
    for lifetime in [Lifetime::Transient, Lifetime::Registered] {
        ram.write(0, &[3; 64]);
        let memory = ram.memory(lifetime, &[(0, 1)]);
        let mut params = [
            value(Access::InOut, 1, 2),
            memref(Access::InOut, &memory, 10, 20),
            value(Access::Input, gp::ERROR_BAD_STATE.into(), 15),
        ];
        let failed = invoke(&session, FAIL, &mut params);
        assert_eq!(failed, Err(Failure::trusted_app(gp::ERROR_BAD_STATE)));
        assert_eq!((values(&params[0]), size(&params[1])), ((2, 1), 15));
        assert_eq!(ram.bytes()[..64], [[3; 10].as_slice(), &[4; 20], &[3; 34]].concat());
        context.release_memory(&memory);
    }
    close(&session);
}

pub(super) fn five(subject: &Subject) {
    let session = session(subject);
    let mut params = vec![value(Access::Input, 0, 0); 5];
    let refused = invoke(&session, NOP, &mut params).unwrap_err();
    assert_eq!(refused.ret, gp::ERROR_BAD_PARAMETERS);
    assert_ne!(refused.origin, Origin::TrustedApp);
    assert_eq!(count(&session), (1, 1), "the TA has not heard of it");
    close(&session);
}
