// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a client does, as data.

use std::fmt::Display;

use tee_client::{Access, Login};
use uuid::Uuid;

/// What a buffer holds before a call, where the client has put nothing: what is left of it is seen.
pub(super) const UNTOUCHED: u8 = 0xE7;

/// A parameter.
#[derive(Clone, Debug)]
pub(super) enum Arg {
    /// Not used.
    None,
    /// Two numbers.
    Value(Access, u32, u32),
    /// A buffer with these bytes.
    Memref(Access, Vec<u8>),
    /// A memref without memory, which says that it has that many bytes.
    Null(Access, usize),
}

/// Numbers that go in.
pub(super) fn value(a: u32, b: u32) -> Arg {
    Arg::Value(Access::Input, a, b)
}

/// Numbers that go in, and others that come out.
pub(super) fn values(a: u32, b: u32) -> Arg {
    Arg::Value(Access::Inout, a, b)
}

/// Numbers that come out.
pub(super) fn value_out() -> Arg {
    Arg::Value(Access::Output, 0x1111, 0x2222)
}

/// Bytes that go in.
pub(super) fn input(bytes: impl Into<Vec<u8>>) -> Arg {
    Arg::Memref(Access::Input, bytes.into())
}

/// Room for bytes that come out.
pub(super) fn room(len: usize) -> Arg {
    Arg::Memref(Access::Output, vec![UNTOUCHED; len])
}

/// One thing that a client does. Sessions have the script's own numbers.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Opens session `session`.
    Open { session: usize, ta: Uuid, login: Login, args: Vec<Arg> },
    /// Calls the TA.
    Invoke { session: usize, command: u32, args: Vec<Arg> },
    /// Closes session `session`; what is open at the end is closed by itself.
    Close { session: usize },
}

/// Something a client does, and what people are told of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) what: String,
    pub(super) act: Act,
}

/// A client's acts, in order. It starts with no session.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

impl Script {
    /// A script that does nothing yet.
    pub(super) fn new(name: impl Display) -> Self {
        Self { name: name.to_string(), steps: Vec::new() }
    }

    /// A script that has opened session 0 with a TA.
    pub(super) fn with(name: impl Display, ta: Uuid) -> Self {
        let mut script = Self::new(name);
        script.open(0, ta, Vec::new());
        script
    }

    /// Opens a session with the public login.
    pub(super) fn open(&mut self, session: usize, ta: Uuid, args: Vec<Arg>) {
        self.open_as(session, ta, Login::Public, args);
    }

    /// Opens a session.
    pub(super) fn open_as(&mut self, session: usize, ta: Uuid, login: Login, args: Vec<Arg>) {
        let what = format!("open session {session} with {ta}, login {login:?}");
        self.steps.push(Step { what, act: Act::Open { session, ta, login, args } });
    }

    /// Calls the TA of a session.
    pub(super) fn invoke(&mut self, what: impl Display, session: usize, command: u32, args: Vec<Arg>) {
        let act = Act::Invoke { session, command, args };
        self.steps.push(Step { what: what.to_string(), act });
    }

    /// Closes a session.
    pub(super) fn close(&mut self, session: usize) {
        self.steps.push(Step { what: format!("close session {session}"), act: Act::Close { session } });
    }
}
