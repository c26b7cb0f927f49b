// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `sleepers`: a call that sleeps in its TA delays no other, and a cancel gets through.

use std::time::{Duration, Instant};

use tee_client::{code, Access, Context, Error, Operation, Origin, Param};
use uuid::Uuid;

use super::{expect, join, ms, wait_until};
use crate::probe;
use crate::report::{ensure, Outcome, Report};

pub(super) fn run(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    sleep_ms: u32,
    calls: u32,
    other_sessions: u32,
) -> Outcome {
    let sleeper = probe::open(context, ta)?;
    let others = (0..other_sessions).map(|_| probe::open(context, ta)).collect::<Result<Vec<_>, _>>()?;
    for session in &others {
        probe::nop(session)?; // so that nothing below is a first time
    }
    let mut operation = Operation::new([Param::value(Access::Input, sleep_ms, 0)]);
    let cancellation = operation.cancellation();
    std::thread::scope(|scope| -> Outcome {
        let start = Instant::now();
        let call = scope.spawn(|| {
            let result = sleeper.invoke(probe::SLEEP, &mut operation);
            (result, Instant::now())
        });
        // The call has no way to say that it has begun: give it time for that.
        std::thread::sleep(Duration::from_millis(u64::from(sleep_ms) / 20));

        let calls_start = Instant::now();
        for (call, session) in (0..calls).zip(others.iter().cycle()) {
            let mut swap = Operation::new([Param::value(Access::Inout, call, calls)]);
            session.invoke(probe::SWAP, &mut swap)?;
            ensure!(swap.value(0) == (calls, call), "call {call} came back with {:?}", swap.value(0));
        }
        let calls_took = calls_start.elapsed();
        report.say(format_args!("{calls} calls in {other_sessions} other sessions took {calls_took:.1?}"));
        report.set("calls", calls);
        report.set("calls_ms", ms(calls_took));
        ensure!(!call.is_finished(), "the sleeper returned before the other calls were through");

        let cancelled = Instant::now();
        cancellation.request()?;
        let (result, returned) = join(call)?;
        let (slept, took) = (returned - start, returned.saturating_duration_since(cancelled));
        report.say(format_args!("cancelled; the sleeper came back {took:.1?} later, after {slept:.1?}"));
        report.set("cancel_ms", ms(took));
        report.set("slept_ms", ms(slept));
        expect(result, code::ERROR_CANCEL, Origin::TrustedApp)?;
        let whole = Duration::from_millis(sleep_ms.into());
        ensure!(slept < whole, "the sleeper slept all its {whole:?}");
        Ok(())
    })?;
    // Late cancels find nothing, and do no harm to what comes after.
    wait_until("a refusal of a late cancel", || matches!(cancellation.request(), Err(Error::NotRunning)))?;
    probe::nop(&sleeper)?;
    sleeper.close()?;
    Ok(())
}
