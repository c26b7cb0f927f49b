// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `beside-vsock`: what it costs to send bytes to a TA and get them back, beside the same with a process of
//! the host over AF_VSOCK.
//!
//! That process takes a connection, reads how long messages are (32 bits, little-endian), and from then on
//! sends each one back once it has all of it: a TA has all of its parameters too before it begins.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use tee_client::{Access, Context, Mapping, Operation, Param, Session, SharedMemory};
use uuid::Uuid;
use vsock::{VsockStream, VMADDR_CID_HOST};

use super::percentile_ns;
use crate::memory;
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

/// Bytes of the messages.
const SIZES: [usize; 5] = [1, 64, 1024, 4096, 1 << 20];
/// Most bytes that are sent over vsock at a time. Linux sends what does not fit in 32 KiB, with its own
/// headers, as several pieces of memory, of which rust-vmm's device (0.3.0) knows nothing: it drops them.
const PIECE: usize = 28 << 10;
/// Exchanges of a kind in a row.
const BLOCK: u32 = 20;

pub(super) fn run(context: &Context, report: &mut Report, ta: Uuid, port: u32, iterations: u32) -> Outcome {
    let session = probe::open(context, ta)?;
    let mut payloads = Vec::new();
    for size in SIZES {
        let ways = measure(context, &session, port, size, iterations)?;
        let mut found = serde_json::Map::new();
        for (way, samples) in ways {
            let (median, p99) = (percentile_ns(&samples, 50), percentile_ns(&samples, 99));
            report.say(format_args!(
                "{size:>8} bytes, {way:<12} median {median:>10} ns, 99th percentile {p99:>10} ns"
            ));
            found.insert(way.to_owned(), json!({ "median_ns": median, "p99_ns": p99 }));
        }
        payloads.push(json!({ "bytes": size, "ways": found }));
    }
    session.close()?;
    report.set("iterations", iterations);
    report.set("payloads", Value::from(payloads));
    Ok(())
}

/// How long exchanges of `size` bytes take, by the ways of making them.
fn measure(
    context: &Context,
    session: &Session,
    port: u32,
    size: usize,
    iterations: u32,
) -> Result<[(&'static str, Vec<Duration>); 4], Failure> {
    let mut host = connect(port, size)?;
    let (there, back) = (shared(context, size)?, shared(context, size)?);
    let mut message = vec![0; size];
    memory::fill(size, |offset, bytes| message[offset..offset + bytes.len()].copy_from_slice(bytes));
    there.mapping().write_at(0, &message);
    let mut answer = vec![0; size];
    let mut ways = [
        ("vsock", Vec::new()),
        ("temporary", Vec::new()),
        ("user_buffer", Vec::new()),
        ("registered", Vec::new()),
    ];
    // In turns, so that whatever else the machine does is shared by all; some at a time, so that none pays
    // for what the one before has left to be done.
    for _ in 0..iterations.div_ceil(BLOCK) {
        let [by_vsock, by_temporary, by_user_buffer, by_registered] = &mut ways;
        sample(&mut by_vsock.1, &mut message, &mut answer, |message, answer| {
            for piece in message.chunks(PIECE) {
                host.write_all(piece).map_err(Failure::system("send over vsock"))?;
            }
            host.read_exact(answer).map_err(Failure::system("receive over vsock"))
        })?;
        sample(&mut by_temporary.1, &mut message, &mut answer, |message, answer| {
            let params = [Param::TemporaryInput(message), Param::TemporaryOutput(answer)];
            Ok(session.invoke(probe::ECHO, &mut Operation::new(params))?)
        })?;
        sample(&mut by_user_buffer.1, &mut message, &mut answer, |message, answer| {
            let params = [Param::UserInput(message), Param::UserOutput(answer)];
            Ok(session.invoke(probe::ECHO, &mut Operation::new(params))?)
        })?;
        let marks = (&there.mapping().bytes()[0], &back.mapping().bytes()[0]);
        sample_shared(&mut by_registered.1, marks, || {
            let params = [Param::whole(Access::Input, &there), Param::whole(Access::Output, &back)];
            Ok(session.invoke(probe::ECHO, &mut Operation::new(params))?)
        })?;
    }
    // The rest of it is as it was in each message.
    back.mapping().read_at(0, &mut answer);
    ensure!(answer[1..] == message[1..], "{size} bytes came back changed from registered memory");
    Ok(ways)
}

/// Shared memory of that size.
fn shared(context: &Context, size: usize) -> Result<SharedMemory, Failure> {
    Ok(SharedMemory::register(context, Mapping::anonymous(size)?)?)
}

/// A connection to the process of the host, for messages of `size` bytes.
fn connect(port: u32, size: usize) -> Result<VsockStream, Failure> {
    let host = VsockStream::connect_with_cid_port(VMADDR_CID_HOST, port);
    let mut host = host.map_err(Failure::system(format!("connect to port {port} of the host")))?;
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    host.write_all(&size.to_le_bytes()).map_err(Failure::system("send over vsock"))?;
    Ok(host)
}

/// Some exchanges of one kind, after two that do not count: in the second one, memory that is used again is
/// registered with the device. Each message differs from the one before, and each answer is looked at.
fn sample(
    samples: &mut Vec<Duration>,
    message: &mut [u8],
    answer: &mut [u8],
    mut exchange: impl FnMut(&[u8], &mut [u8]) -> Outcome,
) -> Outcome {
    for round in 0..BLOCK + 2 {
        message[0] = message[0].wrapping_add(1);
        let start = Instant::now();
        exchange(message, answer)?;
        let took = start.elapsed();
        ensure!(answer == message, "{} bytes came back changed", message.len());
        if round >= 2 {
            samples.push(took);
        }
    }
    Ok(())
}

/// The same of memory that is shared for good, known by its first bytes.
fn sample_shared(
    samples: &mut Vec<Duration>,
    (there, back): (&AtomicU8, &AtomicU8),
    mut exchange: impl FnMut() -> Outcome,
) -> Outcome {
    for round in 0..BLOCK + 2 {
        let mark = there.load(Ordering::Relaxed).wrapping_add(1);
        there.store(mark, Ordering::Relaxed);
        let start = Instant::now();
        exchange()?;
        let took = start.elapsed();
        ensure!(back.load(Ordering::Relaxed) == mark, "registered memory came back changed");
        if round >= 2 {
            samples.push(took);
        }
    }
    Ok(())
}
