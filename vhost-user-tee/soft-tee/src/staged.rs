// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How much TAs may have handed over that is not stored yet: all of a VM's together no more than may be stored.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are on their way.
#[derive(Debug)]
pub(crate) struct Staged {
    limit: u64,
    bytes: AtomicU64,
}

impl Staged {
    /// None, of `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, bytes: AtomicU64::new(0) }
    }

    /// Counts `more` bytes; false if they would be too many.
    #[must_use]
    pub(crate) fn add(&self, more: u64) -> bool {
        let add = |bytes: u64| bytes.checked_add(more).filter(|bytes| *bytes <= self.limit);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    /// They are stored, or given up.
    pub(crate) fn subtract(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_limit() {
        let staged = Staged::new(10);
        assert!(staged.add(6) && !staged.add(5) && staged.add(4) && !staged.add(1) && !staged.add(u64::MAX));
        staged.subtract(4);
        assert!(staged.add(4));
    }
}
