// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `parameters`: every kind of parameter, whole, in part, and in every direction.

use std::sync::atomic::Ordering;

use tee_client::{
    code, Access, Context, Error, Login, Mapping, Operation, Origin, Param, Session, SharedMemory,
};
use uuid::Uuid;

use super::expect;
use crate::memory;
use crate::probe;
use crate::report::{ensure, Cases, Failure, Outcome, Report};

const SIZE: usize = 5 * 4096;

pub(super) fn run(context: &Context, report: &mut Report, ta: Uuid) -> Outcome {
    let session = probe::open(context, ta)?;
    let mut cases = Cases::default();
    cases.note(report, "values change places", swap(&session));
    cases.note(report, "four parameters are carried", four(&session));
    cases.note(report, "a TA's own codes come back with its origin", returned(&session));
    cases.note(report, "so do they where it refuses a session", refused(context, ta));
    for (kind, shared) in [
        ("allocated", SharedMemory::allocate(context, SIZE)),
        (
            "registered",
            Mapping::anonymous(SIZE)
                .map_err(Error::from)
                .and_then(|own| SharedMemory::register(context, own)),
        ),
    ] {
        let shared = match shared {
            Ok(shared) => shared,
            Err(error) => {
                cases.note(report, kind, Err(error.into()));
                continue;
            }
        };
        cases.note(report, &format!("{kind}: whole and partial input"), input(&session, &shared));
        cases.note(report, &format!("{kind}: partial output ends where it ends"), output(&session, &shared));
        cases.note(report, &format!("{kind}: inout"), inout(&session, &shared));
        cases.note(report, &format!("{kind}: SHORT_BUFFER says what would do"), short(&session, &shared));
        cases.note(report, &format!("{kind}: several times in one call"), twice(&session, &shared));
    }
    cases.note(report, "temporary memrefs at odd addresses", temporary(&session));
    cases.note(report, "a temporary memref of memory that cannot be written", read_only(&session));
    cases.note(report, "user buffers at odd addresses", user(&session));
    cases.note(report, "user buffers of memory that cannot be written", user_read_only(&session));
    cases.note(report, "user buffers beside memrefs, too short, and empty", user_sizes(&session));
    cases.note(report, "NULL memrefs", null(&session));
    cases.note(report, "a memref of no bytes", empty(context, &session));
    session.close()?;
    cases.finish(report)
}

fn swap(session: &Session) -> Outcome {
    for (a, b) in [(1, 2), (0, u32::MAX), (u32::MAX, 0), (0x8000_0000, 0x7fff_ffff)] {
        let mut operation = Operation::new([Param::value(Access::Inout, a, b)]);
        session.invoke(probe::SWAP, &mut operation)?;
        let got = operation.value(0);
        ensure!(got == (b, a), "({a:#x}, {b:#x}) came back as {got:x?}");
    }
    Ok(())
}

fn four(session: &Session) -> Outcome {
    let bytes = [7; 100];
    let mut operation = Operation::new([
        Param::value(Access::Input, 1, 2),
        Param::TemporaryInput(&bytes),
        Param::value(Access::Inout, 3, 4),
        Param::Null { access: Access::Output, size: 0 },
    ]);
    session.invoke(probe::NOP, &mut operation)?;
    let got = operation.value(2);
    ensure!(got == (3, 4), "an untouched inout value came back as {got:?}");
    Ok(())
}

fn returned(session: &Session) -> Outcome {
    for ret in [1, 0x1234_5678, code::ERROR_GENERIC, code::ERROR_ACCESS_DENIED, u32::MAX] {
        let mut operation = Operation::new([Param::value(Access::Input, ret, 0)]);
        expect(session.invoke(probe::RETURN, &mut operation), ret, Origin::TrustedApp)?;
    }
    session.invoke(probe::RETURN, &mut Operation::new([Param::value(Access::Input, 0, 0)]))?;
    // An unknown command: what the TA returns for it is its own affair, that it returns it is not.
    match session.invoke(0xdead, &mut Operation::default()) {
        Ok(()) => Err(Failure::Wrong("a command that the TA does not know succeeded".to_owned())),
        Err(error) if error.origin() == Origin::TrustedApp => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn refused(context: &Context, ta: Uuid) -> Outcome {
    for ret in [code::ERROR_ACCESS_DENIED, 77] {
        let mut operation = Operation::new([Param::value(Access::Input, ret, 0)]);
        expect(context.open_session(ta, Login::Public, &mut operation), ret, Origin::TrustedApp)?;
    }
    context
        .open_session(ta, Login::Public, &mut Operation::new([Param::value(Access::Input, 0, 0)]))?
        .close()?;
    Ok(())
}

/// What the guest makes of a part of shared memory.
fn own_sum(shared: &SharedMemory, offset: usize, size: usize) -> u64 {
    let mut bytes = vec![0; size];
    shared.mapping().read_at(offset, &mut bytes);
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn input(session: &Session, shared: &SharedMemory) -> Outcome {
    memory::fill(SIZE, |offset, bytes| shared.mapping().write_at(offset, bytes));
    for (offset, size) in
        [(0, SIZE), (0, 1), (1, 4096), (4095, 2), (4096, 4096), (SIZE - 1, 1), (8191, SIZE - 8191)]
    {
        let sum = probe::sum(session, Param::partial(Access::Input, shared, offset, size))?;
        let own = own_sum(shared, offset, size);
        ensure!(sum == own, "{size} bytes at {offset}: the TA's sum is {sum}, the guest's {own}");
    }
    Ok(())
}

fn output(session: &Session, shared: &SharedMemory) -> Outcome {
    for (offset, size) in [(0, SIZE), (1, 4096), (4000, 200), (SIZE - 1, 1)] {
        shared.mapping().write_at(0, &[0xaa; SIZE]);
        let mut operation = Operation::new([
            Param::partial(Access::Output, shared, offset, size),
            Param::value(Access::Input, 0x33, 0),
        ]);
        session.invoke(probe::FILL, &mut operation)?;
        let mut bytes = vec![0; SIZE];
        shared.mapping().read_at(0, &mut bytes);
        let wrong = bytes.iter().enumerate().find(|(at, byte)| {
            let inside = (offset..offset + size).contains(at);
            **byte != if inside { 0x33 } else { 0xaa }
        });
        ensure!(wrong.is_none(), "{size} bytes at {offset} filled: (index, byte) {wrong:?} is wrong");
        let written = operation.size(0);
        ensure!(written == size as u64, "{size} bytes filled, but the size came back as {written}");
    }
    Ok(())
}

fn inout(session: &Session, shared: &SharedMemory) -> Outcome {
    for offset in [0, 4096, SIZE - 1] {
        shared.mapping().bytes()[offset].store(40, Ordering::Relaxed);
        let now = probe::touch(session, shared, offset as u32)?;
        let here = shared.mapping().bytes()[offset].load(Ordering::Relaxed);
        ensure!((now, here) == (41, 41), "byte {offset} is {now} in the TA and {here} here; 41 was due");
    }
    Ok(())
}

fn short(session: &Session, shared: &SharedMemory) -> Outcome {
    let mut operation =
        Operation::new([Param::partial(Access::Output, shared, 0, 10), Param::value(Access::Input, 100, 0)]);
    expect(
        session.invoke(probe::SHORT_BUFFER, &mut operation),
        code::ERROR_SHORT_BUFFER,
        Origin::TrustedApp,
    )?;
    let needed = operation.size(0);
    ensure!(needed == 100, "100 bytes are needed, but the size came back as {needed}");
    let mut operation =
        Operation::new([Param::partial(Access::Output, shared, 7, 200), Param::value(Access::Input, 100, 0)]);
    session.invoke(probe::SHORT_BUFFER, &mut operation)?;
    let written = operation.size(0);
    ensure!(written == 100, "100 bytes were written, but the size came back as {written}");
    let sum = own_sum(shared, 7, 100);
    ensure!(sum == 100 * 0x5a, "the bytes written are others than the TA's");
    Ok(())
}

/// One memory as two parameters of a call, and as three.
fn twice(session: &Session, shared: &SharedMemory) -> Outcome {
    let mut operation = Operation::new([
        Param::whole(Access::Input, shared),
        Param::partial(Access::Output, shared, 4096, 4096),
        Param::whole(Access::Inout, shared),
    ]);
    session.invoke(probe::NOP, &mut operation)?;
    let sizes = [0, 1, 2].map(|index| operation.size(index));
    ensure!(sizes == [SIZE as u64, 4096, SIZE as u64], "untouched memrefs came back with sizes {sizes:?}");
    Ok(())
}

fn temporary(session: &Session) -> Outcome {
    let mut buffer = vec![0; 3 * 4096];
    memory::fill(buffer.len(), |at, bytes| buffer[at..at + bytes.len()].copy_from_slice(bytes));
    for (offset, size) in [(1, 1), (13, 4096), (4095, 2), (4096, 8192), (5, 12_000)] {
        let part = &buffer[offset..offset + size];
        let own = part.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let sum = probe::sum(session, Param::TemporaryInput(part))?;
        ensure!(sum == own, "{size} bytes at {offset}: the TA's sum is {sum}, the guest's {own}");
    }
    let (before, rest) = buffer.split_at_mut(1001);
    let (part, after) = rest.split_at_mut(5000);
    let (was_before, was_after) = (before.to_vec(), after.to_vec());
    let mut operation = Operation::new([Param::TemporaryOutput(part), Param::value(Access::Input, 0xa5, 0)]);
    session.invoke(probe::FILL, &mut operation)?;
    ensure!(part.iter().all(|byte| *byte == 0xa5), "the TA's bytes did not arrive");
    ensure!(before == was_before && after == was_after, "bytes beside the memref have changed");
    Ok(())
}

fn read_only(session: &Session) -> Outcome {
    static CONSTANT: [u8; 1000] = [3; 1000];
    let sum = probe::sum(session, Param::TemporaryInput(&CONSTANT))?;
    ensure!(sum == 3000, "the TA's sum is {sum}; 3000 was due");
    Ok(())
}

fn user(session: &Session) -> Outcome {
    let mut buffer = vec![0; 3 * 4096];
    memory::fill(buffer.len(), |at, bytes| buffer[at..at + bytes.len()].copy_from_slice(bytes));
    for (offset, size) in [(1, 1), (13, 4096), (4095, 2), (4096, 8192), (5, 12_000)] {
        let part = &buffer[offset..offset + size];
        let own = part.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let sum = probe::sum(session, Param::UserInput(part))?;
        ensure!(sum == own, "{size} bytes at {offset}: the TA's sum is {sum}, the guest's {own}");
    }
    let (before, rest) = buffer.split_at_mut(1001);
    let (part, after) = rest.split_at_mut(5000);
    let (was_before, was_after) = (before.to_vec(), after.to_vec());
    let mut operation = Operation::new([Param::UserOutput(part), Param::value(Access::Input, 0xa5, 0)]);
    session.invoke(probe::FILL, &mut operation)?;
    let written = operation.size(0);
    ensure!(written == 5000, "5000 bytes filled, but the size came back as {written}");
    ensure!(part.iter().all(|byte| *byte == 0xa5), "the TA's bytes did not arrive");
    ensure!(before == was_before && after == was_after, "bytes beside the buffer have changed");

    part[4999] = 40;
    let mut operation = Operation::new([Param::UserInout(part), Param::value(Access::Inout, 4999, 0)]);
    session.invoke(probe::TOUCH, &mut operation)?;
    let (now, here) = (operation.value(1).1, part[4999]);
    ensure!((now, here) == (41, 41), "a byte is {now} in the TA and {here} here; 41 was due");
    Ok(())
}

fn user_read_only(session: &Session) -> Outcome {
    static CONSTANT: [u8; 10_000] = [3; 10_000];
    for (from, to) in [(0, 10_000), (1, 2), (4000, 9999)] {
        let sum = probe::sum(session, Param::UserInput(&CONSTANT[from..to]))?;
        let own = 3 * (to - from) as u64;
        ensure!(sum == own, "bytes {from} to {to}: the TA's sum is {sum}; {own} was due");
    }
    Ok(())
}

fn user_sizes(session: &Session) -> Outcome {
    let mut bytes = [0; 10];
    let mut operation = Operation::new([Param::UserOutput(&mut bytes), Param::value(Access::Input, 100, 0)]);
    expect(
        session.invoke(probe::SHORT_BUFFER, &mut operation),
        code::ERROR_SHORT_BUFFER,
        Origin::TrustedApp,
    )?;
    let needed = operation.size(0);
    ensure!(needed == 100, "100 bytes are needed, but the size came back as {needed}");

    // No bytes at all are a NULL memref.
    let mut operation = Operation::new([Param::UserInput(&[]), Param::value(Access::Output, 0, 0)]);
    session.invoke(probe::NULL_MEMREF, &mut operation)?;
    let got = operation.value(1);
    ensure!(got == (1, 0), "of no bytes, the TA saw {got:?}");

    let (mut out, mut inout) = ([0; 5000], [0; 3]);
    let mut operation = Operation::new([
        Param::UserInput(&[1; 100]),
        Param::TemporaryInput(&[2; 200]),
        Param::UserOutput(&mut out),
        Param::UserInout(&mut inout),
    ]);
    session.invoke(probe::NOP, &mut operation)?;
    let sizes = [0, 1, 2, 3].map(|index| operation.size(index));
    ensure!(sizes == [100, 200, 5000, 3], "untouched buffers came back with sizes {sizes:?}");
    Ok(())
}

fn null(session: &Session) -> Outcome {
    for access in [Access::Input, Access::Output, Access::Inout] {
        for size in [0, 4096] {
            let mut operation =
                Operation::new([Param::Null { access, size }, Param::value(Access::Output, 0, 0)]);
            session.invoke(probe::NULL_MEMREF, &mut operation)?;
            let got = operation.value(1);
            ensure!(got == (1, 0), "{access:?} of no memory, told to be {size} bytes: the TA saw {got:?}");
        }
    }
    Ok(())
}

fn empty(context: &Context, session: &Session) -> Outcome {
    let shared = SharedMemory::allocate(context, 4096)?;
    for offset in [0, 100, 4096] {
        let sum = probe::sum(session, Param::partial(Access::Input, &shared, offset, 0))?;
        ensure!(sum == 0, "no bytes at {offset}: the TA's sum is {sum}");
    }
    Ok(())
}
