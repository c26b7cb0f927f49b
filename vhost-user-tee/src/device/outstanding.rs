// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Chains that were taken off a queue and not put back yet.

use std::collections::HashMap;
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use virtio_queue::QueueT;

use super::chain::Writable;
use super::transport::Transport;

/// The chains of one queue that the device holds.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    state: Mutex<State>,
    idle: Condvar,
    notifications: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    last_ticket: u64,
    /// Waiting for an answer.
    open: HashMap<u64, Pending>,
    /// Being decoded or put back right now; never for long.
    moving: u32,
}

#[derive(Debug)]
pub(super) struct Pending {
    head: u16,
    answer: Writable,
}

impl Outstanding {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chain is taken. To be called with the rings held, so that whoever stops the queue counts it.
    pub(super) fn begin(&self) {
        self.lock().moving += 1;
    }

    fn end(&self) {
        let mut state = self.lock();
        state.moving -= 1;
        if state.moving == 0 && state.open.is_empty() {
            self.idle.notify_all();
        }
    }

    /// How often the driver was told of used buffers.
    pub(super) fn notifications(&self) -> u64 {
        self.notifications.load(Ordering::Relaxed)
    }

    /// Waits until the device holds no chain, `grace` at most. Says whether that came true.
    pub(super) fn wait_idle(&self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        let mut state = self.lock();
        while state.moving > 0 || !state.open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.idle.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Answers no chain any more: after a reset they are not the driver's, and the memory that the
    /// answers would go to may be anything's. Says how many there were.
    pub(super) fn forget(&self) -> usize {
        let mut state = self.lock();
        let forgotten = take(&mut state.open).len();
        if state.moving == 0 {
            self.idle.notify_all();
        }
        forgotten
    }

    /// Answers every chain that still waits with `bytes`. Its real answer is dropped when it comes.
    pub(super) fn answer_all<T: Transport>(
        self: &Arc<Self>,
        transport: &T,
        queue: usize,
        bytes: &[u8],
    ) -> usize {
        let tickets: Vec<u64> = self.lock().open.keys().copied().collect();
        for ticket in &tickets {
            Reply { transport: transport.clone(), queue, outstanding: self.clone(), ticket: *ticket }
                .send(bytes);
        }
        tickets.len()
    }
}

/// The right to answer one chain, once, from any thread.
#[derive(Clone)]
pub(super) struct Reply<T> {
    transport: T,
    queue: usize,
    outstanding: Arc<Outstanding>,
    ticket: u64,
}

impl<T: Transport> Reply<T> {
    /// Takes over a chain that [`Outstanding::begin`] counted.
    pub(super) fn new(
        transport: T,
        queue: usize,
        outstanding: Arc<Outstanding>,
        head: u16,
        answer: Writable,
    ) -> Self {
        let mut state = outstanding.lock();
        state.moving -= 1;
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.open.insert(ticket, Pending { head, answer });
        drop(state);
        Self { transport, queue, outstanding, ticket }
    }

    /// How many chains of the queue wait for an answer, this one included.
    pub(super) fn queue_depth(&self) -> usize {
        self.outstanding.lock().open.len()
    }

    /// Answers the chain; does nothing if it has been answered. `bytes` were checked to fit.
    pub(super) fn send(&self, bytes: &[u8]) {
        let pending = {
            let mut state = self.outstanding.lock();
            let pending = state.open.remove(&self.ticket);
            state.moving += u32::from(pending.is_some());
            pending
        };
        if let Some(pending) = pending {
            let written = pending.answer.write(bytes);
            drop(pending.answer);
            put_back(&self.transport, self.queue, &self.outstanding, pending.head, written);
        }
    }
}

/// Puts a chain back that [`Outstanding::begin`] counted, and tells the driver if it wants to know.
pub(super) fn put_back<T: Transport>(
    transport: &T,
    queue: usize,
    outstanding: &Outstanding,
    head: u16,
    written: u32,
) {
    let memory = transport.memory();
    let notify = transport.with_rings(queue, |rings| {
        // Fails where the guest has taken its rings out of memory: then nobody is there to be told.
        rings.add_used(&*memory, head, written).and_then(|()| rings.needs_notification(&*memory))
    });
    if notify.unwrap_or(false) {
        outstanding.notifications.fetch_add(1, Ordering::Relaxed);
        transport.notify(queue);
    }
    outstanding.end();
}
