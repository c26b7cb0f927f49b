// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A device, brought up: whichever way it is reached.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use virtio_bindings::bindings::virtio_config::{VIRTIO_F_RING_RESET, VIRTIO_F_VERSION_1};
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_tee_spec as wire;
use vm_memory::{GuestMemoryBackend, GuestRegionMmap};
use zerocopy::{FromBytes, FromZeros};

use crate::link::{Link, Rings};
use crate::memory::Memory;
use crate::ring::Ring;
use crate::vfio_user::VfioUser;
use crate::vhost_user::VhostUser;
use crate::Error;

/// What the device at a socket speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// vhost-user.
    #[default]
    VhostUser,
    /// vfio-user.
    VfioUser,
}

/// What VM to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// How to speak to a socket.
    pub door: Door,
    /// Regions of guest memory, address and length in bytes. Rings and requests are in the first.
    pub memory: Vec<(u64, u64)>,
    /// Descriptors of each queue.
    pub queue_size: u16,
    /// Whether to negotiate `VIRTIO_F_EVENT_IDX`.
    pub event_idx: bool,
    /// Further virtio features to accept, if offered.
    pub features: u64,
    /// How many request queues to set up; all that there are if `None`.
    pub request_queues: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            door: Door::default(),
            memory: vec![(0x4000_0000, 64 << 20)],
            queue_size: 256,
            event_idx: true,
            features: 0,
            request_queues: None,
        }
    }
}

/// A connected device, its queues running.
pub struct FrontEnd {
    link: Box<dyn Link>,
    memory: Memory,
    config: wire::Config,
    /// Virtio features that were accepted.
    features: u64,
    /// The queues: the control queue, then request queues.
    pub queues: Vec<Ring>,
}

impl FrontEnd {
    /// Connects to the device at `socket`, for which it waits a while, and starts it.
    pub fn connect(socket: &Path, options: &Options) -> Result<Self, Error> {
        let link: Box<dyn Link> = match options.door {
            Door::VhostUser => Box::new(VhostUser::connect(socket)?),
            Door::VfioUser => Box::new(VfioUser::connect(socket)?),
        };
        Self::start(link, options)
    }

    /// Starts the device that `link` reaches.
    pub fn start(link: Box<dyn Link>, options: &Options) -> Result<Self, Error> {
        let offered = link.offered_features();
        if offered & 1 << VIRTIO_F_VERSION_1 == 0 {
            return Err(Error::Missing("VIRTIO_F_VERSION_1"));
        }
        let wanted = 1 << VIRTIO_F_VERSION_1
            | 1 << VIRTIO_RING_F_INDIRECT_DESC
            | 1 << VIRTIO_F_RING_RESET
            | u64::from(options.event_idx) << VIRTIO_RING_F_EVENT_IDX
            | options.features;
        let mut front_end = Self {
            link,
            memory: Memory::new(&options.memory)?,
            config: wire::Config::new_zeroed(),
            features: offered & wanted,
            queues: Vec::new(),
        };
        front_end.link.negotiate(front_end.features)?;
        front_end.link.set_memory(front_end.memory.map())?;
        let bytes = front_end.read_config(0, size_of::<wire::Config>() as u32)?;
        front_end.config = wire::Config::read_from_bytes(&bytes)
            .map_err(|_| Error::Missing("a whole configuration space"))?;
        let there = front_end.config.num_request_queues.get();
        let request_queues = options.request_queues.map_or(there, u32::from);
        let event_idx = front_end.features & 1 << VIRTIO_RING_F_EVENT_IDX != 0;
        for index in 0..=request_queues as usize {
            let ring = Ring::new(&front_end.memory, options.queue_size, event_idx)?;
            front_end.queues.push(ring);
            front_end.start_queue(index, 0)?;
        }
        front_end.link.run()?;
        Ok(front_end)
    }

    /// Starts a queue at `base`: where [`FrontEnd::stop_queue`] said, or 0 for one that is new.
    pub fn start_queue(&mut self, index: usize, base: u16) -> Result<(), Error> {
        let avail_ring = self.queues[index].avail_ring();
        self.start_queue_with(index, base, avail_ring)
    }

    /// The same with the available ring at a guest address of the caller's choice, for rings that lie.
    pub fn start_queue_with(&mut self, index: usize, base: u16, avail_ring: u64) -> Result<(), Error> {
        let ring = &mut self.queues[index];
        let rings = Rings {
            size: ring.size(),
            base,
            desc_table: ring.desc_table(),
            avail_ring,
            used_ring: ring.used_ring(),
        };
        let doorbell = self.link.start_queue(index, &rings, ring.call_fd())?;
        ring.set_doorbell(doorbell);
        Ok(())
    }

    /// Stops a queue, as on a pause or for a reset; returns where the device stands in it. Over
    /// doors that know no pause that is 0, and the queue is to be renewed.
    pub fn stop_queue(&mut self, index: usize) -> Result<u16, Error> {
        self.link.stop_queue(index)
    }

    /// Makes a queue anew, as a driver does after a reset. It is to be started.
    pub fn renew_queue(&mut self, index: usize) -> Result<(), Error> {
        let (size, event_idx) = (self.queues[index].size(), self.queues[index].event_idx());
        self.queues[index] = Ring::new(&self.memory, size, event_idx)?;
        Ok(())
    }

    /// Resets the device, and starts it again with new queues.
    pub fn reset_device(&mut self) -> Result<(), Error> {
        self.link.reset()?;
        self.restart()
    }

    /// Starts a device that has been reset, with new queues.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.link.negotiate(self.features)?;
        for index in 0..self.queues.len() {
            self.renew_queue(index)?;
            self.start_queue(index, 0)?;
        }
        self.link.run()
    }

    /// The configuration space, as it was when the device was started.
    pub fn config(&self) -> &wire::Config {
        &self.config
    }

    /// Virtio features that the device offers.
    pub fn offered_features(&self) -> u64 {
        self.link.offered_features()
    }

    /// Reads the configuration space.
    pub fn read_config(&mut self, offset: u32, len: u32) -> Result<Vec<u8>, Error> {
        self.link.read_config(offset, len)
    }

    /// Writes to the configuration space.
    pub fn write_config(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.link.write_config(offset, bytes)
    }

    /// The guest's memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Tells the device of all memory anew, which vhost-user front ends may at any time.
    pub fn set_memory(&mut self) -> Result<(), Error> {
        self.link.set_memory(self.memory.map())
    }

    /// Takes region `index` of the memory away from the device, or gives it again.
    pub fn plug_region(&mut self, index: usize, present: bool) -> Result<(), Error> {
        let region: &GuestRegionMmap =
            self.memory.map().iter().nth(index).ok_or(Error::Missing("a region of memory"))?;
        if present {
            self.link.plug(region)
        } else {
            self.link.unplug(region)
        }
    }

    /// The way to the device, for what only this kind has.
    pub fn link<L: Link>(&mut self) -> Result<&mut L, Error> {
        self.link.as_any().downcast_mut().ok_or(Error::Link(std::any::type_name::<L>()))
    }
}

/// Connects to a socket, for which it waits a while: who serves it may be starting.
pub(crate) fn connect(socket: &Path) -> io::Result<UnixStream> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match UnixStream::connect(socket) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            result => return result,
        }
    }
}
