// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Several VMs in one process, until a signal.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use event_manager::{EventManager, EventOps, Events, MutEventSubscriber, SubscriberOps};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{eventfd, EventfdFlags};
use thiserror::Error;
use vmm_sys_util::epoll::EventSet;

use crate::config::{Listen, VmConfig};
use crate::door::outlive_lost_memory;
use crate::door::socket::{self, Socket};
use crate::inherited;
use crate::partition::{BoxError, MakeTee};
use crate::vm::{self, Served, Vm};

/// How long calls may go on after the signal.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Why the daemon did not run, or ended otherwise than by a signal.
#[derive(Debug, Error)]
pub enum Error {
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    /// The main loop failed.
    #[error("cannot wait for events: {0:?}")]
    Events(event_manager::Error),
    /// A VM has no socket to be reached at.
    #[error("{0}: {1}")]
    Socket(String, #[source] socket::Error),
    /// A VM's TEE cannot be set up.
    #[error("{0}: {1}")]
    Tee(String, #[source] BoxError),
    /// A VM is not served.
    #[error(transparent)]
    Vm(#[from] vm::Error),
}

/// Ends the loop on a signal, or when a VM is no longer served.
struct End {
    signals: SignalFd,
    vm_ended: Arc<OwnedFd>,
    over: bool,
}

impl MutEventSubscriber for End {
    fn process(&mut self, events: Events, _ops: &mut EventOps) {
        if events.fd() == self.signals.as_raw_fd() {
            if let Ok(Some(signal)) = self.signals.read_signal() {
                let name = Signal::try_from(signal.ssi_signo as i32).map_or("signal", Signal::as_str);
                log::info!("{name}: stopping");
                self.over = true;
            }
        } else {
            self.over = true;
        }
    }

    fn init(&mut self, ops: &mut EventOps) {
        for fd in [self.signals.as_raw_fd(), self.vm_ended.as_raw_fd()] {
            if let Err(e) = watch(ops, fd) {
                log::error!("cannot wait for descriptor {fd}: {e:?}");
                self.over = true;
            }
        }
    }
}

fn watch(ops: &mut EventOps, fd: RawFd) -> Result<(), event_manager::Error> {
    // The descriptors live as long as the subscriber, which outlives the manager's use of them.
    ops.add(Events::new_raw(fd, EventSet::IN))
}

/// Serves `vms` until SIGTERM or SIGINT. To be called before the process has other threads, so that
/// none of them gets the signals.
pub fn run(vms: Vec<VmConfig>, make_tee: impl FnMut(&VmConfig) -> MakeTee) -> Result<(), Error> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    mask.thread_block().map_err(|e| Error::Signals(e.into()))?;
    inherited::set_right().map_err(Error::Signals)?;
    outlive_lost_memory().map_err(Error::Signals)?;
    let sockets = listen(&vms)?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(|e| Error::Signals(e.into()))?;
    let vm_ended = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).map_err(|e| Error::Signals(e.into()))?);

    // Before the first VM is served: either every one can be, or none is. The TEEs made here only
    // show that they can be.
    let make_tees = vms.iter().map(make_tee).collect::<Vec<_>>();
    for (config, make_tee) in vms.iter().zip(&make_tees) {
        make_tee().map_err(|e| Error::Tee(config.name.clone(), e))?;
    }
    let mut served = Vec::new();
    let mut result = Ok(());
    for ((config, make_tee), socket) in vms.into_iter().zip(make_tees).zip(sockets) {
        let vm_ended = vm_ended.clone();
        let vm = Vm {
            make_tee,
            name: config.name,
            socket,
            protocol: config.protocol,
            request_queues: config.request_queues,
            access_platform: config.access_platform,
            limits: config.limits,
        };
        match vm.start(move || {
            let _ = rustix::io::write(&*vm_ended, &1_u64.to_ne_bytes());
        }) {
            Ok(vm) => served.push(vm),
            Err(e) => {
                result = Err(e.into());
                break;
            }
        }
    }
    if result.is_ok() {
        result = wait(End { signals, vm_ended, over: false });
    }
    stop(served).map_err(Error::from).and(result)
}

/// The VMs' sockets. Inherited ones come first: until they are taken over, any other descriptor
/// could get the number of one that is not open.
fn listen(vms: &[VmConfig]) -> Result<Vec<Socket>, Error> {
    let mut sockets: Vec<Option<Socket>> = vms.iter().map(|_| None).collect();
    for inherited in [true, false] {
        for (config, slot) in vms.iter().zip(&mut sockets) {
            let socket = match &config.listen {
                Listen::Fd(fd) if inherited => Socket::from_inherited(*fd),
                Listen::Path(path) if !inherited => Socket::bind(path),
                _ => continue,
            };
            *slot = Some(socket.map_err(|e| Error::Socket(config.name.clone(), e))?);
            match &config.listen {
                Listen::Path(path) => {
                    log::info!("{}: listening at {}, {}", config.name, path.display(), config.protocol);
                }
                Listen::Fd(fd) => {
                    log::info!("{}: listening on descriptor {fd}, {}", config.name, config.protocol);
                }
            }
        }
    }
    Ok(sockets.into_iter().flatten().collect())
}

fn wait(end: End) -> Result<(), Error> {
    let end = Arc::new(Mutex::new(end));
    let mut events = EventManager::new().map_err(Error::Events)?;
    events.add_subscriber(end.clone());
    while !end.lock().unwrap_or_else(std::sync::PoisonError::into_inner).over {
        events.run().map_err(Error::Events)?;
    }
    Ok(())
}

fn stop(served: Vec<Served>) -> Result<(), vm::Error> {
    let deadline = Instant::now() + STOP_GRACE;
    for vm in &served {
        vm.stop();
    }
    let mut result = Ok(());
    for vm in served {
        let ended = vm.finish(deadline.saturating_duration_since(Instant::now()));
        result = result.and(ended);
    }
    result
}
