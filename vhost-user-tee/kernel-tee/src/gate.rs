// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The gate before a TEE that several VMs share: so many calls at a time, the VMs in turn.
//!
//! ```text
//!   VM a: call call call ─┐
//!   VM b: call           ─┼─▶ a, b, c, a, c, a … ─▶ [ places ] ─▶ TEE
//!   VM c: call call      ─┘
//! ```
//!
//! A TEE has a fixed number of threads. What comes when all are taken waits in the host's driver, first
//! come first served, or is turned away; so a VM with many calls would leave little to the others. Here a
//! place that becomes free goes to the next VM that waits, however many calls each has waiting.
//!
//! A call that is in the TEE cannot be taken out of it. So that one VM whose TAs sleep does not stop the
//! others, a VM never has the last place while there are others at the gate, unless there is but one. It is the
//! same VM after a reset, with another [`KernelTee`](crate::KernelTee) but perhaps with calls in the TEE still.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tee::{CancelToken, GiveUp};

/// The gate of one TEE.
#[derive(Debug)]
pub struct Gate {
    places: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Places that are taken.
    taken: usize,
    /// The VMs, by name.
    vms: HashMap<Arc<str>, Queue>,
    /// VMs with calls that wait, the next one first; each once.
    turns: VecDeque<Arc<str>>,
}

/// One VM's calls.
#[derive(Debug, Default)]
struct Queue {
    /// How many [`Member`]s are this VM.
    members: usize,
    inside: usize,
    waiting: VecDeque<Arc<Waiter>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits,
    Admitted,
    GivesUp,
}

#[derive(Debug)]
struct Waiter {
    fate: Mutex<Fate>,
    decided: Condvar,
}

impl Waiter {
    /// Decides what becomes of it, unless that is decided. Says whether it was not.
    fn decide(&self, fate: Fate) -> bool {
        let mut current = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        let undecided = *current == Fate::Waits;
        if undecided {
            *current = fate;
            self.decided.notify_one();
        }
        undecided
    }

    fn wait(&self) -> Fate {
        let mut fate = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        while *fate == Fate::Waits {
            fate = self.decided.wait(fate).unwrap_or_else(PoisonError::into_inner);
        }
        *fate
    }
}

impl Gate {
    /// A gate with so many places, one at least: calls that may be in the TEE at a time.
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places: places.max(1), state: Mutex::default() })
    }

    /// The VM of that name is there, another or the same again.
    pub(crate) fn join(self: &Arc<Self>, vm: &str) -> Arc<Member> {
        let vm = Arc::<str>::from(vm);
        self.lock().vms.entry(vm.clone()).or_default().members += 1;
        Arc::new(Member { gate: self.clone(), vm })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free places to those whose turn it is.
    fn admit(&self, state: &mut State) {
        let share = if state.vms.len() > 1 { (self.places - 1).max(1) } else { self.places };
        while state.taken < self.places {
            let may_enter = |vm: &Arc<str>| state.vms.get(vm).is_some_and(|queue| queue.inside < share);
            let Some(index) = state.turns.iter().position(may_enter) else {
                return;
            };
            let Some(vm) = state.turns.remove(index) else {
                return;
            };
            let Some(queue) = state.vms.get_mut(&vm) else {
                continue;
            };
            let Some(waiter) = queue.waiting.pop_front() else {
                continue;
            };
            if !queue.waiting.is_empty() {
                state.turns.push_back(vm);
            }
            if waiter.decide(Fate::Admitted) {
                queue.inside += 1;
                state.taken += 1;
            }
        }
    }
}

/// A VM at the gate, until it and its places are dropped.
#[derive(Debug)]
pub(crate) struct Member {
    gate: Arc<Gate>,
    vm: Arc<str>,
}

/// The call gave up before it was its turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GaveUp;

impl Member {
    /// Waits for a place. Gives up when asked for `least`, or for more.
    pub(crate) fn enter(self: &Arc<Self>, cancel: &CancelToken, least: GiveUp) -> Result<Place, GaveUp> {
        let waiter = Arc::new(Waiter { fate: Mutex::new(Fate::Waits), decided: Condvar::new() });
        self.queue(&waiter);
        let handler = {
            let waiter = waiter.clone();
            move |what| {
                if what >= least {
                    waiter.decide(Fate::GivesUp);
                }
            }
        };
        match cancel.with_handler(handler, || waiter.wait()) {
            Fate::Admitted => Ok(Place(self.clone())),
            _ => {
                self.leave_queue(&waiter);
                Err(GaveUp)
            }
        }
    }

    fn queue(&self, waiter: &Arc<Waiter>) {
        let mut state = self.gate.lock();
        let Some(queue) = state.vms.get_mut(&self.vm) else {
            return;
        };
        queue.waiting.push_back(waiter.clone());
        if queue.waiting.len() == 1 {
            state.turns.push_back(self.vm.clone());
        }
        self.gate.admit(&mut state);
    }

    fn leave_queue(&self, waiter: &Arc<Waiter>) {
        let mut state = self.gate.lock();
        if let Some(queue) = state.vms.get_mut(&self.vm) {
            queue.waiting.retain(|other| !Arc::ptr_eq(other, waiter));
            if queue.waiting.is_empty() {
                state.turns.retain(|vm| *vm != self.vm);
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        // Nothing waits or is inside by a member that is dropped: what does so has it.
        if let Some(queue) = state.vms.get_mut(&self.vm) {
            queue.members -= 1;
            if queue.members == 0 {
                state.vms.remove(&self.vm);
            }
        }
        // The others' share may have grown.
        self.gate.admit(&mut state);
    }
}

/// A place in the TEE, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Member>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.gate.lock();
        state.taken -= 1;
        if let Some(queue) = state.vms.get_mut(&self.0.vm) {
            queue.inside -= 1;
        }
        self.0.gate.admit(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const HANG: Duration = Duration::from_secs(60);

    fn enter(member: &Arc<Member>) -> Place {
        member.enter(&CancelToken::new(), GiveUp::Cancel).unwrap()
    }

    fn waiting(gate: &Gate) -> usize {
        gate.lock().vms.values().map(|queue| queue.waiting.len()).sum()
    }

    #[test]
    fn vms_take_turns_however_many_calls_each_has() {
        let gate = Gate::new(1);
        let (a, b) = (gate.join("a"), gate.join("b"));
        let place = enter(&a);
        let (entered, order) = mpsc::channel();
        let mut threads = Vec::new();
        for (n, (name, member)) in
            [("a", &a), ("a", &a), ("a", &a), ("b", &b), ("b", &b)].into_iter().enumerate()
        {
            let (member, entered) = (member.clone(), entered.clone());
            threads.push(thread::spawn(move || {
                let place = enter(&member);
                entered.send(name).unwrap();
                drop(place);
            }));
            while waiting(&gate) <= n {
                thread::yield_now();
            }
        }
        assert!(order.try_recv().is_err());
        drop(place);
        let seen: Vec<_> = (0..5).map(|_| order.recv_timeout(HANG).unwrap()).collect();
        assert_eq!(seen, ["a", "b", "a", "b", "a"]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(gate.lock().taken, 0);
    }

    #[test]
    fn no_vm_has_the_last_place_while_there_are_others() {
        let gate = Gate::new(3);
        let a = gate.join("a");
        let all = [enter(&a), enter(&a), enter(&a)];
        drop(all);
        let b = gate.join("b");
        let _two = [enter(&a), enter(&a)];
        let third = {
            let a = a.clone();
            thread::spawn(move || drop(enter(&a)))
        };
        while waiting(&gate) == 0 {
            thread::yield_now();
        }
        drop(enter(&b));
        assert!(!third.is_finished());
        // Once the other has gone, the last place is to be had.
        drop(b);
        third.join().unwrap();
    }

    #[test]
    fn a_vm_that_joins_again_has_its_places_still() {
        let gate = Gate::new(3);
        let a = gate.join("a");
        let mut stuck = vec![enter(&a)];
        drop(a);
        // As long as it is the only one, all are its.
        let a = gate.join("a");
        drop([enter(&a), enter(&a)]);
        let b = gate.join("b");
        stuck.push(enter(&a));
        let third = {
            let a = a.clone();
            thread::spawn(move || drop(enter(&a)))
        };
        while waiting(&gate) == 0 {
            assert!(!third.is_finished(), "it had the last place");
            thread::yield_now();
        }
        drop(enter(&b));
        stuck.clear();
        third.join().unwrap();
        drop((a, b));
        assert_eq!(gate.lock().vms.len(), 0);
    }

    #[test]
    fn what_waits_gives_up_when_asked_and_costs_no_place() {
        let gate = Gate::new(1);
        let a = gate.join("a");
        let place = enter(&a);
        for (asked, least, gives_up) in [
            (GiveUp::Cancel, GiveUp::Cancel, true),
            (GiveUp::Abandon, GiveUp::Cancel, true),
            (GiveUp::Abandon, GiveUp::Abandon, true),
        ] {
            let token = CancelToken::new();
            token.ask(asked);
            assert_eq!(a.enter(&token, least).is_err(), gives_up);
        }
        assert_eq!(waiting(&gate), 0);
        // One that heeds only more than it is asked for waits on.
        let token = Arc::new(CancelToken::new());
        let closing = {
            let (a, token) = (a.clone(), token.clone());
            thread::spawn(move || a.enter(&token, GiveUp::Abandon).is_ok())
        };
        while waiting(&gate) == 0 {
            thread::yield_now();
        }
        token.ask(GiveUp::Cancel);
        drop(place);
        assert!(closing.join().unwrap());
        drop(enter(&a));
    }
}
