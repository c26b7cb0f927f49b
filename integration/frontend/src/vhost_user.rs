// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The VMM's part over vhost-user.

use std::any::Any;
use std::os::fd::AsRawFd;
use std::path::Path;

use vhost::vhost_user::message::{
    VhostUserConfigFlags, VhostUserHeaderFlag, VhostUserProtocolFeatures, VhostUserVirtioFeatures,
};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vm_memory::{GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap};
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};

use crate::frontend::connect;
use crate::link::{Doorbell, Link, Rings};
use crate::Error;

const PROTOCOL: VhostUserProtocolFeatures = VhostUserProtocolFeatures::CONFIG
    .union(VhostUserProtocolFeatures::MQ)
    .union(VhostUserProtocolFeatures::REPLY_ACK)
    .union(VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS)
    .union(VhostUserProtocolFeatures::RESET_DEVICE);

/// A back end that is connected.
pub struct VhostUser {
    vhost: Frontend,
    offered: u64,
    protocol: VhostUserProtocolFeatures,
    /// By queue, those that were ever started; and whether they run.
    kicks: Vec<(EventFd, bool)>,
}

impl VhostUser {
    /// Connects to the back end at `socket`, for which it waits a while.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let mut vhost = Frontend::from_stream(connect(socket)?, 64);
        vhost.set_owner()?;
        let offered = vhost.get_features()?;
        if offered & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() == 0 {
            return Err(Error::Missing("protocol features"));
        }
        let protocol = vhost.get_protocol_features()?;
        vhost.set_protocol_features(protocol & PROTOCOL)?;
        vhost.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
        Ok(Self { vhost, offered, protocol, kicks: Vec::new() })
    }

    /// Protocol features that the back end offers.
    pub fn offered_protocol_features(&self) -> VhostUserProtocolFeatures {
        self.protocol
    }
}

impl Link for VhostUser {
    fn offered_features(&self) -> u64 {
        self.offered
    }

    fn negotiate(&mut self, features: u64) -> Result<(), Error> {
        Ok(self.vhost.set_features(features | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits())?)
    }

    fn set_memory(&mut self, memory: &GuestMemoryMmap) -> Result<(), Error> {
        let regions = memory.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
        self.vhost.set_mem_table(&regions)?;
        Ok(())
    }

    fn plug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        self.vhost.add_mem_region(&describe(region)?)?;
        Ok(())
    }

    fn unplug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        Ok(self.vhost.remove_mem_region(&describe(region)?)?)
    }

    fn start_queue(&mut self, index: usize, rings: &Rings, call: &EventFd) -> Result<Doorbell, Error> {
        while self.kicks.len() <= index {
            self.kicks.push((EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?, false));
        }
        self.vhost.set_vring_num(index, rings.size)?;
        let addresses = VringConfigData {
            queue_max_size: rings.size,
            queue_size: rings.size,
            flags: 0,
            desc_table_addr: rings.desc_table,
            used_ring_addr: rings.used_ring,
            avail_ring_addr: rings.avail_ring,
            log_addr: None,
        };
        self.vhost.set_vring_addr(index, &addresses)?;
        self.vhost.set_vring_base(index, rings.base)?;
        self.vhost.set_vring_call(index, call)?;
        let (kick, started) = &mut self.kicks[index];
        self.vhost.set_vring_kick(index, kick)?;
        *started = true;
        let kick = kick.try_clone()?;
        self.vhost.set_vring_enable(index, true)?;
        Ok(Doorbell::new(move || Ok(kick.write(1)?)))
    }

    fn run(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn stop_queue(&mut self, index: usize) -> Result<u16, Error> {
        let base = self.vhost.get_vring_base(index)? as u16;
        if let Some((_, started)) = self.kicks.get_mut(index) {
            *started = false;
        }
        Ok(base)
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.vhost.reset_device()?;
        for index in 0..self.kicks.len() {
            if self.kicks[index].1 {
                self.stop_queue(index)?;
            }
        }
        Ok(())
    }

    fn read_config(&mut self, offset: u32, len: u32) -> Result<Vec<u8>, Error> {
        let buffer = vec![0; len as usize];
        Ok(self.vhost.get_config(offset, len, VhostUserConfigFlags::empty(), &buffer)?.1)
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.vhost.set_config(offset, VhostUserConfigFlags::WRITABLE, bytes)?)
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// What the back end is told of a region: its user-space address is its guest address.
fn describe(region: &GuestRegionMmap) -> Result<VhostUserMemoryRegionInfo, Error> {
    let backing = region.file_offset().ok_or(Error::Missing("a file behind guest memory"))?;
    Ok(VhostUserMemoryRegionInfo {
        guest_phys_addr: region.start_addr().0,
        memory_size: region.len(),
        userspace_addr: region.start_addr().0,
        mmap_offset: backing.start(),
        mmap_handle: backing.file().as_raw_fd(),
    })
}
