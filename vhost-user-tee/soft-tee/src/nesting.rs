// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which TA waits for which: calls that would wait for themselves are found before they do.
//!
//! An instance carries out one call at a time, and while that calls another TA it waits for it. So each waits for
//! one other at most, and whether a call closes a circle is seen by going along the chain that begins at the one
//! that it is made to. OP-TEE has one lock for all single-instance TAs instead: there a TA that calls itself by way
//! of others gets the same `TEE_ERROR_BUSY`, and two that call each other at the same time take turns, where here
//! the second gets `TEE_ERROR_BUSY` too.

use std::collections::HashMap;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::instance::Instance;

/// An instance, by its address: it lives as long as somebody waits for it, or it waits.
type Id = usize;

/// Who waits for whom.
#[derive(Default)]
pub(crate) struct Nesting {
    waits: Mutex<HashMap<Id, Id>>,
}

impl Nesting {
    /// Notes that a call of `caller` waits for `callee`; a guest's call, without `caller`, always may.
    pub(crate) fn wait_for(&self, caller: Option<&Instance>, callee: &Instance) -> Option<Waiting<'_>> {
        let caller = caller.map(|caller| ptr::from_ref(caller).addr());
        self.wait_for_id(caller, ptr::from_ref(callee).addr())
    }

    fn wait_for_id(&self, caller: Option<Id>, callee: Id) -> Option<Waiting<'_>> {
        let Some(caller) = caller else { return Some(Waiting { nesting: self, caller: None }) };
        let mut waits = self.lock();
        let mut last = callee;
        while last != caller {
            match waits.get(&last) {
                Some(next) => last = *next,
                None => {
                    waits.insert(caller, callee);
                    return Some(Waiting { nesting: self, caller: Some(caller) });
                }
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Id>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That somebody waits, until it is dropped.
pub(crate) struct Waiting<'a> {
    nesting: &'a Nesting,
    caller: Option<Id>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(caller) = self.caller {
            self.nesting.lock().remove(&caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_refused() {
        let nesting = Nesting::default();
        assert!(nesting.wait_for_id(Some(1), 1).is_none());
        let first = nesting.wait_for_id(Some(1), 2);
        let second = nesting.wait_for_id(Some(2), 3);
        assert!(first.is_some() && second.is_some());
        for callee in [1, 2, 3] {
            assert!(nesting.wait_for_id(Some(3), callee).is_none());
        }
        assert!(nesting.wait_for_id(Some(3), 4).is_some());
        // Others may wait for what is in a chain, and guests for anything.
        assert!(nesting.wait_for_id(Some(5), 2).is_some() && nesting.wait_for_id(None, 1).is_some());
        drop(second);
        assert!(nesting.wait_for_id(Some(3), 2).is_some());
    }
}
