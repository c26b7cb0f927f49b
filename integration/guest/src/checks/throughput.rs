// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `throughput`: how many calls many threads get done at once.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tee_client::{Access, Context, Error, Mapping, Param, Session, SharedMemory};
use uuid::Uuid;

use super::{join, percentile_ns};
use crate::probe;
use crate::report::{Failure, Outcome, Report};

/// What a call has its TA do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// Sum so many bytes of registered memory; nothing, where there are none.
    Sum(usize),
    /// Wait for so many milliseconds.
    Wait(u32),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum(0) => write!(f, "do nothing"),
            Self::Sum(bytes) => write!(f, "sum {bytes} bytes"),
            Self::Wait(ms) => write!(f, "wait for {ms} ms"),
        }
    }
}

pub(super) fn run(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    threads: usize,
    seconds: u64,
    task: Task,
) -> Outcome {
    report.say(format_args!("{threads} threads for {seconds} s, whose calls {task}"));
    let (begin, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let (samples, elapsed) = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let caller = Caller::new(context, ta, task);
                    // Nobody waits for one that could not begin.
                    begin.wait();
                    caller?.call_until(&stop)
                })
            })
            .collect();
        begin.wait();
        // For whoever looks at the machine meanwhile.
        report.say("calls begin");
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
    report.set("task", task.to_string());
    report.set("calls", calls);
    report.set("calls_per_second", each.round());
    report.set("median_ns", median);
    Ok(())
}

/// What one thread has: a session of its own, and with it a process where the TA has one for each.
struct Caller {
    session: Session,
    memory: Option<SharedMemory>,
    task: Task,
}

impl Caller {
    fn new(context: &Context, ta: Uuid, task: Task) -> Result<Self, Failure> {
        let session = probe::open(context, ta)?;
        let memory = match task {
            Task::Sum(0) | Task::Wait(_) => None,
            Task::Sum(bytes) => Some(SharedMemory::register(context, Mapping::anonymous(bytes)?)?),
        };
        let caller = Self { session, memory, task };
        // Once for the pages, once for the registration, once for the TA's mapping.
        for _ in 0..3 {
            caller.call()?;
        }
        Ok(caller)
    }

    fn call(&self) -> Result<(), Error> {
        match (self.task, &self.memory) {
            (Task::Wait(ms), _) => probe::wait(&self.session, ms),
            (_, None) => probe::nop(&self.session),
            (_, Some(memory)) => probe::sum(&self.session, Param::whole(Access::Input, memory)).map(drop),
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
