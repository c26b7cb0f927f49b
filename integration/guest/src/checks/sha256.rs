// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `sha256`: a TA works on a large buffer of the guest's.

use std::time::Instant;

use sha2::{Digest, Sha256};
use tee_client::{code, Access, Context, Mapping, Operation, Origin, Param, Session, SharedMemory};
use uuid::Uuid;

use super::{expect, ms};
use crate::cli::Memory;
use crate::memory;
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

const DIGEST_LEN: usize = 32;

/// The buffer, shared in one way or another.
enum Buffer {
    Shared(SharedMemory),
    Own(Vec<u8>),
    User(Vec<u8>),
}

impl Buffer {
    fn new(context: &Context, size: usize, memory: Memory) -> Result<Self, Failure> {
        let shared = match memory {
            Memory::Temporary => return Ok(Self::Own(vec![0; size])),
            Memory::UserBuffer => return Ok(Self::User(vec![0; size])),
            Memory::Registered => SharedMemory::register(context, Mapping::anonymous(size)?)?,
            Memory::Scattered => SharedMemory::register(context, memory::scattered(size)?.0)?,
            Memory::Allocated => SharedMemory::allocate(context, size)?,
        };
        Ok(Self::Shared(shared))
    }

    fn fill(&mut self) {
        match self {
            Self::Shared(shared) => {
                memory::fill(shared.size(), |offset, bytes| shared.mapping().write_at(offset, bytes));
            }
            Self::Own(own) | Self::User(own) => memory::fill(own.len(), |offset, bytes| {
                own[offset..offset + bytes.len()].copy_from_slice(bytes);
            }),
        }
    }

    fn digest(&self) -> [u8; DIGEST_LEN] {
        match self {
            Self::Shared(shared) => {
                let mut hash = Sha256::new();
                memory::for_each_chunk(shared.mapping(), |bytes| hash.update(bytes));
                hash.finalize().into()
            }
            Self::Own(own) | Self::User(own) => Sha256::digest(own).into(),
        }
    }

    /// Its first bytes as a parameter.
    fn param(&self, len: usize) -> Param<'_> {
        match self {
            Self::Shared(shared) => Param::partial(Access::Input, shared, 0, len),
            Self::Own(own) => Param::TemporaryInput(&own[..len]),
            Self::User(own) => Param::UserInput(&own[..len]),
        }
    }
}

/// The TA's digest of a buffer is the guest's own.
pub(super) fn run(context: &Context, report: &mut Report, ta: Uuid, size: usize, memory: Memory) -> Outcome {
    ensure!(size > 0, "the buffer must have at least one byte");
    let name = format!("{memory:?}").to_lowercase();
    let mut buffer = Buffer::new(context, size, memory)?;
    buffer.fill();
    let session = probe::open(context, ta)?;
    report.say(format_args!("session {} with {ta}; {size} bytes, {name}", session.id()));

    short_output(&session, &buffer, size)?;

    let mut output = [0; DIGEST_LEN];
    let start = Instant::now();
    let mut operation = Operation::new([buffer.param(size), Param::TemporaryOutput(&mut output)]);
    session.invoke(0, &mut operation)?;
    let in_ta = start.elapsed();
    let written = operation.size(1);
    session.close()?;

    let start = Instant::now();
    let own = hex(&buffer.digest());
    let in_guest = start.elapsed();
    let digest = hex(&output);
    report.say(format_args!("the TA says    {digest} in {in_ta:.1?}"));
    report.say(format_args!("the guest says {own} in {in_guest:.1?}"));
    report.set("size", size);
    report.set("memory", name);
    report.set("digest", digest.clone());
    report.set("ta_ms", ms(in_ta));
    report.set("guest_ms", ms(in_guest));
    ensure!(written == DIGEST_LEN as u64, "the TA says it wrote {written} bytes");
    ensure!(digest == own, "the digests differ");
    Ok(())
}

/// Too small an output is answered with what would do.
fn short_output(session: &Session, buffer: &Buffer, size: usize) -> Outcome {
    let mut output = [0; DIGEST_LEN / 2];
    let mut operation = Operation::new([buffer.param(size.min(64)), Param::TemporaryOutput(&mut output)]);
    expect(session.invoke(0, &mut operation), code::ERROR_SHORT_BUFFER, Origin::TrustedApp)?;
    let needed = operation.size(1);
    ensure!(needed == DIGEST_LEN as u64, "SHORT_BUFFER came with a size of {needed}");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_digest_is_sha256() {
        assert_eq!(
            hex(&Buffer::Own(b"abc".to_vec()).digest()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
