// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `stress`: mixed calls from many threads, each answer checked.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tee_client::{code, Access, Context, Mapping, Operation, Origin, Param, Session, SharedMemory};
use uuid::Uuid;

use super::{expect, join};
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

/// Bytes of each thread's shared memories.
const SIZE: usize = 16 * 4096;

/// One kind of call.
type Kind = (&'static str, fn(&mut Worker) -> Outcome);

const KINDS: [Kind; 9] = [
    ("nop", |worker| Ok(probe::nop(&worker.session)?)),
    ("swap", Worker::swap),
    ("return", Worker::returned),
    ("temporary", Worker::temporary),
    ("touch", Worker::touch),
    ("fill", Worker::fill),
    ("short_buffer", Worker::short_buffer),
    ("memory", Worker::memory),
    ("session", Worker::session),
];

/// What one thread works with.
struct Worker {
    context: Context,
    ta: Uuid,
    session: Session,
    registered: SharedMemory,
    allocated: SharedMemory,
    rng: fastrand::Rng,
}

pub(super) fn run(path: &Path, report: &mut Report, ta: Uuid, threads: u32, seconds: u64) -> Outcome {
    let until = Duration::from_secs(seconds);
    report.say(format_args!("{threads} threads for {until:?}"));
    let start = Instant::now();
    let stop = AtomicBool::new(false);
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let stop = &stop;
                scope.spawn(move || {
                    let result =
                        work(path, ta, thread, || start.elapsed() < until && !stop.load(Ordering::Relaxed));
                    if result.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    result
                })
            })
            .collect();
        // All are joined, and then the first failure counts.
        let results: Vec<_> =
            workers.into_iter().map(|worker| join(worker).and_then(|result| result)).collect();
        results.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let elapsed = start.elapsed();
    let mut by_kind = Map::new();
    let mut calls = 0;
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        let count: u64 = counts.iter().map(|counts| counts[kind]).sum();
        by_kind.insert((*name).to_owned(), Value::from(count));
        calls += count;
    }
    report.say(format_args!("{calls} calls in {elapsed:.1?}, every answer right"));
    report.set("calls", calls);
    report.set("calls_per_second", (calls as f64 / elapsed.as_secs_f64()).round());
    report.set("by_kind", by_kind);
    Ok(())
}

/// One thread's work; how many calls of each kind it made.
fn work(path: &Path, ta: Uuid, thread: u32, go_on: impl Fn() -> bool) -> Result<[u64; KINDS.len()], Failure> {
    let context = Context::open(path)?;
    let mut worker = Worker {
        ta,
        session: probe::open(&context, ta)?,
        registered: SharedMemory::register(&context, Mapping::anonymous(SIZE)?)?,
        allocated: SharedMemory::allocate(&context, SIZE)?,
        rng: fastrand::Rng::with_seed(thread.into()),
        context,
    };
    let mut counts = [0; KINDS.len()];
    while go_on() {
        // A session costs a process: one call in a hundred.
        let last = if worker.rng.u32(..100) == 0 { KINDS.len() } else { KINDS.len() - 1 };
        let kind = worker.rng.usize(..last);
        let (name, call) = KINDS[kind];
        call(&mut worker).map_err(|failure| Failure::Wrong(format!("thread {thread}, {name}: {failure}")))?;
        counts[kind] += 1;
    }
    worker.session.close()?;
    Ok(counts)
}

impl Worker {
    /// One of the two shared memories.
    fn shared(&self, registered: bool) -> &SharedMemory {
        if registered {
            &self.registered
        } else {
            &self.allocated
        }
    }

    fn swap(&mut self) -> Outcome {
        let (a, b) = (self.rng.u32(..), self.rng.u32(..));
        let mut operation = Operation::new([Param::value(Access::Inout, a, b)]);
        self.session.invoke(probe::SWAP, &mut operation)?;
        let got = operation.value(0);
        ensure!(got == (b, a), "{:?} came back as {got:?}", (a, b));
        Ok(())
    }

    fn returned(&mut self) -> Outcome {
        let ret = self.rng.u32(1..);
        let mut operation = Operation::new([Param::value(Access::Input, ret, 0)]);
        expect(self.session.invoke(probe::RETURN, &mut operation), ret, Origin::TrustedApp)
    }

    fn temporary(&mut self) -> Outcome {
        let mut buffer = vec![0; self.rng.usize(1..3 * 4096)];
        self.rng.fill(&mut buffer);
        let own = buffer.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let sum = probe::sum(&self.session, Param::TemporaryInput(&buffer))?;
        ensure!(sum == own, "the TA's sum is {sum}, the guest's {own}");
        Ok(())
    }

    fn touch(&mut self) -> Outcome {
        let (offset, byte) = (self.rng.usize(..SIZE), self.rng.u8(..255));
        let registered = self.rng.bool();
        let shared = self.shared(registered);
        shared.mapping().bytes()[offset].store(byte, Ordering::Relaxed);
        let now = probe::touch(&self.session, shared, offset as u32)?;
        let here = shared.mapping().bytes()[offset].load(Ordering::Relaxed);
        ensure!(now == u32::from(byte) + 1 && here == byte + 1, "{byte} became {now} there, {here} here");
        Ok(())
    }

    fn fill(&mut self) -> Outcome {
        let byte = self.rng.u8(..);
        let offset = self.rng.usize(..SIZE);
        let size = self.rng.usize(1..=SIZE - offset);
        let registered = self.rng.bool();
        let shared = self.shared(registered);
        let mut operation = Operation::new([
            Param::partial(Access::Output, shared, offset, size),
            Param::value(Access::Input, byte.into(), 0),
        ]);
        self.session.invoke(probe::FILL, &mut operation)?;
        let mut bytes = vec![!byte; size];
        shared.mapping().read_at(offset, &mut bytes);
        ensure!(bytes.iter().all(|b| *b == byte), "{size} bytes at {offset} are not all {byte}");
        Ok(())
    }

    fn short_buffer(&mut self) -> Outcome {
        let size = self.rng.usize(1..100);
        let registered = self.rng.bool();
        let memref = Param::partial(Access::Output, self.shared(registered), 0, size);
        let mut operation = Operation::new([memref, Param::value(Access::Input, 100, 0)]);
        let result = self.session.invoke(probe::SHORT_BUFFER, &mut operation);
        expect(result, code::ERROR_SHORT_BUFFER, Origin::TrustedApp)?;
        let needed = operation.size(0);
        ensure!(needed == 100, "{needed} bytes are needed; 100 was due");
        Ok(())
    }

    /// New shared memory, used a few times.
    fn memory(&mut self) -> Outcome {
        let size = self.rng.usize(1..8 * 4096);
        let shared = if self.rng.bool() {
            SharedMemory::register(&self.context, Mapping::anonymous(size)?)?
        } else {
            SharedMemory::allocate(&self.context, size)?
        };
        let byte = self.rng.u8(..);
        shared.mapping().write_at(0, &vec![byte; size]);
        for _ in 0..self.rng.u32(1..4) {
            let sum = probe::sum(&self.session, Param::whole(Access::Input, &shared))?;
            let own = u64::from(byte) * size as u64;
            ensure!(sum == own, "{size} bytes of {byte}: the TA's sum is {sum}");
        }
        Ok(())
    }

    /// A new session in place of the old one.
    fn session(&mut self) -> Outcome {
        let new = probe::open(&self.context, self.ta)?;
        let (_, calls) = probe::count(&new)?;
        ensure!(calls == 1, "a new session counts {calls} calls");
        std::mem::replace(&mut self.session, new).close()?;
        Ok(())
    }
}
