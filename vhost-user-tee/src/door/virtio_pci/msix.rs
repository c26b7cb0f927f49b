// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The MSI-X table (PCI 3.0, 6.8.2).
//!
//! It is storage and no more. Over VFIO the VMM has the real table: it emulates this BAR, learns of
//! addresses, data and masks from the guest, and gives the daemon an eventfd per vector. So a mask here
//! holds no signal back: the VMM does. QEMU and cloud-hypervisor never write this copy. The pending bits,
//! which QEMU reads here, are always 0; Linux does not look at them.

use super::bytes::copy_overlap;
use super::layout::{TABLE, TABLE_ENTRY};

/// No vector: in the virtio registers that assign one (virtio 1.3, 4.1.5.1.2).
pub(super) const NO_VECTOR: u16 = 0xffff;

/// What a driver can set of an entry. The lowest two bits of the address are 0, and a vector's
/// control register has the mask bit only.
const WRITABLE: [u32; TABLE_ENTRY / 4] = [!3, !0, !0, MASKED];
const MASKED: u32 = 1;

/// Four registers a vector: address, address above 4 GiB, data, control.
pub(super) struct MsixTable {
    registers: Vec<[u8; 4]>,
}

impl MsixTable {
    /// A table as after a reset: all vectors masked.
    pub(super) fn new(vectors: u16) -> Self {
        let entry = [0, 0, 0, MASKED].map(u32::to_le_bytes);
        Self { registers: entry.repeat(usize::from(vectors)) }
    }

    /// Reads the BAR from `offset` on, as far as the table goes.
    pub(super) fn read(&self, offset: usize, data: &mut [u8]) {
        copy_overlap(data, offset, self.registers.as_flattened(), TABLE);
    }

    /// Writes the BAR. Registers are written whole, one at a time or two that follow each other;
    /// other accesses are undefined (PCI 3.0, 6.8.2), and do nothing.
    pub(super) fn write(&mut self, offset: usize, data: &[u8]) {
        if offset % 4 != 0 || !matches!(data.len(), 4 | 8) {
            return;
        }
        let first = offset / 4;
        let masks = WRITABLE.iter().cycle().skip(first % WRITABLE.len());
        let registers = self.registers.iter_mut().skip(first);
        for ((register, mask), value) in registers.zip(masks).zip(data.chunks_exact(4)) {
            register.copy_from_slice(value);
            *register = (u32::from_le_bytes(*register) & mask).to_le_bytes();
        }
    }
}
