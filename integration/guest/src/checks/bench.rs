// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `bench`: what calls cost, beside an ioctl that goes no further than the guest's kernel.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tee_client::{code, Access, Context, Error, Mapping, Operation, Param, SharedMemory};
use uuid::Uuid;

use super::percentile_ns;
use crate::probe;
use crate::report::{Outcome, Report};

/// Bytes of the small memories.
const SMALL: usize = 4096;
/// Calls of a kind in a row. Only one session is opened meanwhile: each may cost a process.
const BLOCK: u32 = 20;

pub(super) fn run(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    iterations: u32,
    large: usize,
) -> Outcome {
    report.set("large", large);
    let session = probe::open(context, ta)?;
    let large = SharedMemory::register(context, Mapping::anonymous(large)?)?;
    let small = SharedMemory::register(context, Mapping::anonymous(SMALL)?)?;
    let page = [1; SMALL];
    // Once for the pages, once for the registration, once for the TA's mapping.
    for _ in 0..3 {
        probe::touch(&session, &large, 1234)?;
        probe::touch(&session, &small, 1234)?;
    }
    // OP-TEE's driver knows of no user buffers.
    let user_buffer = || Operation::new([Param::UserInput(&page)]);
    let takes_user_buffers = match session.invoke(probe::NOP, &mut user_buffer()) {
        Ok(()) => true,
        Err(error) if error.ret() == code::ERROR_BAD_PARAMETERS => false,
        Err(error) => return Err(error.into()),
    };
    let mut samples: [Vec<Duration>; 8] = Default::default();
    // In turns, so that whatever else the machine does is shared by all; some calls at a time, so that
    // none pays for what the one before has left to be done.
    for block in 0..iterations.div_ceil(BLOCK) {
        let [version, invoke, value, temporary, user, on_small, on_large, session_pair] = &mut samples;
        sample(version, || Ok(black_box(context.device().version().is_ok())))?;
        sample(invoke, || probe::nop(&session))?;
        sample(value, || {
            session.invoke(probe::SWAP, &mut Operation::new([Param::value(Access::Inout, block, 1)]))
        })?;
        sample(temporary, || {
            session.invoke(probe::NOP, &mut Operation::new([Param::TemporaryInput(&page)]))
        })?;
        if takes_user_buffers {
            sample(user, || session.invoke(probe::NOP, &mut user_buffer()))?;
        }
        sample(on_small, || probe::touch(&session, &small, 1234))?;
        sample(on_large, || probe::touch(&session, &large, 1234))?;
        session_pair.push(time(|| probe::open(context, ta)?.close())?);
    }
    session.close()?;
    let names = [
        "version_ns",
        "invoke_ns",
        "value_ns",
        "temporary_4k_ns",
        "user_buffer_4k_ns",
        "registered_4k_ns",
        "registered_large_ns",
        "open_close_ns",
    ];
    let measured = samples.each_ref().map(|samples| !samples.is_empty());
    let medians = samples.map(|samples| percentile_ns(&samples, 50));
    for ((name, median), _) in names.iter().zip(medians).zip(measured).filter(|(_, measured)| *measured) {
        report.say(format_args!("{name:<20} {median:>12}"));
        report.set(name, median);
    }
    let ratio = medians[6] as f64 / medians[1].max(1) as f64;
    report.say(format_args!("a call with large registered memory: {ratio:.3} × one without parameters"));
    report.set("registered_over_invoke", ratio);
    Ok(())
}

/// Some calls of one kind, after one that does not count.
fn sample<T>(samples: &mut Vec<Duration>, mut call: impl FnMut() -> Result<T, Error>) -> Result<(), Error> {
    call()?;
    for _ in 0..BLOCK {
        samples.push(time(&mut call)?);
    }
    Ok(())
}

fn time<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<Duration, Error> {
    let start = Instant::now();
    call()?;
    Ok(start.elapsed())
}
