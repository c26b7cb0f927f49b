// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How instances end: with their last session, or with the TEE.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ta_protocol::message::{Call, OP_DESTROY};
use tee::CancelToken;

use super::{Instances, Lease};
use crate::death::Death;
use crate::instance::{CallTurn, Instance};
use crate::terms::Terms;

impl Instances {
    /// Ends a session's share: with it, where it was the last that kept the instance, the instance,
    /// in the turn that the caller has.
    pub(crate) fn give_back(&self, lease: &Lease, turn: &CallTurn<'_>) {
        if self.forget(lease) {
            end(&lease.instance, turn, self.setup.grace);
        }
    }

    /// Ends a session's share of an instance that takes no more turns.
    pub(crate) fn give_back_dead(&self, lease: &Lease) {
        self.forget(lease);
    }

    /// Ends a share with which no call was made; waits for no call of others.
    pub(crate) fn give_back_unused(&self, lease: &Lease) {
        if !lease.instance.is_single() {
            // The TA has not been created, so there is nothing to destroy.
            lease.instance.kill(Death::Ended);
        } else if self.forget(lease) {
            let end_unused = |turn: CallTurn<'_>| {
                // Somebody may have joined before this turn came.
                if self.is_unused(&lease.instance) {
                    end(&lease.instance, &turn, self.setup.grace);
                }
            };
            // Not having a turn, it is ending already.
            let cancel = CancelToken::new();
            let _ = lease.instance.with_turn(Terms::new(self, &cancel), end_unused);
        }
    }

    /// Takes a session off the books; returns whether its instance is to end with it. A single
    /// instance stays on the books until its process has ended: there are never two. Who joins it
    /// meanwhile gets no turn, and comes back when a new one can be made.
    fn forget(&self, lease: &Lease) -> bool {
        let instance = &lease.instance;
        if !instance.is_single() {
            return true;
        }
        let mut table = self.shared.table();
        let Some(single) = table.single.get_mut(&instance.uuid()) else { return false };
        if !Arc::ptr_eq(&single.instance, instance) {
            return false;
        }
        single.sessions -= 1;
        single.sessions == 0 && !instance.is_kept_alive()
    }

    fn is_unused(&self, instance: &Arc<Instance>) -> bool {
        let table = self.shared.table();
        let single = table.single.get(&instance.uuid());
        single.is_some_and(|single| Arc::ptr_eq(&single.instance, instance) && single.sessions == 0)
    }

    /// Waits until an instance that is ending has ended.
    pub(crate) fn wait_for_end(&self, lease: &Lease) {
        let mut table = self.shared.table();
        while table.alive.iter().any(|other| Arc::ptr_eq(other, &lease.instance)) {
            table = self.shared.ended.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same, if it is ending as planned: what a session has used is there for the next.
    pub(crate) fn wait_if_ending(&self, lease: &Lease) {
        if lease.instance.has_ended_as_planned() {
            self.wait_for_end(lease);
        }
    }

    /// Ends all instances, and makes no new ones: those that are idle are destroyed, calls that run
    /// are cancelled, and what still lives after [`Setup::grace`](super::Setup::grace) is killed. Returns when nothing lives.
    pub(crate) fn close(&self) {
        let grace = self.setup.grace;
        let deadline = Instant::now() + grace;
        let alive = {
            let mut table = self.shared.table();
            table.closed = true;
            table.alive.clone()
        };
        thread::scope(|scope| {
            for instance in &alive {
                instance.cancel_running();
                let ending = thread::Builder::new().spawn_scoped(scope, || {
                    // Not having a turn, it is ending already.
                    let cancel = CancelToken::new();
                    let terms = Terms { kill_at: Some(deadline), ..Terms::new(self, &cancel) };
                    let _ = instance.with_turn(terms, |turn| end(instance, &turn, grace));
                });
                if ending.is_err() {
                    instance.kill(Death::Killed("its VM has gone, and no thread can be had to tell it"));
                }
            }
            self.kill_at(deadline);
        });
    }

    fn kill_at(&self, deadline: Instant) {
        let mut table = self.shared.table();
        let mut killed = false;
        while !table.alive.is_empty() || table.closings.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() && !killed {
                killed = true;
                for instance in &table.alive {
                    instance.kill(Death::Killed("its VM has gone, and it would not end"));
                }
            }
            table = if killed {
                self.shared.ended.wait(table).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.shared.ended.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }
}

/// Ends an instance that nobody needs, in a turn of it, within `grace`: others may wait for that. What it still has
/// other TAs do has no more time.
fn end(instance: &Instance, turn: &CallTurn<'_>, grace: Duration) {
    instance.end_turns();
    turn.kill_at(Instant::now() + grace);
    let destroy = Call { op: OP_DESTROY, ..Call::default() };
    // Whether it answers or dies of it, it is over.
    let _ = turn.call(&destroy, &[]);
    instance.kill(Death::Ended);
}
