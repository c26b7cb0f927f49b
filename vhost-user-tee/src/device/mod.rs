// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The virtio TEE device, however it is attached.
//!
//! ```text
//!   Transport ─▶ chain ─▶ request ──▶ memory ──▶ Partition
//!   (the door)   copied   decoded    addresses    │
//!                once     checked    → files      │ any thread, any order
//!   Transport ◀─ outstanding ◀─ response ◀────────┘
//! ```
//!
//! The guest is hostile: a request is copied once, and only the copy is looked at. Whatever it holds,
//! the answer is defined (`status.rs`), and costs the log a few lines a minute at most.
//!
//! A door implements [`Transport`], offers the driver [`Device::features`] and what
//! [`Device::read_config`] reads, calls [`Device::process`] when the driver has made chains available,
//! [`Device::stop_queue`] or [`Device::pause_queue`] before a queue is taken away, [`Device::reset`]
//! when the driver has reset the device, and [`Device::shut_down`] in the end.

mod chain;
mod config_space;
mod ending;
mod memory;
mod outstanding;
mod request;
mod response;
mod serve;
mod status;
mod take_in;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

pub use memory::page_size;
use outstanding::Outstanding;
pub use transport::Transport;
use virtio_bindings::bindings::virtio_config::{VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_VERSION_1};
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_tee_spec as wire;

use crate::partition::Partition;
use crate::rate_limit::RateLimit;

/// Lines in the log about a guest's faults, and what else it can bring about, per minute.
const WARNINGS: u32 = 10;

/// One VM's device.
pub struct Device {
    name: String,
    config: wire::Config,
    access_platform: bool,
    partition: Partition,
    kicks: AtomicU64,
    queues: Vec<Arc<Outstanding>>,
    runs_in_flight: Arc<AtomicUsize>,
    stopping: AtomicBool,
    warnings: RateLimit,
}

impl Device {
    /// Makes the device of the VM `name`, with `request_queues` queues beside the control queue.
    ///
    /// With `access_platform` the driver is offered to use addresses of the DMA API, which a
    /// confidential guest needs: its shared memory is bounced or unencrypted by that API.
    pub fn new(name: &str, partition: Partition, request_queues: u16, access_platform: bool) -> Self {
        Self {
            name: name.to_owned(),
            config: config_space::describe(partition.version(), partition.limits(), request_queues),
            access_platform,
            partition,
            kicks: AtomicU64::new(0),
            queues: (0..=request_queues).map(|_| Arc::default()).collect(),
            runs_in_flight: Arc::default(),
            stopping: AtomicBool::new(false),
            warnings: RateLimit::new(WARNINGS, Duration::from_secs(60)),
        }
    }

    /// All queues, the control queue included.
    pub fn num_queues(&self) -> usize {
        self.queues.len()
    }

    /// Virtio features to offer; the door may add those of its transport.
    pub fn features(&self) -> u64 {
        1 << VIRTIO_F_VERSION_1
            | 1 << VIRTIO_RING_F_INDIRECT_DESC
            | 1 << VIRTIO_RING_F_EVENT_IDX
            | u64::from(self.access_platform) << VIRTIO_F_ACCESS_PLATFORM
    }

    /// How often the driver has notified the device, and the device the driver.
    pub fn notifications(&self) -> (u64, u64) {
        let to_driver = self.queues.iter().map(|outstanding| outstanding.notifications()).sum();
        (self.kicks.load(Ordering::Relaxed), to_driver)
    }

    /// What lies behind the device.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Reads `size` bytes of configuration space at `offset`: always that many.
    pub fn read_config(&self, offset: u32, size: u32) -> Vec<u8> {
        config_space::read(&self.config, offset, size)
    }

    /// The driver has reset the device: nothing it had is left. Waits for that, `grace` at most each time; see
    /// [`Partition::reset`]. The driver is not to be told before [`Device::outwait_reset`] is done as well.
    pub fn reset(&self, grace: Duration) {
        self.forget();
        if let Err(e) = self.partition.reset(grace) {
            log::error!("{}: after a reset: {e}", self.name);
        }
    }

    /// Answers no chain that it has taken. Says how many there were.
    fn forget(&self) -> usize {
        self.queues.iter().map(|outstanding| outstanding.forget()).sum()
    }

    /// Frees everything; see [`Partition::shut_down`].
    pub fn shut_down(&self, grace: Duration) -> usize {
        self.stopping.store(true, Ordering::Relaxed);
        self.partition.shut_down(grace)
    }

    /// Tells the log what the guest did wrong, within limits.
    fn fault(&self, what: &dyn Display) {
        self.warn(&format_args!("guest error: {what}"));
    }

    /// Tells the log of what a guest can bring about, within the same limits.
    fn warn(&self, what: &dyn Display) {
        match self.warnings.admit() {
            Some(0) => log::warn!("{}: {what}", self.name),
            Some(more) => log::warn!("{}: {what} (and {more} not logged)", self.name),
            None => {}
        }
    }
}
