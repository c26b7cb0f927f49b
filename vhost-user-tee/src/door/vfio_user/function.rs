// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The PCI function: what the registers say, done.
//!
//! The thread that reads messages accesses registers and takes chains in. What may take time, a
//! reset with calls in flight, is done by a thread of its own, and the registers say so until it is
//! over: a driver polls them, while a VMM that waited for an answer would stop all its guest.
//!
//! A reset that the driver asks for is over when no call of its works on the driver's memory any more,
//! however long that takes: a TEE of the host's cannot end what it has begun. One that the VMM asks for takes
//! a few seconds at most, in which the guest stands still, and leaves such a call to itself.

use std::mem::take;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::io::Errno;
use vfio_bindings::bindings::vfio::{VFIO_PCI_BAR5_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX};
use virtio_bindings::bindings::virtio_ring::VIRTIO_RING_F_EVENT_IDX;
use virtio_queue::{Queue, QueueT};
use vm_memory::{GuestAddress, GuestMemoryMmap};

use super::interrupts::{Change, Interrupts};
use super::memory::{Memory, MAX_MAPS};
use super::message::{DmaMap, DmaUnmap, IrqInfo, SetIrqs};
use crate::device::{Device, Transport};
use crate::door::virtio_pci::{Effect, Interrupt, VirtioPci, CONFIG_SPACE_SIZE};

/// Longest queue, in descriptors.
const MAX_QUEUE_SIZE: u16 = 1024;
/// How long each step of a reset waits for calls to end. A VMM that resets its machine waits for all of
/// them, with all of its guest; QEMU gives up after 5 seconds.
const RESET_GRACE: Duration = Duration::from_secs(1);
/// How long a queue that is reset by itself waits for its calls before it cancels them.
const QUEUE_GRACE: Duration = Duration::from_secs(5);

/// The function; clones are the same one.
#[derive(Clone)]
pub(super) struct Function(Arc<Parts>);

pub(super) struct Parts {
    name: String,
    device: Arc<Device>,
    registers: Mutex<VirtioPci>,
    queues: Vec<Mutex<Queue>>,
    memory: Memory,
    interrupts: Interrupts,
    /// Resets under way.
    resets: Threads,
}

type Threads = Mutex<Vec<JoinHandle<()>>>;

impl Deref for Function {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for Function {
    fn memory(&self) -> Arc<GuestMemoryMmap> {
        self.memory.now()
    }

    fn with_rings<R>(&self, queue: usize, f: impl FnOnce(&mut Queue) -> R) -> R {
        f(&mut lock(&self.queues[queue]))
    }

    fn is_running(&self, queue: usize) -> bool {
        let registers = lock(&self.registers);
        let enabled = |index| registers.queue(index).is_some_and(|queue| queue.enabled && !queue.resetting);
        registers.driver_ok() && u16::try_from(queue).is_ok_and(enabled)
    }

    fn notify(&self, queue: usize) {
        let interrupt = match u16::try_from(queue) {
            Ok(index) => lock(&self.registers).raise_queue(index),
            Err(_) => Interrupt::None,
        };
        match interrupt {
            Interrupt::Msix(vector) => self.interrupts.signal_msix(vector),
            Interrupt::Intx => self.interrupts.signal_intx(),
            Interrupt::None => {}
        }
    }
}

impl Function {
    /// The function of a device, as it is when it is switched on. `None` if the device has more
    /// queues than a function can. Without `msix` it has the INTx line alone.
    pub(super) fn new(name: &str, device: Arc<Device>, msix: bool) -> Option<Self> {
        let num_queues = u16::try_from(device.num_queues()).ok()?;
        let config = device.read_config(0, size_of::<virtio_tee_spec::Config>() as u32);
        let registers = VirtioPci::new(device.features(), num_queues, MAX_QUEUE_SIZE, &config);
        let registers = if msix { registers } else { registers.without_msix() };
        let queues = (0..num_queues).map(|_| Queue::new(MAX_QUEUE_SIZE).ok().map(Mutex::new));
        Some(Self(Arc::new(Parts {
            name: name.to_owned(),
            device,
            interrupts: Interrupts::new(registers.vectors()),
            registers: Mutex::new(registers),
            queues: queues.collect::<Option<_>>()?,
            memory: Memory::new(MAX_MAPS),
            resets: Mutex::default(),
        })))
    }

    /// Maps guest memory.
    pub(super) fn map(&self, request: &DmaMap, file: Option<OwnedFd>) -> Result<(), Errno> {
        self.memory.map(request, file)
    }

    /// Unmaps guest memory.
    pub(super) fn unmap(&self, request: &DmaUnmap) -> Result<(), Errno> {
        self.memory.unmap(request)
    }

    /// Kind and number of interrupts.
    pub(super) fn irq_info(&self, index: u32) -> Result<IrqInfo, Errno> {
        self.interrupts.info(index)
    }

    /// Changes interrupts.
    pub(super) fn set_irqs(&self, request: &SetIrqs, fds: Vec<OwnedFd>) -> Result<(), Errno> {
        if self.interrupts.set(request, fds)? == Change::Unmasked {
            self.signal_if_pending();
        }
        Ok(())
    }

    /// What to wait for besides messages, to call [`Function::unmask`] when it can be read.
    pub(super) fn unmask_event(&self) -> Option<Arc<OwnedFd>> {
        self.interrupts.unmask_event()
    }

    /// The VMM has unmasked the INTx line by `event`.
    pub(super) fn unmask(&self, event: &OwnedFd) {
        self.interrupts.unmask(event);
        self.signal_if_pending();
    }

    /// The line may be signalled again: it is, if the driver has not looked yet.
    fn signal_if_pending(&self) {
        if lock(&self.registers).intx_pending() {
            self.interrupts.signal_intx();
        }
    }

    /// Size of a region in bytes, zero where there is none.
    pub(super) fn region_size(region: u32) -> u64 {
        match region {
            0..=VFIO_PCI_BAR5_REGION_INDEX => VirtioPci::bar_size(region as usize),
            VFIO_PCI_CONFIG_REGION_INDEX => CONFIG_SPACE_SIZE,
            _ => 0,
        }
    }

    /// Reads `len` bytes of a region, all of which are to be in it.
    pub(super) fn read(&self, region: u32, offset: u64, len: u32) -> Result<Vec<u8>, Errno> {
        inside(region, offset, u64::from(len))?;
        let mut data = vec![0; len as usize];
        let mut registers = lock(&self.registers);
        if region == VFIO_PCI_CONFIG_REGION_INDEX {
            registers.read_config(offset, &mut data);
        } else {
            registers.read_bar(region as usize, offset, &mut data);
        }
        Ok(data)
    }

    /// Writes to a region, and does what that means.
    pub(super) fn write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), Errno> {
        inside(region, offset, data.len() as u64)?;
        let effect = {
            let mut registers = lock(&self.registers);
            if region == VFIO_PCI_CONFIG_REGION_INDEX {
                registers.write_config(offset, data)
            } else {
                registers.write_bar(region as usize, offset, data)
            }
        };
        match effect {
            Effect::None => {}
            Effect::Kick(queue) => self.device.process(usize::from(queue), self),
            Effect::QueueEnabled(queue) => self.start_queue(queue),
            Effect::QueueReset(queue) => self.begin("queue reset", move |function, earlier| {
                join_all(earlier);
                function.reset_queue(queue);
            }),
            Effect::Reset => self.begin("reset", |function, earlier| {
                function.reset_for_driver(earlier, |registers| {
                    registers.reset_done();
                });
            }),
            Effect::FunctionReset => self.begin("function reset", |function, earlier| {
                function.reset_for_driver(earlier, VirtioPci::function_reset);
            }),
            Effect::Intx => self.interrupts.signal_intx(),
        }
        Ok(())
    }

    /// Puts the function into the state that it was in when it was switched on. What it did for its
    /// driver has ended when this returns, but for calls that cannot be ended.
    pub(super) fn reset(&self) {
        self.settle();
        self.end_all();
        lock(&self.registers).function_reset();
        self.device.hurry(false);
    }

    /// Ends all calls, and waits for resets that are under way: none has to wait for a call then.
    /// Nobody takes in chains meanwhile.
    pub(super) fn settle(&self) {
        self.device.hurry(true);
        self.device.end_calls(RESET_GRACE);
        join_all(&self.resets);
    }

    /// Does what may take time on a thread of its own. `work` is given what has been begun before, to wait for it.
    fn begin(&self, what: &str, work: impl Fn(&Self, &Threads) + Clone + Send + 'static) {
        let mut resets = lock(&self.resets);
        let earlier = Arc::new(Mutex::new(take(&mut *resets)));
        let (function, there, before) = (self.clone(), work.clone(), earlier.clone());
        let thread =
            Builder::new().name(format!("{} {what}", self.name)).spawn(move || there(&function, &before));
        match thread {
            Ok(thread) => resets.push(thread),
            Err(e) => {
                log::warn!("{}: no thread for a {what}: {e}", self.name);
                drop(resets);
                // Here a VMM waits. With a call that cannot be ended, the reset is not over before the VMM's own.
                self.device.hurry(true);
                work(self, &earlier);
                self.device.hurry(false);
            }
        }
    }

    fn start_queue(&self, index: u16) {
        let Some(queue) = self.queues.get(usize::from(index)) else {
            return;
        };
        // Nobody holds a queue while looking at registers.
        let mut rings = lock(queue);
        let registers = lock(&self.registers);
        let Some(setup) = registers.queue(index) else {
            return;
        };
        rings.reset();
        let placed = rings
            .try_set_size(setup.size)
            .and_then(|()| rings.try_set_desc_table_address(GuestAddress(setup.desc)))
            .and_then(|()| rings.try_set_avail_ring_address(GuestAddress(setup.driver)))
            .and_then(|()| rings.try_set_used_ring_address(GuestAddress(setup.device)));
        match placed {
            Ok(()) => {
                rings.set_event_idx(registers.driver_features() & 1 << VIRTIO_RING_F_EVENT_IDX != 0);
                rings.set_ready(true);
            }
            // It stays as it is: a queue that nobody looks at.
            Err(e) => log::debug!("{}: queue {index} cannot be where the driver put it: {e}", self.name),
        }
    }

    fn reset_queue(&self, index: u16) {
        if !self.device.stop_queue(usize::from(index), self, QUEUE_GRACE) {
            return;
        }
        if let Some(queue) = self.queues.get(usize::from(index)) {
            lock(queue).reset();
        }
        lock(&self.registers).queue_reset_done(index);
    }

    /// Does a reset that the driver has asked for, and says so in the registers by `done` when all that the driver
    /// had is gone.
    fn reset_for_driver(&self, earlier: &Threads, done: impl FnOnce(&mut VirtioPci)) {
        // A reset of a queue may be among them, and wait for calls of it.
        self.device.end_calls(RESET_GRACE);
        join_all(earlier);
        self.end_all();
        if self.device.outwait_reset() {
            done(&mut lock(&self.registers));
        }
    }

    /// Ends calls, and frees all that the driver had, but for what calls that cannot be ended have.
    fn end_all(&self) {
        self.device.end_calls(RESET_GRACE);
        for queue in &self.queues {
            lock(queue).reset();
        }
        self.device.reset(RESET_GRACE);
    }
}

/// Waits for threads.
fn join_all(threads: &Threads) {
    let threads = take(&mut *lock(threads));
    for thread in threads {
        // A panic there is a bug, which its message has named.
        let _ = thread.join();
    }
}

fn inside(region: u32, offset: u64, len: u64) -> Result<(), Errno> {
    match offset.checked_add(len) {
        Some(end) if end <= Function::region_size(region) => Ok(()),
        _ => Err(Errno::INVAL),
    }
}
