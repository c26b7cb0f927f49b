// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The vhost-user door.
//!
//! A connection lasts from the VMM's first message to the last descriptor freed. A back end cannot be
//! owned twice, so each connection has a daemon, a device and a partition of its own; what one VM
//! leaves behind cannot reach the next.
//!
//! One thread looks at all queues: it only decodes, so nothing keeps it, and a cancellation can take
//! in the request queues before it says that there is nothing to cancel.
//!
//! # What is offered
//! - `VERSION_1`, `INDIRECT_DESC`, `EVENT_IDX`; `PROTOCOL_FEATURES` with `CONFIG`, `MQ`, `REPLY_ACK`,
//!   `CONFIGURE_MEM_SLOTS` and `RESET_DEVICE`; `BACKEND_REQ` with `ACCESS_PLATFORM`. Never `INFLIGHT_SHMFD`: a call cannot be made twice.
//! - `ACCESS_PLATFORM` only where the VM's configuration asks for it. With it the driver uses
//!   addresses of the DMA API, which a confidential guest needs (its shared memory is bounced or
//!   unencrypted by that API); without a virtual IOMMU they are guest-physical all the same. But
//!   a VMM that passes the bit through to a guest *with* one would have to send IOTLB messages,
//!   which `vhost-user-backend` does not take, so the bit is not offered unasked.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use thiserror::Error;
use vhost::vhost_user::message::{VhostUserProtocolFeatures, VhostUserVirtioFeatures};
use vhost::vhost_user::Listener;
use vhost_user_backend::{VhostUserBackend, VhostUserDaemon, VringMutex, VringT};
use virtio_bindings::bindings::virtio_config::VIRTIO_F_ACCESS_PLATFORM;
use virtio_queue::{Queue, QueueT};
use vm_memory::{
    GuestAddressSpace, GuestMemoryAtomic, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion,
};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventNotifier};

use super::memory_files::{MemoryFiles, MAX_FILES};
use super::socket::Socket;
use super::unsafe_fd::ExitEvent;
use super::Shutdown;
use crate::device::{Device, Transport};

/// Longest queue, in descriptors: what QEMU's transport takes.
const MAX_QUEUE_SIZE: usize = 1024;
/// How long a queue that is being stopped waits for its calls before it cancels them. The VMM waits
/// as well, with all its VM: long enough for a call that is about to end, short enough for a user.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long calls, cancelled already, may go on in a reset.
const RESET_GRACE: Duration = Duration::from_secs(2);

/// Why a connection ended otherwise than by the VMM's closing it.
#[derive(Debug, Error)]
pub enum Error {
    /// The listening socket cannot be handed on.
    #[error("cannot duplicate the listening socket: {0}")]
    Listener(#[source] io::Error),
    /// The back end could not be set up, or the VMM broke the protocol.
    #[error("{0}")]
    Daemon(vhost_user_backend::Error),
}

type Vring = VringMutex<GuestMemoryAtomic<GuestMemoryMmap>>;

/// The vrings, all of the device's, with the memory they are in.
#[derive(Clone)]
struct Vrings {
    vrings: Arc<[Vring]>,
    memory: GuestMemoryAtomic<GuestMemoryMmap>,
}

impl Transport for Vrings {
    fn memory(&self) -> Arc<GuestMemoryMmap> {
        self.memory.memory().into_inner()
    }

    fn with_rings<R>(&self, queue: usize, f: impl FnOnce(&mut Queue) -> R) -> R {
        f(self.vrings[queue].get_mut().get_queue_mut())
    }

    fn is_running(&self, queue: usize) -> bool {
        let state = self.vrings[queue].get_ref();
        state.is_enabled() && state.get_queue().ready()
    }

    fn notify(&self, queue: usize) {
        if let Err(e) = self.vrings[queue].signal_used_queue() {
            log::debug!("cannot signal the driver: {e}");
        }
    }
}

/// One connection's back end.
struct Backend {
    device: Arc<Device>,
    memory: GuestMemoryAtomic<GuestMemoryMmap>,
    /// What is held of it.
    files: Mutex<MemoryFiles>,
    /// Known from the first event on; without one, no chain was ever taken.
    vrings: OnceLock<Vrings>,
    /// Where the control queue stood when it had last been looked at, to tell a reset from a pause.
    control_at: AtomicU16,
    exit: ExitEvent,
}

/// The control queue's number.
const CONTROL: usize = 0;

impl Backend {
    fn new(device: Arc<Device>) -> Self {
        Self {
            device,
            memory: GuestMemoryAtomic::new(GuestMemoryMmap::new()),
            files: Mutex::default(),
            vrings: OnceLock::new(),
            control_at: AtomicU16::new(0),
            exit: ExitEvent::default(),
        }
    }

    /// Few front ends say that the driver has reset the device, and user-mode Linux does not even stop
    /// its queues. But a queue that was paused goes on where it was, and after a reset it begins at zero.
    fn notice_reset(&self, vrings: &Vrings) {
        if self.control_at.load(Ordering::Relaxed) != 0 && control_position(vrings) == 0 {
            self.device.reset(RESET_GRACE);
        }
    }
}

/// How many chains have been taken off the control queue, modulo 2¹⁶.
fn control_position(vrings: &Vrings) -> u16 {
    vrings.with_rings(CONTROL, |rings| rings.next_avail())
}

impl VhostUserBackend for Backend {
    type Bitmap = ();
    type Vring = Vring;

    fn num_queues(&self) -> usize {
        self.device.num_queues()
    }

    fn max_queue_size(&self) -> usize {
        MAX_QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        self.device.features() | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        let mut features = VhostUserProtocolFeatures::CONFIG
            | VhostUserProtocolFeatures::MQ
            | VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS
            | VhostUserProtocolFeatures::RESET_DEVICE;
        if self.device.features() & 1 << VIRTIO_F_ACCESS_PLATFORM != 0 {
            // QEMU takes no device with ACCESS_PLATFORM whose back end could not ask for translations,
            // also where no virtual IOMMU makes any necessary.
            features |= VhostUserProtocolFeatures::BACKEND_REQ;
        }
        features
    }

    fn queues_per_thread(&self) -> Vec<u64> {
        vec![u64::MAX]
    }

    fn reset_device(&self) {
        // The VMM waits, with all its VM: not for calls that do not end.
        self.device.end_calls(RESET_GRACE);
        self.device.reset(RESET_GRACE);
    }

    fn set_event_idx(&self, _enabled: bool) {}

    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        self.device.read_config(offset, size)
    }

    // An error returned here ends the connection: the memory has been replaced already.
    fn update_memory(&self, memory: GuestMemoryAtomic<GuestMemoryMmap>) -> io::Result<()> {
        // It is the same object as `self.memory`. Calls in flight and registered memories keep the files.
        let mut held = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = memory.memory();
        if memory.iter().filter_map(|region| region.file_offset()).all(|file| held.hold(file.arc())) {
            return Ok(());
        }
        Err(io::Error::other(format!("more than {MAX_FILES} descriptors of memory are held")))
    }

    fn exit_event(&self, _thread_index: usize) -> Option<(EventConsumer, EventNotifier)> {
        match self.exit.create() {
            Ok(event) => Some(event),
            Err(e) => {
                log::error!("no event to end the queues' thread with: {e}");
                None
            }
        }
    }

    fn stop_vring(&self, queue_index: u32) -> io::Result<()> {
        let index = queue_index as usize;
        if let Some(vrings) = self.vrings.get() {
            // One alone is never stopped: without `RING_RESET`, which is not offered, no driver can ask for that.
            self.device.pause_queue(index, vrings, STOP_GRACE);
            // It may have put chains back.
            self.control_at.store(control_position(vrings), Ordering::Relaxed);
        }
        Ok(())
    }

    // An error returned here would end the thread for good.
    fn handle_event(
        &self,
        device_event: u16,
        _events: EventSet,
        vrings: &[Vring],
        _thread_id: usize,
    ) -> io::Result<()> {
        let vrings =
            self.vrings.get_or_init(|| Vrings { vrings: vrings.into(), memory: self.memory.clone() });
        let index = usize::from(device_event);
        if index == CONTROL {
            self.notice_reset(vrings);
        }
        self.device.process(index, vrings);
        self.control_at.store(control_position(vrings), Ordering::Relaxed);
        Ok(())
    }
}

/// A VMM that is connected.
pub(super) struct Connection {
    daemon: VhostUserDaemon<Arc<Backend>>,
    backend: Arc<Backend>,
}

impl Connection {
    /// Accepts the VMM that waits at `socket`, and serves it `device` on threads of its own.
    pub(super) fn accept(name: &str, socket: &Socket, device: Arc<Device>) -> Result<Self, Error> {
        let mut listener = Listener::from(socket.listener().try_clone().map_err(Error::Listener)?);
        let backend = Arc::new(Backend::new(device));
        let memory = backend.memory.clone();
        let daemon = VhostUserDaemon::new(name.to_owned(), backend.clone(), memory);
        let started = daemon.and_then(|mut daemon| daemon.start(&mut listener).map(|()| daemon));
        match started {
            Ok(daemon) => Ok(Self { daemon, backend }),
            Err(e) => {
                backend.exit.close();
                Err(Error::Daemon(e))
            }
        }
    }
}

impl super::Connection for Connection {
    fn shutdown_handle(&self) -> Shutdown {
        let handle = self.daemon.shutdown_handle();
        Shutdown::new(move || {
            if let Some(handle) = &handle {
                handle.shutdown();
            }
        })
    }

    fn wait(mut self: Box<Self>) -> Result<(), super::Error> {
        use vhost::vhost_user::Error::{Disconnected, PartialMessage};
        use vhost_user_backend::Error::HandleRequest;
        let result = self.daemon.wait();
        drop(self.daemon);
        self.backend.exit.close();
        match result {
            // How a VMM that ends looks.
            Ok(()) | Err(HandleRequest(Disconnected | PartialMessage)) => Ok(()),
            Err(e) => Err(Error::Daemon(e).into()),
        }
    }
}
