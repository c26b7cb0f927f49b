// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `sessions`: many, one after the other or all at once.

use std::time::Instant;

use tee_client::Context;
use uuid::Uuid;

use crate::probe;
use crate::report::{ensure, Outcome, Report};

/// How often progress is reported.
const STEP: u32 = 1000;

/// Each opened, called and closed before the next.
pub(super) fn one_by_one(context: &Context, report: &mut Report, ta: Uuid, count: u32) -> Outcome {
    let start = Instant::now();
    for n in 1..=count {
        let session = probe::open(context, ta)?;
        let (_, of_session) = probe::count(&session)?;
        ensure!(of_session == 1, "session {n} of {count} is new, but counts {of_session} calls");
        session.close()?;
        if n % STEP == 0 {
            report.say(format_args!("{n} of {count}"));
        }
    }
    finish(report, count, start);
    Ok(())
}

/// All open at once, in one instance, which counts their calls together.
pub(super) fn at_once(context: &Context, report: &mut Report, ta: Uuid, count: u32) -> Outcome {
    let start = Instant::now();
    let sessions = (0..count).map(|_| probe::open(context, ta)).collect::<Result<Vec<_>, _>>()?;
    report.say(format_args!("{count} sessions are open"));
    let mut before = None;
    for round in 1..=2 {
        for session in &sessions {
            let (of_instance, of_session) = probe::count(session)?;
            ensure!(
                of_session == round,
                "session {} counts {of_session} calls of its own; {round} were made",
                session.id()
            );
            ensure!(
                before.is_none_or(|before| of_instance == before + 1),
                "session {} counts {of_instance} calls of its instance, after {before:?}: \
                 the sessions do not share one",
                session.id()
            );
            before = Some(of_instance);
        }
    }
    for session in sessions {
        session.close()?;
    }
    finish(report, count, start);
    Ok(())
}

fn finish(report: &mut Report, count: u32, start: Instant) {
    let elapsed = start.elapsed();
    let rate = f64::from(count) / elapsed.as_secs_f64();
    report.say(format_args!("{count} sessions opened, called and closed in {elapsed:.1?}"));
    report.set("count", count);
    report.set("opened_per_second", rate.round());
}
