// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `session-scan`: what one context has is out of reach for another.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use tee_client::raw::Device;
use tee_client::uapi::{CancelArg, InvokeArg};
use tee_client::{Access, Context, Operation, Param};
use uuid::Uuid;

use super::join;
use crate::probe;
use crate::report::{ensure, Outcome, Report};

/// Cancel ids that are tried on each of the victim's calls: clients count from 1.
const CANCEL_IDS: u32 = 64;
/// How long the victim's call sleeps.
const SLEEP: Duration = Duration::from_millis(1500);

pub(super) fn run(
    path: &Path,
    victims: &Context,
    report: &mut Report,
    ta: Uuid,
    max: u32,
    also: &[u32],
) -> Outcome {
    let session = probe::open(victims, ta)?;
    let sleeper = probe::open(victims, ta)?;
    let intruder = Device::open(path)
        .map_err(crate::report::Failure::system(format!("cannot open {} a second time", path.display())))?;
    let near = [session.id(), sleeper.id()]
        .into_iter()
        .flat_map(|id| [id.wrapping_sub(1), id, id.wrapping_add(1), id ^ 1 << 31]);
    let numbers: BTreeSet<u32> =
        (0..=max).chain(near).chain([i32::MAX as u32, u32::MAX]).chain(also.iter().copied()).collect();
    report.say(format_args!(
        "sessions {} and {} are another context's; {} numbers are tried",
        session.id(),
        sleeper.id(),
        numbers.len()
    ));

    let mut operation = Operation::new([Param::value(Access::Input, SLEEP.as_millis() as u32, 0)]);
    let _ = operation.cancellation(); // gives the call a number to guess
    let mut tried = 0_u32;
    std::thread::scope(|scope| -> Outcome {
        let asleep = scope.spawn(|| sleeper.invoke(probe::SLEEP, &mut operation));
        std::thread::sleep(SLEEP / 10);
        for cancel_id in 0..CANCEL_IDS {
            for number in [sleeper.id(), session.id()].iter().chain(also) {
                let cancelled = intruder.cancel(CancelArg { cancel_id, session: *number });
                refused(&format!("cancel {cancel_id} in session {number}"), cancelled)?;
                tried += 1;
            }
        }
        // It sleeps on, unless a cancel got through after all.
        join(asleep)??;
        Ok(())
    })?;
    for number in &numbers {
        let mut arg = InvokeArg { func: probe::NOP, session: *number, ..Default::default() };
        let invoked = intruder.invoke(&mut arg, &mut []).and_then(|()| match arg.ret {
            0 => Ok(()),
            ret => Err(io::Error::other(format!("{ret:#010x}"))),
        });
        refused(&format!("invoke in session {number}"), invoked)?;
        refused(&format!("close of session {number}"), intruder.close_session(*number))?;
        tried += 2;
    }
    report.say(format_args!("{tried} requests, all refused"));
    report.set("tried", tried);
    report.set("refused", tried);
    // Nothing of it has reached the victim.
    for session in [session, sleeper] {
        let (_, calls) = probe::count(&session)?;
        ensure!(calls <= 2, "session {} has had {calls} calls, some of them by others", session.id());
        session.close()?;
    }
    Ok(())
}

fn refused(what: &str, result: io::Result<()>) -> Outcome {
    ensure!(result.is_err(), "{what} was not refused");
    Ok(())
}
