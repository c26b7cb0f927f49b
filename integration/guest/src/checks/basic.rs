// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `version`, `hello` and `temporary`: the shortest ways to the device, to a TA, and through memory.

use std::time::Instant;

use tee_client::uapi::{GEN_CAP_GP, GEN_CAP_MEMREF_NULL, GEN_CAP_PRIVILEGED, GEN_CAP_REG_MEM};
use tee_client::{Access, Context, Operation, Param};
use uuid::Uuid;

use super::percentile_ns;
use crate::memory;
use crate::probe;
use crate::report::{ensure, Outcome, Report};

/// What the TEE says it is.
pub(super) fn version(
    context: &Context,
    report: &mut Report,
    impl_id: Option<u32>,
    impl_caps: Option<u32>,
    gen_caps: Option<u32>,
) -> Outcome {
    let version = context.version();
    let caps = [
        (GEN_CAP_GP, "GP"),
        (GEN_CAP_PRIVILEGED, "PRIVILEGED"),
        (GEN_CAP_REG_MEM, "REG_MEM"),
        (GEN_CAP_MEMREF_NULL, "MEMREF_NULL"),
    ];
    let names: Vec<_> =
        caps.iter().filter(|(cap, _)| version.gen_caps & cap != 0).map(|(_, name)| *name).collect();
    report.say(format_args!(
        "TEE_IOC_VERSION: impl_id {}, impl_caps {:#x}, gen_caps {:#x} ({})",
        version.impl_id,
        version.impl_caps,
        version.gen_caps,
        names.join(" | ")
    ));
    for (name, is, due) in [
        ("impl_id", version.impl_id, impl_id),
        ("impl_caps", version.impl_caps, impl_caps),
        ("gen_caps", version.gen_caps, gen_caps),
    ] {
        report.set(name, is);
        let due = due.unwrap_or(is);
        ensure!(is == due, "{name} is {is:#x}; {due:#x} was due");
    }
    Ok(())
}

/// A value goes in and comes back plus one; the other stays.
pub(super) fn hello(context: &Context, report: &mut Report, ta: Uuid, value: u32) -> Outcome {
    const OTHER: u32 = 0x5eed_cafe;
    let session = probe::open(context, ta)?;
    report.say(format_args!("session {} with {ta}", session.id()));
    let mut operation = Operation::new([Param::value(Access::Inout, value, OTHER)]);
    session.invoke(0, &mut operation)?;
    let (received, other) = operation.value(0);
    session.close()?;
    report.say(format_args!("{value} went in, {received} came back"));
    report.set("sent", value);
    report.set("received", received);
    ensure!(received == value.wrapping_add(1), "{received} came back for {value}");
    ensure!(other == OTHER, "b came back as {other:#x}, though the TA leaves it alone");
    Ok(())
}

/// Calls with a temporary memref, and nothing else in the session.
pub(super) fn temporary(
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    count: u32,
    size: usize,
    user_buffer: bool,
) -> Outcome {
    let session = probe::open(context, ta)?;
    let mut buffer = vec![0; size];
    memory::fill(size, |offset, bytes| buffer[offset..offset + bytes.len()].copy_from_slice(bytes));
    let mut samples = Vec::new();
    for call in 0..count {
        // Different in each call, so that no earlier answer is right.
        if let Some(byte) = buffer.first_mut() {
            *byte = call as u8;
        }
        let expected = buffer.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let memref = if user_buffer { Param::UserInput } else { Param::TemporaryInput };
        let start = Instant::now();
        let sum = probe::sum(&session, memref(&buffer))?;
        samples.push(start.elapsed());
        ensure!(sum == expected, "call {call}: the TA's sum is {sum}; {expected} was due");
    }
    session.close()?;
    let median = percentile_ns(&samples, 50);
    report.say(format_args!("{count} calls with a temporary memref of {size} bytes, median {median} ns"));
    report.set("count", count);
    report.set("size", size);
    report.set("median_ns", median);
    Ok(())
}
