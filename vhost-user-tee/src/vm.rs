// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One VM: a socket, and one device after the other behind it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use thiserror::Error;

use crate::device::Device;
use crate::door::socket::Socket;
use crate::door::{self, Protocol, Shutdown};
use crate::partition::{Limits, MakeTee, Partition, SetupError};
use crate::unsafe_signal::lost_pages;

/// How long calls, cancelled already, may go on after their VM is gone or the daemon is to end. Only
/// a TA that heeds nothing takes as long.
const END_GRACE: Duration = Duration::from_secs(2);

/// Why a VM was not, or is no longer, served.
#[derive(Debug, Error)]
pub enum Error {
    /// No thread or descriptor to begin with.
    #[error("{name}: cannot start: {source}")]
    Start {
        /// The VM.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Its socket failed.
    #[error("{name}: cannot wait for a connection: {source}")]
    Wait {
        /// The VM.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// Why one connection was not served; the next may be.
#[derive(Debug, Error)]
enum ConnectionError {
    #[error(transparent)]
    Partition(#[from] SetupError),
    #[error(transparent)]
    Door(#[from] door::Error),
}

/// A VM to be served.
pub struct Vm {
    /// Its name, for the log.
    pub name: String,
    /// Where its VMM connects.
    pub socket: Socket,
    /// What its VMM speaks there.
    pub protocol: Protocol,
    /// Request queues, at least 1.
    pub request_queues: u16,
    /// Whether to offer `VIRTIO_F_ACCESS_PLATFORM`; see [`Device::new`].
    pub access_platform: bool,
    /// Its quotas.
    pub limits: Limits,
    /// Its TEE.
    pub make_tee: MakeTee,
}

/// A VM that is being served, by a thread of its own.
pub struct Served {
    name: String,
    shared: Arc<Shared>,
    thread: JoinHandle<Result<(), Error>>,
}

struct Shared {
    stopping: AtomicBool,
    /// Readable from when it is to stop.
    stop: OwnedFd,
    current: Mutex<Option<Current>>,
}

/// The connection under way.
struct Current {
    device: Arc<Device>,
    shutdown: Shutdown,
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vm {
    /// Starts serving. `ended` runs when serving has ended, on the VM's thread.
    pub fn start(self, ended: impl FnOnce() + Send + 'static) -> Result<Served, Error> {
        let name = self.name.clone();
        let start = |source| Error::Start { name: name.clone(), source };
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|e| start(e.into()))?;
        let shared = Arc::new(Shared { stopping: AtomicBool::new(false), stop, current: Mutex::new(None) });
        let thread = {
            let shared = shared.clone();
            Builder::new()
                .name(name.clone())
                .spawn(move || {
                    let result = self.serve(&shared);
                    ended();
                    result
                })
                .map_err(start)?
        };
        Ok(Served { name, shared, thread })
    }

    fn serve(&self, shared: &Shared) -> Result<(), Error> {
        loop {
            self.wait_for_vmm(&shared.stop)
                .map_err(|source| Error::Wait { name: self.name.clone(), source })?;
            if shared.stopping.load(Ordering::SeqCst) {
                return Ok(());
            }
            if let Err(e) = self.connection(shared) {
                log::error!("{}: {e}", self.name);
                // What failed, descriptors used up perhaps, may fail again at once.
                let pause = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
                let _ = poll(&mut [PollFd::new(&shared.stop, PollFlags::IN)], Some(&pause));
            }
        }
    }

    /// Waits for a VMM, or to be stopped.
    fn wait_for_vmm(&self, stop: &OwnedFd) -> io::Result<()> {
        let mut fds = [PollFd::new(self.socket.listener(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        loop {
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result.map(|_| ())?),
            }
        }
    }

    /// Serves the VMM that waits, until it goes.
    fn connection(&self, shared: &Shared) -> Result<(), ConnectionError> {
        let device = self.device().inspect_err(|_| {
            // The VMM is to see that nobody serves it, rather than wait.
            let _ = self.socket.listener().accept();
        })?;
        let lost_before = lost_pages();
        let result = self.serve_device(&device, shared);
        *shared.current() = None;
        let totals = device.partition().totals();
        let stuck = device.shut_down(END_GRACE);
        let (kicks, interrupts) = device.notifications();
        log::info!(
            "{}: disconnected after {} contexts, {} sessions, {} calls; {kicks} kicks, {interrupts} interrupts",
            self.name,
            totals.contexts,
            totals.sessions,
            totals.calls
        );
        if lost_pages() != lost_before {
            log::warn!("{}: meanwhile a VMM took memory away that was in use", self.name);
        }
        if stuck > 0 {
            log::warn!("{}: {stuck} threads are still in calls that do not end", self.name);
        }
        result
    }

    fn device(&self) -> Result<Arc<Device>, ConnectionError> {
        let partition = Partition::new(self.make_tee.clone(), self.limits.clone())?;
        Ok(Arc::new(Device::new(&self.name, partition, self.request_queues, self.access_platform)))
    }

    fn serve_device(&self, device: &Arc<Device>, shared: &Shared) -> Result<(), ConnectionError> {
        let connection = door::accept(self.protocol, &self.name, &self.socket, device.clone())?;
        let version = device.partition().version();
        log::info!(
            "{}: connected; TEE {} ({}), {} request queues",
            self.name,
            version.impl_id,
            version.revision,
            self.request_queues
        );
        let shutdown = connection.shutdown_handle();
        *shared.current() = Some(Current { device: device.clone(), shutdown: shutdown.clone() });
        // Whoever stops the VM either finds the connection, or is found here.
        if shared.stopping.load(Ordering::SeqCst) {
            shutdown.shutdown();
        }
        Ok(connection.wait()?)
    }
}

impl Served {
    /// Takes no more connections and, of the one under way, no more requests.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Fails only where the counter is full, and then the descriptor is readable all the same.
        let _ = rustix::io::write(&self.shared.stop, &1_u64.to_ne_bytes());
        if let Some(current) = &*self.shared.current() {
            current.device.stop_taking();
        }
    }

    /// Waits `grace` at most for calls to end, ends the connection, frees all it had and removes the
    /// socket. To be called after [`Served::stop`].
    pub fn finish(self, grace: Duration) -> Result<(), Error> {
        let current = self.shared.current().take();
        if let Some(Current { device, shutdown }) = current {
            device.drain(grace);
            shutdown.shutdown();
        }
        // The thread catches no panic, so one here is a bug, which the panic message has named.
        self.thread.join().unwrap_or_else(|_| {
            Err(Error::Start { name: self.name, source: io::Error::other("its thread panicked") })
        })
    }
}
