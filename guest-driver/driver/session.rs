// SPDX-License-Identifier: GPL-2.0

//! The sessions of a context.

use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        new_mutex, Mutex,
    },
};

use super::quota::Quota;

/// The sessions that a context has open.
#[pin_data]
pub(super) struct Sessions {
    #[pin]
    list: Mutex<KVec<Session>>,
    /// There are system sessions, or have been.
    system: Atomic<bool>,
}

/// A session.
pub(super) struct Session {
    /// The device's number for it.
    id: u32,
    /// It was declared a system session.
    system: bool,
    /// Its place among those that the device allows.
    pub(super) quota: Quota,
}

impl Session {
    pub(super) fn new(id: u32, quota: Quota) -> Self {
        Self {
            id,
            system: false,
            quota,
        }
    }
}

impl Sessions {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_mutex!(KVec::new()),
            system: Atomic::new(false),
        })
    }

    /// Takes note of a session. There may be no memory for that: then it comes back.
    pub(super) fn opened(&self, session: Session) -> Result<(), Session> {
        let mut list = self.list.lock();
        if list.reserve(1, GFP_KERNEL).is_err() {
            return Err(session);
        }
        list.push_within_capacity(session).map_err(|error| error.0)
    }

    /// A session is about to be closed. `EINVAL` if it is not the context's.
    pub(super) fn closing(&self, id: u32) -> Result<Session> {
        let mut list = self.list.lock();
        let index = list.iter().position(|session| session.id == id);
        list.remove(index.ok_or(EINVAL)?).map_err(|_| EINVAL)
    }

    /// Calls of this session are to get through where others have to wait. `EINVAL` if it is not
    /// the context's.
    pub(super) fn make_system(&self, id: u32) -> Result {
        let mut list = self.list.lock();
        let mut sessions = list.iter_mut();
        sessions
            .find(|session| session.id == id)
            .ok_or(EINVAL)?
            .system = true;
        self.system.store(true, Relaxed);
        Ok(())
    }

    /// Whether that is a system session. No lock is taken unless the context has any.
    pub(super) fn is_system(&self, id: u32) -> bool {
        let wanted = |session: &Session| session.id == id && session.system;
        self.system.load(Relaxed) && self.list.lock().iter().any(wanted)
    }
}
