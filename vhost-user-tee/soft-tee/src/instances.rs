// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! All instances of one TEE, and which sessions share which (GP TEE Internal Core API 1.3.1, section
//! 2.1.3).
//!
//! | TA | instance of a new session | ends |
//! |---|---|---|
//! | multi-instance | its own | with the session |
//! | single instance | the one there is; busy if that has a session | with the session |
//! | … multi session | the one there is | with its last session |
//! | … keep alive | the one there is | with the TEE |
//!
//! A single instance that dies makes room for a new one, unless it is to be kept crashed: then all
//! sessions fail from there on, as in OP-TEE.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use ta_protocol::message::{Call, OP_DESTROY};
use tee::{gp, CancelToken, Failure};
use uuid::Uuid;

use crate::death::Death;
use crate::debugging::Debugging;
use crate::instance::{Birth, CallTurn, Instance};
use crate::monitor::{self, Monitor};
use crate::nesting::Nesting;
use crate::pseudo_ta::PseudoTas;
use crate::ration::ErrorLog;
use crate::registry::{Registry, TaImage};
use crate::sessions::Session;
use crate::state::State;
use crate::terms::Terms;

/// What all instances are made with.
pub(crate) struct Setup {
    /// Name of the VM.
    pub(crate) vm: String,
    /// The runtime's program.
    pub(crate) runtime: PathBuf,
    /// What tells the VM's TEE from others.
    pub(crate) device_id: Uuid,
    /// Most instances at a time.
    pub(crate) max_instances: usize,
    /// Most bytes of heap of each.
    pub(crate) heap: u64,
    /// How they are debugged, where they are.
    pub(crate) debugging: Option<Debugging>,
    /// How long one may take to come to its end.
    pub(crate) grace: Duration,
    /// What the TEE keeps.
    pub(crate) state: Arc<State>,
    /// TAs that there are no sessions with.
    pub(crate) denied: HashSet<Uuid>,
}

/// A single instance.
struct Single {
    instance: Arc<Instance>,
    /// Sessions that are open, being opened or being closed.
    sessions: usize,
    /// It has died, and is kept so.
    crashed: bool,
}

#[derive(Default)]
struct Table {
    single: HashMap<Uuid, Single>,
    /// All whose process has not ended.
    alive: Vec<Arc<Instance>>,
    /// Threads that close sessions of instances that have ended. Each counts as the instance: what one VM can have of
    /// both together is bounded.
    closing: usize,
    /// No new ones.
    closed: bool,
}

/// All instances of one TEE.
pub(crate) struct Instances {
    setup: Setup,
    errors: Arc<ErrorLog>,
    registry: Registry,
    monitor: Monitor,
    shared: Arc<Shared>,
    nesting: Nesting,
    pseudo_tas: PseudoTas,
}

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    /// The whole that this is of.
    owner: OnceLock<Weak<Instances>>,
    /// An instance has ended.
    ended: Condvar,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // It is whole wherever something could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_end(self: &Arc<Self>, instance: &Arc<Instance>, death: Death) {
        {
            // First: who learns of the death and opens a session gets a new instance.
            let mut table = self.table();
            if let Some(single) = table.single.get_mut(&instance.uuid()) {
                if Arc::ptr_eq(&single.instance, instance) {
                    if instance.is_kept_crashed() && !instance.has_ended_as_planned() {
                        single.crashed = true;
                    } else {
                        table.single.remove(&instance.uuid());
                    }
                }
            }
        }
        self.close_later(instance.died(death));
        // Last: who waits for the end of all finds nothing left to be done.
        self.table().alive.retain(|other| !Arc::ptr_eq(other, instance));
        self.ended.notify_all();
    }

    /// Closes sessions on a thread of its own, which may take as long as the TAs do.
    fn close_later(self: &Arc<Self>, sessions: Vec<Session>) {
        // Without the whole, all that there was has ended.
        let Some(instances) = self.owner.get().and_then(Weak::upgrade) else { return };
        if sessions.is_empty() {
            return;
        }
        let others: Vec<_> = sessions.iter().filter_map(Session::lease).cloned().collect();
        self.table().closing += 1;
        let shared = self.clone();
        let closing = thread::Builder::new().name("ta-closing".into()).spawn(move || {
            let cancel = CancelToken::new();
            for session in sessions {
                session.close(Terms::new(&instances, &cancel));
            }
            drop(instances);
            shared.table().closing -= 1;
            shared.ended.notify_all();
        });
        if closing.is_err() {
            self.table().closing -= 1;
            for other in others {
                other
                    .instance
                    .kill(Death::Killed("a client of it has gone, and no thread can be had to tell it"));
            }
        }
    }
}

/// A session's share of an instance. Given back with [`Instances::give_back`].
#[derive(Clone)]
pub(crate) struct Lease {
    instance: Arc<Instance>,
}

impl Lease {
    /// The instance.
    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }
}

impl Instances {
    /// None yet.
    pub(crate) fn new(
        setup: Setup,
        registry: Registry,
        pseudo_tas: PseudoTas,
    ) -> Result<Arc<Self>, monitor::Error> {
        let shared = Arc::new(Shared::default());
        let told: Weak<Shared> = Arc::downgrade(&shared);
        let monitor = Monitor::start(Box::new(move |instance, death| {
            if let Some(shared) = told.upgrade() {
                shared.on_end(instance, death);
            }
        }))?;
        let errors = Arc::new(ErrorLog::new(setup.vm.clone()));
        let nesting = Nesting::default();
        let instances = Arc::new(Self { setup, errors, registry, monitor, shared, nesting, pseudo_tas });
        // It is the first.
        let _ = instances.shared.owner.set(Arc::downgrade(&instances));
        Ok(instances)
    }

    /// Which TA waits for which.
    pub(crate) fn nesting(&self) -> &Nesting {
        &self.nesting
    }

    /// The pseudo TAs.
    pub(crate) fn pseudo_tas(&self) -> &PseudoTas {
        &self.pseudo_tas
    }

    /// The folder of TAs.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What the VM's TEE keeps.
    pub(crate) fn state(&self) -> &State {
        &self.setup.state
    }

    /// Whether nobody may have a session with TA `uuid`.
    pub(crate) fn denies(&self, uuid: Uuid) -> bool {
        self.setup.denied.contains(&uuid)
    }

    /// The VM's log.
    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.errors
    }

    /// Most bytes of private memory of a TA, and of what it lends.
    pub(crate) fn heap(&self) -> u64 {
        self.setup.heap
    }

    /// Closes sessions on a thread of its own.
    pub(crate) fn close_later(&self, sessions: Vec<Session>) {
        self.shared.close_later(sessions);
    }

    /// The instance for a new session of TA `uuid`, made if need be.
    pub(crate) fn lease(&self, uuid: Uuid) -> Result<Lease, Failure> {
        if let Some(lease) = join(&mut self.shared.table(), uuid)? {
            return Ok(lease);
        }
        let image = self.registry.load(uuid).map_err(|error| {
            self.errors.error(format_args!("TA {uuid}: {error}"));
            Failure::from(&error)
        })?;
        let mut table = self.shared.table();
        // Another session may have made it in the meantime.
        if let Some(lease) = join(&mut table, uuid)? {
            return Ok(lease);
        }
        let instance = self.spawn(&mut table, image)?;
        if instance.is_single() {
            let single = Single { instance: instance.clone(), sessions: 1, crashed: false };
            table.single.insert(uuid, single);
        }
        Ok(Lease { instance })
    }

    /// Starts a process; its TA does not run before the first call, so this is short.
    fn spawn(&self, table: &mut Table, image: TaImage) -> Result<Arc<Instance>, Failure> {
        let Setup { runtime, device_id, max_instances, heap, state, debugging, .. } = &self.setup;
        if table.closed {
            return Err(Failure::tee(gp::ERROR_TARGET_DEAD));
        }
        let ta = image.head.uuid();
        if table.alive.len() + table.closing >= *max_instances {
            self.errors.error(format_args!("TA {ta}: the limit of {max_instances} instances is reached"));
            return Err(Failure::tee(gp::ERROR_OUT_OF_MEMORY));
        }
        let debugging = debugging.as_ref();
        let birth =
            Birth { errors: &self.errors, runtime, device_id: *device_id, heap: *heap, state, debugging };
        let watched = Instance::spawn(image, &birth).map_err(|error| {
            self.errors.error(format_args!("TA {ta}: {}: {error}", runtime.display()));
            Failure::tee(gp::ERROR_GENERIC)
        })?;
        let instance = watched.instance.clone();
        table.alive.push(instance.clone());
        self.monitor.watch(watched);
        Ok(instance)
    }

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

    /// All whose process has not ended.
    pub(crate) fn alive(&self) -> Vec<Arc<Instance>> {
        self.shared.table().alive.clone()
    }

    /// Ends all instances, and makes no new ones: those that are idle are destroyed, calls that run
    /// are cancelled, and what still lives after [`Setup::grace`] is killed. Returns when nothing lives.
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
        while !table.alive.is_empty() || table.closing > 0 {
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

/// Joins the single instance of `uuid`, if there is one.
fn join(table: &mut Table, uuid: Uuid) -> Result<Option<Lease>, Failure> {
    if table.closed {
        return Err(Failure::tee(gp::ERROR_TARGET_DEAD));
    }
    let Some(single) = table.single.get_mut(&uuid) else { return Ok(None) };
    if single.crashed {
        return Err(single.instance.failure());
    }
    if single.sessions > 0 && !single.instance.is_multi_session() {
        return Err(Failure::tee(gp::ERROR_BUSY));
    }
    single.sessions += 1;
    Ok(Some(Lease { instance: single.instance.clone() }))
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
