// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the device needs of the door it stands behind.

use std::sync::Arc;

use virtio_queue::Queue;
use vm_memory::GuestMemoryMmap;

/// How the device reaches its driver; clones reach the same one.
///
/// Queues are numbered as the driver numbers them, from the control queue, 0; the device uses no
/// number that it does not have a queue for. Any thread may call: the door's takes chains, workers put
/// them back. What the driver may ask of the device (features, configuration space, resets) goes the
/// other way: see [`Device`](super::Device).
pub trait Transport: Clone + Send + Sync + 'static {
    /// Guest memory as it is now. Regions know the file behind them: that is what TEEs map.
    fn memory(&self) -> Arc<GuestMemoryMmap>;

    /// Runs `f` on a queue's rings, which nobody else touches meanwhile.
    fn with_rings<R>(&self, queue: usize, f: impl FnOnce(&mut Queue) -> R) -> R;

    /// Whether the driver's side of a queue is ready to be looked at.
    fn is_running(&self, queue: usize) -> bool;

    /// Tells the driver that a queue has used buffers.
    fn notify(&self, queue: usize);
}
