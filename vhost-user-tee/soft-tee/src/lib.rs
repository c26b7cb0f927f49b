// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The software TEE: TAs built for the host, each instance in a sandboxed process of its own.
//!
//! [`SoftTee::new`] makes one VM's TEE; nothing in it is shared with another's. What it does for the
//! device is in crate `tee`.
//!
//! ```text
//!   SoftTee ── context ── session ─┐                       ┌─ process: ta-runtime + TA
//!           └─ context ── session ─┴─ instances ─ instance ┴─ mailbox, sockets, pidfd, log
//!                            │         │              │
//!                        pseudo TAs  registry       turns: one call at a time, first come first served
//!                               TA files, checked     └ outward: the TA's own sessions with others
//! ```
//!
//! A call is made by the thread that asks for it: it waits for its turn with the instance, writes
//! the call into the mailbox, and serves the TA's own requests until the reply is there. One more
//! thread, the monitor, watches the processes.
//!
//! A TA process is never trusted. What it can do to the daemon is to give wrong answers, to give
//! none, and to end.
//!
//! Its sandbox holds it off the host: files, the network, other processes, and more memory than
//! its limits allow. Towards its own VM it holds less: the descriptors of guest memory pass through
//! the TA's own process, which closes them once the ranges that a call is about are mapped. A TA that
//! takes over its own runtime may keep what passes, and with it read and write all of the memory of
//! its VM, not of another's. TAs are chosen by the host's administrator, who should give a VM none
//! that may not see all of it.

mod attestation_key;
mod context;
mod death;
mod debugging;
mod device_key;
mod instance;
mod instances;
mod monitor;
mod nesting;
mod open_objects;
mod outward;
mod params;
mod pseudo_ta;
mod ration;
mod registry;
mod release;
mod services;
mod sessions;
mod socket_rule;
mod spawn;
mod staged;
mod state;
mod ta_elf;
mod ta_log;
mod terms;
mod turns;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use instances::{Instances, Setup};
use registry::Registry;
use rustix::process::geteuid;
use rustix::thread::{capabilities, CapabilitySet};
use ta_elf::Offer;
use tee::{Context, Failure, Tee, Version};
use uuid::Uuid;

use crate::context::SoftContext;
pub use crate::debugging::Debugging;
pub use crate::device_key::{DeviceKey, Error as DeviceKeyError};
use crate::pseudo_ta::{Measurement, PseudoTas};
pub use crate::socket_rule::{Error as SocketRuleError, SocketRule};
pub use crate::state::{Error as StateError, State};

/// `TEE_IMPL_ID_OPTEE`: the API is OP-TEE's, so its clients bind to it.
const IMPL_ID_OPTEE: u32 = 1;
/// `TEE_GEN_CAP_GP | TEE_GEN_CAP_REG_MEM | TEE_GEN_CAP_MEMREF_NULL`.
const GEN_CAPS: u32 = 0xd;

/// The daemon's program, to be measured.
const DAEMON: &str = "/proc/self/exe";

/// What a VM's TAs may store, in bytes, where nothing else is said: see [`State`].
pub const DEFAULT_STORAGE: u64 = 64 << 20;

/// What device IDs are derived in: a UUID made for this.
const DEVICE_IDS: Uuid = Uuid::from_u128(0xe1b5_2a0c_4b0f_4c55_9d0e_6a1f_27c7_90d3);

/// How to make a [`SoftTee`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the VM, for the log and for `gpd.tee.deviceID`.
    pub name: String,
    /// Folder with the TAs, as `<uuid>.ta`. Read when a session is opened: a TA may be added or
    /// replaced at any time.
    pub ta_dir: PathBuf,
    /// The program that a TA instance runs in: the `ta-runtime` of this build.
    pub ta_runtime: PathBuf,
    /// How much there may be of what.
    pub limits: Limits,
    /// What the VM's TEEs keep, one after the other.
    pub state: Arc<State>,
    /// Where its TAs may connect to; without any, they have no network at all.
    pub sockets: Vec<SocketRule>,
    /// TAs, and pseudo TAs, that nobody can open a session with: neither a guest nor another TA.
    pub denied: HashSet<Uuid>,
}

/// How much there may be of what in one VM's TEE.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TA instances, each a process, at a time.
    pub instances: usize,
    /// Most bytes of private memory of an instance; a TA that declares less (`gpd.ta.dataSize`) gets
    /// no more than it declares.
    pub heap: u64,
    /// Most bytes of an instance's stack; a TA that needs more is refused.
    pub stack: u64,
    /// Most bytes of a TA file.
    pub ta_file: u64,
    /// How long a TA may take to come to an end once its client or its VM has gone; then it is
    /// killed.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: 64,
            heap: 256 << 20,
            stack: 8 << 20,
            ta_file: 64 << 20,
            grace: Duration::from_secs(2),
        }
    }
}

/// Why a TEE could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder of TAs is not there, or is not a folder.
    #[error("TA folder {0}: {1}")]
    TaDir(PathBuf, io::Error),
    /// The runtime cannot be read.
    #[error("TA runtime {0}: {1}")]
    Runtime(PathBuf, io::Error),
    /// The runtime is another program.
    #[error("TA runtime {0}: not a ta-runtime for this machine{1}")]
    NotRuntime(PathBuf, String),
    /// This process could not end the TAs that it starts.
    #[error("this process is root without CAP_KILL: it could not end TAs, which run as nobody")]
    CannotKill,
    /// A program that is to be measured cannot be opened.
    #[error("{DAEMON}, or a copy of a descriptor: {0}")]
    Program(io::Error),
    /// No thread to watch TAs.
    #[error("{0}: {1}")]
    Monitor(String, String),
}

/// One VM's software TEE.
///
/// Dropping it ends all its TAs: those that are idle are destroyed, calls that run are cancelled, and
/// after [`Limits::grace`] what is left is killed. Then nothing maps memory of the VM any more, and
/// calls that other threads still make fail with `TEEC_ERROR_TARGET_DEAD`.
pub struct SoftTee {
    instances: Arc<Instances>,
    version: Version,
}

impl SoftTee {
    /// Makes a TEE. TAs are looked for when sessions are opened.
    ///
    /// # Errors
    ///
    /// If the folder of TAs or the runtime is not what it should be.
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::make(config, None)
    }

    /// Makes a TEE whose TAs run without a sandbox, for a developer to look into. TAs may need shared
    /// libraries of the host, such as those of sanitizers.
    ///
    /// # Errors
    ///
    /// As [`SoftTee::new`].
    pub fn for_debugging(config: Config, debugging: Debugging) -> Result<Self, Error> {
        log::warn!("{}: TAs are debugged: they run WITHOUT A SANDBOX", config.name);
        Self::make(config, Some(debugging))
    }

    fn make(config: Config, debugging: Option<Debugging>) -> Result<Self, Error> {
        let Config { name, ta_dir, ta_runtime, limits, state, sockets, denied } = config;
        if debugging.is_none() && !can_end_tas() {
            return Err(Error::CannotKill);
        }
        if let Err(error) = fs::read_dir(&ta_dir) {
            return Err(Error::TaDir(ta_dir, error));
        }
        // It is run from another folder.
        let found = fs::canonicalize(&ta_runtime).and_then(|path| Ok((File::open(&path)?, path)));
        let (program, ta_runtime) = match found {
            Ok(found) => found,
            Err(error) => return Err(Error::Runtime(ta_runtime, error)),
        };
        let measured = program.try_clone().and_then(|runtime| Ok(vec![File::open(DAEMON)?, runtime]));
        let pseudo_tas = PseudoTas::new(Measurement::new(measured.map_err(Error::Program)?), sockets);
        let offer = match Offer::read(program) {
            Ok(offer) if !offer.is_empty() => offer,
            Ok(_) => return Err(Error::NotRuntime(ta_runtime, String::new())),
            Err(error) => return Err(Error::NotRuntime(ta_runtime, format!(": {error}"))),
        };
        let mut registry = Registry::new(ta_dir, offer, limits.ta_file, limits.stack);
        if debugging.is_some() {
            registry.load_named_files();
        }
        let setup = Setup {
            device_id: Uuid::new_v5(&DEVICE_IDS, name.as_bytes()),
            vm: name.clone(),
            runtime: ta_runtime,
            max_instances: limits.instances,
            heap: limits.heap,
            grace: limits.grace,
            state,
            denied,
            debugging,
        };
        let instances = Instances::new(setup, registry, pseudo_tas)
            .map_err(|error| Error::Monitor(name, error.to_string()))?;
        let version = Version {
            impl_id: IMPL_ID_OPTEE,
            impl_caps: 0,
            gen_caps: GEN_CAPS,
            revision: concat!("virtio-tee software TEE ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Ok(Self { instances, version })
    }
}

/// Whether this process may signal those of TAs: as root it starts them as somebody else.
fn can_end_tas() -> bool {
    let has_capability = || capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::KILL));
    !geteuid().is_root() || has_capability()
}

impl Tee for SoftTee {
    fn version(&self) -> &Version {
        &self.version
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        Ok(Arc::new(SoftContext::new(self.instances.clone())))
    }
}

impl Drop for SoftTee {
    fn drop(&mut self) {
        self.instances.close();
    }
}
