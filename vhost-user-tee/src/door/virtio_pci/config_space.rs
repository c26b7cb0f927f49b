// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The PCI configuration space (PCI 3.0, chapter 6): storage of which some bits can be written, and
//! the type 0 header. What follows the header is in `capabilities`.

use virtio_tee_spec::VIRTIO_ID_TEE;

use super::bytes::{byte_at, copy_overlap};
use super::layout::{MSIX_BAR, MSIX_BAR_SIZE, VIRTIO_BAR, VIRTIO_BAR_SIZE};

/// Length of a PCI Express function's configuration space, in bytes.
pub(super) const SIZE: usize = 4096;
/// What of it can be other than 0: there are no extended capabilities.
const USED: usize = 256;

/// Of virtio devices that are not transitional: their PCI device ID less the virtio one (virtio 1.3, 4.1.2).
const DEVICE_ID_BASE: u16 = 0x1040;
/// Virtio's vendor ID.
const VENDOR_ID: u16 = 0x1af4;
/// What QEMU gives its devices that are not transitional. Drivers take it for information only; it
/// has to be 0x40 at least (4.1.2.1), so that no old driver takes the device.
const SUBSYSTEM_ID: u16 = 0x1100;
/// Not transitional: 1 or more (4.1.2.1).
const REVISION: u8 = 1;
/// "Other encryption controller" (PCI Code and ID Assignment, base class 10h): of what there is, the
/// nearest to a TEE. Virtio drivers do not look at it; `lspci` and device managers do.
const CLASS: [u8; 3] = [0x00, 0x80, 0x10];
/// INTA#.
const INTERRUPT_PIN: u8 = 1;

// Registers of the header.
const VENDOR: usize = 0x00;
const DEVICE: usize = 0x02;
const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const REVISION_AND_CLASS: usize = 0x08;
const CACHE_LINE_SIZE: usize = 0x0c;
const BASE_ADDRESS_0: usize = 0x10;
const SUBSYSTEM_VENDOR: usize = 0x2c;
const SUBSYSTEM: usize = 0x2e;
const CAPABILITIES_POINTER: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
const PIN: usize = 0x3d;

const COMMAND_MEMORY: u16 = 1 << 1;
const COMMAND_MASTER: u16 = 1 << 2;
const COMMAND_INTX_DISABLE: u16 = 1 << 10;
const STATUS_INTERRUPT: u8 = 1 << 3;
const STATUS_CAPABILITIES: u8 = 1 << 4;

pub(super) struct ConfigSpace {
    bytes: [u8; USED],
    initial: [u8; USED],
    /// Bits that can be written.
    writable: [u8; USED],
}

impl ConfigSpace {
    /// The header, with a list of capabilities that begins at `first_capability`.
    pub(super) fn new(first_capability: u8) -> Self {
        let mut space = Self { bytes: [0; USED], initial: [0; USED], writable: [0; USED] };
        space.define(VENDOR, &VENDOR_ID.to_le_bytes());
        space.define(DEVICE, &(DEVICE_ID_BASE + VIRTIO_ID_TEE as u16).to_le_bytes());
        space.define(STATUS, &[STATUS_CAPABILITIES]);
        space.define(REVISION_AND_CLASS, &[REVISION]);
        space.define(REVISION_AND_CLASS + 1, &CLASS);
        space.define(SUBSYSTEM_VENDOR, &VENDOR_ID.to_le_bytes());
        space.define(SUBSYSTEM, &SUBSYSTEM_ID.to_le_bytes());
        space.begin_list(first_capability);
        space.define(PIN, &[INTERRUPT_PIN]);

        let command = COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_DISABLE;
        space.make_writable(COMMAND, &command.to_le_bytes());
        space.make_writable(CACHE_LINE_SIZE, &[0xff]);
        space.make_writable(INTERRUPT_LINE, &[0xff]);
        for (bar, size) in [(VIRTIO_BAR, VIRTIO_BAR_SIZE), (MSIX_BAR, MSIX_BAR_SIZE)] {
            // The bits below the size stay 0. That is how software learns it, and says "32-bit memory".
            space.make_writable(BASE_ADDRESS_0 + 4 * usize::from(bar), &(!(size - 1)).to_le_bytes());
        }
        space
    }

    /// Sets what registers hold after a reset.
    pub(super) fn define(&mut self, at: usize, value: &[u8]) {
        copy_overlap(&mut self.initial, 0, value, at);
        self.set(at, value);
    }

    /// Has the list of capabilities begin at `first`.
    pub(super) fn begin_list(&mut self, first: u8) {
        self.define(CAPABILITIES_POINTER, &[first]);
    }

    /// Makes `len` bytes at `at` registers that do not exist.
    pub(super) fn forget(&mut self, at: usize, len: usize) {
        let nothing = vec![0; len];
        self.define(at, &nothing);
        self.make_writable(at, &nothing);
    }

    /// Lets software write the bits that `mask` has at `at`.
    pub(super) fn make_writable(&mut self, at: usize, mask: &[u8]) {
        copy_overlap(&mut self.writable, 0, mask, at);
    }

    /// Sets registers from the device's side.
    pub(super) fn set(&mut self, at: usize, value: &[u8]) {
        copy_overlap(&mut self.bytes, 0, value, at);
    }

    /// Everything as after power-on.
    pub(super) fn reset(&mut self) {
        self.bytes = self.initial;
    }

    /// Reads from `offset` on: zeros where there is nothing, all ones beyond the end.
    pub(super) fn read(&self, offset: usize, data: &mut [u8]) {
        data.fill(0xff);
        let inside = SIZE.saturating_sub(offset).min(data.len());
        data.get_mut(..inside).unwrap_or_default().fill(0);
        copy_overlap(data, offset, &self.bytes, 0);
    }

    /// Writes what can be written. Says whether it was an access that a bus can carry: 1 to 4
    /// bytes, of one aligned double word (PCI 3.0, 3.2.2.3). Others do nothing.
    pub(super) fn write(&mut self, offset: usize, data: &[u8]) -> bool {
        if data.is_empty() || offset >= SIZE || offset % 4 + data.len() > 4 {
            return false;
        }
        let registers = self.bytes.iter_mut().zip(&self.writable).skip(offset);
        for ((byte, mask), value) in registers.zip(data) {
            *byte = *byte & !mask | value & mask;
        }
        true
    }

    /// The value of `N` bytes of registers, 0 where there are none.
    pub(super) fn get<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut value = [0; N];
        copy_overlap(&mut value, at, &self.bytes, 0);
        value
    }

    pub(super) fn is_bus_master(&self) -> bool {
        self.command() & COMMAND_MASTER != 0
    }

    pub(super) fn intx_disabled(&self) -> bool {
        self.command() & COMMAND_INTX_DISABLE != 0
    }

    /// Sets the interrupt bit of the status register: an interrupt is pending, whether or not the
    /// command register lets it out (PCI 3.0, 6.2.3).
    pub(super) fn set_interrupt_status(&mut self, pending: bool) {
        let interrupt = if pending { STATUS_INTERRUPT } else { 0 };
        self.set(STATUS, &[STATUS_CAPABILITIES | interrupt]);
    }

    fn command(&self) -> u16 {
        u16::from_le_bytes(self.get(COMMAND))
    }
}

/// Whether an access of `data` at `offset` sets a bit of `mask` in the byte at `at`.
pub(super) fn sets(data: &[u8], offset: usize, at: usize, mask: u8) -> bool {
    byte_at(data, offset, at).is_some_and(|byte| byte & mask != 0)
}
