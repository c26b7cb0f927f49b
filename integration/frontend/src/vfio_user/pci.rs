// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A virtio device's PCI function, found and read as a driver does (virtio 1.3, section 4.1).

use std::sync::Arc;

use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR5_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX as CONFIG, VFIO_PCI_MSIX_IRQ_INDEX,
};
use vfio_user::Command;
use virtio_tee_spec::VIRTIO_ID_TEE;

use super::connection::Connection;
use super::message::{DeviceInfo, IrqInfo, RegionInfo};
use crate::Error;

/// `struct virtio_pci_common_cfg` (4.1.4.3): offsets in bytes.
pub mod common {
    #![allow(missing_docs)] // The names are the specification's.
    pub const DEVICE_FEATURE_SELECT: u64 = 0;
    pub const DEVICE_FEATURE: u64 = 4;
    pub const DRIVER_FEATURE_SELECT: u64 = 8;
    pub const DRIVER_FEATURE: u64 = 12;
    pub const CONFIG_MSIX_VECTOR: u64 = 16;
    pub const NUM_QUEUES: u64 = 18;
    pub const DEVICE_STATUS: u64 = 20;
    pub const CONFIG_GENERATION: u64 = 21;
    pub const QUEUE_SELECT: u64 = 22;
    pub const QUEUE_SIZE: u64 = 24;
    pub const QUEUE_MSIX_VECTOR: u64 = 26;
    pub const QUEUE_ENABLE: u64 = 28;
    pub const QUEUE_NOTIFY_OFF: u64 = 30;
    pub const QUEUE_DESC: u64 = 32;
    pub const QUEUE_DRIVER: u64 = 40;
    pub const QUEUE_DEVICE: u64 = 48;
    pub const QUEUE_RESET: u64 = 58;
    /// Of the structure up to `queue_reset`.
    pub const LEN: u32 = 60;
}

// The header (PCI 3.0, 6.1), and bits of its registers.
const VENDOR_AND_DEVICE: u64 = 0x00;
const COMMAND: u64 = 0x04;
const STATUS: u64 = 0x06;
const CAPABILITIES_POINTER: u64 = 0x34;
const COMMAND_MEMORY: u16 = 1 << 1;
const COMMAND_MASTER: u16 = 1 << 2;
const STATUS_CAPABILITIES: u16 = 1 << 4;
/// The first byte behind the header.
const HEADER_END: u8 = 0x40;

const VIRTIO_VENDOR: u16 = 0x1af4;
const MODERN_DEVICE: u16 = 0x1040;
const ID_VENDOR: u8 = 0x09;
const ID_EXPRESS: u8 = 0x10;
const ID_MSIX: u8 = 0x11;
const MSIX_ENABLE: u16 = 1 << 15;
const INITIATE_FLR: u16 = 1 << 15;

/// A function, its capabilities known.
#[derive(Clone)]
pub struct Pci {
    connection: Arc<Connection>,
    common: Structure,
    notify: Structure,
    notify_multiplier: u32,
    isr: Structure,
    device: Structure,
    msix: u8,
    express: u8,
    vectors: u16,
}

/// A part of a BAR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Structure {
    bar: u32,
    offset: u64,
    len: u32,
}

impl Structure {
    fn is_missing(self) -> bool {
        self.len == 0
    }
}

impl Pci {
    /// Finds out what there is, and switches on memory accesses and bus mastering.
    pub fn probe(connection: Arc<Connection>) -> Result<Self, Error> {
        let id = [VIRTIO_VENDOR.to_le_bytes(), (MODERN_DEVICE + VIRTIO_ID_TEE as u16).to_le_bytes()].concat();
        if connection.read::<4>(CONFIG, VENDOR_AND_DEVICE)?[..] != id {
            return Err(Error::Missing("the TEE device"));
        }
        let mut pci = Self {
            connection,
            common: Structure::default(),
            notify: Structure::default(),
            notify_multiplier: 0,
            isr: Structure::default(),
            device: Structure::default(),
            msix: 0,
            express: 0,
            vectors: 0,
        };
        pci.walk_capabilities()?;
        for (missing, what) in [
            (pci.common.len < common::LEN, "the common configuration structure"),
            (pci.notify.is_missing(), "the notification structure"),
            (pci.isr.is_missing(), "the ISR status"),
            (pci.device.is_missing(), "the device configuration"),
            (pci.msix == 0, "MSI-X"),
        ] {
            if missing {
                return Err(Error::Missing(what));
            }
        }
        pci.find_vectors()?;
        pci.enable()?;
        Ok(pci)
    }

    /// Switches memory accesses and bus mastering on, as after a reset of the function.
    pub fn enable(&self) -> Result<(), Error> {
        let command = u16::from_le_bytes(self.read_config(COMMAND)?) | COMMAND_MEMORY | COMMAND_MASTER;
        self.write_config(COMMAND, &command.to_le_bytes())?;
        match u16::from_le_bytes(self.read_config(COMMAND)?) {
            set if set == command => Ok(()),
            set => Err(Error::Protocol(format!("command register {set:#x} where {command:#x} was written"))),
        }
    }

    fn walk_capabilities(&mut self) -> Result<(), Error> {
        if u16::from_le_bytes(self.read_config(STATUS)?) & STATUS_CAPABILITIES == 0 {
            return Err(Error::Missing("capabilities"));
        }
        let [mut at] = self.read_config(CAPABILITIES_POINTER)?;
        // There is no room for more.
        for _ in 0..48 {
            at &= !3;
            if at == 0 {
                return Ok(());
            }
            if at < HEADER_END {
                return Err(Error::Protocol(format!("a capability in the header, at {at:#x}")));
            }
            let [id, next] = self.read_config(at.into())?;
            match id {
                ID_MSIX => self.msix = at,
                ID_EXPRESS => self.express = at,
                ID_VENDOR => self.take_structure(at)?,
                _ => {}
            }
            at = next;
        }
        Err(Error::Protocol("capabilities that go round".into()))
    }

    fn take_structure(&mut self, at: u8) -> Result<(), Error> {
        let at = u64::from(at);
        let [len, kind, bar] = self.read_config(at + 2)?;
        let offset = u32::from_le_bytes(self.read_config(at + 8)?);
        let structure = Structure {
            bar: bar.into(),
            offset: offset.into(),
            len: u32::from_le_bytes(self.read_config(at + 12)?),
        };
        let slot = match kind {
            1 => &mut self.common,
            2 => {
                if len < 20 {
                    return Err(Error::Protocol(format!("a notification capability of {len} bytes")));
                }
                self.notify_multiplier = u32::from_le_bytes(self.connection.read(CONFIG, at + 16)?);
                &mut self.notify
            }
            3 => &mut self.isr,
            4 => &mut self.device,
            // The window into BARs has a place of the driver's choice.
            _ => return Ok(()),
        };
        // The first of several is the one to use (4.1.4).
        if slot.is_missing() {
            *slot = structure;
        }
        let size = region_size(&self.connection, structure.bar)?;
        if len < 16
            || structure.bar > VFIO_PCI_BAR5_REGION_INDEX
            || structure.offset + u64::from(structure.len) > size
        {
            return Err(Error::Protocol(format!("{structure:x?} is not in a BAR")));
        }
        Ok(())
    }

    fn find_vectors(&mut self) -> Result<(), Error> {
        let control = u16::from_le_bytes(self.read_config(u64::from(self.msix) + 2)?);
        self.vectors = (control & 0x7ff) + 1;
        let argsz = size_of::<IrqInfo>() as u32;
        let info = IrqInfo { argsz, index: VFIO_PCI_MSIX_IRQ_INDEX, ..IrqInfo::default() };
        let info = self.connection.ask(Command::GetIrqInfo, &info)?;
        if info.count != u32::from(self.vectors) {
            return Err(Error::Protocol(format!("{} vectors, and {} interrupts", self.vectors, info.count)));
        }
        let table = u32::from_le_bytes(self.read_config(u64::from(self.msix) + 4)?);
        let size = region_size(&self.connection, table & 7)?;
        if u64::from(table & !7) + 16 * u64::from(self.vectors) > size {
            return Err(Error::Protocol("an MSI-X table that is not in its BAR".into()));
        }
        Ok(())
    }

    /// MSI-X vectors that there are.
    pub fn vectors(&self) -> u16 {
        self.vectors
    }

    /// Switches MSI-X on or off. Off, there is the INTx line.
    pub fn set_msix(&self, on: bool) -> Result<(), Error> {
        let at = u64::from(self.msix) + 2;
        let control = u16::from_le_bytes(self.read_config(at)?) & !MSIX_ENABLE;
        let control = if on { control | MSIX_ENABLE } else { control };
        self.write_config(at, &control.to_le_bytes())
    }

    /// Initiates a function level reset (PCI Express 4.0, 6.6.2).
    pub fn initiate_flr(&self) -> Result<(), Error> {
        if self.express == 0 {
            return Err(Error::Missing("PCI Express"));
        }
        let at = u64::from(self.express) + 8;
        let control = u16::from_le_bytes(self.read_config(at)?) | INITIATE_FLR;
        self.write_config(at, &control.to_le_bytes())
    }

    /// Reads the ISR status, which clears it, and takes the INTx line down.
    pub fn read_isr(&self) -> Result<u8, Error> {
        let [isr] = self.connection.read(self.isr.bar, self.isr.offset)?;
        Ok(isr)
    }

    /// Reads a register of the common configuration, `N` bytes wide.
    pub fn read<const N: usize>(&self, register: u64) -> Result<[u8; N], Error> {
        self.connection.read(self.common.bar, self.common.offset + register)
    }

    /// Writes one.
    pub fn write(&self, register: u64, value: &[u8]) -> Result<(), Error> {
        self.connection.write(self.common.bar, self.common.offset + register, value)
    }

    /// Reads a register of 16 bits.
    pub fn read_16(&self, register: u64) -> Result<u16, Error> {
        Ok(u16::from_le_bytes(self.read(register)?))
    }

    /// Writes a register of 16 bits, which is to keep the value.
    pub fn set_16(&self, register: u64, value: u16) -> Result<(), Error> {
        self.write(register, &value.to_le_bytes())?;
        match self.read_16(register)? {
            kept if kept == value => Ok(()),
            kept => {
                Err(Error::Protocol(format!("register {register} is {kept:#x} after {value:#x} was written")))
            }
        }
    }

    /// `device_status`.
    pub fn status(&self) -> Result<u8, Error> {
        let [status] = self.read(common::DEVICE_STATUS)?;
        Ok(status)
    }

    /// Reads the device's own configuration.
    pub fn read_device(&self, offset: u32, len: u32) -> Result<Vec<u8>, Error> {
        self.connection.read_bytes(self.device.bar, self.device.offset + u64::from(offset), len)
    }

    /// Writes to it.
    pub fn write_device(&self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        self.connection.write(self.device.bar, self.device.offset + u64::from(offset), bytes)
    }

    /// Where the selected queue is notified of available buffers: region and offset.
    pub fn notification(&self) -> Result<(u32, u64), Error> {
        let offset = u64::from(self.read_16(common::QUEUE_NOTIFY_OFF)?) * u64::from(self.notify_multiplier);
        if offset + 2 > u64::from(self.notify.len) {
            return Err(Error::Protocol(format!("a notification address {offset:#x} that is not there")));
        }
        Ok((self.notify.bar, self.notify.offset + offset))
    }

    /// The messages beneath.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Reads `N` bytes of the PCI configuration space.
    pub fn read_config<const N: usize>(&self, at: u64) -> Result<[u8; N], Error> {
        self.connection.read(CONFIG, at)
    }

    /// Writes to the PCI configuration space.
    pub fn write_config(&self, at: u64, value: &[u8]) -> Result<(), Error> {
        self.connection.write(CONFIG, at, value)
    }
}

/// Size of a region in bytes, 0 if there is none.
fn region_size(connection: &Connection, index: u32) -> Result<u64, Error> {
    let argsz = size_of::<DeviceInfo>() as u32;
    let info = connection.ask(Command::DeviceGetInfo, &DeviceInfo { argsz, ..DeviceInfo::default() })?;
    if index >= info.num_regions {
        return Ok(0);
    }
    let argsz = size_of::<RegionInfo>() as u32;
    let info = RegionInfo { argsz, index, ..RegionInfo::default() };
    Ok(connection.ask(Command::DeviceGetRegionInfo, &info)?.size)
}
