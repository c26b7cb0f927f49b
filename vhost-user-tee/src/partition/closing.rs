// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How sessions and contexts end.
//!
//! ```text
//!   CLOSE_SESSION ─▶ no new calls ─▶ last call ends ─▶ job: TEE closes it ─▶ answer
//!   CLOSE_DEVICE  ─▶ no new requests, calls cancelled ─▶ last call ends ─▶ jobs: sessions closed
//!                 ─▶ last session gone ─▶ job: memories unmapped, context dropped ─▶ answer
//! ```
//!
//! What keeps a context from closing, a call or the closing of a session, is abandoned after some
//! time ([`reaper`](super::reaper)).
//!
//! No thread waits on the way: whatever ends calls [`Shared::settle`], which says what can be done next.

use std::mem;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use tee::{CancelToken, GiveUp};

use super::tables::{Closing, Context, Session, SessionState, Tables};
use super::{Done, Error, Partition, Shared};
use crate::executor::Job;

/// Calls in flight, by number.
pub(super) type Calls = Vec<(u64, Arc<CancelToken>)>;

/// Jobs that became possible, for the lane they go to.
#[derive(Default)]
#[must_use]
pub(super) struct Jobs {
    closes: Vec<(u64, Job)>,
    control: Vec<(u64, Job)>,
}

impl Partition {
    /// Closes a session, as asked for through `queue`. Calls made before go on, later ones are refused; `done` runs
    /// when the TEE has closed it, without it if refused.
    pub fn close_session(
        &self,
        context: u64,
        session: u32,
        queue: usize,
        done: Done<()>,
    ) -> Result<(), Error> {
        let mut tables = self.shared.lock();
        tables.context(context)?.session(context, session)?.state = SessionState::Closing { done, queue };
        let jobs = self.shared.settle_session(&mut tables, context, session);
        drop(tables);
        self.shared.submit(jobs);
        Ok(())
    }

    /// Closes a context with all it holds; its calls in flight are cancelled. `done` runs when
    /// everything is freed, without it if refused.
    pub fn close_context(&self, context: u64, done: Done<()>) -> Result<(), Error> {
        let mut tables = self.shared.lock();
        let entry = tables.context(context)?;
        entry.closing = Some(Closing { done: Some(done), last_step: false });
        let calls = self.shared.doom(entry);
        let jobs = self.shared.settle(&mut tables, context);
        drop(tables);
        self.shared.submit(jobs);
        self.shared.ask(calls, GiveUp::Cancel);
        Ok(())
    }

    pub(super) fn close_all(&self) {
        let mut calls = Vec::new();
        let mut jobs = Vec::new();
        let mut tables = self.shared.lock();
        let ids: Vec<u64> = tables.contexts.keys().copied().collect();
        for id in ids {
            if let Ok(entry) = tables.context(id) {
                entry.closing = Some(Closing::default());
                calls.extend(self.shared.doom(entry));
                jobs.push(self.shared.settle(&mut tables, id));
            }
        }
        drop(tables);
        for jobs in jobs {
            self.shared.submit(jobs);
        }
        self.shared.ask(calls, GiveUp::Cancel);
    }
}

impl Shared {
    /// Sets a limit to what keeps a closing context from being closed; returns its calls.
    fn doom(&self, context: &Context) -> Calls {
        for session in context.sessions.values() {
            if let SessionState::BeingClosed { token, .. } = &session.state {
                self.reaper.watch(token);
            }
        }
        let calls: Calls = context.calls.iter().map(|(id, call)| (*id, call.cancel.clone())).collect();
        for (_, token) in &calls {
            self.reaper.watch(token);
        }
        calls
    }

    /// Asks calls to give up. One that still waits for a thread is over at once, on this thread.
    pub(super) fn ask(&self, calls: Calls, what: GiveUp) {
        for (id, token) in calls {
            ask(&token, what);
            if let Some(job) = self.executor.calls.take(id) {
                job();
            }
        }
    }

    pub(super) fn submit(&self, jobs: Jobs) {
        for (id, job) in jobs.closes {
            self.executor.closes.submit(id, job);
        }
        for (id, job) in jobs.control {
            self.executor.control.submit(id, job);
        }
    }

    /// What a session that is closing can do next.
    pub(super) fn settle_session(self: &Arc<Self>, tables: &mut Tables, context: u64, session: u32) -> Jobs {
        let mut jobs = Jobs::default();
        let Some(holder) = tables.contexts.get_mut(&context) else {
            return jobs;
        };
        // With its context closing, it keeps that from being closed.
        let watched = holder.closing.is_some();
        let Some(entry) = holder.sessions.get_mut(&session) else {
            return jobs;
        };
        if entry.calls == 0 && matches!(entry.state, SessionState::Closing { .. }) {
            let job = self.begin_close(context, session, entry, watched);
            tables.last_call += 1;
            jobs.closes.push((tables.last_call, job));
        }
        jobs
    }

    /// What a context that is closing can do next.
    pub(super) fn settle(self: &Arc<Self>, tables: &mut Tables, id: u64) -> Jobs {
        let mut jobs = Jobs::default();
        let mut next_id = tables.last_call;
        let Some(context) = tables.contexts.get_mut(&id) else {
            return jobs;
        };
        let Some(closing) = &mut context.closing else {
            return jobs;
        };
        if closing.last_step || !context.calls.is_empty() {
            return jobs;
        }
        for (session, entry) in &mut context.sessions {
            if matches!(entry.state, SessionState::BeingClosed { .. }) {
                continue;
            }
            next_id += 1;
            jobs.closes.push((next_id, self.begin_close(id, *session, entry, true)));
        }
        if context.sessions.is_empty() && context.unmapping == 0 {
            closing.last_step = true;
            next_id += 1;
            let shared = self.clone();
            jobs.control.push((next_id, Box::new(move || shared.free_context(id))));
        }
        tables.last_call = next_id;
        jobs
    }

    /// Marks a session as being closed, and returns the job that closes it. One that is `watched` is
    /// abandoned if that takes too long.
    fn begin_close(self: &Arc<Self>, context: u64, session: u32, entry: &mut Session, watched: bool) -> Job {
        let token = Arc::new(CancelToken::new());
        let being_closed = |queue| SessionState::BeingClosed { token: token.clone(), queue };
        let done = match mem::replace(&mut entry.state, being_closed(None)) {
            SessionState::Closing { done, queue } => {
                entry.state = being_closed(Some(queue));
                Some(done)
            }
            _ => None,
        };
        let (shared, tee) = (self.clone(), entry.tee.clone());
        Box::new(move || {
            if watched {
                shared.reaper.watch(&token);
            }
            if catch_unwind(AssertUnwindSafe(|| tee.close(&token))).is_err() {
                log::error!("the TEE implementation panicked closing session {session}");
            }
            drop(tee);
            let mut tables = shared.lock();
            tables.sessions -= 1;
            let entry = tables.contexts.get_mut(&context).and_then(|c| c.sessions.remove(&session));
            let jobs = shared.settle(&mut tables, context);
            drop(tables);
            drop(entry);
            if let Some(done) = done {
                done(());
            }
            shared.submit(jobs);
        })
    }

    /// The last step: no calls, no sessions; memories are unmapped and the context dropped.
    fn free_context(&self, id: u64) {
        let Some((tee, memories)) = self.lock().contexts.get_mut(&id).map(|context| {
            let memories: Vec<_> = context.memories.drain().map(|(_, entry)| entry.memory).collect();
            (context.tee.clone(), memories)
        }) else {
            return;
        };
        for memory in &memories {
            if catch_unwind(AssertUnwindSafe(|| tee.release_memory(memory))).is_err() {
                log::error!("the TEE implementation panicked unmapping memory of context {id:#x}");
            }
        }
        let mut tables = self.lock();
        let entry = tables.contexts.remove(&id);
        for memory in &memories {
            tables.memories -= 1;
            tables.memory_bytes -= memory.size();
        }
        drop(tables);
        drop(memories);
        let done = entry.and_then(|context| context.closing).and_then(|closing| closing.done);
        if catch_unwind(AssertUnwindSafe(|| drop(tee))).is_err() {
            log::error!("the TEE implementation panicked dropping context {id:#x}");
        }
        if let Some(done) = done {
            done(());
        }
        self.less.notify_all();
    }
}

/// Asks a call, or the closing of a session, to give up.
pub(super) fn ask(token: &CancelToken, what: GiveUp) {
    if catch_unwind(|| token.ask(what)).is_err() {
        log::error!("the TEE implementation panicked asking a call to give up");
    }
}
