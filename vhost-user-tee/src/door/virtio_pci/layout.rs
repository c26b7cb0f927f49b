// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is where in the two BARs.
//!
//! ```text
//!   BAR 0, 16 KiB                          BAR 1, 8 KiB
//!   0x0000  common configuration           0x0000  MSI-X table, 16 bytes a vector
//!   0x1000  ISR status                     0x1000  pending bits
//!   0x2000  device configuration
//!   0x3000  notifications, 4 bytes a queue
//! ```
//!
//! A page each, so that a VMM can map or trap one without another (a notification as an ioeventfd,
//! the table by itself). Both are 32-bit and not prefetchable: reading the ISR status has a side
//! effect, and a bridge takes what is not prefetchable below 4 GiB whatever its width.

const PAGE: usize = 0x1000;

/// The BAR with the structures of virtio.
pub(super) const VIRTIO_BAR: u8 = 0;
/// Its length, in bytes.
pub(super) const VIRTIO_BAR_SIZE: u32 = 0x4000;
pub(super) const COMMON: usize = 0;
pub(super) const ISR: usize = PAGE;
pub(super) const ISR_LEN: usize = 1;
pub(super) const DEVICE: usize = 2 * PAGE;
/// Longest device configuration, in bytes.
pub(super) const MAX_DEVICE_LEN: usize = PAGE;
pub(super) const NOTIFY: usize = 3 * PAGE;
/// Bytes from one queue's notification address to the next one's.
pub(super) const NOTIFY_MULTIPLIER: usize = 4;

/// The BAR with the MSI-X table and the pending bits.
pub(super) const MSIX_BAR: u8 = 1;
/// Its length, in bytes.
pub(super) const MSIX_BAR_SIZE: u32 = 0x2000;
pub(super) const TABLE: usize = 0;
/// Bytes that a vector has in the table.
pub(super) const TABLE_ENTRY: usize = 16;
pub(super) const PENDING: usize = PAGE;

/// Most queues: what the page of the MSI-X table has vectors for, with the one for configuration changes.
pub(super) const MAX_QUEUES: u16 = (PAGE / TABLE_ENTRY) as u16 - 1;
