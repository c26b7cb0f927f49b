// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The session-check TA (`integration/tas/session-check/include/session_check_ta.h`), which calls other TAs, as scripts
//! use it.

use std::fmt::Display;

use tee_client::Access;
use uuid::{uuid, Uuid};

use super::script::{input, value, value_out, values, Arg, Script};

/// Built for API 1.3.1, and for 1.1: an instance for each session.
pub(super) const APIS: [(&str, Uuid); 2] = [
    ("1.3.1", uuid!("2cbd3a4e-6d3f-4f08-8c35-0e917bd264a1")),
    ("1.1", uuid!("6f4d8a02-93e1-4b7c-a50d-c238741b5fe8")),
];
/// One instance, which calls the shared probe when it is made and when it ends.
pub(super) const SINGLE: Uuid = uuid!("9e0b6c15-41a7-4d6a-b277-53c81f0ae69d");
/// One instance.
pub(super) const OTHER: Uuid = uuid!("c7f5e310-8d24-4a9e-9b16-70a2d84fc53b");
/// OP-TEE's pseudo TA for what a TA may ask of the TEE itself.
pub(super) const SYSTEM: Uuid = uuid!("3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc");

// The commands.
pub(super) const OPEN: u32 = 0;
pub(super) const CLOSE: u32 = 1;
pub(super) const INVOKE: u32 = 2;
pub(super) const CHAIN: u32 = 3;
pub(super) const CALL_BACK: u32 = 4;
pub(super) const MAP: u32 = 5;
pub(super) const CACHE: u32 = 6;
pub(super) const CREATED: u32 = 7;
pub(super) const WRONG: u32 = 8;
pub(super) const WRONG_CALLS: u32 = 5;

// How the TA makes a call.
pub(super) const NO_SESSION: u32 = 0xFFFF;
pub(super) const OWN: u32 = 0x1_0000;
pub(super) const PART: u32 = 0x2_0000;
pub(super) const NULL: u32 = 0x4_0000;
pub(super) const WILD: u32 = 0x8_0000;
pub(super) const CONST: u32 = 0x10_0000;
pub(super) const UNMASK: u32 = 0x20_0000;
pub(super) const READ_ONLY: u32 = 0x40_0000;

// Types of parameters.
pub(super) const VALUE_IN: u32 = 1;
pub(super) const VALUE_OUT: u32 = 2;
pub(super) const VALUE_INOUT: u32 = 3;
pub(super) const MEMREF_IN: u32 = 5;
pub(super) const MEMREF_OUT: u32 = 6;
pub(super) const MEMREF_INOUT: u32 = 7;

pub(super) const FOREVER: u32 = 0xFFFF_FFFF;

/// A call that the TA makes of another.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    /// Its number of the session, and flags.
    pub(super) session: u32,
    pub(super) command: u32,
    pub(super) kinds: [u32; 4],
    /// Each value.
    pub(super) value: (u32, u32),
    pub(super) timeout: u32,
}

impl Ask {
    /// A call without parameters in the TA's first session.
    pub(super) fn of(command: u32) -> Self {
        Self { session: 0, command, kinds: [0; 4], value: (0, 0), timeout: FOREVER }
    }

    pub(super) fn with(command: u32, kinds: &[u32], a: u32, b: u32) -> Self {
        let mut all = [0; 4];
        all[..kinds.len()].copy_from_slice(kinds);
        Self { kinds: all, value: (a, b), ..Self::of(command) }
    }
}

impl Script {
    /// Has the TA of session 0 open a session.
    pub(super) fn ta_opens(&mut self, uuid: Uuid, timeout: u32) {
        let args = vec![input(uuid.to_bytes_le()), value(timeout, 0), value_out(), value_out()];
        self.invoke(format_args!("opens {uuid}, timeout {timeout:#x}"), 0, OPEN, args);
    }

    pub(super) fn ta_closes(&mut self, number: u32) {
        self.invoke(format_args!("closes {number:#x}"), 0, CLOSE, vec![value(number, 0)]);
    }

    /// Has the TA make a call with this buffer for each memref.
    pub(super) fn ta_calls(&mut self, note: impl Display, call: Ask, buffer: Arg) {
        let Ask { session, command, kinds, value: (a, b), timeout } = call;
        let kinds = kinds.iter().rev().fold(0, |types, kind| types << 4 | kind);
        let args = vec![values(session, command), values(a, b), buffer, value(timeout, kinds)];
        self.invoke(format_args!("calls {command} {note}, flags {session:#x}"), 0, INVOKE, args);
    }
}

pub(super) fn bytes(len: usize) -> Arg {
    Arg::Memref(Access::Inout, super::crypto::pattern(81, len))
}

/// No buffer.
pub(super) fn nothing() -> Arg {
    bytes(0)
}
