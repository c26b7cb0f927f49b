// SPDX-License-Identifier: GPL-2.0

//! How many contexts, sessions and registered memories there are, of those that the device allows.
//!
//! The device refuses what exceeds its limits; the driver does not even ask.

use kernel::sync::{
    atomic::{Atomic, Relaxed},
    Arc,
};

use super::device::TeeDevice;

/// Counts what the device knows of since it was started last: the upper half is which
/// [start](crate::virtio::Virtqueues::starts) that was. What was before, the device has forgotten.
pub(super) struct Counter(Atomic<u64>);

impl Counter {
    pub(super) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// How many there are of that start.
    pub(super) fn get(&self, start: u32) -> u32 {
        count(self.0.load(Relaxed), start)
    }

    /// `more` of that start, unless there are more than `max` then. Of a start that is over they
    /// count no more.
    pub(super) fn take(&self, start: u32, more: u32, max: u32) -> bool {
        self.update(|value| {
            // CAST: The upper half is meant.
            let of = (value >> 32) as u32;
            if of.wrapping_sub(start) as i32 > 0 {
                return Some(value);
            }
            let count = count(value, start).checked_add(more)?;
            (count <= max).then_some(u64::from(start) << 32 | u64::from(count))
        })
    }

    /// So many of that start less.
    pub(super) fn give_back(&self, start: u32, less: u32) {
        self.update(|value| (count(value, start) >= less).then_some(value - u64::from(less)));
    }

    /// Changes the value as `new` says, if that is anything.
    fn update(&self, new: impl Fn(u64) -> Option<u64>) -> bool {
        let mut old = self.0.load(Relaxed);
        while let Some(new) = new(old) {
            match self.0.cmpxchg(old, new, Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }
}

fn count(value: u64, start: u32) -> u32 {
    if value >> 32 == start.into() {
        // CAST: The lower half is meant.
        value as u32
    } else {
        0
    }
}

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Context,
    Session,
}

/// A place among those that the device allows. Given back when dropped.
pub(super) struct Quota {
    device: Arc<TeeDevice>,
    kind: Kind,
    start: u32,
}

impl Quota {
    /// `None` where all are taken.
    pub(super) fn take(device: &Arc<TeeDevice>, kind: Kind) -> Option<Self> {
        let start = device.queues.starts();
        let (counter, max) = counter(device, kind);
        counter.take(start, 1, max).then(|| Self {
            device: device.clone(),
            kind,
            start,
        })
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let (counter, _) = counter(&self.device, self.kind);
        counter.give_back(self.start, 1);
    }
}

fn counter(device: &TeeDevice, kind: Kind) -> (&Counter, u32) {
    match kind {
        Kind::Context => (&device.contexts, device.limits.contexts),
        Kind::Session => (&device.sessions, device.limits.sessions),
    }
}
