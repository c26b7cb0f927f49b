// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Messages as they lie on the socket (QEMU's documentation, `docs/interop/vfio-user.rst`). Numbers
//! are in the order of bytes of the machine.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A command.
pub const COMMAND: u32 = 0;
/// An answer, in the same bits.
pub const REPLY: u32 = 1;
/// The bits that tell commands from answers.
pub const TYPE: u32 = 0xf;
/// Of a command: no answer is wanted.
pub const NO_REPLY: u32 = 1 << 4;
/// Of an answer: the command failed.
pub const ERROR: u32 = 1 << 5;

/// What every message begins with.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// Whoever answers says it again.
    pub id: u16,
    /// `vfio_user::Command`.
    pub command: u16,
    /// Of the message, in bytes, with the header.
    pub size: u32,
    /// [`COMMAND`] or [`REPLY`], [`NO_REPLY`], [`ERROR`].
    pub flags: u32,
    /// Of an answer with [`ERROR`]: the `errno`.
    pub error: u32,
}

/// `DMA_MAP`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DmaMap {
    /// Length of this, in bytes.
    pub argsz: u32,
    /// `VFIO_DMA_MAP_FLAG_*`.
    pub flags: u32,
    /// In the file, in bytes.
    pub offset: u64,
    /// The guest's.
    pub address: u64,
    /// In bytes.
    pub size: u64,
}

/// `DMA_UNMAP`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DmaUnmap {
    /// Length of this, in bytes.
    pub argsz: u32,
    /// `VFIO_DMA_UNMAP_FLAG_*`.
    pub flags: u32,
    /// The guest's.
    pub address: u64,
    /// In bytes.
    pub size: u64,
}

/// `DEVICE_GET_INFO`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DeviceInfo {
    /// Length of this, in bytes.
    pub argsz: u32,
    /// `VFIO_DEVICE_FLAGS_*`.
    pub flags: u32,
    /// Regions.
    pub num_regions: u32,
    /// Kinds of interrupts.
    pub num_irqs: u32,
}

/// `DEVICE_GET_REGION_INFO`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RegionInfo {
    /// Length of this, in bytes.
    pub argsz: u32,
    /// `VFIO_REGION_INFO_FLAG_*`.
    pub flags: u32,
    /// `VFIO_PCI_*_REGION_INDEX`.
    pub index: u32,
    /// Where capabilities follow, if any.
    pub cap_offset: u32,
    /// In bytes; 0 where there is no such region.
    pub size: u64,
    /// In a file, if the region can be mapped.
    pub offset: u64,
}

/// `DEVICE_GET_IRQ_INFO`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct IrqInfo {
    /// Length of this, in bytes.
    pub argsz: u32,
    /// `VFIO_IRQ_INFO_*`.
    pub flags: u32,
    /// `VFIO_PCI_*_IRQ_INDEX`.
    pub index: u32,
    /// How many there are of the kind.
    pub count: u32,
}

/// `DEVICE_SET_IRQS`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetIrqs {
    /// Length of this, in bytes.
    pub argsz: u32,
    /// `VFIO_IRQ_SET_*`.
    pub flags: u32,
    /// `VFIO_PCI_*_IRQ_INDEX`.
    pub index: u32,
    /// The first of those meant.
    pub start: u32,
    /// How many are meant.
    pub count: u32,
}

/// `REGION_READ` and `REGION_WRITE`; data follow the one's answer, and the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RegionAccess {
    /// In the region, in bytes.
    pub offset: u64,
    /// `VFIO_PCI_*_REGION_INDEX`.
    pub region: u32,
    /// In bytes.
    pub count: u32,
}
