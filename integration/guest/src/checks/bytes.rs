// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `bytes`: each byte of memory of every kind, in every direction.
//!
//! One call has an input, an output and an inout memref, and makes of them what only the right bytes at the
//! right places come to. Whatever copies memory on its way is seen where it copies too little, and, by the
//! bytes beside the memrefs, where it copies too much.

use std::ops::Range;
use std::path::Path;

use tee_client::{Access, Context, Mapping, Operation, Param, Session, SharedMemory};
use uuid::Uuid;

use super::join;
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

/// Bytes of each memory: more than a bounce buffer of Linux's holds in one piece, which is 256 KiB.
const ROOM: usize = 80 * 4096;
/// Most bytes of a memref, by turns: within some cache lines, some pages, and all there are.
const SIZES: [usize; 3] = [100, 3 * 4096, ROOM];

/// How memory is shared.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Temporary,
    User,
    Registered,
    Allocated,
}

const KINDS: [Kind; 4] = [Kind::Temporary, Kind::User, Kind::Registered, Kind::Allocated];

/// Memory, and what is to be in it.
struct Place {
    kind: Kind,
    memory: Memory,
    due: Vec<u8>,
}

enum Memory {
    Temporary(Vec<u8>),
    User(Vec<u8>),
    Shared(SharedMemory),
}

/// What one thread works with.
struct Worker {
    session: Session,
    rng: fastrand::Rng,
    /// For input, output and inout, a place of each kind.
    places: [Vec<Place>; 3],
    calls: u64,
    bytes: u64,
}

pub(super) fn run(path: &Path, report: &mut Report, ta: Uuid, threads: u32, rounds: u32) -> Outcome {
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || work(path, ta, thread, rounds))).collect();
        // All are joined, and then the first failure counts.
        let results: Vec<_> =
            workers.into_iter().map(|worker| join(worker).and_then(|result| result)).collect();
        results.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let calls: u64 = counts.iter().map(|(calls, _)| calls).sum();
    let bytes: u64 = counts.iter().map(|(_, bytes)| bytes).sum();
    ensure!(calls > 0, "no calls were asked for");
    report.say(format_args!("{calls} calls of {threads} threads, each of their {bytes} bytes right"));
    report.set("calls", calls);
    report.set("bytes", bytes);
    Ok(())
}

/// One thread's work; how many calls it made, and with how many bytes.
fn work(path: &Path, ta: Uuid, thread: u32, rounds: u32) -> Result<(u64, u64), Failure> {
    let context = Context::open(path)?;
    let places = || KINDS.into_iter().map(|kind| Place::new(&context, kind)).collect::<Result<_, _>>();
    let mut worker = Worker {
        session: probe::open(&context, ta)?,
        rng: fastrand::Rng::with_seed(thread.into()),
        places: [places()?, places()?, places()?],
        calls: 0,
        bytes: 0,
    };
    for _ in 0..rounds {
        for combination in 0..KINDS.len().pow(3) {
            let kinds = [0, 1, 2].map(|role| combination / KINDS.len().pow(role) % KINDS.len());
            worker.mix(kinds).map_err(|failure| {
                let kinds = kinds.map(|kind| KINDS[kind]);
                Failure::Wrong(format!("thread {thread}, {kinds:?} for input, output, inout: {failure}"))
            })?;
        }
    }
    worker.session.close()?;
    Ok((worker.calls, worker.bytes))
}

impl Worker {
    /// One call with memory of these kinds.
    fn mix(&mut self, kinds: [usize; 3]) -> Outcome {
        let rng = &mut self.rng;
        let size = rng.usize(1..=SIZES[self.calls as usize % SIZES.len()]);
        let ranges = [(); 3].map(|()| {
            let start = rng.usize(..=ROOM - size);
            start..start + size
        });
        let [inputs, outputs, inouts] = &mut self.places;
        let (input, output, inout) = (&mut inputs[kinds[0]], &mut outputs[kinds[1]], &mut inouts[kinds[2]]);
        input.refill(&ranges[0], rng);
        output.refill(&ranges[1], rng);
        inout.refill(&ranges[2], rng);

        let mut operation = Operation::new([
            input.memory.param(Access::Input, &ranges[0]),
            output.memory.param(Access::Output, &ranges[1]),
            inout.memory.param(Access::Inout, &ranges[2]),
        ]);
        self.session.invoke(probe::MIX, &mut operation)?;
        let sizes = [0, 1, 2].map(|index| operation.size(index));
        ensure!(sizes == [size as u64; 3], "memrefs of {size} bytes came back with sizes {sizes:?}");
        drop(operation);

        let [in_range, out_range, inout_range] = ranges;
        let sources = input.due[in_range].iter().zip(&mut inout.due[inout_range]);
        for ((in_byte, inout_byte), out_byte) in sources.zip(&mut output.due[out_range]) {
            *out_byte = in_byte ^ *inout_byte;
            *inout_byte = inout_byte.wrapping_add(*in_byte);
        }
        input.check("input")?;
        output.check("output")?;
        inout.check("inout")?;
        self.calls += 1;
        self.bytes += 3 * size as u64;
        Ok(())
    }
}

impl Place {
    fn new(context: &Context, kind: Kind) -> Result<Self, Failure> {
        let memory = match kind {
            Kind::Temporary => Memory::Temporary(vec![0; ROOM]),
            Kind::User => Memory::User(vec![0; ROOM]),
            Kind::Registered => Memory::Shared(SharedMemory::register(context, Mapping::anonymous(ROOM)?)?),
            Kind::Allocated => Memory::Shared(SharedMemory::allocate(context, ROOM)?),
        };
        Ok(Self { kind, memory, due: vec![0; ROOM] })
    }

    /// Other bytes in a part of it.
    fn refill(&mut self, range: &Range<usize>, rng: &mut fastrand::Rng) {
        let part = &mut self.due[range.clone()];
        rng.fill(part);
        match &mut self.memory {
            Memory::Temporary(bytes) | Memory::User(bytes) => bytes[range.clone()].copy_from_slice(part),
            Memory::Shared(shared) => shared.mapping().write_at(range.start, part),
        }
    }

    /// All of it is what is due.
    fn check(&self, role: &str) -> Outcome {
        let copy;
        let bytes = match &self.memory {
            Memory::Temporary(bytes) | Memory::User(bytes) => bytes,
            Memory::Shared(shared) => {
                let mut all = vec![0; ROOM];
                shared.mapping().read_at(0, &mut all);
                copy = all;
                &copy
            }
        };
        if *bytes == self.due {
            return Ok(());
        }
        let wrong: Vec<usize> = (0..ROOM).filter(|at| bytes[*at] != self.due[*at]).collect();
        let (first, last) = (wrong[0], wrong[wrong.len() - 1]);
        Err(Failure::Wrong(format!(
            "{role}, {:?}: {} bytes are wrong, from {first} to {last}; the first is {:#x}, {:#x} was due",
            self.kind,
            wrong.len(),
            bytes[first],
            self.due[first]
        )))
    }
}

impl Memory {
    /// A part of it as a parameter.
    fn param(&mut self, access: Access, range: &Range<usize>) -> Param<'_> {
        match (self, access) {
            (Self::Shared(shared), _) => Param::partial(access, shared, range.start, range.len()),
            (Self::Temporary(bytes), Access::Input) => Param::TemporaryInput(&bytes[range.clone()]),
            (Self::Temporary(bytes), Access::Output) => Param::TemporaryOutput(&mut bytes[range.clone()]),
            (Self::Temporary(bytes), Access::Inout) => Param::TemporaryInout(&mut bytes[range.clone()]),
            (Self::User(bytes), Access::Input) => Param::UserInput(&bytes[range.clone()]),
            (Self::User(bytes), Access::Output) => Param::UserOutput(&mut bytes[range.clone()]),
            (Self::User(bytes), Access::Inout) => Param::UserInout(&mut bytes[range.clone()]),
        }
    }
}
