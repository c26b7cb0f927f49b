// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The capabilities in the configuration space.
//!
//! ```text
//!   0x40  MSI-X
//!   0x4c  PCI Express, version 2
//!   0x88  virtio common configuration
//!   0x98  virtio ISR status
//!   0xa8  virtio device configuration
//!   0xb8  virtio notifications
//!   0xcc  virtio PCI configuration access
//! ```
//!
//! There is no power management capability: a virtual function has no power to save, and a driver
//! that finds none resets the device for a suspend, which is what the device can do.

use super::common_config;
use super::config_space::{sets, ConfigSpace};
use super::layout::{
    COMMON, DEVICE, ISR, ISR_LEN, MSIX_BAR, NOTIFY, NOTIFY_MULTIPLIER, PENDING, TABLE, VIRTIO_BAR,
};

const MSIX: u8 = 0x40;
const EXPRESS: u8 = MSIX + 12;
const COMMON_CFG: u8 = EXPRESS + 60;
const ISR_CFG: u8 = COMMON_CFG + VIRTIO_LEN;
const DEVICE_CFG: u8 = ISR_CFG + VIRTIO_LEN;
const NOTIFY_CFG: u8 = DEVICE_CFG + VIRTIO_LEN;
const PCI_CFG: u8 = NOTIFY_CFG + VIRTIO_LEN + 4;

/// The order of the list, by ascending addresses.
const LIST: [u8; 7] = [MSIX, EXPRESS, COMMON_CFG, ISR_CFG, DEVICE_CFG, NOTIFY_CFG, PCI_CFG];
/// Where the list begins.
pub(super) const FIRST: u8 = LIST[0];

// Capability IDs (PCI 3.0, appendix H).
const ID_VENDOR: u8 = 0x09;
const ID_EXPRESS: u8 = 0x10;
const ID_MSIX: u8 = 0x11;

/// Message Control of MSI-X (PCI 3.0, 6.8.2.3), of which these are bits of the upper byte.
const MSIX_CONTROL: usize = MSIX as usize + 2;
const MSIX_ENABLE: u8 = 1 << 7;
const MSIX_MASK_ALL: u8 = 1 << 6;

// Registers of the PCI Express capability (PCI Express 4.0, 7.5.3).
const EXPRESS_FLAGS: usize = 0x02;
const DEVICE_CAPABILITIES: usize = 0x04;
const DEVICE_CONTROL: usize = 0x08;
const LINK_CAPABILITIES: usize = 0x0c;
const LINK_CONTROL: usize = 0x10;
const LINK_STATUS: usize = 0x12;

/// Version 2 of the capability, of an endpoint.
const ENDPOINT_V2: u16 = 0x0002;
/// Function level reset, and role-based error reporting, which all functions of this version have.
const FLR_CAPABLE: u32 = 1 << 28 | 1 << 15;
/// Relaxed ordering, no snoop, read requests of up to 512 bytes.
const DEVICE_CONTROL_DEFAULT: u16 = 0x2810;
/// All there is, but extended tags, phantom functions, auxiliary power and what initiates a reset.
const DEVICE_CONTROL_WRITABLE: u16 = 0x78ff;
/// Bit of the upper byte of Device Control. Reads as 0.
const INITIATE_FLR: u8 = 1 << 7;
/// 2.5 GT/s, one lane; with `ASPM_OPTIONALITY` in Link Capabilities.
const LINK: u16 = 0x0011;
const ASPM_OPTIONALITY: u32 = 1 << 22;
/// ASPM, read completion boundary, common clock, extended synch.
const LINK_CONTROL_WRITABLE: u16 = 0x00cb;

// virtio 1.3, 4.1.4.
const TYPE_COMMON: u8 = 1;
const TYPE_NOTIFY: u8 = 2;
const TYPE_ISR: u8 = 3;
const TYPE_DEVICE: u8 = 4;
const TYPE_PCI: u8 = 5;
/// Length of `struct virtio_pci_cap`, in bytes.
const VIRTIO_LEN: u8 = 16;
const CAP_BAR: usize = 4;
const CAP_OFFSET: usize = 8;
const CAP_LENGTH: usize = 12;
/// Registers of the window: its data follows `struct virtio_pci_cap`.
const WINDOW: usize = PCI_CFG as usize;
const WINDOW_DATA: usize = WINDOW + VIRTIO_LEN as usize;

/// What an access by the PCI configuration access capability is about.
pub(super) struct Window {
    pub(super) bar: usize,
    pub(super) offset: u64,
    /// 1, 2 or 4 bytes.
    pub(super) len: usize,
}

/// Adds all capabilities to a header that says where they begin.
pub(super) fn add(space: &mut ConfigSpace, vectors: u16, queues: u16, device_len: usize) {
    add_msix(space, vectors);
    add_express(space);
    add_virtio(space, COMMON_CFG, TYPE_COMMON, COMMON, common_config::LEN);
    add_virtio(space, ISR_CFG, TYPE_ISR, ISR, ISR_LEN);
    add_virtio(space, DEVICE_CFG, TYPE_DEVICE, DEVICE, device_len);
    add_virtio(space, NOTIFY_CFG, TYPE_NOTIFY, NOTIFY, usize::from(queues) * NOTIFY_MULTIPLIER);
    define_32(space, usize::from(NOTIFY_CFG + VIRTIO_LEN), NOTIFY_MULTIPLIER);
    add_virtio(space, PCI_CFG, TYPE_PCI, 0, 0);
    space.make_writable(WINDOW + CAP_BAR, &[0xff]);
    space.make_writable(WINDOW + CAP_OFFSET, &[0xff; 4]);
    space.make_writable(WINDOW + CAP_LENGTH, &[0xff; 4]);
    space.make_writable(WINDOW_DATA, &[0xff; 4]);
}

/// Takes the first capability, MSI-X, out of the list.
pub(super) fn remove_msix(space: &mut ConfigSpace) {
    space.begin_list(EXPRESS);
    space.forget(usize::from(MSIX), usize::from(EXPRESS - MSIX));
}

/// MSI-X is on: the device has no INTx then.
pub(super) fn msix_enabled(space: &ConfigSpace) -> bool {
    let [_, control] = space.get(MSIX_CONTROL);
    control & MSIX_ENABLE != 0
}

/// Whether a write initiates a function level reset (PCI Express 4.0, 6.6.2).
pub(super) fn initiates_flr(offset: usize, data: &[u8]) -> bool {
    sets(data, offset, usize::from(EXPRESS) + DEVICE_CONTROL + 1, INITIATE_FLR)
}

/// The access to a BAR that an access of `len` bytes to the configuration space stands for, if any
/// (virtio 1.3, 4.1.4.9). Drivers ask for aligned ones of 1, 2 or 4 bytes; others are not done.
pub(super) fn window(space: &ConfigSpace, offset: usize, len: usize) -> Option<Window> {
    if offset.saturating_add(len) <= WINDOW_DATA || offset >= WINDOW_DATA + 4 {
        return None;
    }
    let [bar] = space.get(WINDOW + CAP_BAR);
    let offset = u32::from_le_bytes(space.get(WINDOW + CAP_OFFSET));
    let len = u32::from_le_bytes(space.get(WINDOW + CAP_LENGTH));
    if !matches!(len, 1 | 2 | 4) || offset % len != 0 {
        return None;
    }
    Some(Window { bar: usize::from(bar), offset: u64::from(offset), len: len as usize })
}

/// What was written for the window, or has been read by it: its first bytes count.
pub(super) fn window_data(space: &ConfigSpace) -> [u8; 4] {
    space.get(WINDOW_DATA)
}

pub(super) fn set_window_data(space: &mut ConfigSpace, data: &[u8]) {
    space.set(WINDOW_DATA, data);
}

fn add_msix(space: &mut ConfigSpace, vectors: u16) {
    add_header(space, MSIX, ID_MSIX);
    space.define(MSIX_CONTROL, &vectors.saturating_sub(1).to_le_bytes());
    space.make_writable(MSIX_CONTROL + 1, &[MSIX_ENABLE | MSIX_MASK_ALL]);
    // Offsets, with the BAR in the lowest three bits.
    define_32(space, usize::from(MSIX) + 4, TABLE | usize::from(MSIX_BAR));
    define_32(space, usize::from(MSIX) + 8, PENDING | usize::from(MSIX_BAR));
}

fn add_express(space: &mut ConfigSpace) {
    add_header(space, EXPRESS, ID_EXPRESS);
    let at = usize::from(EXPRESS);
    space.define(at + EXPRESS_FLAGS, &ENDPOINT_V2.to_le_bytes());
    space.define(at + DEVICE_CAPABILITIES, &FLR_CAPABLE.to_le_bytes());
    space.define(at + DEVICE_CONTROL, &DEVICE_CONTROL_DEFAULT.to_le_bytes());
    space.make_writable(at + DEVICE_CONTROL, &DEVICE_CONTROL_WRITABLE.to_le_bytes());
    let link = u32::from(LINK) | ASPM_OPTIONALITY;
    space.define(at + LINK_CAPABILITIES, &link.to_le_bytes());
    space.make_writable(at + LINK_CONTROL, &LINK_CONTROL_WRITABLE.to_le_bytes());
    space.define(at + LINK_STATUS, &LINK.to_le_bytes());
}

fn add_virtio(space: &mut ConfigSpace, at: u8, cfg_type: u8, offset: usize, len: usize) {
    add_header(space, at, ID_VENDOR);
    let cap_len = match cfg_type {
        TYPE_NOTIFY | TYPE_PCI => VIRTIO_LEN + 4,
        _ => VIRTIO_LEN,
    };
    let at = usize::from(at);
    space.define(at + 2, &[cap_len, cfg_type, VIRTIO_BAR]);
    define_32(space, at + CAP_OFFSET, offset);
    define_32(space, at + CAP_LENGTH, len);
}

/// What all capabilities begin with: the ID, and where the next one is.
fn add_header(space: &mut ConfigSpace, at: u8, id: u8) {
    let next = LIST.into_iter().find(|other| *other > at).unwrap_or_default();
    space.define(usize::from(at), &[id, next]);
}

/// All of these are addresses and lengths within a BAR.
fn define_32(space: &mut ConfigSpace, at: usize, value: usize) {
    space.define(at, &u32::try_from(value).unwrap_or_default().to_le_bytes());
}
