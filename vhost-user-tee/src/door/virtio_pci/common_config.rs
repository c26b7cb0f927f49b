// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The common configuration structure (virtio 1.3, 4.1.4.3).
//!
//! Any bytes of it can be read together. A register is written at its own width only, a 64-bit one
//! also as two halves of 32 bits: that is how drivers access them (4.1.3.1). Other writes do nothing,
//! so no register ever holds half of a value.

use std::mem::{offset_of, size_of};

use virtio_bindings::bindings::virtio_config::{
    VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER, VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FAILED,
    VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_F_RING_RESET, VIRTIO_F_VERSION_1,
};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes};

use super::bytes::copy_overlap;
use super::layout::COMMON;
use super::msix::NO_VECTOR;
use super::Effect;

/// The registers as the driver sees them.
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
struct Registers {
    device_feature_select: U32,
    device_feature: U32,
    driver_feature_select: U32,
    driver_feature: U32,
    config_msix_vector: U16,
    num_queues: U16,
    device_status: u8,
    /// The device configuration never changes.
    config_generation: u8,

    // About the queue that is selected; all zero if there is none.
    queue_select: U16,
    queue_size: U16,
    queue_msix_vector: U16,
    queue_enable: U16,
    queue_notify_off: U16,
    queue_desc: U64,
    queue_driver: U64,
    queue_device: U64,
    /// Of features that are not offered, as what follows `queue_reset`.
    queue_notif_config_data: U16,
    queue_reset: U16,
    admin_queue_index: U16,
    admin_queue_num: U16,
}

/// Length of the structure, in bytes.
pub(super) const LEN: usize = size_of::<Registers>();

const DEVICE_FEATURE_SELECT: usize = offset_of!(Registers, device_feature_select);
const DRIVER_FEATURE_SELECT: usize = offset_of!(Registers, driver_feature_select);
const DRIVER_FEATURE: usize = offset_of!(Registers, driver_feature);
const CONFIG_MSIX_VECTOR: usize = offset_of!(Registers, config_msix_vector);
const DEVICE_STATUS: usize = offset_of!(Registers, device_status);
const QUEUE_SELECT: usize = offset_of!(Registers, queue_select);
const QUEUE_SIZE: usize = offset_of!(Registers, queue_size);
const QUEUE_MSIX_VECTOR: usize = offset_of!(Registers, queue_msix_vector);
const QUEUE_ENABLE: usize = offset_of!(Registers, queue_enable);
const QUEUE_DESC: usize = offset_of!(Registers, queue_desc);
const QUEUE_DESC_HI: usize = QUEUE_DESC + 4;
const QUEUE_DRIVER: usize = offset_of!(Registers, queue_driver);
const QUEUE_DRIVER_HI: usize = QUEUE_DRIVER + 4;
const QUEUE_DEVICE: usize = offset_of!(Registers, queue_device);
const QUEUE_DEVICE_HI: usize = QUEUE_DEVICE + 4;
const QUEUE_RESET: usize = offset_of!(Registers, queue_reset);

const FEATURES_OK: u8 = VIRTIO_CONFIG_S_FEATURES_OK as u8;
const DRIVER_OK: u8 = VIRTIO_CONFIG_S_DRIVER_OK as u8;
const FAILED: u8 = VIRTIO_CONFIG_S_FAILED as u8;
/// The bits of the status that are the driver's to set.
const DRIVERS_BITS: u8 =
    VIRTIO_CONFIG_S_ACKNOWLEDGE as u8 | VIRTIO_CONFIG_S_DRIVER as u8 | FEATURES_OK | DRIVER_OK | FAILED;

/// A queue's registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::door) struct QueueRegisters {
    /// Descriptors: a power of two, and not more than there may be at most.
    pub(in crate::door) size: u16,
    /// MSI-X vector, or 0xffff for none.
    pub(in crate::door) vector: u16,
    /// Set by the driver, until a reset is done.
    pub(in crate::door) enabled: bool,
    /// Addresses of the descriptor, the driver and the device area, as the driver wrote them: unchecked.
    pub(in crate::door) desc: u64,
    pub(in crate::door) driver: u64,
    pub(in crate::door) device: u64,
    /// Between a write of `queue_reset` and the end of that reset.
    pub(in crate::door) resetting: bool,
}

impl QueueRegisters {
    fn new(size: u16) -> Self {
        Self { size, vector: NO_VECTOR, enabled: false, desc: 0, driver: 0, device: 0, resetting: false }
    }
}

/// A reset that the device's holder has been asked for and has not done yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reset {
    None,
    Device,
    Function,
}

pub(super) struct CommonConfig {
    offered: u64,
    max_queue_size: u16,
    vectors: u16,
    reset: Reset,
    device_feature_select: u32,
    driver_feature_select: u32,
    driver_features: u64,
    config_vector: u16,
    status: u8,
    /// The driver has set `FAILED` while it was running.
    gave_up: bool,
    queue_select: u16,
    queues: Vec<QueueRegisters>,
}

impl CommonConfig {
    /// Registers as after a reset.
    pub(super) fn new(features: u64, num_queues: u16, max_queue_size: u16, vectors: u16) -> Self {
        Self {
            offered: features | 1 << VIRTIO_F_RING_RESET,
            max_queue_size,
            vectors,
            reset: Reset::None,
            device_feature_select: 0,
            driver_feature_select: 0,
            driver_features: 0,
            config_vector: NO_VECTOR,
            status: 0,
            gave_up: false,
            queue_select: 0,
            queues: vec![QueueRegisters::new(max_queue_size); usize::from(num_queues)],
        }
    }

    /// Leaves no vector to be assigned.
    pub(super) fn remove_vectors(&mut self) {
        self.vectors = 0;
        self.set_defaults();
    }

    pub(super) fn queue(&self, index: u16) -> Option<&QueueRegisters> {
        self.queues.get(usize::from(index))
    }

    pub(super) fn driver_features(&self) -> u64 {
        self.driver_features
    }

    /// Whether the driver is ready and no reset is under way.
    pub(super) fn driver_ok(&self) -> bool {
        self.reset == Reset::None && self.status & DRIVER_OK != 0 && !self.gave_up
    }

    /// Ends the reset that the driver asked for by the status. If it asked for none, or the whole
    /// function is being reset, does nothing and says so.
    pub(super) fn reset_done(&mut self) -> bool {
        let asked = self.reset == Reset::Device;
        if asked {
            self.set_defaults();
        }
        asked
    }

    /// Ends the reset of a queue. Does nothing if there is none, or one of the device has overtaken it.
    pub(super) fn queue_reset_done(&mut self, index: u16) {
        let (size, alone) = (self.max_queue_size, self.reset == Reset::None);
        if let Some(queue) = self.queues.get_mut(usize::from(index)).filter(|it| alone && it.resetting) {
            *queue = QueueRegisters::new(size);
        }
    }

    /// The whole function is about to be reset. Says whether that is new.
    pub(super) fn begin_function_reset(&mut self) -> bool {
        let new = self.reset != Reset::Function;
        self.reset = Reset::Function;
        new
    }

    /// Whether the whole function is being reset.
    pub(super) fn is_function_resetting(&self) -> bool {
        self.reset == Reset::Function
    }

    pub(super) fn set_defaults(&mut self) {
        let queues = u16::try_from(self.queues.len()).unwrap_or_default();
        *self = Self::new(self.offered, queues, self.max_queue_size, self.vectors);
    }

    /// Reads the BAR from `offset` on, as far as this structure goes.
    pub(super) fn read(&self, offset: usize, data: &mut [u8]) {
        let mut registers = Registers {
            device_feature_select: self.device_feature_select.into(),
            device_feature: half(self.offered, self.device_feature_select).into(),
            driver_feature_select: self.driver_feature_select.into(),
            driver_feature: half(self.driver_features, self.driver_feature_select).into(),
            config_msix_vector: self.config_vector.into(),
            num_queues: u16::try_from(self.queues.len()).unwrap_or_default().into(),
            device_status: self.status,
            queue_select: self.queue_select.into(),
            ..Registers::default()
        };
        if let Some(queue) = self.queue(self.queue_select) {
            registers.queue_size = queue.size.into();
            registers.queue_msix_vector = queue.vector.into();
            registers.queue_enable = u16::from(queue.enabled).into();
            registers.queue_notify_off = self.queue_select.into();
            registers.queue_desc = queue.desc.into();
            registers.queue_driver = queue.driver.into();
            registers.queue_device = queue.device.into();
            registers.queue_reset = u16::from(queue.resetting).into();
        }
        copy_overlap(data, offset, registers.as_bytes(), COMMON);
    }

    /// Writes a register. Nothing can be written while a reset is under way.
    pub(super) fn write(&mut self, offset: usize, data: &[u8]) -> Effect {
        if self.reset != Reset::None {
            return Effect::None;
        }
        let Some(register) = offset.checked_sub(COMMON) else {
            return Effect::None;
        };
        match *data {
            [value] if register == DEVICE_STATUS => return self.set_status(value),
            [a, b] => return self.write_16(register, u16::from_le_bytes([a, b])),
            [a, b, c, d] => self.write_32(register, u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => self.write_64(register, u64::from_le_bytes([a, b, c, d, e, f, g, h])),
            _ => {}
        }
        Effect::None
    }

    fn write_16(&mut self, register: usize, value: u16) -> Effect {
        match register {
            CONFIG_MSIX_VECTOR => self.config_vector = self.vector(value),
            QUEUE_SELECT => self.queue_select = value,
            QUEUE_SIZE => {
                let max = self.max_queue_size;
                if let Some(queue) = self.idle_queue().filter(|_| value.is_power_of_two() && value <= max) {
                    queue.size = value;
                }
            }
            // May change while the queue runs: a driver takes the vector away before it frees it.
            QUEUE_MSIX_VECTOR => {
                let vector = self.vector(value);
                if let Some(queue) = self.selected_queue() {
                    queue.vector = vector;
                }
            }
            QUEUE_ENABLE if value == 1 => return self.enable_queue(),
            QUEUE_RESET if value == 1 => return self.reset_queue(),
            _ => {}
        }
        Effect::None
    }

    fn write_32(&mut self, register: usize, value: u32) {
        match register {
            DEVICE_FEATURE_SELECT => self.device_feature_select = value,
            DRIVER_FEATURE_SELECT => self.driver_feature_select = value,
            DRIVER_FEATURE if self.status & FEATURES_OK == 0 => {
                set_half(&mut self.driver_features, self.driver_feature_select, value);
            }
            _ => {
                let Some(queue) = self.idle_queue() else {
                    return;
                };
                match register {
                    QUEUE_DESC => set_half(&mut queue.desc, 0, value),
                    QUEUE_DESC_HI => set_half(&mut queue.desc, 1, value),
                    QUEUE_DRIVER => set_half(&mut queue.driver, 0, value),
                    QUEUE_DRIVER_HI => set_half(&mut queue.driver, 1, value),
                    QUEUE_DEVICE => set_half(&mut queue.device, 0, value),
                    QUEUE_DEVICE_HI => set_half(&mut queue.device, 1, value),
                    _ => {}
                }
            }
        }
    }

    fn write_64(&mut self, register: usize, value: u64) {
        let Some(queue) = self.idle_queue() else {
            return;
        };
        match register {
            QUEUE_DESC => queue.desc = value,
            QUEUE_DRIVER => queue.driver = value,
            QUEUE_DEVICE => queue.device = value,
            _ => {}
        }
    }

    /// Takes in a write of `device_status` (virtio 1.3, 2.1 and 3.1.1). A driver can only add bits.
    /// `FEATURES_OK` stays away if the features are not acceptable, and `DRIVER_OK` without it.
    ///
    /// `FAILED` ends what a driver does that is running. One that begins again is to reset the device before;
    /// but Linux, where binding a driver has failed, begins the next time with `FAILED` still there.
    fn set_status(&mut self, value: u8) -> Effect {
        if value == 0 {
            // The usual first write. Nothing can be in use, since no queue was ever enabled, and a driver
            // that reads 0 back goes on at once.
            if self.status == 0 {
                self.set_defaults();
                return Effect::None;
            }
            self.reset = Reset::Device;
            return Effect::Reset;
        }
        let fails = value & !self.status & FAILED != 0;
        self.gave_up |= fails && self.status & DRIVER_OK != 0;
        self.status |= value & DRIVERS_BITS & !(FEATURES_OK | DRIVER_OK);
        if value & FEATURES_OK != 0 && self.features_acceptable() {
            self.status |= FEATURES_OK;
        }
        if value & DRIVER_OK != 0 && self.status & FEATURES_OK != 0 {
            self.status |= DRIVER_OK;
        }
        Effect::None
    }

    fn features_acceptable(&self) -> bool {
        self.driver_features & !self.offered == 0 && self.driver_features & 1 << VIRTIO_F_VERSION_1 != 0
    }

    fn enable_queue(&mut self) -> Effect {
        let index = self.queue_select;
        // Drivers set queues up after the negotiation (3.1.1). Where that is made sure of, a status
        // of 0 means that no queue is in use.
        if self.status & FEATURES_OK == 0 {
            return Effect::None;
        }
        match self.idle_queue() {
            Some(queue) if queue.size.is_power_of_two() => {
                queue.enabled = true;
                Effect::QueueEnabled(index)
            }
            _ => Effect::None,
        }
    }

    fn reset_queue(&mut self) -> Effect {
        let index = self.queue_select;
        if self.driver_features & 1 << VIRTIO_F_RING_RESET == 0 {
            return Effect::None;
        }
        match self.selected_queue() {
            Some(queue) if queue.enabled && !queue.resetting => {
                queue.resetting = true;
                Effect::QueueReset(index)
            }
            _ => Effect::None,
        }
    }

    fn selected_queue(&mut self) -> Option<&mut QueueRegisters> {
        self.queues.get_mut(usize::from(self.queue_select))
    }

    /// The queue that is selected, if it may still be set up.
    fn idle_queue(&mut self) -> Option<&mut QueueRegisters> {
        self.selected_queue().filter(|queue| !queue.enabled)
    }

    /// What is kept of a vector that the driver wrote (virtio 1.3, 4.1.5.1.2.1).
    fn vector(&self, value: u16) -> u16 {
        if value < self.vectors {
            value
        } else {
            NO_VECTOR
        }
    }
}

/// Bits `32 * select` and up of `value`.
fn half(value: u64, select: u32) -> u32 {
    match select {
        0 => value as u32,
        1 => (value >> 32) as u32,
        _ => 0,
    }
}

fn set_half(value: &mut u64, select: u32, half: u32) {
    *value = match select {
        0 => *value & !u64::from(u32::MAX) | u64::from(half),
        1 => *value & u64::from(u32::MAX) | u64::from(half) << 32,
        _ => return,
    };
}
