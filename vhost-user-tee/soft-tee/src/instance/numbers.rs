// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Numbers of sessions. A guest can open and close sessions until there are no new numbers, while it keeps some open:
//! these are nobody else's meanwhile.

use std::collections::HashSet;

/// The numbers that sessions of one instance have.
#[derive(Default)]
pub(super) struct Numbers {
    taken: HashSet<u32>,
    last: u32,
}

impl Numbers {
    /// One that is not taken, and not 0: there are never anywhere near as many sessions.
    pub(super) fn take(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && self.taken.insert(self.last) {
                return self.last;
            }
        }
    }

    /// It is not taken any more.
    pub(super) fn give_back(&mut self, number: u32) {
        self.taken.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_passed_over() {
        let mut numbers = Numbers::default();
        assert_eq!([numbers.take(), numbers.take(), numbers.take()], [1, 2, 3]);
        numbers.give_back(2);
        numbers.last = u32::MAX - 1;
        assert_eq!([numbers.take(), numbers.take(), numbers.take()], [u32::MAX, 2, 4]);
    }
}
