// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The books: which instances there are, who shares them, and what follows the end of one.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;

use tee::{gp, CancelToken, Failure};
use uuid::Uuid;

use super::{Instances, Lease};
use crate::death::Death;
use crate::instance::Instance;
use crate::sessions::Session;
use crate::terms::Terms;

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
    /// Threads that close sessions of instances that have ended. Each counts as the instance: what one VM can have of
    /// both together is bounded.
    pub(super) closing: usize,
    /// No new ones.
    pub(super) closed: bool,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) table: Mutex<Table>,
    /// The whole that this is of.
    pub(super) owner: OnceLock<Weak<Instances>>,
    /// An instance has ended.
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
        self.table().alive.retain(|other| !Arc::ptr_eq(other, instance));
        self.ended.notify_all();
    }

    /// Closes sessions on a thread of its own, which may take as long as the TAs do.
    pub(super) fn close_later(self: &Arc<Self>, sessions: Vec<Session>) {
        // Without the whole, all that there was has ended.
        let Some(instances) = self.owner.get().and_then(Weak::upgrade) else { return };
        if sessions.is_empty() {
            return;
        }
        let others: Vec<_> = sessions.iter().filter_map(Session::lease).cloned().collect();
        self.table().closing += 1;
        let shared = self.clone();
        let closing = thread::Builder::new().name("ta-closing".into()).spawn(move || {
            let cancel = CancelToken::new();
            for session in sessions {
                session.close(Terms::new(&instances, &cancel));
            }
            drop(instances);
            shared.table().closing -= 1;
            shared.ended.notify_all();
        });
        if closing.is_err() {
            self.table().closing -= 1;
            for other in others {
                other
                    .instance
                    .kill(Death::Killed("a client of it has gone, and no thread can be had to tell it"));
            }
        }
    }
}

/// Joins the single instance of `uuid`, if there is one.
pub(super) fn join(table: &mut Table, uuid: Uuid) -> Result<Option<Lease>, Failure> {
    if table.closed {
        return Err(Failure::tee(gp::ERROR_TARGET_DEAD));
    }
    let Some(single) = table.single.get_mut(&uuid) else { return Ok(None) };
    if single.crashed {
        return Err(single.instance.failure());
    }
    if single.sessions > 0 && !single.instance.is_multi_session() {
        return Err(Failure::tee(gp::ERROR_BUSY));
    }
    single.sessions += 1;
    Ok(Some(Lease { instance: single.instance.clone() }))
}
