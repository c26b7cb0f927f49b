// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A TA as a client of others: what it asks of them while a call of its own runs, on the thread that waits for that
//! call (GP TEE Internal Core API 1.3.1, section 4.9).
//!
//! The process may be hostile: it names sessions, and memory of the call that runs, by numbers, which are looked up.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{fcntl_add_seals, ftruncate, memfd_create, MemfdFlags, SealFlags};
use rustix::io::Errno;
use ta_protocol::memory;
use ta_protocol::message::{self, param_type, ServiceReply, ServiceRequest, MAP_NULL, NUM_PARAMS};
use ta_protocol::session::{
    SessionReply, SessionRequest, SERVICE_CLOSE_SESSION, SERVICE_INVOKE, SERVICE_OPEN_SESSION,
    TIMEOUT_INFINITE,
};
use tee::{gp, CancelToken, Failure, GiveUp, Lifetime, Memory, Origin, Run};
use uuid::Uuid;

use crate::instance::CallTurn;
use crate::params::Outgoing;
use crate::sessions::{Client, Results, Session};
use crate::terms::{earlier, Terms};

/// Sessions that an instance may have with others at a time.
const MAX_SESSIONS: usize = 256;

/// How deep calls of TAs may be, one within the other: each is a process that waits, and takes of the stack of the
/// thread that all are made on.
const MAX_DEPTH: u32 = 16;

const PAGE: u64 = 4096;

/// What an instance has with other TAs.
#[derive(Default)]
pub(crate) struct Outward {
    sessions: Mutex<Sessions>,
    /// The call to another that the call that runs makes.
    inner: Mutex<Option<Inner>>,
}

#[derive(Default)]
struct Sessions {
    open: HashMap<u32, Session>,
    last: u32,
    /// The instance has ended: no more can be had.
    ended: bool,
}

struct Inner {
    cancel: Arc<CancelToken>,
    /// The TA has unmasked cancellation.
    cancellable: bool,
}

impl Outward {
    /// The call that runs is asked to give up, and with it the one that it makes.
    pub(crate) fn ask(&self, what: GiveUp) {
        if let Some(inner) = &*self.inner() {
            if inner.cancellable || what == GiveUp::Abandon {
                inner.cancel.ask(what);
            }
        }
    }

    /// The instance has ended: what its call waits for is of no use any more, and the sessions that it had, which are
    /// returned, are to be closed.
    pub(crate) fn end(&self) -> Vec<Session> {
        if let Some(inner) = &*self.inner() {
            inner.cancel.cancel();
        }
        let mut sessions = self.sessions();
        sessions.ended = true;
        sessions.open.drain().map(|(_, session)| session).collect()
    }

    fn get(&self, number: u32) -> Option<Session> {
        self.sessions().open.get(&number).cloned()
    }

    fn remove(&self, number: u32) -> Option<Session> {
        self.sessions().open.remove(&number)
    }

    fn is_full(&self) -> bool {
        self.sessions().open.len() >= MAX_SESSIONS
    }

    /// Keeps a session; gives it back where the instance has ended.
    fn insert(&self, session: Session) -> Result<u32, Session> {
        let mut sessions = self.sessions();
        if sessions.ended {
            return Err(session);
        }
        loop {
            sessions.last = sessions.last.wrapping_add(1);
            let number = sessions.last;
            if number != 0 && !sessions.open.contains_key(&number) {
                sessions.open.insert(number, session);
                return Ok(number);
            }
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner(&self) -> MutexGuard<'_, Option<Inner>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request is about a session with another TA.
pub(crate) fn serves(service: u32) -> bool {
    matches!(service, SERVICE_OPEN_SESSION | SERVICE_INVOKE | SERVICE_CLOSE_SESSION)
}

/// Memory that the call which runs can pass on.
pub(crate) struct Passable<'a> {
    /// Its own.
    pub(crate) memories: &'a [Arc<Memory>],
    /// What the TA lends: one at a time, so that what it can have of it is bounded.
    lent: Option<Lent>,
}

/// Memory that a TA lends to another. When it is dropped its file becomes empty: what a process keeps of it, mapped
/// or not, is nothing.
struct Lent {
    memory: Arc<Memory>,
    file: Arc<File>,
    /// It has been passed on.
    used: bool,
}

impl<'a> Passable<'a> {
    /// Of a call with `memories`.
    pub(crate) fn new(memories: &'a [Arc<Memory>]) -> Self {
        Self { memories, lent: None }
    }

    /// Parameters as the other TA gets them, memory looked up.
    fn outgoing(&mut self, request: &SessionRequest) -> Result<Outgoing, Failure> {
        let lent = self.lent.as_mut().filter(|lent| !lent.used).map(|lent| {
            lent.used = true;
            lent.memory.clone()
        });
        let mut out = Outgoing {
            types: request.param_types,
            params: [message::Param::default(); NUM_PARAMS],
            memories: Vec::new(),
            lent: lent.as_ref().map(|memory| memory.id()),
        };
        for (index, param) in request.params.iter().enumerate() {
            match param_type::get(request.param_types, index) {
                param_type::VALUE_INPUT | param_type::VALUE_OUTPUT | param_type::VALUE_INOUT => {
                    out.params[index] = *param;
                }
                param_type::MEMREF_INPUT | param_type::MEMREF_OUTPUT | param_type::MEMREF_INOUT => {
                    out.params[index] = *param;
                    if param.a == MAP_NULL {
                        continue;
                    }
                    let memory = self.memories.iter().chain(&lent).find(|memory| memory.id() == param.a);
                    let memory = memory.ok_or(Failure::tee(gp::ERROR_BAD_PARAMETERS))?;
                    if param.b.checked_add(param.size).is_none_or(|end| end > memory.size()) {
                        return Err(Failure::tee(gp::ERROR_BAD_PARAMETERS));
                    }
                    if !out.memories.iter().any(|other| other.id() == param.a) {
                        out.memories.push(memory.clone());
                    }
                }
                // As in OP-TEE, the other TA sees the type, and nothing else.
                _ => {}
            }
        }
        Ok(out)
    }
}

impl CallTurn<'_> {
    /// Makes memory for the TA to lend, and sends it.
    pub(crate) fn lend(&self, request: &ServiceRequest, passable: &mut Passable<'_>) -> ServiceReply {
        let refused = |ret| ServiceReply { ret, ..ServiceReply::default() };
        let [len, ..] = request.args;
        let most = self.terms().instances.heap();
        let Some(len) = len.checked_next_multiple_of(PAGE).filter(|len| (1..=most).contains(len)) else {
            return refused(gp::ERROR_OUT_OF_MEMORY);
        };
        // First what was there before goes.
        passable.lent = None;
        let lent = match Lent::new(len) {
            Ok(lent) => lent,
            Err(error) => {
                self.log_error(&format_args!("memory to lend: {error}"));
                return refused(gp::ERROR_OUT_OF_MEMORY);
            }
        };
        let memory = &lent.memory;
        let runs = memory.runs().iter().map(|run| (&*run.file, run.offset, run.len));
        for part in memory::parts(memory.id(), true, runs, len, |a, b| std::ptr::eq(*a, *b)) {
            // A runtime takes in what it is lent before it asks for more: nothing else is on its way to it.
            if let Err(error) = memory::send_now(self.memory_socket(), &part) {
                self.violation(&error);
                return refused(gp::ERROR_GENERIC);
            }
        }
        let id = memory.id();
        passable.lent = Some(lent);
        ServiceReply { ret: gp::SUCCESS, values: [id, 0, 0, 0, 0, 0], ..ServiceReply::default() }
    }

    /// Opens, uses or closes a session with another TA.
    pub(crate) fn serve_session(
        &self,
        request: &SessionRequest,
        passable: &mut Passable<'_>,
    ) -> SessionReply {
        let mut results = None;
        let result = match request.service {
            SERVICE_OPEN_SESSION => self.open_inner(request, passable, &mut results),
            SERVICE_INVOKE => self.invoke_inner(request, passable, &mut results).map(|()| 0),
            _ => self.close_inner(request.session).map(|()| 0),
        };
        let params = results.unwrap_or_default();
        let reply = SessionReply { returned: results.is_some().into(), params, ..SessionReply::default() };
        match result {
            Ok(session) => SessionReply { session, origin: Origin::TrustedApp as u32, ..reply },
            Err(Failure { ret, origin }) => SessionReply { ret, origin: origin as u32, ..reply },
        }
    }

    fn open_inner(
        &self,
        request: &SessionRequest,
        passable: &mut Passable<'_>,
        results: &mut Results,
    ) -> Result<u32, Failure> {
        let out = passable.outgoing(request)?;
        if self.outward().is_full() || self.terms().instances.closes_too_many() {
            return Err(Failure::tee(gp::ERROR_OUT_OF_MEMORY));
        }
        let client = Client { login: gp::LOGIN_TRUSTED_APP, uuid: self.instance().uuid() };
        let destination = Uuid::from_bytes(request.destination);
        self.inner_call(request, |terms| {
            let session = Session::open(terms, destination, client, &out, results)?;
            self.outward().insert(session).map_err(|session| {
                session.close(terms);
                Failure::tee(gp::ERROR_TARGET_DEAD)
            })
        })
    }

    fn invoke_inner(
        &self,
        request: &SessionRequest,
        passable: &mut Passable<'_>,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let session = self.outward().get(request.session);
        let session = session.ok_or(Failure::tee(gp::ERROR_BAD_PARAMETERS))?;
        let out = passable.outgoing(request)?;
        self.inner_call(request, |terms| session.invoke(terms, request.command, &out, results))
    }

    fn close_inner(&self, number: u32) -> Result<(), Failure> {
        let session = self.outward().remove(number).ok_or(Failure::tee(gp::ERROR_ITEM_NOT_FOUND))?;
        let uncancelled = SessionRequest { timeout: TIMEOUT_INFINITE, ..SessionRequest::default() };
        let closed = self.inner_call(&uncancelled, |terms| {
            session.close(terms);
            Ok(())
        });
        if closed.is_err() {
            // Too deep to be told now.
            self.terms().instances.close_later(vec![session]);
        }
        Ok(())
    }

    /// Makes a call to another TA, on the terms of the call that runs.
    fn inner_call<R>(
        &self,
        request: &SessionRequest,
        call: impl FnOnce(Terms<'_>) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let own = self.terms();
        if own.depth >= MAX_DEPTH {
            return Err(Failure::tee(gp::ERROR_OUT_OF_MEMORY));
        }
        let cancellable = request.cancellable != 0;
        let cancel = Arc::new(CancelToken::new());
        *self.outward().inner() = Some(Inner { cancel: cancel.clone(), cancellable });
        // What has been asked before this was there to be asked.
        match self.asked_to_give_up() {
            Some(GiveUp::Abandon) => cancel.ask(GiveUp::Abandon),
            Some(GiveUp::Cancel) if cancellable => cancel.cancel(),
            _ if self.is_dying() => cancel.cancel(),
            _ => {}
        }
        let timeout = match request.timeout {
            TIMEOUT_INFINITE => None,
            millis => Instant::now().checked_add(Duration::from_millis(millis.into())),
        };
        // OP-TEE's own library passes 0 where it means no limit: it has the call cancelled as soon as it begins, which
        // only a TA that has unmasked cancellation notices.
        let begin_until = timeout.filter(|_| request.timeout != 0);
        let inherit = |at: Option<Instant>| at.filter(|_| cancellable);
        let result = call(Terms {
            instances: own.instances,
            caller: Some(self.instance()),
            cancel: &cancel,
            cancel_at: earlier(timeout, inherit(own.cancel_at)),
            begin_until: earlier(begin_until, inherit(own.cancel_at)),
            kill_at: own.kill_at,
            depth: own.depth + 1,
        });
        *self.outward().inner() = None;
        result
    }
}

impl Lent {
    /// Memory of `len` bytes, a multiple of the page size, of zeros. The sandbox of TAs lets none of them make its file
    /// shorter, which would harm the other, and nobody can make it longer.
    fn new(len: u64) -> Result<Self, Errno> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file: OwnedFd = memfd_create("ta-lent", flags)?;
        ftruncate(&file, len)?;
        fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SEAL)?;
        let file = Arc::new(File::from(file));
        let run = Run { file: file.clone(), offset: 0, len };
        Ok(Self { memory: Arc::new(Memory::new(vec![run], Lifetime::Transient)), file, used: false })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // It fails for files that are sealed against it only.
        let emptied = ftruncate(&*self.file, 0);
        debug_assert!(emptied.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memref(memory: &Memory, offset: u64, size: u64) -> message::Param {
        message::Param { a: memory.id(), b: offset, size }
    }

    #[test]
    fn only_what_the_call_has_is_passed_on() {
        let memories = [Lent::new(PAGE).unwrap().memory.clone()];
        let lent = Lent::new(PAGE).unwrap();
        let (memory, other) = (&memories[0], lent.memory.clone());
        let types = param_type::MEMREF_INPUT | param_type::MEMREF_INOUT << 4 | param_type::VALUE_INPUT << 8;
        let value = message::Param { a: 1, b: 2, size: 0 };
        let request = |first, second| {
            let params = [first, second, value, value];
            SessionRequest { param_types: types | 4 << 12, params, ..Default::default() }
        };
        let null = message::Param { a: MAP_NULL, b: 0, size: 3 };
        let mut passable = Passable::new(&memories);
        let out = passable.outgoing(&request(memref(memory, 5, PAGE - 5), null)).unwrap();
        assert_eq!((out.memories.len(), out.params[1], out.params[2]), (1, null, value));
        // A type that there is not passes nothing.
        assert_eq!((out.types >> 12, out.params[3]), (4, message::Param::default()));
        for bad in [memref(memory, 5, PAGE - 4), memref(memory, u64::MAX, 1), memref(&other, 0, 1)] {
            let refused = passable.outgoing(&request(bad, null)).unwrap_err();
            assert_eq!(refused, Failure::tee(gp::ERROR_BAD_PARAMETERS));
        }
        // What is lent is lent once.
        passable.lent = Some(lent);
        let both = request(memref(memory, 0, 1), memref(&other, 0, 1));
        let out = passable.outgoing(&both).unwrap();
        assert_eq!((out.memories.len(), out.lent), (2, Some(other.id())));
        assert_eq!(passable.outgoing(&both).unwrap_err(), Failure::tee(gp::ERROR_BAD_PARAMETERS));
    }

    #[test]
    fn nothing_is_left_of_what_was_lent() {
        let lent = Lent::new(PAGE).unwrap();
        let kept = lent.memory.runs()[0].file.clone();
        assert_eq!(kept.metadata().unwrap().len(), PAGE);
        drop(lent);
        assert_eq!(kept.metadata().unwrap().len(), 0);
        assert!(kept.set_len(PAGE).is_err());
    }
}
