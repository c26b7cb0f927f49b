// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The TAs that the checks talk to: their names, and the probe's commands
//! (`integration/tas/probe/include/probe_ta.h`).

use tee_client::{Access, Context, Error, Login, Operation, Param, Session, SharedMemory};
use uuid::{uuid, Uuid};

/// One process per session.
pub(crate) const PROBE: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
/// One process for all sessions, kept alive.
pub(crate) const PROBE_SHARED: Uuid = uuid!("158c5fdd-5a4d-48db-892e-108b8581396a");

/// TAs with a name.
pub(crate) const NAMES: [(&str, Uuid); 7] = [
    ("probe", PROBE),
    ("probe-shared", PROBE_SHARED),
    ("probe-exclusive", uuid!("d9e2d36e-a280-4f3b-bd3f-feaa434df1ab")),
    ("hello-c", uuid!("429682e4-b32c-440f-80c3-e8cabee3494b")),
    ("hello-rust", uuid!("96624eea-dc34-4577-b581-8d7cc175a0ae")),
    ("sha256-c", uuid!("1f0bbc65-6edc-47e0-a439-82fd10076e14")),
    ("sha256-rust", uuid!("b70dc700-035f-4417-9036-60fe4eb21f28")),
];

pub(crate) const NOP: u32 = 0;
pub(crate) const SWAP: u32 = 1;
pub(crate) const RETURN: u32 = 2;
pub(crate) const SLEEP: u32 = 3;
pub(crate) const SLEEP_MASKED: u32 = 4;
pub(crate) const PANIC: u32 = 5;
pub(crate) const CRASH: u32 = 6;
pub(crate) const SPIN: u32 = 7;
pub(crate) const TOUCH: u32 = 8;
pub(crate) const WATCH: u32 = 9;
pub(crate) const FILL: u32 = 10;
pub(crate) const SHORT_BUFFER: u32 = 11;
pub(crate) const COUNT: u32 = 12;
pub(crate) const SUM: u32 = 15;
pub(crate) const IDENTITY: u32 = 16;
pub(crate) const NULL_MEMREF: u32 = 17;
pub(crate) const MIX: u32 = 24;
pub(crate) const ECHO: u32 = 25;

/// Opens a session with the public login and no parameters.
pub(crate) fn open(context: &Context, ta: Uuid) -> Result<Session, Error> {
    context.open_session(ta, Login::Public, &mut Operation::default())
}

/// A call without parameters.
pub(crate) fn nop(session: &Session) -> Result<(), Error> {
    session.invoke(NOP, &mut Operation::default())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The header is what the TA is built from: a number that differs there is an error here.
    #[test]
    fn commands_are_the_headers() {
        let header = include_str!("../../tas/probe/include/probe_ta.h");
        for (name, value) in [
            ("NOP", NOP),
            ("SWAP", SWAP),
            ("RETURN", RETURN),
            ("SLEEP", SLEEP),
            ("SLEEP_MASKED", SLEEP_MASKED),
            ("PANIC", PANIC),
            ("CRASH", CRASH),
            ("SPIN", SPIN),
            ("TOUCH", TOUCH),
            ("WATCH", WATCH),
            ("FILL", FILL),
            ("SHORT_BUFFER", SHORT_BUFFER),
            ("COUNT", COUNT),
            ("SUM", SUM),
            ("IDENTITY", IDENTITY),
            ("NULL_MEMREF", NULL_MEMREF),
            ("MIX", MIX),
            ("ECHO", ECHO),
        ] {
            let macro_name = format!("PROBE_CMD_{name}");
            let defined = header
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>())
                .find(|words| words.len() > 2 && words[0] == "#define" && words[1] == macro_name)
                .and_then(|words| words[2].parse().ok());
            assert_eq!(defined, Some(value), "{macro_name}");
        }
    }

    #[test]
    fn uuids_are_the_headers() {
        let header = include_str!("../../tas/probe/include/probe_ta.h");
        for (macro_name, uuid) in [
            ("PROBE_TA_UUID", PROBE),
            ("PROBE_SHARED_TA_UUID", PROBE_SHARED),
            ("PROBE_EXCLUSIVE_TA_UUID", NAMES[2].1),
        ] {
            let defined =
                header.split_once(&format!("#define {macro_name} \\\n")).unwrap().1.lines().next().unwrap();
            let digits: String = defined
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter_map(|word| word.strip_prefix("0x"))
                .collect();
            assert_eq!(digits, uuid.simple().to_string(), "{macro_name}");
        }
    }
}
