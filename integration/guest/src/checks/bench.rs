// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `bench`: what calls cost, beside an ioctl that goes no further than the guest's kernel.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tee_client::{Access, Context, Error, Mapping, Operation, Param, SharedMemory};
use uuid::Uuid;

use super::median_ns;
use crate::probe;
use crate::report::{Outcome, Report};

/// Bytes of the large memory.
const LARGE: usize = 64 << 20;
/// Sessions are opened once in so many rounds: each may cost a process.
const PER_SESSION: u32 = 20;

pub(super) fn run(context: &Context, report: &mut Report, ta: Uuid, iterations: u32) -> Outcome {
    let session = probe::open(context, ta)?;
    let large = SharedMemory::register(context, Mapping::anonymous(LARGE)?)?;
    let page = [1; 4096];
    // Once for the pages, once for the registration, once for the TA's mapping.
    for _ in 0..3 {
        probe::touch(&session, &large, 12_345)?;
    }
    let mut samples: [Vec<Duration>; 6] = Default::default();
    // In turns, so that whatever else the machine does is shared by all.
    for round in 0..iterations {
        samples[0].push(time(|| Ok(black_box(context.device().version().is_ok())))?);
        samples[1].push(time(|| probe::nop(&session))?);
        samples[2].push(time(|| {
            session.invoke(probe::SWAP, &mut Operation::new([Param::value(Access::Inout, round, 1)]))
        })?);
        samples[3]
            .push(time(|| session.invoke(probe::NOP, &mut Operation::new([Param::TemporaryInput(&page)])))?);
        samples[4].push(time(|| probe::touch(&session, &large, 12_345))?);
        if round % PER_SESSION == 0 {
            samples[5].push(time(|| probe::open(context, ta)?.close())?);
        }
    }
    session.close()?;
    let names =
        ["version_ns", "invoke_ns", "value_ns", "temporary_4k_ns", "registered_64m_ns", "open_close_ns"];
    let medians = samples.map(median_ns);
    for (name, median) in names.iter().zip(medians) {
        report.say(format_args!("{name:<20} {median:>12}"));
        report.set(name, median);
    }
    let ratio = medians[4] as f64 / medians[1].max(1) as f64;
    report.say(format_args!("a call with 64 MiB of registered memory: {ratio:.3} × one without parameters"));
    report.set("registered_over_invoke", ratio);
    Ok(())
}

fn time<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<Duration, Error> {
    let start = Instant::now();
    call()?;
    Ok(start.elapsed())
}
