// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `throughput`: how many calls many threads get done at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tee_client::{Access, Context, Error, Mapping, Param, Session, SharedMemory};
use uuid::Uuid;

use super::{join, percentile_ns};
use crate::probe;
use crate::report::{Failure, Outcome, Report};

pub(super) fn run(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    threads: usize,
    seconds: u64,
    work: usize,
) -> Outcome {
    let what = if work == 0 { "do nothing".to_owned() } else { format!("sum {work} bytes") };
    report.say(format_args!("{threads} threads for {seconds} s, whose calls {what}"));
    let (begin, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let (samples, elapsed) = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let caller = Caller::new(context, ta, work);
                    // Nobody waits for one that could not begin.
                    begin.wait();
                    caller?.call_until(&stop)
                })
            })
            .collect();
        begin.wait();
        let start = Instant::now();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        let elapsed = start.elapsed();
        // All are joined, and then the first failure counts.
        let samples: Vec<_> =
            callers.into_iter().map(|caller| join(caller).and_then(|samples| samples)).collect();
        let samples = samples.into_iter().collect::<Result<Vec<_>, Failure>>();
        Ok::<_, Failure>((samples?.concat(), elapsed))
    })?;
    let calls = samples.len();
    let each = calls as f64 / elapsed.as_secs_f64();
    let median = percentile_ns(&samples, 50);
    report.say(format_args!("{calls} calls, {each:.0} a second; the median took {median} ns"));
    report.set("threads", threads);
    report.set("work", work);
    report.set("calls", calls);
    report.set("calls_per_second", each.round());
    report.set("median_ns", median);
    Ok(())
}

/// What one thread has: a session of its own, and with it a process where the TA has one for each.
struct Caller {
    session: Session,
    memory: Option<SharedMemory>,
}

impl Caller {
    fn new(context: &Context, ta: Uuid, work: usize) -> Result<Self, Failure> {
        let session = probe::open(context, ta)?;
        let memory = match work {
            0 => None,
            work => Some(SharedMemory::register(context, Mapping::anonymous(work)?)?),
        };
        let caller = Self { session, memory };
        // Once for the pages, once for the registration, once for the TA's mapping.
        for _ in 0..3 {
            caller.call()?;
        }
        Ok(caller)
    }

    fn call(&self) -> Result<(), Error> {
        match &self.memory {
            None => probe::nop(&self.session),
            Some(memory) => probe::sum(&self.session, Param::whole(Access::Input, memory)).map(drop),
        }
    }

    /// How long each of its calls took.
    fn call_until(self, stop: &AtomicBool) -> Result<Vec<Duration>, Failure> {
        let mut samples = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            self.call()?;
            samples.push(begun.elapsed());
        }
        self.session.close()?;
        Ok(samples)
    }
}
