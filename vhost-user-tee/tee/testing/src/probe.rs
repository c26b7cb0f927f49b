// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The probe TA: its UUIDs and commands. `integration/tas/probe/include/probe_ta.h` says what each does.

use uuid::{uuid, Uuid};

/// An instance per session.
pub const MULTI: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
/// One instance for all sessions, kept alive.
pub const SHARED: Uuid = uuid!("158c5fdd-5a4d-48db-892e-108b8581396a");
/// One instance, which takes one session.
pub const EXCLUSIVE: Uuid = uuid!("d9e2d36e-a280-4f3b-bd3f-feaa434df1ab");
/// An instance per session, in little memory.
pub const SMALL: Uuid = uuid!("2326ff23-32ef-451d-9fd3-f9b35ef566ee");

macro_rules! commands {
    ($($name:ident = $value:literal,)+) => {
        $(#[doc = concat!("`PROBE_CMD_", stringify!($name), "`")] pub const $name: u32 = $value;)+
        #[cfg(test)]
        const ALL: &[(&str, u32)] = &[$((concat!("PROBE_CMD_", stringify!($name)), $name),)+];
    };
}

commands! {
    NOP = 0,
    SWAP = 1,
    RETURN = 2,
    SLEEP = 3,
    SLEEP_MASKED = 4,
    PANIC = 5,
    CRASH = 6,
    SPIN = 7,
    TOUCH = 8,
    WATCH = 9,
    FILL = 10,
    SHORT_BUFFER = 11,
    COUNT = 12,
    ALLOC = 13,
    SYSCALL = 14,
    SUM = 15,
    IDENTITY = 16,
    NULL_MEMREF = 17,
    LOG = 18,
    RANDOM = 19,
    TIME = 20,
    DIGEST = 21,
    PROPERTY = 22,
    CHECK_ACCESS = 23,
    MIX = 24,
    ECHO = 25,
    FAIL = 26,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = include_str!("../../../../integration/tas/probe/include/probe_ta.h");

    /// The header is what the TA is built from: these are its commands, all of them.
    #[test]
    fn commands_are_the_headers() {
        let defined: Vec<_> = HEADER
            .lines()
            .filter_map(|line| line.strip_prefix("#define ")?.split_once(char::is_whitespace))
            .filter(|(name, _)| name.starts_with("PROBE_CMD_"))
            .map(|(name, rest)| (name, rest.split_whitespace().next().unwrap().parse().unwrap()))
            .collect();
        assert_eq!(defined, ALL);
    }

    #[test]
    fn uuids_are_the_headers() {
        for (name, uuid) in [
            ("PROBE_TA_UUID", MULTI),
            ("PROBE_SHARED_TA_UUID", SHARED),
            ("PROBE_EXCLUSIVE_TA_UUID", EXCLUSIVE),
            ("PROBE_SMALL_TA_UUID", SMALL),
        ] {
            let defined =
                HEADER.split_once(&format!("#define {name} \\\n")).unwrap().1.lines().next().unwrap();
            let digits: String = defined
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter_map(|word| word.strip_prefix("0x"))
                .collect();
            assert_eq!(digits, uuid.simple().to_string(), "{name}");
        }
    }
}
