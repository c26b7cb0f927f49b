// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Waiting for what was asked to end.

use std::ops::Range;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::tables::Tables;
use super::Partition;

impl Partition {
    /// Waits until there are no contexts, `grace` at most. Says whether that came true.
    pub(super) fn wait_for_contexts(&self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        let mut tables = self.shared.lock();
        while !tables.contexts.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            tables = self.shared.less.wait_timeout(tables, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits until no call has memory of the guest's, however long that takes: some TEEs cannot end a call from
    /// outside. One without memory can be left to itself. `begins_to_wait` runs if there are any. Says whether that
    /// came true: not where somebody [hurries](Partition::hurry).
    pub fn outwait_all(&self, begins_to_wait: impl FnOnce()) -> bool {
        self.outwait(begins_to_wait, |tables| {
            tables.contexts.values().all(|context| {
                let being_freed = context.closing.as_ref().is_some_and(|closing| closing.last_step);
                !being_freed && !context.calls.values().any(|call| call.lent)
            })
        })
    }

    /// Waits until no such call that came through one of `queues` has, as [`Partition::outwait_all`] does.
    pub fn outwait_calls(&self, queues: &Range<usize>, begins_to_wait: impl FnOnce()) -> bool {
        self.outwait(begins_to_wait, |tables| {
            let mut calls = tables.contexts.values().flat_map(|context| context.calls.values());
            !calls.any(|call| call.lent && queues.contains(&call.tag.queue))
        })
    }

    /// From now on nobody waits longer than some given time for calls, or again does.
    pub fn hurry(&self, hurried: bool) {
        self.shared.lock().hurried = hurried;
        self.shared.less.notify_all();
    }

    fn outwait(&self, begins_to_wait: impl FnOnce(), gone: impl Fn(&Tables) -> bool) -> bool {
        let mut tables = self.shared.lock();
        if gone(&tables) || tables.hurried {
            return gone(&tables);
        }
        tables.outwaiting += 1;
        drop(tables);
        begins_to_wait();
        tables = self.shared.lock();
        while !gone(&tables) && !tables.hurried {
            tables = self.shared.less.wait(tables).unwrap_or_else(PoisonError::into_inner);
        }
        tables.outwaiting -= 1;
        gone(&tables)
    }
}
