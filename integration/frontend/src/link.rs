// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a front end needs of the way to its device.

use std::any::Any;

use vm_memory::{GuestMemoryMmap, GuestRegionMmap};
use vmm_sys_util::eventfd::EventFd;

use crate::Error;

/// A device that is connected: the VMM's part, and what of the driver's part differs by transport.
///
/// A front end gives it memory and [`negotiate`](Link::negotiate)s, starts queues, and lets it
/// [`run`](Link::run). Queues may be stopped and started again; after a [`reset`](Link::reset) all
/// begins anew.
pub trait Link: Any + Send {
    /// Virtio features that the device offers.
    fn offered_features(&self) -> u64;

    /// Accepts features, before any queue is started.
    fn negotiate(&mut self, features: u64) -> Result<(), Error>;

    /// Gives the device all of guest memory.
    fn set_memory(&mut self, memory: &GuestMemoryMmap) -> Result<(), Error>;

    /// Gives the device one region more.
    fn plug(&mut self, region: &GuestRegionMmap) -> Result<(), Error>;

    /// Takes a region away from the device.
    fn unplug(&mut self, region: &GuestRegionMmap) -> Result<(), Error>;

    /// Starts a queue, whose used buffers the device tells of by `call`. Returns how to tell the
    /// device of those that are available.
    fn start_queue(&mut self, index: usize, rings: &Rings, call: &EventFd) -> Result<Doorbell, Error>;

    /// The driver is ready: queues that are started may be used.
    fn run(&mut self) -> Result<(), Error>;

    /// Stops a queue; the device holds no chain of it then. Returns the base to start it again at.
    fn stop_queue(&mut self, index: usize) -> Result<u16, Error>;

    /// Resets the device: queues and features, and all that the driver had of it. Memory stays.
    fn reset(&mut self) -> Result<(), Error>;

    /// Reads `len` bytes of the device's configuration space.
    fn read_config(&mut self, offset: u32, len: u32) -> Result<Vec<u8>, Error>;

    /// Writes to the device's configuration space.
    fn write_config(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error>;

    /// Itself, for what only one kind of link has: see [`FrontEnd::link`](crate::FrontEnd::link).
    fn as_any(&mut self) -> &mut dyn Any;
}

/// Where a queue is.
#[derive(Clone, Copy, Debug)]
pub struct Rings {
    /// Descriptors.
    pub size: u16,
    /// What the device begins with, in the available ring.
    pub base: u16,
    /// Guest addresses of the three parts.
    pub desc_table: u64,
    /// See `desc_table`.
    pub avail_ring: u64,
    /// See `desc_table`.
    pub used_ring: u64,
}

/// Tells the device that a queue has available buffers.
pub struct Doorbell(Box<dyn Fn() -> Result<(), Error> + Send>);

impl Doorbell {
    /// One that is rung by `ring`.
    pub fn new(ring: impl Fn() -> Result<(), Error> + Send + 'static) -> Self {
        Self(Box::new(ring))
    }

    /// Rings it.
    pub fn ring(&self) -> Result<(), Error> {
        (self.0)()
    }
}
