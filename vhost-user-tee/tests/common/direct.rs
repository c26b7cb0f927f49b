// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A door without a transport: the least that a [`Transport`] has to do, in one process.
//!
//! ```text
//!   Ring ── channel ──▶ door thread ──▶ Device::process
//!   Ring ◀── eventfd ── any thread  ◀── Transport::notify
//! ```

use std::any::Any;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use vhost_user_tee::device::{Device, Transport};
use virtio_bindings::bindings::virtio_ring::VIRTIO_RING_F_EVENT_IDX;
use virtio_queue::{Queue, QueueT};
use virtio_tee_frontend::link::{Doorbell, Link, Rings};
use virtio_tee_frontend::Error;
use vm_memory::{
    GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap, MmapRegion,
};
use vmm_sys_util::eventfd::EventFd;

const MAX_QUEUE_SIZE: u16 = 1024;
/// How long a queue that is stopped waits for its calls.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long calls, cancelled already, may go on in a reset, and at the end.
const END_GRACE: Duration = Duration::from_secs(2);

/// The device's side.
pub struct Door {
    device: Device,
    memory: Mutex<Arc<GuestMemoryMmap>>,
    queues: Vec<Slot>,
    features: AtomicU64,
    driver_ok: AtomicBool,
    /// Whether it was shut.
    closed: AtomicBool,
    kicks: Sender<Message>,
}

struct Slot {
    rings: Mutex<Queue>,
    started: AtomicBool,
    call: Mutex<Option<EventFd>>,
}

enum Message {
    Kick(usize),
    End,
}

#[derive(Clone)]
struct Direct(Arc<Door>);

impl Transport for Direct {
    fn memory(&self) -> Arc<GuestMemoryMmap> {
        self.0.memory.lock().unwrap().clone()
    }

    fn with_rings<R>(&self, queue: usize, f: impl FnOnce(&mut Queue) -> R) -> R {
        f(&mut self.0.queues[queue].rings.lock().unwrap())
    }

    fn is_running(&self, queue: usize) -> bool {
        self.0.driver_ok.load(SeqCst) && self.0.queues[queue].started.load(SeqCst)
    }

    fn notify(&self, queue: usize) {
        if let Some(call) = &*self.0.queues[queue].call.lock().unwrap() {
            call.write(1).unwrap();
        }
    }
}

impl Door {
    /// Waits `grace` at most for calls, and ends the connection, as a daemon does.
    pub fn finish(&self, grace: Duration) {
        self.device.drain(grace);
        self.close();
    }

    fn close(&self) {
        self.closed.store(true, SeqCst);
        let _ = self.kicks.send(Message::End);
        self.device.shut_down(END_GRACE);
    }

    fn open(&self) -> Result<&Self, Error> {
        if self.closed.load(SeqCst) {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        Ok(self)
    }

    fn memory(&self) -> MutexGuard<'_, Arc<GuestMemoryMmap>> {
        self.memory.lock().unwrap()
    }
}

/// The driver's side.
pub struct DirectLink {
    direct: Direct,
    thread: Option<JoinHandle<()>>,
}

impl DirectLink {
    pub fn new(device: Device) -> Self {
        let (kicks, receiver) = channel();
        let slot = |_| Slot {
            rings: Mutex::new(Queue::new(MAX_QUEUE_SIZE).unwrap()),
            started: AtomicBool::new(false),
            call: Mutex::default(),
        };
        let direct = Direct(Arc::new(Door {
            memory: Mutex::default(),
            queues: (0..device.num_queues()).map(slot).collect(),
            device,
            features: AtomicU64::new(0),
            driver_ok: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            kicks,
        }));
        let served = direct.clone();
        let thread = Some(std::thread::spawn(move || serve(&served, &receiver)));
        Self { direct, thread }
    }

    /// Pauses a queue, and goes on at once.
    pub fn pause(&self, queue: usize, grace: Duration) {
        self.direct.0.device.pause_queue(queue, &self.direct, grace);
    }

    /// The other side, as long as this one is there.
    pub fn door(&self) -> Weak<Door> {
        Arc::downgrade(&self.direct.0)
    }
}

/// All chains are taken in by this one thread.
fn serve(direct: &Direct, kicks: &Receiver<Message>) {
    while let Ok(Message::Kick(queue)) = kicks.recv() {
        direct.0.device.process(queue, direct);
    }
}

impl Drop for DirectLink {
    fn drop(&mut self) {
        self.direct.0.close();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Link for DirectLink {
    fn offered_features(&self) -> u64 {
        self.direct.0.device.features()
    }

    fn negotiate(&mut self, features: u64) -> Result<(), Error> {
        assert_eq!(features & !self.offered_features(), 0);
        self.direct.0.open()?.features.store(features, SeqCst);
        Ok(())
    }

    fn set_memory(&mut self, memory: &GuestMemoryMmap) -> Result<(), Error> {
        *self.direct.0.memory() = Arc::default();
        memory.iter().try_for_each(|region| self.plug(region))
    }

    /// Maps the file anew, as other doors do.
    fn plug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        let file = region.file_offset().unwrap().clone();
        let mapped = MmapRegion::from_file(file, region.len() as usize).unwrap();
        let mapped = GuestRegionMmap::new(mapped, region.start_addr()).unwrap();
        let mut memory = self.direct.0.open()?.memory();
        *memory = Arc::new(memory.insert_region(Arc::new(mapped)).unwrap());
        Ok(())
    }

    fn unplug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        let mut memory = self.direct.0.open()?.memory();
        *memory = Arc::new(memory.remove_region(region.start_addr(), region.len()).unwrap().0);
        Ok(())
    }

    fn start_queue(&mut self, index: usize, rings: &Rings, call: &EventFd) -> Result<Doorbell, Error> {
        let slot = &self.direct.0.open()?.queues[index];
        *slot.call.lock().unwrap() = Some(call.try_clone()?);
        let mut queue = slot.rings.lock().unwrap();
        assert_eq!(rings.base, 0, "queues do not go on where they were");
        queue.try_set_size(rings.size).unwrap();
        queue.try_set_desc_table_address(GuestAddress(rings.desc_table)).unwrap();
        queue.try_set_avail_ring_address(GuestAddress(rings.avail_ring)).unwrap();
        queue.try_set_used_ring_address(GuestAddress(rings.used_ring)).unwrap();
        queue.set_event_idx(self.direct.0.features.load(SeqCst) & 1 << VIRTIO_RING_F_EVENT_IDX != 0);
        queue.set_ready(true);
        slot.started.store(true, SeqCst);
        let kicks = self.direct.0.kicks.clone();
        Ok(Doorbell::new(move || {
            kicks.send(Message::Kick(index)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe).into())
        }))
    }

    fn run(&mut self) -> Result<(), Error> {
        self.direct.0.open()?.driver_ok.store(true, SeqCst);
        Ok(())
    }

    fn stop_queue(&mut self, index: usize) -> Result<u16, Error> {
        let slot = &self.direct.0.open()?.queues[index];
        slot.started.store(false, SeqCst);
        assert!(self.direct.0.device.stop_queue(index, &self.direct, STOP_GRACE));
        slot.rings.lock().unwrap().reset();
        Ok(0)
    }

    fn reset(&mut self) -> Result<(), Error> {
        let door = self.direct.0.open()?;
        door.driver_ok.store(false, SeqCst);
        door.device.end_calls(END_GRACE);
        for slot in &door.queues {
            slot.started.store(false, SeqCst);
            slot.rings.lock().unwrap().reset();
        }
        door.device.reset(END_GRACE);
        assert!(door.device.outwait_reset());
        Ok(())
    }

    fn read_config(&mut self, offset: u32, len: u32) -> Result<Vec<u8>, Error> {
        Ok(self.direct.0.open()?.device.read_config(offset, len))
    }

    /// There is nothing to write.
    fn write_config(&mut self, _offset: u32, _bytes: &[u8]) -> Result<(), Error> {
        self.direct.0.open().map(|_| ())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
