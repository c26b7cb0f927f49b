// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The VMM's part: the vhost-user protocol.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use vhost::vhost_user::message::{VhostUserConfigFlags, VhostUserProtocolFeatures, VhostUserVirtioFeatures};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use virtio_bindings::bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_tee_spec as wire;
use zerocopy::{FromBytes, FromZeros};

use crate::memory::Memory;
use crate::ring::Ring;
use crate::Error;

/// What VM to be.
#[derive(Clone, Debug)]
pub struct Options {
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
    vhost: Frontend,
    memory: Memory,
    config: wire::Config,
    /// Virtio features that the device offers.
    offered: u64,
    /// Those that were accepted.
    features: u64,
    protocol: VhostUserProtocolFeatures,
    /// The queues: the control queue, then request queues.
    pub queues: Vec<Ring>,
}

const PROTOCOL: VhostUserProtocolFeatures = VhostUserProtocolFeatures::CONFIG
    .union(VhostUserProtocolFeatures::MQ)
    .union(VhostUserProtocolFeatures::REPLY_ACK)
    .union(VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS)
    .union(VhostUserProtocolFeatures::RESET_DEVICE);

impl FrontEnd {
    /// Connects to the back end at `socket`, for which it waits a while, and starts the device.
    pub fn connect(socket: &Path, options: &Options) -> Result<Self, Error> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(e) if Instant::now() > deadline => return Err(e.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut vhost = Frontend::from_stream(stream, 64);
        vhost.set_owner()?;
        let offered = vhost.get_features()?;
        if offered & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() == 0 {
            return Err(Error::Missing("protocol features"));
        }
        let protocol = vhost.get_protocol_features()?;
        vhost.set_protocol_features(protocol & PROTOCOL)?;
        vhost.set_hdr_flags(vhost::vhost_user::message::VhostUserHeaderFlag::NEED_REPLY);
        if offered & 1 << VIRTIO_F_VERSION_1 == 0 {
            return Err(Error::Missing("VIRTIO_F_VERSION_1"));
        }
        let event_idx = u64::from(options.event_idx) << VIRTIO_RING_F_EVENT_IDX;
        let wanted = 1 << VIRTIO_F_VERSION_1
            | 1 << VIRTIO_RING_F_INDIRECT_DESC
            | event_idx
            | options.features
            | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits();
        let features = offered & wanted;
        vhost.set_features(features)?;

        let memory = Memory::new(&options.memory)?;
        vhost.set_mem_table(&memory.regions())?;
        let mut front_end = Self {
            vhost,
            memory,
            config: wire::Config::new_zeroed(),
            offered,
            features,
            protocol,
            queues: Vec::new(),
        };
        let bytes = front_end.read_config(0, size_of::<wire::Config>() as u32)?;
        front_end.config = wire::Config::read_from_bytes(&bytes)
            .map_err(|_| Error::Missing("a whole configuration space"))?;
        let there = front_end.config.num_request_queues.get();
        let request_queues = options.request_queues.map_or(there, u32::from);
        for index in 0..=request_queues as usize {
            let ring = Ring::new(&front_end.memory, options.queue_size, event_idx & offered != 0)?;
            front_end.queues.push(ring);
            front_end.start_queue(index, 0)?;
        }
        Ok(front_end)
    }

    /// Starts a queue at `base`: where the device left it, or 0 for one that is new.
    pub fn start_queue(&mut self, index: usize, base: u16) -> Result<(), Error> {
        let avail_ring = self.queues[index].avail_ring();
        self.start_queue_with(index, base, avail_ring)
    }

    /// The same with the available ring at a guest address of the caller's choice, for rings that lie.
    pub fn start_queue_with(&mut self, index: usize, base: u16, avail_ring: u64) -> Result<(), Error> {
        let ring = &self.queues[index];
        self.vhost.set_vring_num(index, ring.size())?;
        let addresses = VringConfigData {
            queue_max_size: ring.size(),
            queue_size: ring.size(),
            flags: 0,
            desc_table_addr: ring.desc_table(),
            used_ring_addr: ring.used_ring(),
            avail_ring_addr: avail_ring,
            log_addr: None,
        };
        self.vhost.set_vring_addr(index, &addresses)?;
        self.vhost.set_vring_base(index, base)?;
        self.vhost.set_vring_call(index, ring.call_fd())?;
        self.vhost.set_vring_kick(index, ring.kick_fd())?;
        Ok(self.vhost.set_vring_enable(index, true)?)
    }

    /// Stops a queue, as on a pause or a reset; returns where the device stands in it.
    pub fn stop_queue(&mut self, index: usize) -> Result<u16, Error> {
        Ok(self.vhost.get_vring_base(index)? as u16)
    }

    /// Makes a queue anew, as a driver does after a reset. It is to be started.
    pub fn renew_queue(&mut self, index: usize) -> Result<(), Error> {
        let (size, event_idx) = (self.queues[index].size(), self.queues[index].event_idx());
        self.queues[index] = Ring::new(&self.memory, size, event_idx)?;
        Ok(())
    }

    /// Resets the device with a message of its own, and negotiates features again.
    pub fn reset_device(&mut self) -> Result<(), Error> {
        self.vhost.reset_device()?;
        Ok(self.vhost.set_features(self.features)?)
    }

    /// The configuration space, as it was when the device was started.
    pub fn config(&self) -> &wire::Config {
        &self.config
    }

    /// Virtio features that the device offers.
    pub fn offered_features(&self) -> u64 {
        self.offered
    }

    /// vhost-user protocol features that the back end offers.
    pub fn offered_protocol_features(&self) -> VhostUserProtocolFeatures {
        self.protocol
    }

    /// Reads the configuration space.
    pub fn read_config(&mut self, offset: u32, size: u32) -> Result<Vec<u8>, Error> {
        let buffer = vec![0; size as usize];
        let flags = VhostUserConfigFlags::empty();
        Ok(self.vhost.get_config(offset, size, flags, &buffer)?.1)
    }

    /// Writes to the configuration space.
    pub fn write_config(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.vhost.set_config(offset, VhostUserConfigFlags::WRITABLE, bytes)?)
    }

    /// The guest's memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Tells the back end the memory table anew.
    pub fn set_mem_table(&mut self) -> Result<(), Error> {
        self.vhost.set_mem_table(&self.memory.regions())?;
        Ok(())
    }

    /// Takes region `index` of the memory away from the back end, or gives it again.
    pub fn plug_region(&mut self, index: usize, present: bool) -> Result<(), Error> {
        let regions: Vec<VhostUserMemoryRegionInfo> = self.memory.regions();
        let region = &regions[index];
        if present {
            self.vhost.add_mem_region(region)?;
        } else {
            self.vhost.remove_mem_region(region)?;
        }
        Ok(())
    }
}
