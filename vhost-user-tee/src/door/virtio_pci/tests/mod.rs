// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Every register, as a driver finds it. The numbers are those of the specifications and of Linux's
//! `pci_regs.h` and `virtio_pci.h`, and not the model's own constants.

mod bars;
mod capabilities;
mod common_config;
mod config_space;
mod interrupts;
mod msix;
mod random;
mod resets;

use super::*;

const VERSION_1: u64 = 1 << 32;
const RING_RESET: u64 = 1 << 40;
const EVENT_IDX: u64 = 1 << 29;

const QUEUES: u16 = 3;
const MAX_SIZE: u16 = 1024;
const DEVICE_CONFIG: [u8; 6] = [10, 11, 12, 13, 14, 15];

const ACKNOWLEDGE: u8 = 1;
const DRIVER: u8 = 2;
const DRIVER_OK: u8 = 4;
const FEATURES_OK: u8 = 8;
const FAILED: u8 = 128;
/// The driver is ready.
const READY: u8 = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;

// The common configuration, at 0 in BAR 0.
const DEVICE_FEATURE_SELECT: u64 = 0;
const DEVICE_FEATURE: u64 = 4;
const DRIVER_FEATURE_SELECT: u64 = 8;
const DRIVER_FEATURE: u64 = 12;
const CONFIG_VECTOR: u64 = 16;
const NUM_QUEUES: u64 = 18;
const STATUS: u64 = 20;
const GENERATION: u64 = 21;
const QUEUE_SELECT: u64 = 22;
const QUEUE_SIZE: u64 = 24;
const QUEUE_VECTOR: u64 = 26;
const QUEUE_ENABLE: u64 = 28;
const QUEUE_NOTIFY_OFF: u64 = 30;
const QUEUE_DESC: u64 = 32;
const QUEUE_DRIVER: u64 = 40;
const QUEUE_DEVICE: u64 = 48;
const QUEUE_NOTIFY_DATA: u64 = 56;
const QUEUE_RESET: u64 = 58;
const ADMIN_INDEX: u64 = 60;
const ADMIN_NUM: u64 = 62;
const COMMON_END: u64 = 64;

const ISR_AT: u64 = 0x1000;
const DEVICE_AT: u64 = 0x2000;
const NOTIFY_AT: u64 = 0x3000;

// Configuration space.
const COMMAND: u64 = 4;
const BUS_MASTER: u16 = 4;
const INTX_DISABLE: u16 = 1 << 10;

fn device() -> VirtioPci {
    VirtioPci::new(VERSION_1 | EVENT_IDX, QUEUES, MAX_SIZE, &DEVICE_CONFIG)
}

/// Accesses as a driver makes them.
impl VirtioPci {
    fn bar<const N: usize>(&mut self, offset: u64) -> [u8; N] {
        let mut data = [0xaa; N];
        self.read_bar(0, offset, &mut data);
        data
    }

    fn get8(&mut self, offset: u64) -> u8 {
        self.bar::<1>(offset)[0]
    }

    fn get16(&mut self, offset: u64) -> u16 {
        u16::from_le_bytes(self.bar(offset))
    }

    fn get32(&mut self, offset: u64) -> u32 {
        u32::from_le_bytes(self.bar(offset))
    }

    fn get64(&mut self, offset: u64) -> u64 {
        u64::from_le_bytes(self.bar(offset))
    }

    fn set8(&mut self, offset: u64, value: u8) -> Effect {
        self.write_bar(0, offset, &[value])
    }

    fn set16(&mut self, offset: u64, value: u16) -> Effect {
        self.write_bar(0, offset, &value.to_le_bytes())
    }

    fn set32(&mut self, offset: u64, value: u32) -> Effect {
        self.write_bar(0, offset, &value.to_le_bytes())
    }

    fn set64(&mut self, offset: u64, value: u64) -> Effect {
        self.write_bar(0, offset, &value.to_le_bytes())
    }

    fn config<const N: usize>(&mut self, offset: u64) -> [u8; N] {
        let mut data = [0xaa; N];
        self.read_config(offset, &mut data);
        data
    }

    fn config8(&mut self, offset: u64) -> u8 {
        self.config::<1>(offset)[0]
    }

    fn config16(&mut self, offset: u64) -> u16 {
        u16::from_le_bytes(self.config(offset))
    }

    fn config32(&mut self, offset: u64) -> u32 {
        u32::from_le_bytes(self.config(offset))
    }

    fn set_config16(&mut self, offset: u64, value: u16) -> Effect {
        self.write_config(offset, &value.to_le_bytes())
    }

    fn set_config32(&mut self, offset: u64, value: u32) -> Effect {
        self.write_config(offset, &value.to_le_bytes())
    }

    /// Sets bits of the command register.
    fn command(&mut self, bits: u16) -> Effect {
        self.set_config16(COMMAND, bits)
    }

    /// Where the `nth` capability with this ID is.
    fn capability(&mut self, id: u8, nth: usize) -> Option<u64> {
        self.capabilities().into_iter().filter(|(found, _)| *found == id).map(|(_, at)| at).nth(nth)
    }

    /// The list, as (ID, address).
    fn capabilities(&mut self) -> Vec<(u8, u64)> {
        let mut list = vec![];
        let mut at = self.config8(0x34);
        while at != 0 {
            assert!(list.len() < 48, "the list ends");
            assert!(at >= 0x40 && at % 4 == 0, "{at:#x}");
            let [id, next] = self.config(u64::from(at));
            list.push((id, u64::from(at)));
            at = next;
        }
        list
    }

    fn msix_capability(&mut self) -> u64 {
        self.capability(0x11, 0).unwrap()
    }

    /// Switches MSI-X on or off.
    fn enable_msix(&mut self, on: bool) -> Effect {
        let control = self.msix_capability() + 2;
        let old = self.config16(control) & !(1 << 15);
        self.set_config16(control, old | u16::from(on) << 15)
    }

    /// Accepts features, up to `FEATURES_OK`, and says whether the device took them.
    fn negotiate(&mut self, features: u64) -> bool {
        self.set8(STATUS, ACKNOWLEDGE);
        self.set8(STATUS, ACKNOWLEDGE | DRIVER);
        for select in 0..2_u32 {
            self.set32(DRIVER_FEATURE_SELECT, select);
            self.set32(DRIVER_FEATURE, (features >> (32 * select)) as u32);
        }
        self.set8(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        self.get8(STATUS) & FEATURES_OK != 0
    }

    fn enable(&mut self, index: u16) -> Effect {
        self.set16(QUEUE_SELECT, index);
        self.set16(QUEUE_ENABLE, 1)
    }
}

/// A device whose driver is ready, with all its queues enabled.
fn running() -> VirtioPci {
    let mut pci = device();
    pci.command(BUS_MASTER);
    assert!(pci.negotiate(VERSION_1 | RING_RESET));
    for index in 0..QUEUES {
        assert_eq!(pci.enable(index), Effect::QueueEnabled(index));
    }
    pci.set8(STATUS, READY);
    assert!(pci.driver_ok());
    pci
}
