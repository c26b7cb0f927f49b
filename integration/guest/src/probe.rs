// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The TAs that the checks talk to: their names, and calls of the probe.

use tee_client::{Access, Context, Error, Login, Operation, Param, Session, SharedMemory};
pub(crate) use tee_testing::probe::{
    EXCLUSIVE as PROBE_EXCLUSIVE, MULTI as PROBE, SHARED as PROBE_SHARED, *,
};
use uuid::{uuid, Uuid};

/// TAs with a name.
pub(crate) const NAMES: [(&str, Uuid); 8] = [
    ("probe", PROBE),
    ("probe-shared", PROBE_SHARED),
    ("probe-exclusive", PROBE_EXCLUSIVE),
    ("probe-small", SMALL),
    ("hello-c", uuid!("429682e4-b32c-440f-80c3-e8cabee3494b")),
    ("hello-rust", uuid!("96624eea-dc34-4577-b581-8d7cc175a0ae")),
    ("sha256-c", uuid!("1f0bbc65-6edc-47e0-a439-82fd10076e14")),
    ("sha256-rust", uuid!("b70dc700-035f-4417-9036-60fe4eb21f28")),
];

/// Opens a session with the public login and no parameters.
pub(crate) fn open(context: &Context, ta: Uuid) -> Result<Session, Error> {
    context.open_session(ta, Login::Public, &mut Operation::default())
}

/// A call without parameters.
pub(crate) fn nop(session: &Session) -> Result<(), Error> {
    session.invoke(NOP, &mut Operation::default())
}

/// A call that waits in the TA.
pub(crate) fn wait(session: &Session, ms: u32) -> Result<(), Error> {
    session.invoke(SLEEP, &mut Operation::new([Param::value(Access::Input, ms, 0)]))
}

/// Calls of the session's instance and of the session, this one included.
pub(crate) fn count(session: &Session) -> Result<(u32, u32), Error> {
    let mut operation = Operation::new([Param::value(Access::Output, 0, 0)]);
    session.invoke(COUNT, &mut operation)?;
    Ok(operation.value(0))
}

/// The sum of a memref's bytes.
pub(crate) fn sum(session: &Session, memref: Param<'_>) -> Result<u64, Error> {
    let mut operation = Operation::new([memref, Param::value(Access::Output, 0, 0)]);
    session.invoke(SUM, &mut operation)?;
    let (low, high) = operation.value(1);
    Ok(u64::from(low) | u64::from(high) << 32)
}

/// Adds 1 to a byte of shared memory; what it then is.
pub(crate) fn touch(session: &Session, memory: &SharedMemory, offset: u32) -> Result<u32, Error> {
    let mut operation =
        Operation::new([Param::whole(Access::Inout, memory), Param::value(Access::Inout, offset, 0)]);
    session.invoke(TOUCH, &mut operation)?;
    Ok(operation.value(1).1)
}
