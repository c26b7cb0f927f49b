// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `zero-copy`: while a call runs, what one side writes is what the other side reads.
//!
//! The TA sets the answer byte to 1 when it has begun, and cannot return before the guest has written
//! the watched byte. So a 1 that the guest sees, and a byte that the TA sees, went through the pages
//! themselves: no copy at a call's begin or end could carry them.

use std::sync::atomic::Ordering;

use tee_client::{Access, Context, Operation, Param, Session, SharedMemory};
use uuid::Uuid;

use super::{join, wait_until};
use crate::cli::Layout;
use crate::memory;
use crate::pagemap;
use crate::probe;
use crate::report::{ensure, Outcome, Report};

/// Where in a page the guest writes, and where the TA answers.
const WATCHED: usize = 123;
const ANSWER: usize = 3210;

pub(super) fn run(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    layout: Layout,
    size: usize,
    above: usize,
) -> Outcome {
    let page = rustix::param::page_size();
    ensure!(size >= 3 * page && size % page == 0, "the size must be whole pages, three at least");
    let pages = size / page;
    report.set("layout", format!("{layout:?}").to_lowercase());
    report.set("size", size);
    report.set("pages", pages);
    let shared = match layout {
        Layout::Contiguous => {
            ensure!(above == 0, "--above is for scattered buffers");
            report.say(format_args!("{pages} pages, allocated by the driver"));
            SharedMemory::allocate(context, size)?
        }
        Layout::Scattered => {
            let (mapping, runs) = memory::scattered(size)?;
            let lowest = pagemap::frames(&mapping)?.into_iter().min().unwrap_or_default() * page as u64;
            report.set("lowest_address", lowest);
            ensure!(lowest >= above as u64, "a page lies at {lowest:#x}, below {above:#x}");
            report.say(format_args!("{pages} pages in {runs} physical runs, by /proc/self/pagemap"));
            report.set("physical_runs", runs);
            SharedMemory::register(context, mapping)?
        }
    };
    let session = probe::open(context, ta)?;
    let mut offsets = Vec::new();
    // The first round goes to the device as transient memory, the second as registered memory.
    for round in 1..=2_u8 {
        for (n, place) in (1_u8..).zip([0, pages / 2, pages - 1]) {
            let (watched, answer) = (place * page + WATCHED, place * page + ANSWER);
            exchange(&session, &shared, watched, answer, round * 0x40 + n)?;
            report.say(format_args!("page {place}: each side saw what the other wrote, during the call"));
            if round == 1 {
                offsets.push(watched);
            }
        }
    }
    report.set("offsets", offsets);
    session.close()?;
    Ok(())
}

/// One call, during which the guest writes `byte` at `watched`.
fn exchange(session: &Session, shared: &SharedMemory, watched: usize, answer: usize, byte: u8) -> Outcome {
    let bytes = shared.mapping().bytes();
    let (watched_byte, answer_byte) = (&bytes[watched], &bytes[answer]);
    watched_byte.store(0, Ordering::SeqCst);
    answer_byte.store(0, Ordering::SeqCst);
    let mut operation = Operation::new([
        Param::whole(Access::Inout, shared),
        Param::value(Access::Inout, watched as u32, answer as u32),
    ]);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| session.invoke(probe::WATCH, &mut operation));
        wait_until("the TA's first byte", || answer_byte.load(Ordering::SeqCst) == 1 || call.is_finished())?;
        let running = !call.is_finished();
        let begun = answer_byte.load(Ordering::SeqCst);
        watched_byte.store(byte, Ordering::SeqCst);
        join(call)??;
        ensure!(running && begun == 1, "the guest did not see the TA's byte while the call ran");
        Ok(())
    })?;
    let (seen, _) = operation.value(1);
    ensure!(seen == u32::from(byte), "the TA saw {seen:#x}; the guest had written {byte:#x}");
    let answered = answer_byte.load(Ordering::SeqCst);
    ensure!(answered == byte + 1, "the TA's answer is {answered:#x}; {:#x} was due", byte + 1);
    Ok(())
}
