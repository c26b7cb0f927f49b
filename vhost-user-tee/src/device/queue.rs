// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the device needs of the door it stands behind.

use std::sync::Arc;

use virtio_queue::Queue;
use vm_memory::GuestMemoryMmap;

/// A virtqueue as a door (vhost-user, vfio-user) hands it to the device; clones are the same queue.
///
/// Any thread may use it: the door thread takes chains, workers put them back.
pub trait VirtQueue: Clone + Send + Sync + 'static {
    /// Runs `f` on the rings, which nobody else touches meanwhile.
    fn with_rings<R>(&self, f: impl FnOnce(&mut Queue) -> R) -> R;

    /// Whether the driver's side is ready to be looked at.
    fn is_running(&self) -> bool;

    /// Guest memory as it is now. Regions know the file behind them: that is what TEEs map.
    fn memory(&self) -> Arc<GuestMemoryMmap>;

    /// Tells the driver that there are used buffers.
    fn notify(&self);
}
