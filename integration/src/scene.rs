// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A daemon and the machines that it serves: what a test or the demo plays on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use thiserror::Error;

use crate::daemon::{Daemon, DaemonError};
use crate::paths::vm_dir;
use crate::provision::{provision, provision_released, ProvisionError, Provisioned};
use crate::vm::{Door, GuestError, QmpError, Socket, TeeDevice, Vm, VmConfig, VmError, REQUEST_QUEUES};

/// Why a scene cannot be set, or what went wrong on it.
#[derive(Debug, Error)]
pub enum SceneError {
    /// Provisioning failed.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The daemon failed.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// A machine failed.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// A command in a guest failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// QEMU failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// The folder for logs cannot be made.
    #[error("cannot prepare {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A device that a scene's daemon is to serve.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// How it is attached.
    pub door: Door,
    /// Whether it has `VIRTIO_F_ACCESS_PLATFORM`.
    pub access_platform: bool,
    /// Queues that it has beside the control queue.
    pub request_queues: u16,
}

impl From<Door> for Served {
    /// With what the daemon has by default.
    fn from(door: Door) -> Self {
        Self { door, access_platform: false, request_queues: REQUEST_QUEUES }
    }
}

/// A daemon with a socket for each of some machines.
///
/// Logs are in `target/vm/run/NAME/` and stay there until the next scene of that name.
#[derive(Debug)]
pub struct Scene {
    /// The folder of its logs.
    pub dir: PathBuf,
    /// What was provisioned.
    pub parts: Provisioned,
    /// The daemon.
    pub daemon: Daemon,
    sockets: Vec<Socket>,
    _places: Places,
}

impl Scene {
    /// Provisions what is missing and starts a daemon for `vms` machines that use `door`.
    pub fn set(name: &str, door: Door, vms: usize) -> Result<Self, SceneError> {
        Self::set_with(&format!("{door}-{name}"), &vec![door; vms])
    }

    /// The same with a socket for each of `doors`.
    pub fn set_with(name: &str, doors: &[Door]) -> Result<Self, SceneError> {
        let served: Vec<Served> = doors.iter().copied().map(Served::from).collect();
        Self::set_as(provision()?, name, &served)
    }

    /// The same for one machine, whose device has `VIRTIO_F_ACCESS_PLATFORM`.
    pub fn set_access_platform(name: &str, door: Door) -> Result<Self, SceneError> {
        let served = Served { access_platform: true, ..door.into() };
        Self::set_as(provision()?, &format!("{door}-{name}"), &[served])
    }

    /// A scene for measurements, with a daemon and TAs in release mode.
    pub fn set_released(name: &str, served: &[Served]) -> Result<Self, SceneError> {
        Self::set_as(provision_released()?, name, served)
    }

    fn set_as(parts: Provisioned, name: &str, served: &[Served]) -> Result<Self, SceneError> {
        let places = Places::take(served.len());
        let dir = vm_dir().join("run").join(name);
        prepare(&dir).map_err(|source| SceneError::Folder { path: dir.clone(), source })?;
        let socket = |(index, served): (usize, &Served)| Socket {
            door: served.door,
            name: format!("vm{index}.sock"),
            access_platform: served.access_platform,
            request_queues: served.request_queues,
        };
        let sockets: Vec<Socket> = served.iter().enumerate().map(socket).collect();
        let daemon = Daemon::start(&parts.host, &dir, &sockets)?;
        Ok(Self { dir, parts, daemon, sockets, _places: places })
    }

    /// Boots machine number `index`, with the TEE device but without the driver.
    pub fn boot(&self, index: usize) -> Result<Vm, SceneError> {
        self.boot_as(&self.config(index))
    }

    /// Boots a machine that is as `config` says.
    pub fn boot_as(&self, config: &VmConfig) -> Result<Vm, SceneError> {
        Ok(Vm::boot(&self.parts, &self.dir, config)?)
    }

    /// Boots machine number `index` and loads the driver.
    pub fn boot_with_driver(&self, index: usize) -> Result<Vm, SceneError> {
        let vm = self.boot(index)?;
        vm.load_driver()?;
        Ok(vm)
    }

    /// What machine number `index` is booted with, for those that need something else.
    pub fn config(&self, index: usize) -> VmConfig {
        VmConfig::new(&format!("vm{index}"), vec![self.tee(index)])
    }

    /// The TEE device that the daemon has for machine number `index`.
    pub fn tee(&self, index: usize) -> TeeDevice {
        let Socket { door, name, access_platform, request_queues } = &self.sockets[index];
        // Relative to the machine's folder, since absolute paths may be too long for sockets.
        let socket = Path::new("..").join(name);
        TeeDevice { door: *door, socket, access_platform: *access_platform, request_queues: *request_queues }
    }

    /// Ends the daemon with SIGKILL and starts another one in its place.
    pub fn restart_daemon(&mut self) -> Result<(), SceneError> {
        self.daemon.kill();
        self.daemon = Daemon::start(&self.parts.host, &self.dir, &self.sockets)?;
        Ok(())
    }
}

/// An empty folder.
fn prepare(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(dir)
}

/// Some of the places for machines that run at once, so that tests do not starve each other.
#[derive(Debug)]
struct Places(usize);

/// As many as the tests of isolation need, and as two cores bear.
const PLACES: usize = 2;
static TAKEN: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

impl Places {
    /// Waits for `count` places and takes them all at once, so that no two scenes wait for each other.
    fn take(count: usize) -> Self {
        let count = count.min(PLACES);
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            LEFT.wait_while(taken, |taken| *taken + count > PLACES).unwrap_or_else(PoisonError::into_inner);
        *taken += count;
        Self(count)
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        LEFT.notify_all();
    }
}
