// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The crypto check TA (`integration/tas/crypto-check/include/crypto_check_ta.h`): each call from here is one of the
//! API's functions called inside the TA.

#![allow(dead_code)] // Each test program uses some of it.

pub(crate) mod asymmetric;
#[path = "../../../../integration/tas/crypto-check/calls.rs"]
pub(crate) mod calls;
pub(crate) mod ciphers;
#[path = "../common/mod.rs"]
pub(crate) mod common;

use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub(crate) use calls::*;
use common::{context, invoke, memref, open, soft_tee, Ram, PAGE};
use soft_tee::SoftTee;
use tee::{gp, Access, CancelToken, Failure, Lifetime, Memory, Param, Session};
use uuid::{uuid, Uuid};

const CHECK: Uuid = uuid!("a5a3d9a0-6e0e-4c4e-9a55-6f0f8d1f3b27");
/// Built for API 1.1.
const CHECK_GP11: Uuid = uuid!("3f0a1d0e-52c7-4b7b-8a39-0f6b51c9e6d4");

/// Pages for what goes in, and as many for what comes out.
const PAGES: u64 = 64;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) result: u32,
    rest: Vec<u8>,
}

impl Reply {
    fn take(&mut self, len: usize) -> Vec<u8> {
        let rest = self.rest.split_off(len);
        std::mem::replace(&mut self.rest, rest)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    /// All there is, as numbers.
    pub(crate) fn u32s(&mut self) -> Vec<u32> {
        let count = self.rest.len() / 4;
        (0..count).map(|_| self.u32()).collect()
    }

    /// The length that was told, and the bytes, of which there are none after a failure.
    pub(crate) fn output(&mut self) -> (usize, Vec<u8>) {
        let len = self.u32() as usize;
        let bytes = if self.result == gp::SUCCESS { self.take(len) } else { Vec::new() };
        (len, bytes)
    }

    /// The bytes of a call that succeeded.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        assert_eq!(self.result, gp::SUCCESS, "{:#x}", self.result);
        self.output().1
    }
}

/// An instance of the TA.
pub(crate) struct Ta {
    tee: Arc<SoftTee>,
    session: Arc<dyn Session>,
    ram: Ram,
    memory: Arc<Memory>,
}

/// Versions of the API that there are TAs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Now,
    Gp11,
}

pub(crate) const APIS: [Api; 2] = [Api::Now, Api::Gp11];

impl Ta {
    pub(crate) fn new(name: &str, api: Api) -> Self {
        Self::of(Arc::new(soft_tee(&format!("{name}-{api:?}"))), api)
    }

    /// An instance in `tee`, which may have others.
    pub(crate) fn of(tee: Arc<SoftTee>, api: Api) -> Self {
        let session = Self::open(&tee, api);
        let ram = Ram::new(2 * PAGES);
        let memory = ram.memory(Lifetime::Transient, &[(0, 2 * PAGES)]);
        Self { tee, session, ram, memory }
    }

    fn open(tee: &SoftTee, api: Api) -> Arc<dyn Session> {
        let uuid = match api {
            Api::Now => CHECK,
            Api::Gp11 => CHECK_GP11,
        };
        open(&context(tee), uuid).unwrap()
    }

    /// Calls a function; fails where it does not return.
    pub(crate) fn try_call(&self, call: Call, args: Args) -> Result<Reply, Failure> {
        assert!(args.0.len() as u64 <= PAGES * PAGE, "too much at once");
        self.ram.file.write_all_at(&args.0, 0).unwrap();
        let mut params = [
            memref(Access::Input, &self.memory, 0, args.0.len() as u64),
            memref(Access::Output, &self.memory, PAGES * PAGE, PAGES * PAGE),
        ];
        invoke(&self.session, call as u32, &mut params)?;
        let Param::MemRef { size, .. } = params[1] else { panic!("no memref") };
        let mut rest = vec![0; size as usize];
        self.ram.file.read_exact_at(&mut rest, PAGES * PAGE).unwrap();
        let mut reply = Reply { result: 0, rest };
        reply.result = reply.u32();
        Ok(reply)
    }

    pub(crate) fn call(&self, call: Call, args: Args) -> Reply {
        self.try_call(call, args).unwrap_or_else(|failure| panic!("{call:?}: {failure:?}"))
    }

    /// Calls a function that has to succeed.
    pub(crate) fn ok(&self, call: Call, args: Args) -> Reply {
        let reply = self.call(call, args);
        assert_eq!(reply.result, gp::SUCCESS, "{call:?}: {:#x}", reply.result);
        reply
    }

    /// Calls a function that has to end the TA. After it comes a new instance.
    pub(crate) fn panics(&mut self, call: Call, args: Args, api: Api) {
        let ended = self.try_call(call, args);
        assert_eq!(ended, Err(Failure::tee(gp::ERROR_TARGET_DEAD)), "{call:?}");
        self.reopen(api);
    }

    /// A new instance in the place of one that has ended.
    pub(crate) fn reopen(&mut self, api: Api) {
        self.session.close(&CancelToken::new());
        self.session = Self::open(&self.tee, api);
    }

    /// A key in a slot, in the place of what was there.
    pub(crate) fn key(&self, slot: u32, kind: u32, max: u32, key: &[u8]) {
        self.ok(Call::AllocateObject, args(&[slot, kind, max]));
        self.ok(Call::Populate, args(&[slot, 1, SECRET_VALUE]).bytes(key));
    }

    /// An object in a slot, in the place of what was there, made from attributes.
    pub(crate) fn object(&self, slot: u32, kind: u32, max: u32, attributes: &[Attribute<'_>]) {
        self.ok(Call::AllocateObject, args(&[slot, kind, max]));
        self.ok(Call::Populate, args(&[slot]).attributes(attributes));
    }

    /// What an object has for an attribute that is a buffer.
    pub(crate) fn buffer(&self, slot: u32, id: u32) -> Vec<u8> {
        self.call(Call::BufferAttribute, args(&[slot, id, 600])).bytes()
    }

    /// An operation in a slot, with the key in a slot for objects.
    pub(crate) fn operation(&self, slot: u32, algorithm: u32, mode: u32, max: u32, key: u32) {
        self.ok(Call::AllocateOperation, args(&[slot, algorithm, mode, max]));
        self.ok(Call::SetKey, args(&[slot, key]));
    }

    /// Ends what is in these slots.
    pub(crate) fn free(&self, operations: &[u32], objects: &[u32]) {
        for slot in operations {
            self.ok(Call::FreeOperation, args(&[*slot]));
        }
        for slot in objects {
            self.ok(Call::FreeObject, args(&[*slot]));
        }
    }
}

impl Drop for Ta {
    fn drop(&mut self) {
        self.session.close(&CancelToken::new());
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Cuts data into pieces, some of them empty, as a seed has it.
pub(crate) fn pieces(data: &[u8], random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut rest = data;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let most = if random.bool() { 20 } else { 100 };
        let (piece, after) = rest.split_at(random.usize(0..=rest.len().min(most)));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}
