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
//!
//! Making instances is here; `table` has who shares which, `ending` what ends them.

mod ending;
mod table;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tee::{gp, Failure};
use uuid::Uuid;

use crate::debugging::Debugging;
use crate::instance::{Birth, Instance};
use crate::monitor::{self, Monitor};
use crate::nesting::Nesting;
use crate::pseudo_ta::PseudoTas;
use crate::ration::ErrorLog;
use crate::registry::{Registry, TaImage};
use crate::sessions::Session;
use crate::state::State;
use table::{Shared, Single, Table};

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
        let errors = Arc::new(ErrorLog::new(setup.vm.clone(), setup.state.log_rations().clone()));
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

    /// How long one may take to come to its end.
    pub(crate) fn grace(&self) -> Duration {
        self.setup.grace
    }

    /// Closes sessions, for which nobody waits, on a thread of its own.
    pub(crate) fn close_later(&self, sessions: Vec<Session>) {
        self.shared.close_later(sessions);
    }

    /// Whether so many sessions wait for that that TAs are to open no more.
    pub(crate) fn closes_too_many(&self) -> bool {
        self.shared.is_behind()
    }

    /// The instance for a new session of TA `uuid`, made if need be.
    pub(crate) fn lease(&self, uuid: Uuid) -> Result<Lease, Failure> {
        if let Some(lease) = self.shared.join_once_closed(uuid)? {
            return Ok(lease);
        }
        let image = self.registry.load(uuid).map_err(|error| {
            self.errors.error(format_args!("TA {uuid}: {error}"));
            Failure::from(&error)
        })?;
        let mut table = self.shared.table();
        // Another session may have made it in the meantime.
        if let Some(lease) = table.join(uuid)? {
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
        if table.alive.len() + table.closings.threads >= *max_instances {
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

    /// All whose process has not ended.
    pub(crate) fn alive(&self) -> Vec<Arc<Instance>> {
        self.shared.table().alive.clone()
    }
}
