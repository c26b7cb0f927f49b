// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `panic`, `crash` and `target-dead`: what an instance's end means for its sessions, and what not.

use std::time::Instant;

use tee_client::{code, Access, Context, Operation, Origin, Param, Session};
use uuid::Uuid;

use super::{expect, ms};
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

/// The TA calls TEE_Panic.
pub(super) fn panic(context: &Context, report: &mut Report, ta: Uuid, sessions: u32) -> Outcome {
    dies(context, report, ta, sessions, |session| {
        session.invoke(probe::PANIC, &mut Operation::new([Param::value(Access::Input, 0xbad, 0)]))
    })
}

/// The TA writes where nothing is.
pub(super) fn crash(context: &Context, report: &mut Report, ta: Uuid, sessions: u32) -> Outcome {
    dies(context, report, ta, sessions, |session| session.invoke(probe::CRASH, &mut Operation::default()))
}

fn dies(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    count: u32,
    die: impl FnOnce(&Session) -> Result<(), tee_client::Error>,
) -> Outcome {
    let sessions = (0..count).map(|_| probe::open(context, ta)).collect::<Result<Vec<_>, _>>()?;
    let Some((first, others)) = sessions.split_first() else {
        return Err(Failure::Wrong("there must be sessions".to_owned()));
    };
    // An instance that has had more calls than its last session has more sessions than that.
    let mut shared = false;
    for session in &sessions {
        let (of_instance, of_session) = probe::count(session)?;
        shared = of_instance > of_session;
    }
    let kind = if shared { "one instance" } else { "an instance each" };
    report.say(format_args!("{count} sessions, with {kind}"));

    expect(die(first), code::ERROR_TARGET_DEAD, Origin::Tee)?;
    report.say("the call that ended its instance got TARGET_DEAD");
    let mut dead = 1;
    for session in others {
        if shared {
            expect(probe::nop(session), code::ERROR_TARGET_DEAD, Origin::Tee)?;
            dead += 1;
        } else {
            probe::nop(session)?;
        }
    }
    // Once dead, dead for good.
    expect(probe::nop(first), code::ERROR_TARGET_DEAD, Origin::Tee)?;
    report.say(format_args!("{dead} of {count} sessions are dead, and stay it"));
    report.set("sessions", count);
    report.set("dead", dead);
    for session in sessions {
        session.close()?;
    }
    again(context, report, ta)
}

/// The call's TA is killed by something outside.
pub(super) fn from_outside(context: &Context, report: &mut Report, ta: Uuid, sleep_ms: u32) -> Outcome {
    let session = probe::open(context, ta)?;
    probe::nop(&session)?;
    report.say(format_args!("asleep in session {} for {sleep_ms} ms", session.id()));
    let start = Instant::now();
    let mut operation = Operation::new([Param::value(Access::Input, sleep_ms, 0)]);
    let result = session.invoke(probe::SLEEP, &mut operation);
    let after = start.elapsed();
    report.say(format_args!("back after {after:.1?}"));
    report.set("after_ms", ms(after));
    expect(result, code::ERROR_TARGET_DEAD, Origin::Tee)?;
    expect(probe::nop(&session), code::ERROR_TARGET_DEAD, Origin::Tee)?;
    session.close()?;
    again(context, report, ta)
}

/// A new session gets a new instance.
fn again(context: &Context, report: &mut Report, ta: Uuid) -> Outcome {
    let session = probe::open(context, ta)?;
    let counted = probe::count(&session)?;
    ensure!(counted == (1, 1), "a new session counts {counted:?} calls of its instance and itself");
    session.close()?;
    report.say("a new session works, in a new instance");
    Ok(())
}
