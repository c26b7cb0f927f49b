// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The VMM's part over vfio-user, and the driver's part of the virtio PCI transport.
//!
//! ```text
//!   VfioUser     features, queues, vectors, resets      what Linux' virtio-pci does
//!     ├─ pci         capabilities, registers
//!     └─ connection  messages, answers checked          what QEMU's vfio-user-pci does
//! ```
//!
//! Crate `vfio_user` has a client as well. It takes a failure for an answer like others, and cannot
//! post writes; so it is not used here, but the device's tests drive the device with it too.

pub mod connection;
pub mod message;
pub mod pci;

use std::any::Any;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vfio_bindings::bindings::vfio::{
    VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD,
    VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
};
pub use vfio_user::Command;
use virtio_bindings::bindings::virtio_config::{
    VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER, VIRTIO_CONFIG_S_DRIVER_OK,
    VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_F_RING_RESET,
};
use vm_memory::{GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap};
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};
use zerocopy::IntoBytes;

use crate::link::{Doorbell, Link, Rings};
use crate::ring::HANG;
use crate::Error;
use connection::Connection;
use message::{DmaMap, DmaUnmap, SetIrqs};
use pci::{common, Pci};

/// The vector for changes of the configuration; queues have those behind it.
pub const CONFIG_VECTOR: u16 = 0;
const NO_VECTOR: u16 = 0xffff;

const ACKNOWLEDGE: u8 = VIRTIO_CONFIG_S_ACKNOWLEDGE as u8;
const DRIVER: u8 = VIRTIO_CONFIG_S_DRIVER as u8;
const FEATURES_OK: u8 = VIRTIO_CONFIG_S_FEATURES_OK as u8;
const DRIVER_OK: u8 = VIRTIO_CONFIG_S_DRIVER_OK as u8;

/// A device that is connected.
pub struct VfioUser {
    pci: Pci,
    offered: u64,
    /// Of changes of the configuration, of which there are none.
    config_changed: EventFd,
    /// The line, if it is used in place of MSI-X.
    intx: Option<EventFd>,
}

impl VfioUser {
    /// Connects to the device at `socket`, for which it waits a while, and probes it.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let pci = Pci::probe(Arc::new(Connection::connect(socket)?))?;
        let mut offered = 0;
        for half in 0..2_u32 {
            pci.write(common::DEVICE_FEATURE_SELECT, &half.to_le_bytes())?;
            offered |= u64::from(u32::from_le_bytes(pci.read(common::DEVICE_FEATURE)?)) << (32 * half);
        }
        let config_changed = EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?;
        Ok(Self { pci, offered, config_changed, intx: None })
    }

    /// Has the device interrupt by the line rather than by MSI-X; to be called before queues are
    /// started. Rings are not told of used buffers then: whoever waits for `line` looks at them.
    pub fn use_intx(&mut self, line: EventFd) {
        self.intx = Some(line);
    }

    /// The function.
    pub fn pci(&self) -> &Pci {
        &self.pci
    }

    /// Interrupts of config changes since this was asked last.
    pub fn config_changes(&self) -> u64 {
        self.config_changed.read().unwrap_or(0)
    }

    /// Begins a reset of the device, which may take its time: see [`VfioUser::wait_reset`].
    pub fn begin_reset(&mut self) -> Result<(), Error> {
        self.pci.write(common::DEVICE_STATUS, &[0])
    }

    /// Waits until the device has been reset.
    pub fn wait_reset(&mut self) -> Result<(), Error> {
        poll(|| Ok(self.pci.status()? == 0))
    }

    /// Begins a reset of a queue: see [`VfioUser::wait_queue_reset`].
    pub fn begin_queue_reset(&mut self, index: usize) -> Result<(), Error> {
        self.pci.set_16(common::QUEUE_SELECT, index as u16)?;
        self.pci.write(common::QUEUE_RESET, &1_u16.to_le_bytes())
    }

    /// Waits until a queue has been reset.
    pub fn wait_queue_reset(&mut self, index: usize) -> Result<(), Error> {
        self.pci.set_16(common::QUEUE_SELECT, index as u16)?;
        poll(|| Ok(self.pci.read_16(common::QUEUE_RESET)? == 0))?;
        match self.pci.read_16(common::QUEUE_ENABLE)? {
            0 => Ok(()),
            _ => Err(Error::Protocol(format!("queue {index} is enabled after its reset"))),
        }
    }

    /// Hands an eventfd over for an interrupt.
    pub fn set_irq(&self, index: u32, start: u16, fd: RawFd) -> Result<(), Error> {
        let argsz = size_of::<SetIrqs>() as u32;
        let flags = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
        let request = SetIrqs { argsz, flags, index, start: start.into(), count: 1 };
        self.pci.connection().request(Command::SetIrqs, request.as_bytes(), &[fd]).map(|_| ())
    }

    /// Adds a bit to the status, which is to stay.
    fn add_status(&self, bit: u8) -> Result<(), Error> {
        let wanted = self.pci.status()? | bit;
        self.pci.write(common::DEVICE_STATUS, &[wanted])?;
        match self.pci.status()? {
            status if status == wanted => Ok(()),
            status => {
                Err(Error::Protocol(format!("device status {status:#x} where {wanted:#x} was written")))
            }
        }
    }

    fn set_address(&self, register: u64, address: u64) -> Result<(), Error> {
        // In halves, as Linux does (virtio 1.3, 4.1.3.1).
        self.pci.write(register, &(address as u32).to_le_bytes())?;
        self.pci.write(register + 4, &((address >> 32) as u32).to_le_bytes())
    }
}

impl Link for VfioUser {
    fn offered_features(&self) -> u64 {
        self.offered
    }

    fn negotiate(&mut self, features: u64) -> Result<(), Error> {
        self.begin_reset()?;
        self.wait_reset()?;
        self.add_status(ACKNOWLEDGE)?;
        self.add_status(DRIVER)?;
        for half in 0..2_u32 {
            self.pci.write(common::DRIVER_FEATURE_SELECT, &half.to_le_bytes())?;
            self.pci.write(common::DRIVER_FEATURE, &((features >> (32 * half)) as u32).to_le_bytes())?;
        }
        self.add_status(FEATURES_OK)?;
        self.pci.set_msix(self.intx.is_none())?;
        if let Some(line) = &self.intx {
            return self.set_irq(VFIO_PCI_INTX_IRQ_INDEX, 0, line.as_raw_fd());
        }
        self.set_irq(VFIO_PCI_MSIX_IRQ_INDEX, CONFIG_VECTOR, self.config_changed.as_raw_fd())?;
        self.pci.set_16(common::CONFIG_MSIX_VECTOR, CONFIG_VECTOR)
    }

    fn set_memory(&mut self, memory: &GuestMemoryMmap) -> Result<(), Error> {
        memory.iter().try_for_each(|region| self.plug(region))
    }

    fn plug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        let backing = region.file_offset().ok_or(Error::Missing("a file behind guest memory"))?;
        let request = DmaMap {
            argsz: size_of::<DmaMap>() as u32,
            flags: VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
            offset: backing.start(),
            address: region.start_addr().0,
            size: region.len(),
        };
        let fds = [backing.file().as_raw_fd()];
        self.pci.connection().request(Command::DmaMap, request.as_bytes(), &fds).map(|_| ())
    }

    fn unplug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        let argsz = size_of::<DmaUnmap>() as u32;
        let request = DmaUnmap { argsz, flags: 0, address: region.start_addr().0, size: region.len() };
        let answer = self.pci.connection().request(Command::DmaUnmap, request.as_bytes(), &[])?;
        if answer != request.as_bytes() {
            return Err(Error::Protocol("another range was unmapped".into()));
        }
        Ok(())
    }

    fn start_queue(&mut self, index: usize, rings: &Rings, call: &EventFd) -> Result<Doorbell, Error> {
        if rings.base != 0 {
            return Err(Error::Missing("queues that go on where they were"));
        }
        let number = index as u16;
        let pci = &self.pci;
        if number >= pci.read_16(common::NUM_QUEUES)? {
            return Err(Error::Missing("as many queues"));
        }
        pci.set_16(common::QUEUE_SELECT, number)?;
        if pci.read_16(common::QUEUE_ENABLE)? != 0 {
            return Err(Error::Protocol(format!("queue {index} is enabled already")));
        }
        if pci.read_16(common::QUEUE_SIZE)? < rings.size {
            return Err(Error::Missing("queues of that size"));
        }
        pci.set_16(common::QUEUE_SIZE, rings.size)?;
        self.set_address(common::QUEUE_DESC, rings.desc_table)?;
        self.set_address(common::QUEUE_DRIVER, rings.avail_ring)?;
        self.set_address(common::QUEUE_DEVICE, rings.used_ring)?;
        let vector = if self.intx.is_some() {
            NO_VECTOR
        } else {
            let vector = CONFIG_VECTOR + 1 + number;
            self.set_irq(VFIO_PCI_MSIX_IRQ_INDEX, vector, call.as_raw_fd())?;
            vector
        };
        pci.set_16(common::QUEUE_MSIX_VECTOR, vector)?;
        let (region, offset) = pci.notification()?;
        pci.set_16(common::QUEUE_ENABLE, 1)?;
        let connection = pci.connection().clone();
        Ok(Doorbell::new(move || connection.post_write(region, offset, &number.to_le_bytes())))
    }

    fn run(&mut self) -> Result<(), Error> {
        self.add_status(DRIVER_OK)
    }

    fn stop_queue(&mut self, index: usize) -> Result<u16, Error> {
        if self.offered & 1 << VIRTIO_F_RING_RESET == 0 {
            return Err(Error::Missing("VIRTIO_F_RING_RESET"));
        }
        self.begin_queue_reset(index)?;
        self.wait_queue_reset(index)?;
        Ok(0)
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.begin_reset()?;
        self.wait_reset()
    }

    fn read_config(&mut self, offset: u32, len: u32) -> Result<Vec<u8>, Error> {
        self.pci.read_device(offset, len)
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.pci.write_device(offset, bytes)
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

fn poll(mut over: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    let deadline = Instant::now() + HANG;
    while !over()? {
        if Instant::now() > deadline {
            return Err(Error::Hang);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
