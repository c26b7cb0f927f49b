// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `hold`: stays in a call, so that something else can happen meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tee_client::{Access, Context, Mapping, Operation, Param, Session, SharedMemory};
use uuid::Uuid;

use super::ms;
use crate::cli::How;
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

/// The longest that WATCH waits.
const WATCH_MS: u32 = 60_000;

pub(super) fn run(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    hold_ms: u32,
    how: How,
    registered: usize,
    sessions: u32,
) -> Outcome {
    let session = probe::open(context, ta)?;
    let _others = (1..sessions).map(|_| probe::open(context, ta)).collect::<Result<Vec<_>, _>>()?;
    report.set("session", session.id());
    let due = Duration::from_millis(hold_ms.into());
    let held = if registered == 0 {
        asleep(&session, report, hold_ms, how)?
    } else {
        ensure!(registered > 1, "--registered takes two bytes at least");
        ensure!(how == How::Sleep, "--registered has a way of its own to hold a call");
        ensure!(hold_ms < WATCH_MS, "--registered holds a call for less than {WATCH_MS} ms");
        watching(&session, report, context, due, registered)?
    };
    report.say(format_args!("back after {held:.1?}"));
    report.set("held_ms", ms(held));
    ensure!(held >= due, "the call was back before its {due:?} were over");
    session.close()?;
    Ok(())
}

/// A call without memory; how long it took.
fn asleep(session: &Session, report: &Report, hold_ms: u32, how: How) -> Result<Duration, Failure> {
    let (command, mut operation) = match how {
        How::Sleep => (probe::SLEEP, Operation::new([Param::value(Access::Input, hold_ms, 0)])),
        How::Masked => (probe::SLEEP_MASKED, Operation::new([Param::value(Access::Input, hold_ms, 0)])),
        How::Spin => (probe::SPIN, Operation::default()),
    };
    report.say(format_args!("holding session {}", session.id()));
    let start = Instant::now();
    session.invoke(command, &mut operation)?;
    Ok(start.elapsed())
}

/// A call that uses registered memory, until a byte of it is written here; how long it took. That it is held is said
/// when the TA is in it.
fn watching(
    session: &Session,
    report: &Report,
    context: &Context,
    due: Duration,
    size: usize,
) -> Result<Duration, Failure> {
    let memory = SharedMemory::register(context, Mapping::anonymous(size)?)?;
    // Used before, so that the device has it registered as well.
    for _ in 0..2 {
        probe::touch(session, &memory, 0)?;
    }
    let (watched, there) = (&memory.mapping().bytes()[0], &memory.mapping().bytes()[size - 1]);
    watched.store(0, Ordering::SeqCst);
    let over = AtomicBool::new(false);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while there.load(Ordering::SeqCst) == 0 {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            report.say(format_args!("holding session {}", session.id()));
            std::thread::sleep(due);
            watched.store(1, Ordering::SeqCst);
        });
        let mut operation = Operation::new([
            Param::whole(Access::Inout, &memory),
            Param::value(Access::Inout, 0, (size - 1) as u32),
        ]);
        let result = session.invoke(probe::WATCH, &mut operation);
        over.store(true, Ordering::SeqCst);
        result
    })?;
    Ok(start.elapsed())
}
