// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Handles that a TA is given, and what they stand for.
//!
//! A handle is a number in the shape of a pointer; nothing is ever read through it. So a handle that
//! was freed, or never given out, is noticed, and ends the TA as GP wants it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The next handle, of whatever kind: a handle of one kind is none of another. Above every
/// `TEE_PROPSET_*`, so that an enumerator's is none of these.
static NEXT: AtomicUsize = AtomicUsize::new(1 << 32);

/// The things of one kind that the TA has handles to.
pub(super) struct Handles<T> {
    state: Mutex<State<T>>,
}

type State<T> = Option<HashMap<usize, Arc<Mutex<T>>>>;

impl<T> Handles<T> {
    pub(super) const fn new() -> Self {
        Self { state: Mutex::new(None) }
    }

    /// Gives `thing` a handle that no other has had.
    pub(super) fn insert(&self, thing: T) -> usize {
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        lock(&self.state).get_or_insert_with(HashMap::new).insert(handle, Arc::new(Mutex::new(thing)));
        handle
    }

    /// What `handle` stands for. Lock it with [`lock`], for as long as one call lasts.
    pub(super) fn get(&self, handle: usize) -> Option<Arc<Mutex<T>>> {
        lock(&self.state).as_ref()?.get(&handle).cloned()
    }

    /// Forgets `handle`; false where it stands for nothing.
    pub(super) fn remove(&self, handle: usize) -> bool {
        lock(&self.state).as_mut().is_some_and(|things| things.remove(&handle).is_some())
    }
}

/// Locks; a thread that panicked holding the lock has ended the process.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_stand_for_their_thing_until_removed() {
        let handles = Handles::new();
        let (a, b) = (handles.insert("a"), handles.insert("b"));
        assert_eq!(handles.get(a).map(|thing| *lock(&thing)), Some("a"));
        assert_eq!(handles.get(b).map(|thing| *lock(&thing)), Some("b"));
        assert!(handles.remove(a));
        assert!(handles.get(a).is_none());
        assert!(!handles.remove(a));
    }

    #[test]
    fn handles_are_not_given_out_twice() {
        let handles = Handles::new();
        let first = handles.insert(());
        handles.remove(first);
        assert_ne!(handles.insert(()), first);
    }

    #[test]
    fn a_handle_of_one_kind_is_none_of_another() {
        let (some, others) = (Handles::new(), Handles::new());
        let handle = some.insert(1);
        others.insert("a");
        assert!(others.get(handle).is_none() && !others.remove(handle));
    }

    #[test]
    fn nothing_and_property_sets_are_no_handles() {
        let handles = Handles::new();
        handles.insert(());
        for number in [0, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff] {
            assert!(handles.get(number).is_none());
        }
    }
}
