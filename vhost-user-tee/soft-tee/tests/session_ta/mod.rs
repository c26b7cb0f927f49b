// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The session-check TA (`integration/tas/session-check/include/session_check_ta.h`), which calls other TAs.

#![allow(dead_code)] // Each test program uses some of it.
#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

use std::sync::Arc;

use tee::{Access, CancelToken, Failure, Memory, Param, Session};
use uuid::{uuid, Uuid};

use crate::common::*;

/// A process per session.
pub(crate) const CALLER: Uuid = uuid!("2cbd3a4e-6d3f-4f08-8c35-0e917bd264a1");
/// Single instance, multi session; calls the shared probe when it is created and destroyed.
pub(crate) const SINGLE_CALLER: Uuid = uuid!("9e0b6c15-41a7-4d6a-b277-53c81f0ae69d");
/// Single instance, multi session.
pub(crate) const OTHER_SINGLE_CALLER: Uuid = uuid!("c7f5e310-8d24-4a9e-9b16-70a2d84fc53b");
/// A process per session, with API 1.1.
pub(crate) const CALLER_GP11: Uuid = uuid!("6f4d8a02-93e1-4b7c-a50d-c238741b5fe8");

pub(crate) const OPEN: u32 = 0;
pub(crate) const CLOSE: u32 = 1;
pub(crate) const INVOKE: u32 = 2;
pub(crate) const CHAIN: u32 = 3;
pub(crate) const CALL_BACK: u32 = 4;
pub(crate) const MAP: u32 = 5;
pub(crate) const CACHE: u32 = 6;
pub(crate) const CREATED: u32 = 7;
pub(crate) const WRONG: u32 = 8;
pub(crate) const SOCKET: u32 = 9;
pub(crate) const WRONG_CALLS: u64 = 5;

pub(crate) const NO_SESSION: u32 = 0xffff;
pub(crate) const OWN: u32 = 0x1_0000;
pub(crate) const PART: u32 = 0x2_0000;
pub(crate) const NULL: u32 = 0x4_0000;
pub(crate) const WILD: u32 = 0x8_0000;
pub(crate) const CONST: u32 = 0x10_0000;
pub(crate) const UNMASK: u32 = 0x20_0000;
pub(crate) const READ_ONLY: u32 = 0x40_0000;

pub(crate) const VALUE_IN: u32 = 1;
pub(crate) const VALUE_OUT: u32 = 2;
pub(crate) const VALUE_INOUT: u32 = 3;
pub(crate) const MEMREF_IN: u32 = 5;
pub(crate) const MEMREF_OUT: u32 = 6;
pub(crate) const MEMREF_INOUT: u32 = 7;

pub(crate) const FOREVER: u64 = u32::MAX as u64;

/// `TEE_ORIGIN_*`.
pub(crate) const BY_TEE: u32 = 3;
pub(crate) const BY_TA: u32 = 4;

/// GP's `paramTypes`.
pub(crate) fn types(kinds: [u32; 4]) -> u32 {
    kinds.iter().rev().fold(0, |types, kind| types << 4 | kind)
}

/// `TEE_UUID`s one after the other.
pub(crate) fn tee_uuids(uuids: &[Uuid]) -> Vec<u8> {
    uuids.iter().flat_map(Uuid::to_bytes_le).collect()
}

/// What another TA answered: result, and who it is from.
pub(crate) type Answer = (u32, u32);

/// Has the TA of `session` open a session; returns what came of it, and its number.
pub(crate) fn open_from(
    session: &Arc<dyn Session>,
    uuid: Uuid,
    timeout: u64,
    unmask: bool,
    cancel: &CancelToken,
) -> Result<(Answer, u32), Failure> {
    let (_ram, memory) = memory_with(&tee_uuids(&[uuid]));
    let mut params = [
        memref(Access::Input, &memory, 0, 16),
        value(Access::Input, timeout, unmask.into()),
        value(Access::Output, 0, 0),
        value(Access::Output, 0, 0),
    ];
    session.invoke(OPEN, &mut params, cancel)?;
    let (ret, origin) = values(&params[2]);
    Ok(((ret as u32, origin as u32), values(&params[3]).0 as u32))
}

/// Has the TA of `session` open a session, which is to work; returns its number.
pub(crate) fn opened_from(session: &Arc<dyn Session>, uuid: Uuid) -> u32 {
    let (answer, number) = open_from(session, uuid, FOREVER, false, &CancelToken::new()).unwrap();
    assert_eq!(answer, (tee::gp::SUCCESS, BY_TA));
    number
}

/// A call that a TA is to make.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Number of its session, and flags.
    pub(crate) session: u32,
    pub(crate) command: u32,
    pub(crate) kinds: [u32; 4],
    /// Every value.
    pub(crate) value: (u64, u64),
    /// Every memref: memory, offset, size.
    pub(crate) memory: Option<(&'a Arc<Memory>, u64, u64)>,
    pub(crate) timeout: u64,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self { session: 0, command: NOP, kinds: [0; 4], value: (0, 0), memory: None, timeout: FOREVER }
    }
}

/// Has the TA of `session` make a call; returns the answer, and the value, or the size of a buffer, that came back.
pub(crate) fn ask_until(
    session: &Arc<dyn Session>,
    ask: Ask<'_>,
    cancel: &CancelToken,
) -> Result<(Answer, (u64, u64)), Failure> {
    let access = if ask.session & READ_ONLY != 0 { Access::Input } else { Access::InOut };
    let mut params = [
        value(Access::InOut, ask.session.into(), ask.command.into()),
        value(Access::InOut, ask.value.0, ask.value.1),
        match ask.memory {
            Some((memory, offset, size)) => memref(access, memory, offset, size),
            None => Param::MemRef { access, buffer: None, size: 0 },
        },
        value(Access::Input, ask.timeout, types(ask.kinds).into()),
    ];
    session.invoke(INVOKE, &mut params, cancel)?;
    let (ret, origin) = values(&params[0]);
    Ok(((ret as u32, origin as u32), values(&params[1])))
}

pub(crate) fn ask(session: &Arc<dyn Session>, ask: Ask<'_>) -> Result<(Answer, (u64, u64)), Failure> {
    ask_until(session, ask, &CancelToken::new())
}
