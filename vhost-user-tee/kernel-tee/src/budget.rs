// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How much of something may be used at a time, by all who want some.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is to be had.
pub(crate) struct Budget {
    total: usize,
    left: Mutex<usize>,
    returned: Condvar,
}

/// What somebody has, given back when dropped.
pub(crate) struct Share<'a> {
    of: &'a Budget,
    amount: usize,
}

impl Budget {
    pub(crate) const fn new(total: usize) -> Self {
        Self { total, left: Mutex::new(total), returned: Condvar::new() }
    }

    /// Waits until `amount` is to be had; all of it, where that is less.
    pub(crate) fn take(&self, amount: usize) -> Share<'_> {
        let amount = amount.min(self.total);
        let short = |left: &mut usize| *left < amount;
        let left = self.returned.wait_while(self.left(), short);
        *left.unwrap_or_else(PoisonError::into_inner) -= amount;
        Share { of: self, amount }
    }

    fn left(&self) -> MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.of.left() += self.amount;
        self.of.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_wants_more_than_is_left_waits() {
        let budget = Budget::new(10);
        let first = budget.take(7);
        let _small = budget.take(3);
        thread::scope(|scope| {
            let (done, has) = mpsc::channel();
            let budget = &budget;
            scope.spawn(move || {
                drop(budget.take(5));
                done.send(()).unwrap();
            });
            assert!(has.recv_timeout(Duration::from_millis(50)).is_err());
            drop(first);
            has.recv_timeout(Duration::from_secs(60)).unwrap();
        });
    }

    #[test]
    fn more_than_there_is_is_all() {
        let budget = Budget::new(10);
        drop(budget.take(1000));
        drop(budget.take(10));
    }
}
