// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Carrying calls out: the main thread's loop, and what the services know of the call that runs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use ta_protocol::mailbox::Turn;
use ta_protocol::message::{
    param_type, Call, Param, Reply, MAP_NULL, NUM_PARAMS, OP_CLOSE, OP_DESTROY, OP_INVOKE, OP_OPEN,
    OUTCOME_NOT_CREATED, OUTCOME_NOT_MAPPED, OUTCOME_RETURNED,
};
use tee::gp;
use uuid::Uuid;

use crate::gp as front_end;
use crate::guest_memory::{self, CallMaps};
use crate::process;
use crate::services::instance::Identity;
use crate::services::memory::Access;
use crate::services::{log, Level};
use crate::sys::library::{EntryPoints, SessionPointer, TeeParam, TeeParams};

/// Memory of the client's that the call that runs is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MemRef {
    /// Where it is in this process.
    range: Range<usize>,
    /// What its type grants.
    access: Access,
    /// The map that it lies in.
    map: u64,
    /// Where it begins in that.
    offset: u64,
}

/// What the services know of the call that runs.
#[derive(Default)]
struct Current {
    client: Option<Identity>,
    memrefs: Vec<MemRef>,
}

thread_local! {
    static CURRENT: RefCell<Current> = RefCell::default();
}

/// The client of the session whose entry point runs.
pub(crate) fn client() -> Option<Identity> {
    CURRENT.with_borrow(|current| current.client)
}

/// How the call that runs may access `range`, if that lies within one of its memrefs. Where it lies
/// in several, what they allow adds up.
pub(crate) fn memref_access(range: Range<usize>) -> Option<Access> {
    CURRENT.with_borrow(|current| {
        current
            .memrefs
            .iter()
            .filter(|memref| memref.holds(&range))
            .map(|memref| memref.access)
            .reduce(|a, b| Access { read: a.read || b.read, write: a.write || b.write })
    })
}

/// The map that `range` lies in and where it begins there, if it lies within a memref of the call that runs; one
/// that may be written, where `write` asks for that.
pub(crate) fn in_map(range: &Range<usize>, write: bool) -> Option<(u64, u64)> {
    CURRENT.with_borrow(|current| {
        let fits = |memref: &&MemRef| memref.holds(range) && (memref.access.write || !write);
        let memref = current.memrefs.iter().find(fits)?;
        Some((memref.map, memref.offset + (range.start - memref.range.start) as u64))
    })
}

impl MemRef {
    fn holds(&self, range: &Range<usize>) -> bool {
        self.range.start <= range.start && range.end <= self.range.end
    }
}

struct Session {
    client: Identity,
    pointer: SessionPointer,
}

/// The TA, ready to be called.
pub(crate) struct Calls {
    /// None once it has been destroyed; no call comes after that.
    ta: Option<EntryPoints>,
    created: bool,
    sessions: HashMap<u32, Session>,
}

impl Calls {
    /// Of the TA with `entry_points`.
    pub(crate) fn new(entry_points: EntryPoints) -> Self {
        Self { ta: Some(entry_points), created: false, sessions: HashMap::new() }
    }

    /// Carries out the daemon's calls until the daemon ends the process.
    pub(crate) fn run(mut self) -> ! {
        let process = process::this();
        let mut mine = Turn::Idle;
        loop {
            if process.mailbox().wait_after(mine, process.patience()) != Some(Turn::Call) {
                process::exit(1);
            }
            let call: Call = process.mailbox().read();
            let reply = self.carry_out(&call);
            process.mailbox().write(&reply);
            mine = Turn::Reply;
            process.mailbox().hand_over(mine);
        }
    }

    fn carry_out(&mut self, call: &Call) -> Reply {
        // Unmaps what is this call's own when this function returns, before the reply is sent.
        let _call_maps = match CallMaps::take_in(process::this().memory_socket(), call.new_maps) {
            Ok(maps) => maps,
            Err(error @ guest_memory::Error::Map(_)) => {
                log(Level::Error, &error.to_string());
                let ret = gp::ERROR_OUT_OF_MEMORY;
                return Reply { outcome: OUTCOME_NOT_MAPPED, ret, ..Reply::default() };
            }
            Err(guest_memory::Error::Socket(_)) => process::exit(1),
        };
        let (mut params, memrefs) = params_in(call);
        let mut outcome = OUTCOME_RETURNED;
        let ret = match call.op {
            OP_OPEN => self.open(call, &mut params, memrefs, &mut outcome),
            OP_INVOKE => self.invoke(call, &mut params, memrefs),
            OP_CLOSE => self.close(call),
            OP_DESTROY => self.destroy(),
            // The daemon makes no others.
            _ => process::exit(1),
        };
        CURRENT.set(Current::default());
        Reply { outcome, ret, params: params_out(call.param_types, &params) }
    }

    fn open(&mut self, call: &Call, params: &mut TeeParams, memrefs: Vec<MemRef>, outcome: &mut u32) -> u32 {
        if !self.created {
            let ret = entry_point(|| self.ta().create());
            if ret != gp::SUCCESS {
                *outcome = OUTCOME_NOT_CREATED;
                return ret;
            }
            self.created = true;
        }
        let client = Identity { login: call.login, uuid: Uuid::from_bytes(call.client) };
        CURRENT.set(Current { client: Some(client), memrefs });
        let mut pointer = SessionPointer::default();
        let ret = entry_point(|| self.ta().open_session(call.param_types, params, &mut pointer));
        if ret == gp::SUCCESS {
            self.sessions.insert(call.session, Session { client, pointer });
        }
        ret
    }

    fn invoke(&self, call: &Call, params: &mut TeeParams, memrefs: Vec<MemRef>) -> u32 {
        let Some(session) = self.sessions.get(&call.session) else { process::exit(1) };
        CURRENT.set(Current { client: Some(session.client), memrefs });
        entry_point(|| self.ta().invoke(&session.pointer, call.func, call.param_types, params))
    }

    fn close(&mut self, call: &Call) -> u32 {
        let Some(session) = self.sessions.remove(&call.session) else { process::exit(1) };
        CURRENT.set(Current { client: Some(session.client), memrefs: Vec::new() });
        entry_point(|| self.ta().close_session(session.pointer));
        gp::SUCCESS
    }

    fn destroy(&mut self) -> u32 {
        if self.created {
            entry_point(|| self.ta().destroy());
        }
        // The destructors of its global objects run, as on OP-TEE.
        entry_point(|| drop(self.ta.take()));
        gp::SUCCESS
    }

    fn ta(&self) -> &EntryPoints {
        match &self.ta {
            Some(ta) => ta,
            // The daemon ends the process after the call that destroys.
            None => process::exit(1),
        }
    }
}

/// Calls into the TA.
fn entry_point<R>(call: impl FnOnce() -> R) -> R {
    front_end::begin_call();
    let result = call();
    front_end::end_call();
    result
}

/// The parameters as the TA gets them, and where its memrefs are.
fn params_in(call: &Call) -> (TeeParams, Vec<MemRef>) {
    let mut memrefs = Vec::new();
    let params = std::array::from_fn(|index| {
        let Param { a, b, size } = call.params[index];
        let access = match param_type::get(call.param_types, index) {
            param_type::VALUE_INPUT | param_type::VALUE_INOUT => return TeeParam::value(a as u32, b as u32),
            param_type::MEMREF_INPUT => Access { read: true, write: false },
            param_type::MEMREF_OUTPUT => Access { read: false, write: true },
            param_type::MEMREF_INOUT => Access { read: true, write: true },
            _ => return TeeParam::default(),
        };
        if a == MAP_NULL {
            return TeeParam::memref(0, size as usize);
        }
        // The daemon has checked it against the memory, and mapped it.
        let Some(at) = guest_memory::address(a, b, size) else { process::exit(1) };
        memrefs.push(MemRef { range: at..at + size as usize, access, map: a, offset: b });
        TeeParam::memref(at, size as usize)
    });
    (params, memrefs)
}

/// The parameters as the TA left them.
fn params_out(types: u32, params: &TeeParams) -> [Param; NUM_PARAMS] {
    std::array::from_fn(|index| match param_type::get(types, index) {
        param_type::VALUE_OUTPUT | param_type::VALUE_INOUT => {
            let (a, b) = params[index].as_value();
            Param { a: a.into(), b: b.into(), size: 0 }
        }
        param_type::MEMREF_OUTPUT | param_type::MEMREF_INOUT => {
            Param { a: 0, b: 0, size: params[index].size() }
        }
        _ => Param::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outputs_go_out() {
        let types = param_type::set(0, 0, param_type::VALUE_INPUT);
        let types = param_type::set(types, 1, param_type::VALUE_OUTPUT);
        let types = param_type::set(types, 2, param_type::MEMREF_OUTPUT);
        let params =
            [TeeParam::value(1, 2), TeeParam::value(3, 4), TeeParam::memref(0x1000, 5), TeeParam::default()];
        let out = params_out(types, &params);
        assert_eq!(out[0], Param::default());
        assert_eq!((out[1].a, out[1].b), (3, 4));
        assert_eq!(out[2], Param { a: 0, b: 0, size: 5 });
    }

    #[test]
    fn a_memref_without_memory_keeps_its_size() {
        let mut call = Call { param_types: param_type::MEMREF_INOUT, ..Call::default() };
        call.params[0].size = 9;
        let (params, memrefs) = params_in(&call);
        assert_eq!(params[0], TeeParam::memref(0, 9));
        assert!(memrefs.is_empty());
    }

    #[test]
    fn access_is_that_of_the_memrefs_that_hold_the_range() {
        let read = Access { read: true, write: false };
        let write = Access { read: false, write: true };
        let memrefs = vec![
            MemRef { range: 100..200, access: read, map: 7, offset: 1000 },
            MemRef { range: 150..300, access: write, map: 8, offset: 0 },
        ];
        CURRENT.set(Current { client: None, memrefs });
        assert_eq!(memref_access(100..200), Some(read));
        assert_eq!(memref_access(150..200), Some(Access { read: true, write: true }));
        assert_eq!(memref_access(140..201), None);
        assert_eq!(in_map(&(160..170), false), Some((7, 1060)));
        assert_eq!(in_map(&(160..170), true), Some((8, 10)));
        assert_eq!(in_map(&(140..170), true), None);
    }
}
