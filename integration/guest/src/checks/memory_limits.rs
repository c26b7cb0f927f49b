// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `memory-limits`: sizes of shared memory that work, and that are refused.

use std::io;

use tee_client::raw::Device;
use tee_client::uapi::ShmAllocData;
use tee_client::{Access, Context, Mapping, Param, Session, SharedMemory};
use uuid::Uuid;

use crate::probe;
use crate::report::{ensure, Cases, Outcome, Report};

const EINVAL: i32 = 22;
const ENOMEM: i32 = 12;
/// Small memories at a time, and how often.
const SMALL: usize = 512;
const ROUNDS: usize = 4;
/// One large memory.
const LARGE: usize = 64 << 20;
/// Largest piece that Debian's kernel allocates: 2¹⁰ pages (MAX_PAGE_ORDER).
const LARGEST: usize = 4 << 20;

pub(super) fn run(context: &Context, report: &mut Report, ta: Uuid) -> Outcome {
    let session = probe::open(context, ta)?;
    let device = context.device();
    let mut cases = Cases::default();
    for (size, errnos) in [
        (0, &[EINVAL][..]),
        (1 << 40, &[ENOMEM, EINVAL]),
        (1 << 63, &[ENOMEM, EINVAL]),
        (u64::MAX - 4095, &[ENOMEM, EINVAL]),
        (u64::MAX, &[ENOMEM, EINVAL]),
    ] {
        cases.note(
            report,
            &format!("allocation of {size:#x} bytes is refused"),
            refused(device, size, errnos),
        );
    }

    let mut largest = 0;
    for shift in 0..=LARGEST.ilog2() {
        let size = 1 << shift;
        match allocated(context, &session, size) {
            Ok(()) => largest = size,
            outcome => cases.note(report, &format!("allocation of {size} bytes"), outcome),
        }
    }
    report.say(format_args!("allocations of up to {largest} bytes work"));
    report.set("largest_allocated", largest);
    cases.note(report, "one large registered memory", registered(context, &session, LARGE));
    for round in 1..=ROUNDS {
        // What an earlier round has left behind would add up.
        let name = format!("{SMALL} registered memories at once, round {round}");
        cases.note(report, &name, many(context, &session));
    }
    report.set("registered", SMALL * ROUNDS);
    session.close()?;
    cases.finish(report)
}

fn refused(device: &Device, size: u64, errnos: &[i32]) -> Outcome {
    let errno = device.shm_alloc(&mut ShmAllocData { size, ..Default::default() }).err();
    let errno = errno.as_ref().and_then(io::Error::raw_os_error);
    ensure!(errno.is_some_and(|errno| errnos.contains(&errno)), "errno {errno:?}; one of {errnos:?} was due");
    Ok(())
}

fn allocated(context: &Context, session: &Session, size: usize) -> Outcome {
    let memory = SharedMemory::allocate(context, size)?;
    used(session, &memory)
}

fn registered(context: &Context, session: &Session, size: usize) -> Outcome {
    let memory = SharedMemory::register(context, Mapping::anonymous(size)?)?;
    used(session, &memory)
}

/// First and last byte are the TA's as well, in the first call and in the second.
fn used(session: &Session, memory: &SharedMemory) -> Outcome {
    let last = memory.size() - 1;
    for offset in [0, last] {
        let before = memory.mapping().bytes()[offset].load(std::sync::atomic::Ordering::Relaxed);
        let after = probe::touch(session, memory, offset as u32)?;
        let due = before.wrapping_add(1);
        ensure!(after == u32::from(due), "byte {offset} is {after}; {due} was due");
    }
    Ok(())
}

fn many(context: &Context, session: &Session) -> Outcome {
    let memories = (0..SMALL)
        .map(|_| SharedMemory::register(context, Mapping::anonymous(4096)?))
        .collect::<Result<Vec<_>, _>>()?;
    // Twice each, the second time by registration with the device where it has room for that.
    for round in 1..=2_usize {
        for (n, memory) in memories.iter().enumerate() {
            let byte = (n * round) as u8;
            memory.mapping().write_at(0, &[byte; 4096]);
            let sum = probe::sum(session, Param::whole(Access::Input, memory))?;
            let due = u64::from(byte) * 4096;
            ensure!(sum == due, "memory {n}: the TA's sum is {sum}; {due} was due");
        }
    }
    Ok(())
}
