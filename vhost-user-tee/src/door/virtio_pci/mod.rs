// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device as a PCI function: the registers of a modern virtio-pci device (virtio 1.3, section 4.1).
//!
//! ```text
//!   configuration space          BAR 0                        BAR 1
//!     config_space  header         common_config  registers     msix  table
//!     capabilities  what is        ISR status
//!                   where          device configuration
//!                                  notifications
//! ```
//!
//! [`VirtioPci`] is a state machine: no sockets, no threads, no guest memory. Whoever holds it gives
//! it each access that the guest makes, does what the returned [`Effect`] asks for, and asks it which
//! [`Interrupt`] to give when a queue has something for the driver.
//!
//! # Accesses
//! Any offset and any length is taken, for a hostile peer may send it. Reads find zeros where there
//! is no register, and all ones beyond the end. Writes that do not fit a register do nothing.
//!
//! # Resets
//! None is over before its holder says so, since calls may have to end first. Meanwhile the driver
//! sees that it goes on, and can neither write the common configuration nor notify.
//!
//! | asked for by                  | effect                    | over with                         |
//! |-------------------------------|---------------------------|-----------------------------------|
//! | 0 in `device_status`          | [`Effect::Reset`]         | [`reset_done`], reads as 0 then   |
//! | 1 in `queue_reset`            | [`Effect::QueueReset`]    | [`queue_reset_done`], reads as 0  |
//! | Initiate Function Level Reset | [`Effect::FunctionReset`] | [`function_reset`]                |
//!
//! [`reset_done`]: VirtioPci::reset_done
//! [`queue_reset_done`]: VirtioPci::queue_reset_done
//! [`function_reset`]: VirtioPci::function_reset

mod bytes;
mod capabilities;
mod common_config;
mod config_space;
mod layout;
mod msix;
#[cfg(test)]
mod tests;

use bytes::copy_overlap;
use common_config::CommonConfig;
pub(super) use common_config::QueueRegisters;
use config_space::ConfigSpace;
use layout::{
    DEVICE, ISR, MAX_DEVICE_LEN, MAX_QUEUES, MSIX_BAR, MSIX_BAR_SIZE, NOTIFY, NOTIFY_MULTIPLIER, VIRTIO_BAR,
    VIRTIO_BAR_SIZE,
};
use msix::{MsixTable, NO_VECTOR};

/// Length of the configuration space, in bytes.
pub(super) const CONFIG_SPACE_SIZE: u64 = config_space::SIZE as u64;

/// The queue interrupt bit of the ISR status (virtio 1.3, 4.1.4.5). The other one, for configuration
/// changes, is never set: nothing changes.
const ISR_QUEUE: u8 = 1;

/// What an access asks of whoever holds the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// The driver notifies a queue, which is in use.
    Kick(u16),
    /// The driver has enabled a queue: [`VirtioPci::queue`] says where it is.
    QueueEnabled(u16),
    /// The driver resets a queue, which is in use.
    QueueReset(u16),
    /// The driver resets the device.
    Reset,
    /// The driver resets the function.
    FunctionReset,
    /// The INTx line has gone up: an interrupt was pending that could not be given before.
    Intx,
}

/// How to tell the driver of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// By this MSI-X vector.
    Msix(u16),
    /// By the INTx line, which is up until the ISR status is read.
    Intx,
    /// Not at all: the driver wants none, or has switched it off.
    None,
}

/// A virtio-pci device's registers.
pub(super) struct VirtioPci {
    config: ConfigSpace,
    common: CommonConfig,
    msix: MsixTable,
    device_config: Vec<u8>,
    vectors: u16,
    isr: u8,
}

impl VirtioPci {
    /// A device after power-on, that offers `features`, `VIRTIO_F_VERSION_1` among them, and
    /// `VIRTIO_F_RING_RESET`, which is this model's own. `max_queue_size` is in descriptors, a power
    /// of two. It has 255 queues and 4096 bytes of device configuration at most; what is beyond is
    /// left out.
    pub(super) fn new(features: u64, num_queues: u16, max_queue_size: u16, device_config: &[u8]) -> Self {
        let num_queues = num_queues.min(MAX_QUEUES);
        // One for configuration changes.
        let vectors = num_queues.saturating_add(1);
        let device_config: Vec<u8> = device_config.iter().copied().take(MAX_DEVICE_LEN).collect();
        let mut config = ConfigSpace::new(capabilities::FIRST);
        capabilities::add(&mut config, vectors, num_queues, device_config.len());
        Self {
            config,
            common: CommonConfig::new(features, num_queues, max_queue_size, vectors),
            msix: MsixTable::new(vectors),
            device_config,
            vectors,
            isr: 0,
        }
    }

    /// The same device without MSI-X: all its interrupts come by the INTx line. The BAR of the MSI-X
    /// table stays, with nothing in it.
    pub(super) fn without_msix(mut self) -> Self {
        capabilities::remove_msix(&mut self.config);
        self.common.remove_vectors();
        self.vectors = 0;
        self.msix = MsixTable::new(0);
        self
    }

    /// Length of a BAR in bytes; 0 where there is none.
    pub(super) fn bar_size(bar: usize) -> u64 {
        match u8::try_from(bar) {
            Ok(VIRTIO_BAR) => u64::from(VIRTIO_BAR_SIZE),
            Ok(MSIX_BAR) => u64::from(MSIX_BAR_SIZE),
            _ => 0,
        }
    }

    /// MSI-X vectors: one per queue, and one for configuration changes; none without MSI-X.
    pub(super) fn vectors(&self) -> u16 {
        self.vectors
    }

    /// Reads from a BAR. Reading the ISR status clears it, and takes the INTx line down.
    pub(super) fn read_bar(&mut self, bar: usize, offset: u64, data: &mut [u8]) {
        let left = usize::try_from(Self::bar_size(bar).saturating_sub(offset)).unwrap_or(usize::MAX);
        data.fill(0xff);
        let inside = left.min(data.len());
        let data = data.get_mut(..inside).unwrap_or_default();
        data.fill(0);
        let Ok(offset) = usize::try_from(offset) else {
            return;
        };
        match u8::try_from(bar) {
            Ok(VIRTIO_BAR) => {
                self.common.read(offset, data);
                copy_overlap(data, offset, &[self.isr], ISR);
                if bytes::byte_at(data, offset, ISR).is_some() {
                    self.isr = 0;
                }
                copy_overlap(data, offset, &self.device_config, DEVICE);
            }
            Ok(MSIX_BAR) => self.msix.read(offset, data),
            _ => {}
        }
    }

    /// Writes to a BAR.
    pub(super) fn write_bar(&mut self, bar: usize, offset: u64, data: &[u8]) -> Effect {
        let Ok(offset) = usize::try_from(offset) else {
            return Effect::None;
        };
        match u8::try_from(bar) {
            Ok(VIRTIO_BAR) if offset < NOTIFY => self.common.write(offset, data),
            Ok(VIRTIO_BAR) => self.notify(offset - NOTIFY, data.len()),
            Ok(MSIX_BAR) => {
                self.msix.write(offset, data);
                Effect::None
            }
            _ => Effect::None,
        }
    }

    /// Reads from the configuration space, and from a BAR through the window that is in it.
    pub(super) fn read_config(&mut self, offset: u64, data: &mut [u8]) {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if self.common.is_function_resetting() {
            // Not ready: whoever asked for the reset waits for other than this, and then restores what
            // the reset has taken (PCI Express 4.0, 6.6.2).
            return data.fill(0xff);
        }
        if let Some(window) = capabilities::window(&self.config, offset, data.len()) {
            let mut value = [0; 4];
            let value = value.get_mut(..window.len).unwrap_or_default();
            self.read_bar(window.bar, window.offset, value);
            capabilities::set_window_data(&mut self.config, value);
        }
        self.config.set_interrupt_status(self.interrupt_pending());
        self.config.read(offset, data);
    }

    /// Writes to the configuration space, and to a BAR through the window that is in it.
    pub(super) fn write_config(&mut self, offset: u64, data: &[u8]) -> Effect {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let was_up = self.intx_pending();
        if self.common.is_function_resetting() || !self.config.write(offset, data) {
            return Effect::None;
        }
        if capabilities::initiates_flr(offset, data) {
            // Asked for once: a second one that ends late would hit a driver that has begun anew.
            return if self.common.begin_function_reset() { Effect::FunctionReset } else { Effect::None };
        }
        if let Some(window) = capabilities::window(&self.config, offset, data.len()) {
            let value = capabilities::window_data(&self.config);
            return self.write_bar(window.bar, window.offset, value.get(..window.len).unwrap_or_default());
        }
        if !was_up && self.intx_pending() {
            return Effect::Intx;
        }
        Effect::None
    }

    /// A queue's registers.
    pub(super) fn queue(&self, index: u16) -> Option<&QueueRegisters> {
        self.common.queue(index)
    }

    /// The features that the driver has accepted: not checked before a queue can be enabled.
    pub(super) fn driver_features(&self) -> u64 {
        self.common.driver_features()
    }

    /// Whether the device may look at its queues: the driver is ready, has not given up, no reset of
    /// the device is under way, and it may access memory (as in QEMU, a function that is no bus
    /// master may not).
    pub(super) fn driver_ok(&self) -> bool {
        self.common.driver_ok() && self.config.is_bus_master()
    }

    /// Ends a reset of the device: its status is 0, and the queues, their vectors and the features
    /// are as after power-on. The configuration space and MSI-X stay. Does nothing where
    /// [`Effect::Reset`] was not the last thing asked for.
    pub(super) fn reset_done(&mut self) {
        if self.common.reset_done() {
            self.isr = 0;
        }
    }

    /// Ends a reset of a queue, whose registers are as after power-on then. Does nothing if the
    /// device was reset meanwhile, or is being reset.
    pub(super) fn queue_reset_done(&mut self, index: u16) {
        self.common.queue_reset_done(index);
    }

    /// Resets everything, the configuration space too, as at power-on.
    pub(super) fn function_reset(&mut self) {
        self.config.reset();
        self.common.set_defaults();
        self.msix = MsixTable::new(self.vectors);
        self.isr = 0;
    }

    /// How to tell the driver that queue `index` has used buffers (virtio 1.3, 4.1.5.3). Masks of
    /// MSI-X vectors are the VMM's affair: see `msix`.
    pub(super) fn raise_queue(&mut self, index: u16) -> Interrupt {
        let Some(queue) = self.common.queue(index).filter(|queue| queue.enabled) else {
            return Interrupt::None;
        };
        if capabilities::msix_enabled(&self.config) {
            // A message is a write to memory.
            if queue.vector == NO_VECTOR || !self.config.is_bus_master() {
                return Interrupt::None;
            }
            return Interrupt::Msix(queue.vector);
        }
        self.isr |= ISR_QUEUE;
        if self.intx_pending() {
            Interrupt::Intx
        } else {
            Interrupt::None
        }
    }

    /// Whether the INTx line is up: a VMM that unmasks it has to be told again.
    pub(super) fn intx_pending(&self) -> bool {
        self.interrupt_pending() && !self.config.intx_disabled()
    }

    /// Whether there is an interrupt for the line, let out or not.
    fn interrupt_pending(&self) -> bool {
        self.isr != 0 && !capabilities::msix_enabled(&self.config)
    }

    /// A write to the notifications (virtio 1.3, 4.1.5.2). The address names the queue; the value
    /// does so again, and is not looked at, as in QEMU: with an ioeventfd there is none.
    fn notify(&self, offset: usize, len: usize) -> Effect {
        if offset % NOTIFY_MULTIPLIER != 0 || !matches!(len, 2 | 4) || !self.driver_ok() {
            return Effect::None;
        }
        let index = u16::try_from(offset / NOTIFY_MULTIPLIER).unwrap_or(u16::MAX);
        match self.queue(index) {
            Some(queue) if queue.enabled && !queue.resetting => Effect::Kick(index),
            _ => Effect::None,
        }
    }
}
