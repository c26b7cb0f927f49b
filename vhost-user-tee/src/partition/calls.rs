// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Opening sessions, invoking, cancelling.

use std::ops::Range;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, MutexGuard};

use tee::{gp, Access, CancelToken, Failure, GiveUp, Lifetime, MemRef, Memory, OpenSession, Param, Run};

use super::closing::{ask, Calls};
use super::tables::{Call, Context, Session, SessionState, Tables};
use super::{Done, Error, Partition, Shared};

/// A parameter as the guest describes it, with addresses translated and nothing else checked.
#[derive(Debug)]
pub enum Argument {
    /// Not used.
    None,
    /// Three numbers.
    Value {
        /// Direction.
        access: Access,
        /// First.
        a: u64,
        /// Second.
        b: u64,
        /// Third.
        c: u64,
    },
    /// Shared memory.
    MemRef {
        /// Direction.
        access: Access,
        /// Which memory.
        buffer: Buffer,
        /// Offset in it, in bytes.
        offset: u64,
        /// Size in bytes.
        size: u64,
    },
}

/// The memory of a memref.
#[derive(Debug)]
pub enum Buffer {
    /// GP's NULL memref.
    Null,
    /// Registered, by handle.
    Registered(u64),
    /// For this call; lengths add up in 64 bits.
    Transient(Vec<Run>),
}

/// What a call is found by while it is in flight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tag {
    /// The queue that it came through.
    pub queue: usize,
    /// What the guest calls it in [`Partition::cancel`], if not zero.
    pub cancel_id: u32,
}

/// What became of a call that was made.
#[derive(Debug)]
pub struct Outcome {
    /// The session it opened, zero where it opened none; or what the TEE says.
    pub result: Result<u32, Failure>,
    /// The parameters as the TEE left them.
    pub params: Vec<Param>,
}

enum Target {
    Open { context: Arc<dyn tee::Context>, request: OpenSession },
    Invoke { session: Arc<dyn tee::Session>, func: u32 },
}

enum Made {
    Opened(Arc<dyn tee::Session>),
    Invoked,
}

impl Partition {
    /// Opens a session. `done` runs when the call has ended, without it if refused.
    pub fn open_session(
        &self,
        context: u64,
        request: OpenSession,
        arguments: Vec<Argument>,
        tag: Tag,
        done: Done<Result<Outcome, Error>>,
    ) -> Result<(), Error> {
        let mut tables = self.shared.lock();
        let entry = tables.context(context)?;
        let tee = entry.tee.clone();
        let (params, memories) = entry.resolve(context, arguments)?;
        let max_sessions = self.shared.limits.max_sessions;
        // Numbers are given out when calls end; so many calls at most are on their way to one.
        if entry.last_session >= u32::MAX - max_sessions {
            return Err(Error::Limit("session numbers"));
        }
        if tables.sessions >= max_sessions {
            return Err(Error::Limit("sessions"));
        }
        tables.sessions += 1;
        let lent = has_memory(&params);
        let call = Call { session: 0, tag, cancel: Arc::default(), lent, memories, ended: false };
        self.submit(tables, context, call, Target::Open { context: tee, request }, params, done)
    }

    /// Calls a function of the session's TA; see [`Partition::open_session`].
    pub fn invoke(
        &self,
        context: u64,
        session: u32,
        func: u32,
        arguments: Vec<Argument>,
        tag: Tag,
        done: Done<Result<Outcome, Error>>,
    ) -> Result<(), Error> {
        let mut tables = self.shared.lock();
        let entry = tables.context(context)?;
        let tee = entry.session(context, session)?.tee.clone();
        let (params, memories) = entry.resolve(context, arguments)?;
        entry.session(context, session)?.calls += 1;
        let lent = has_memory(&params);
        let call = Call { session, tag, cancel: Arc::default(), lent, memories, ended: false };
        self.submit(tables, context, call, Target::Invoke { session: tee, func }, params, done)
    }

    /// Cancels the calls named `cancel_id` on `session` (zero: those that open one).
    pub fn cancel(&self, context: u64, session: u32, cancel_id: u32) -> Result<(), Error> {
        let calls: Calls = self
            .shared
            .lock()
            .context(context)?
            .calls
            .iter()
            .filter(|(_, call)| cancel_id != 0 && call.session == session && call.tag.cancel_id == cancel_id)
            .filter(|(_, call)| !call.ended)
            .map(|(id, call)| (*id, call.cancel.clone()))
            .collect();
        if calls.is_empty() {
            return Err(Error::NoCall);
        }
        self.shared.ask(calls, GiveUp::Cancel);
        Ok(())
    }

    /// Asks every call in flight that came through one of `queues` to give up; and the closing of a session, if it
    /// is to be abandoned, since it cannot be cancelled.
    pub fn ask_queues(&self, queues: &Range<usize>, what: GiveUp) {
        let tables = self.shared.lock();
        let calls = tables.contexts.values().flat_map(|context| &context.calls);
        let calls = calls
            .filter(|(_, call)| queues.contains(&call.tag.queue))
            .map(|(id, call)| (*id, call.cancel.clone()))
            .collect();
        let sessions = tables.contexts.values().flat_map(|context| context.sessions.values());
        let closings: Vec<_> = sessions
            .filter_map(|session| match &session.state {
                SessionState::BeingClosed { token, queue: Some(queue) }
                    if what == GiveUp::Abandon && queues.contains(queue) =>
                {
                    Some(token.clone())
                }
                _ => None,
            })
            .collect();
        drop(tables);
        self.shared.ask(calls, what);
        closings.iter().for_each(|token| ask(token, what));
    }

    fn submit(
        &self,
        mut tables: MutexGuard<'_, Tables>,
        context: u64,
        call: Call,
        target: Target,
        mut params: Vec<Param>,
        done: Done<Result<Outcome, Error>>,
    ) -> Result<(), Error> {
        tables.last_call += 1;
        tables.totals.calls += 1;
        let id = tables.last_call;
        let cancel = call.cancel.clone();
        let entry = tables.context(context)?;
        for memory in &call.memories {
            if let Some(registered) = entry.memories.get_mut(memory) {
                registered.uses += 1;
            }
        }
        entry.calls.insert(id, call);
        drop(tables);
        let shared = self.shared.clone();
        let job = move || {
            let made = if cancel.is_cancelled() {
                Ok(Err(Failure::tee(gp::ERROR_CANCEL)))
            } else {
                catch_unwind(AssertUnwindSafe(|| target.make(&mut params, &cancel)))
                    .map_err(|_| Error::Panicked)
            };
            shared.end_call(context, id, made, params, done);
        };
        self.shared.executor.calls.submit(id, Box::new(job));
        Ok(())
    }
}

/// Whether any of it is memory of the guest's.
fn has_memory(params: &[Param]) -> bool {
    params.iter().any(|param| matches!(param, Param::MemRef { buffer: Some(_), .. }))
}

impl Target {
    fn make(self, params: &mut [Param], cancel: &CancelToken) -> Result<Made, Failure> {
        match self {
            Self::Open { context, request } => {
                context.open_session(&request, params, cancel).map(Made::Opened)
            }
            Self::Invoke { session, func } => session.invoke(func, params, cancel).map(|()| Made::Invoked),
        }
    }
}

impl Shared {
    fn end_call(
        self: &Arc<Self>,
        context: u64,
        id: u64,
        made: Result<Result<Made, Failure>, Error>,
        params: Vec<Param>,
        done: Done<Result<Outcome, Error>>,
    ) {
        let answer = self.lock().end_call(context, id, made);
        done(answer.map(|result| Outcome { result, params }));
        // Only now: whoever closes its session or context is answered after it.
        let mut tables = self.lock();
        let session = tables.forget_call(context, id);
        let mut jobs = vec![self.settle(&mut tables, context)];
        if let Some(session) = session {
            jobs.push(self.settle_session(&mut tables, context, session));
        }
        if tables.outwaiting > 0 {
            self.less.notify_all();
        }
        drop(tables);
        for jobs in jobs {
            self.submit(jobs);
        }
    }
}

impl Tables {
    /// Books what a call has made, and lets go of its memory. Returns its answer.
    fn end_call(
        &mut self,
        context: u64,
        id: u64,
        made: Result<Result<Made, Failure>, Error>,
    ) -> Result<Result<u32, Failure>, Error> {
        // A context outlives its calls, so both are there.
        let entry = self.contexts.get_mut(&context).ok_or(Error::NoContext(context))?;
        let call = entry.calls.get_mut(&id).ok_or(Error::NoCall)?;
        call.ended = true;
        for memory in std::mem::take(&mut call.memories) {
            if let Some(registered) = entry.memories.get_mut(&memory) {
                registered.uses -= 1;
            }
        }
        if call.session == 0 && !matches!(made, Ok(Ok(_))) {
            self.sessions -= 1;
        }
        match made? {
            Ok(Made::Opened(tee)) => {
                entry.last_session += 1;
                let opened = Session { tee, calls: 0, state: SessionState::Open };
                entry.sessions.insert(entry.last_session, opened);
                self.totals.sessions += 1;
                if entry.closing.is_some() {
                    // The call still counts, so the session is there to be closed with the context.
                    return Err(Error::NoContext(context));
                }
                Ok(Ok(entry.last_session))
            }
            Ok(Made::Invoked) => Ok(Ok(0)),
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Takes a call off the books. Returns the session that has one less.
    fn forget_call(&mut self, context: u64, id: u64) -> Option<u32> {
        let entry = self.contexts.get_mut(&context)?;
        let call = entry.calls.remove(&id)?;
        let session = entry.sessions.get_mut(&call.session)?;
        session.calls -= 1;
        Some(call.session)
    }
}

impl Context {
    /// Looks up and checks the memory of every parameter. Returns the parameters, and which
    /// registered memories they use.
    fn resolve(&self, id: u64, arguments: Vec<Argument>) -> Result<(Vec<Param>, Vec<u64>), Error> {
        let mut params = Vec::with_capacity(arguments.len());
        let mut memories = Vec::new();
        for (index, argument) in arguments.into_iter().enumerate() {
            params.push(match argument {
                Argument::None => Param::None,
                Argument::Value { access, a, b, c } => Param::Value { access, a, b, c },
                Argument::MemRef { access, buffer, offset, size } => {
                    let memory = match buffer {
                        Buffer::Null if offset == 0 => None,
                        Buffer::Null => return Err(Error::Range { index, offset, size }),
                        Buffer::Registered(memory) => {
                            let Some(registered) = self.memories.get(&memory) else {
                                return Err(Error::NoMemory { context: id, memory });
                            };
                            memories.push(memory);
                            Some(registered.memory.clone())
                        }
                        Buffer::Transient(runs) => Some(Arc::new(Memory::new(runs, Lifetime::Transient))),
                    };
                    if let Some(memory) = &memory {
                        if offset.checked_add(size).is_none_or(|end| end > memory.size()) {
                            return Err(Error::Range { index, offset, size });
                        }
                    }
                    let buffer = memory.map(|memory| MemRef { memory, offset });
                    Param::MemRef { access, buffer, size }
                }
            });
        }
        Ok((params, memories))
    }
}
