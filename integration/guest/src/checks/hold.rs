// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `hold`: stays in a call, so that something else can happen meanwhile.

use std::time::{Duration, Instant};

use tee_client::{Access, Context, Mapping, Operation, Param, SharedMemory};
use uuid::Uuid;

use super::ms;
use crate::cli::How;
use crate::memory;
use crate::probe;
use crate::report::{ensure, Outcome, Report};

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
    let value = Param::value(Access::Input, hold_ms, 0);
    let memory = match registered {
        0 => None,
        size => {
            let memory = SharedMemory::register(context, Mapping::anonymous(size)?)?;
            memory::fill(size, |offset, bytes| memory.mapping().write_at(offset, bytes));
            // Used twice, so that the device knows of it.
            for _ in 0..2 {
                probe::touch(&session, &memory, 0)?;
            }
            Some(memory)
        }
    };
    let mut operation = match &memory {
        Some(memory) => Operation::new([value, Param::whole(Access::Inout, memory)]),
        None => Operation::new([value]),
    };
    let command = match how {
        How::Sleep => probe::SLEEP,
        How::Masked => probe::SLEEP_MASKED,
        How::Spin => probe::SPIN,
    };
    report.set("session", session.id());
    report.say(format_args!("holding session {}", session.id()));
    let start = Instant::now();
    let result = session.invoke(command, &mut operation);
    let held = start.elapsed();
    report.say(format_args!("back after {held:.1?}"));
    report.set("held_ms", ms(held));
    result?;
    let due = Duration::from_millis(hold_ms.into());
    ensure!(held >= due, "the call was back before its {due:?} were over");
    session.close()?;
    Ok(())
}
