// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The driver's end of a split virtqueue (virtio 1.3, section 2.7).

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{fence, Ordering};
use std::time::{Duration, Instant};

use virtio_bindings::bindings::virtio_ring::{VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};
use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};

use crate::link::Doorbell;
use crate::memory::{Memory, Pages, PAGE};
use crate::Error;

/// After so long without an answer, the device hangs.
pub const HANG: Duration = Duration::from_secs(60);

/// Bytes of a descriptor.
const DESC: u64 = 16;

/// A descriptor as it lies in its table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Descriptor {
    /// Guest address of the buffer.
    pub addr: u64,
    /// Its length in bytes.
    pub len: u32,
    /// `VRING_DESC_F_*`.
    pub flags: u16,
    /// The next one, with `VRING_DESC_F_NEXT`.
    pub next: u16,
}

impl Descriptor {
    /// A buffer that the device reads.
    pub fn readable(addr: u64, len: u32) -> Self {
        Self { addr, len, ..Self::default() }
    }

    /// A buffer that the device writes.
    pub fn writable(addr: u64, len: u32) -> Self {
        Self { addr, len, flags: VRING_DESC_F_WRITE as u16, next: 0 }
    }

    fn to_bytes(self) -> [u8; DESC as usize] {
        let mut bytes = [0; DESC as usize];
        bytes[..8].copy_from_slice(&self.addr.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.len.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.flags.to_le_bytes());
        bytes[14..].copy_from_slice(&self.next.to_le_bytes());
        bytes
    }
}

/// What the device put into the used ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Head of the chain.
    pub head: u16,
    /// How many bytes the device says it has written.
    pub len: u32,
}

/// A virtqueue. Chains are added and kicked; what the device has used is waited for.
pub struct Ring {
    memory: Memory,
    pages: Pages,
    size: u16,
    event_idx: bool,
    free: Vec<u16>,
    /// Descriptors of each chain in flight, and the indirect table if it has one.
    chains: HashMap<u16, (Vec<u16>, Option<Pages>)>,
    next_avail: u16,
    kicked_avail: u16,
    next_used: u16,
    /// None before the queue is started.
    doorbell: Option<Doorbell>,
    call: EventFd,
    epoll: Epoll,
    kicks: u64,
    calls: u64,
}

impl Ring {
    pub(crate) fn new(memory: &Memory, size: u16, event_idx: bool) -> Result<Self, Error> {
        let total = Self::used_offset(size) + 6 + 8 * u64::from(size);
        let call = EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?;
        let epoll = Epoll::new()?;
        epoll.ctl(ControlOperation::Add, call.as_raw_fd(), EpollEvent::new(EventSet::IN, 0))?;
        Ok(Self {
            memory: memory.clone(),
            pages: memory.allocate(total)?,
            size,
            event_idx,
            free: (0..size).rev().collect(),
            chains: HashMap::new(),
            next_avail: 0,
            kicked_avail: 0,
            next_used: 0,
            doorbell: None,
            call,
            epoll,
            kicks: 0,
            calls: 0,
        })
    }

    fn avail_offset(size: u16) -> u64 {
        DESC * u64::from(size)
    }

    fn used_offset(size: u16) -> u64 {
        (Self::avail_offset(size) + 6 + 2 * u64::from(size)).next_multiple_of(PAGE)
    }

    /// How many descriptors there are.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// Whether `VIRTIO_F_EVENT_IDX` is in use.
    pub fn event_idx(&self) -> bool {
        self.event_idx
    }

    /// Guest address of the descriptor table.
    pub fn desc_table(&self) -> u64 {
        self.pages.addr()
    }

    /// Guest address of the available ring.
    pub fn avail_ring(&self) -> u64 {
        self.pages.addr() + Self::avail_offset(self.size)
    }

    /// Guest address of the used ring.
    pub fn used_ring(&self) -> u64 {
        self.pages.addr() + Self::used_offset(self.size)
    }

    pub(crate) fn set_doorbell(&mut self, doorbell: Doorbell) {
        self.doorbell = Some(doorbell);
    }

    pub(crate) fn call_fd(&self) -> &EventFd {
        &self.call
    }

    /// How often the device was notified.
    pub fn kicks(&self) -> u64 {
        self.kicks
    }

    /// How often the device has notified.
    pub fn calls(&mut self) -> u64 {
        self.calls += self.call.read().unwrap_or(0);
        self.calls
    }

    /// Adds a well-formed chain, and makes it available. Returns its head.
    pub fn add(&mut self, buffers: &[Descriptor]) -> Result<u16, Error> {
        if buffers.is_empty() || self.free.len() < buffers.len() {
            return Err(Error::Full("descriptors"));
        }
        let indices: Vec<u16> = self.free.split_off(self.free.len() - buffers.len());
        for (i, buffer) in buffers.iter().enumerate() {
            let mut desc = *buffer;
            if let Some(next) = indices.get(i + 1) {
                desc.flags |= VRING_DESC_F_NEXT as u16;
                desc.next = *next;
            }
            self.write_descriptor(indices[i], desc)?;
        }
        let head = indices[0];
        self.chains.insert(head, (indices, None));
        self.publish(head)?;
        Ok(head)
    }

    /// Adds a chain in a table of its own (`VIRTIO_F_INDIRECT_DESC`).
    pub fn add_indirect(&mut self, buffers: &[Descriptor]) -> Result<u16, Error> {
        let table = self.memory.allocate(DESC * buffers.len() as u64)?;
        for (i, buffer) in buffers.iter().enumerate() {
            let mut desc = *buffer;
            if i + 1 < buffers.len() {
                desc.flags |= VRING_DESC_F_NEXT as u16;
                desc.next = i as u16 + 1;
            }
            table.write(DESC * i as u64, &desc.to_bytes())?;
        }
        let index = self.free.pop().ok_or(Error::Full("descriptors"))?;
        let len = (DESC * buffers.len() as u64) as u32;
        let desc = Descriptor { addr: table.addr(), len, flags: VRING_DESC_F_INDIRECT as u16, next: 0 };
        self.write_descriptor(index, desc)?;
        self.chains.insert(index, (vec![index], Some(table)));
        self.publish(index)?;
        Ok(index)
    }

    /// Writes a descriptor, whatever it says. For malformed chains; [`Ring::publish`] follows.
    pub fn write_descriptor(&mut self, index: u16, descriptor: Descriptor) -> Result<(), Error> {
        self.memory.write(self.desc_table() + DESC * u64::from(index), &descriptor.to_bytes())
    }

    /// Makes `head` available, whatever it is.
    pub fn publish(&mut self, head: u16) -> Result<(), Error> {
        let slot = u64::from(self.next_avail % self.size);
        self.memory.write(self.avail_ring() + 4 + 2 * slot, &head.to_le_bytes())?;
        self.set_avail_index(self.next_avail.wrapping_add(1))
    }

    /// Sets the available ring's index, whatever it is.
    pub fn set_avail_index(&mut self, index: u16) -> Result<(), Error> {
        self.next_avail = index;
        let addr = GuestAddress(self.avail_ring() + 2);
        Ok(self.memory.map().store(index.to_le(), addr, Ordering::Release)?)
    }

    /// Notifies the device of what was made available, unless it said that it need not be. Says
    /// whether it was.
    pub fn kick(&mut self) -> Result<bool, Error> {
        // Asks for an interrupt at the next used buffer.
        self.arm()?;
        fence(Ordering::SeqCst);
        let map = self.memory.map();
        let wanted = if self.event_idx {
            let addr = self.used_ring() + 4 + 8 * u64::from(self.size);
            let event = u16::from_le(map.load(GuestAddress(addr), Ordering::Relaxed)?);
            let (new, old) = (self.next_avail, self.kicked_avail);
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            u16::from_le(map.load(GuestAddress(self.used_ring()), Ordering::Relaxed)?) & 1 == 0
        };
        self.kicked_avail = self.next_avail;
        if wanted {
            self.force_kick()?;
        }
        Ok(wanted)
    }

    /// Notifies the device.
    pub fn force_kick(&mut self) -> Result<(), Error> {
        self.kicks += 1;
        self.doorbell.as_ref().ok_or(Error::NotStarted)?.ring()
    }

    fn arm(&self) -> Result<(), Error> {
        if self.event_idx {
            let addr = GuestAddress(self.avail_ring() + 4 + 2 * u64::from(self.size));
            self.memory.map().store(self.next_used.to_le(), addr, Ordering::Relaxed)?;
        }
        Ok(())
    }

    /// Takes a used chain, if there is one.
    pub fn take_used(&mut self) -> Result<Option<Used>, Error> {
        let map = self.memory.map();
        let index = u16::from_le(map.load(GuestAddress(self.used_ring() + 2), Ordering::Acquire)?);
        if index == self.next_used {
            return Ok(None);
        }
        let mut bytes = [0; 8];
        let slot = u64::from(self.next_used % self.size);
        self.memory.read(self.used_ring() + 4 + 8 * slot, &mut bytes)?;
        self.next_used = self.next_used.wrapping_add(1);
        let head = u16::from_le_bytes([bytes[0], bytes[1]]);
        let len = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        if let Some((indices, _)) = self.chains.remove(&head) {
            self.free.extend(indices);
        }
        Ok(Some(Used { head, len }))
    }

    /// Waits for a used chain, for `timeout` at most, asleep until the device interrupts.
    pub fn wait_used(&mut self, timeout: Duration) -> Result<Option<Used>, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(used) = self.take_used()? {
                return Ok(Some(used));
            }
            self.arm()?;
            fence(Ordering::SeqCst);
            if let Some(used) = self.take_used()? {
                return Ok(Some(used));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // Rounded up, so that the loop does not spin through the last millisecond.
            let millis = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
            match self.epoll.wait(millis, &mut [EpollEvent::default()]) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e.into()),
                _ => {}
            }
            self.calls += self.call.read().unwrap_or(0);
        }
    }
}
