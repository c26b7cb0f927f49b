// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How many sockets a VM's TAs may have, whatever sessions they are in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Places for sockets, of one VM.
#[derive(Clone)]
pub(super) struct Places(Arc<AtomicUsize>);

/// One of them. Given back when dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Places {
    /// So many.
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(count)))
    }

    /// Takes one; none where all are taken.
    pub(super) fn take(&self) -> Option<Place> {
        let one_less = |free: usize| free.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
        Some(Place(self.0.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_so_many() {
        let places = Places::new(2);
        let first = places.take();
        let _second = places.clone().take();
        assert!(first.is_some() && places.take().is_none());
        drop(first);
        assert!(places.take().is_some());
    }
}
