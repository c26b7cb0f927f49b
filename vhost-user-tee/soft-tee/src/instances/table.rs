// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The books: which instances there are, who shares them, and what follows the end of one.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tee::{gp, CancelToken, Failure};
use uuid::Uuid;

use super::{Instances, Lease};
use crate::death::Death;
use crate::instance::Instance;
use crate::sessions::Session;
use crate::terms::Terms;

/// Most threads of a VM that close sessions: as many TAs can let that wait, and others not yet.
const CLOSERS: usize = 16;

/// Sessions that wait to be closed from which on TAs open no further ones: a few times what one TA can leave. What there
/// can be is these, and what TAs have open.
const MAX_TO_CLOSE: usize = 1024;

/// A TA has another session, and takes no second one.
const BUSY: Failure = Failure::tee(gp::ERROR_BUSY);
/// How long who opens a session waits for others to be closed.
const UNTIL_CLOSED: Duration = Duration::from_secs(1);

/// A single instance.
pub(super) struct Single {
    pub(super) instance: Arc<Instance>,
    /// Sessions that are open, being opened or being closed.
    pub(super) sessions: usize,
    /// It has died, and is kept so.
    pub(super) crashed: bool,
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) single: HashMap<Uuid, Single>,
    /// All whose process has not ended.
    pub(super) alive: Vec<Arc<Instance>>,
    pub(super) closings: Closings,
    /// No new ones.
    pub(super) closed: bool,
}

impl Table {
    /// Joins the single instance of `uuid`, if there is one.
    pub(super) fn join(&mut self, uuid: Uuid) -> Result<Option<Lease>, Failure> {
        if self.closed {
            return Err(Failure::tee(gp::ERROR_TARGET_DEAD));
        }
        let Some(single) = self.single.get_mut(&uuid) else { return Ok(None) };
        if single.crashed {
            return Err(single.instance.failure());
        }
        if single.sessions > 0 && !single.instance.is_multi_session() {
            return Err(BUSY);
        }
        single.sessions += 1;
        Ok(Some(Lease { instance: single.instance.clone() }))
    }
}

/// The closing of sessions for which nobody waits, such as those that an instance had when it ended.
#[derive(Default)]
pub(super) struct Closings {
    /// Threads that do it. Each counts as an instance: what one VM can have of both together is bounded.
    pub(super) threads: usize,
    /// Instances that have ended, whose sessions are about to be in the queue.
    ending: usize,
    /// Sessions that no thread has come to.
    queue: VecDeque<Session>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) table: Mutex<Table>,
    /// The whole that this is of.
    pub(super) owner: OnceLock<Weak<Instances>>,
    /// An instance has ended, or a session of one that has is closed.
    pub(super) ended: Condvar,
}

impl Shared {
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        // It is whole wherever something could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn on_end(self: &Arc<Self>, instance: &Arc<Instance>, death: Death) {
        {
            // First: who learns of the death and opens a session gets a new instance.
            let mut table = self.table();
            table.closings.ending += 1;
            if let Some(single) = table.single.get_mut(&instance.uuid()) {
                if Arc::ptr_eq(&single.instance, instance) {
                    if instance.is_kept_crashed() && !instance.has_ended_as_planned() {
                        single.crashed = true;
                    } else {
                        table.single.remove(&instance.uuid());
                    }
                }
            }
        }
        self.close_later(instance.died(death));
        // Last: who waits for the end of all finds nothing left to be done.
        let mut table = self.table();
        table.closings.ending -= 1;
        table.alive.retain(|other| !Arc::ptr_eq(other, instance));
        drop(table);
        self.ended.notify_all();
    }

    /// Closes sessions on threads of their own, which may take as long as the TAs do.
    pub(super) fn close_later(self: &Arc<Self>, sessions: Vec<Session>) {
        if sessions.is_empty() {
            return;
        }
        {
            let mut table = self.table();
            table.closings.queue.extend(sessions);
            if table.closings.threads == CLOSERS {
                return;
            }
            table.closings.threads += 1;
        }
        let shared = self.clone();
        if thread::Builder::new().name("ta-closing".into()).spawn(move || shared.close_all()).is_ok() {
            return;
        }
        let mut table = self.table();
        table.closings.threads -= 1;
        if table.closings.threads > 0 {
            // Others come to it.
            return;
        }
        let sessions = mem::take(&mut table.closings.queue);
        drop(table);
        for lease in sessions.iter().filter_map(Session::lease) {
            lease
                .instance
                .kill(Death::Killed("a client of it has gone, and no thread can be had to tell it"));
        }
    }

    /// Whether so many wait to be closed that there are to be no more of them.
    pub(super) fn is_behind(&self) -> bool {
        self.table().closings.queue.len() >= MAX_TO_CLOSE
    }

    /// Does as [`Table::join`], but a TA for one session at a time is not busy with one whose client has ended before this
    /// was asked for: that is being closed, and is waited for.
    pub(super) fn join_once_closed(&self, uuid: Uuid) -> Result<Option<Lease>, Failure> {
        let deadline = Instant::now() + UNTIL_CLOSED;
        let mut table = self.table();
        loop {
            let joined = table.join(uuid);
            let left = deadline.saturating_duration_since(Instant::now());
            let nothing_closes = table.closings.threads + table.closings.ending == 0;
            if joined.as_ref().err() != Some(&BUSY) || nothing_closes || left.is_zero() {
                return joined;
            }
            table = self.ended.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Closes all that is to be closed.
    fn close_all(&self) {
        let cancel = CancelToken::new();
        let mut table = self.table();
        while let Some(session) = table.closings.queue.pop_front() {
            drop(table);
            // Without the whole, all that there was has ended.
            if let Some(instances) = self.owner.get().and_then(Weak::upgrade) {
                session.close_for_nobody(Terms::new(&instances, &cancel));
            }
            drop(session);
            self.ended.notify_all();
            table = self.table();
        }
        table.closings.threads -= 1;
        drop(table);
        // Not together with the last session: others may have closed all that there was for this thread.
        self.ended.notify_all();
    }
}
