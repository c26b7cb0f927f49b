// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The two ways in which QEMU attaches the TEE device of a daemon.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{json, Value};
use virtio_tee_spec::{Config, VIRTIO_ID_TEE};

/// QEMU's generic vhost-user device takes no ID above 45; this one has a name there, and no driver in Linux.
const STAND_IN_ID: u32 = 38;
/// Request queues of a device, as the daemon has them by default.
pub const REQUEST_QUEUES: u16 = 2;

/// How the device is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Door {
    /// QEMU's `vfio-user-pci`: the daemon is a whole PCI device, with the ID that virtio gives a TEE.
    VfioUser,
    /// The same without MSI-X: QEMU 11.1.3 aborts where a vfio-user device that has it is pulled out.
    VfioUserIntx,
    /// QEMU's `vhost-user-test-device-pci`: QEMU is the PCI device, with a stand-in ID.
    VhostUser,
}

impl Door {
    /// The device's virtio ID.
    pub fn virtio_id(self) -> u32 {
        match self {
            Self::VfioUser | Self::VfioUserIntx => VIRTIO_ID_TEE,
            Self::VhostUser => STAND_IN_ID,
        }
    }

    /// What the driver must be told to bind to the device: nothing where it has the right ID.
    pub fn driver_parameters(self) -> String {
        match self {
            Self::VfioUser | Self::VfioUserIntx => String::new(),
            Self::VhostUser => format!("device_id={STAND_IN_ID}"),
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VfioUser => "vfio-user",
            Self::VfioUserIntx => "vfio-user-intx",
            Self::VhostUser => "vhost-user",
        })
    }
}

/// A socket at which the daemon serves the TEE device of one machine.
#[derive(Debug, Clone)]
pub struct Socket {
    /// How the device is attached.
    pub door: Door,
    /// Its name in the daemon's folder.
    pub name: String,
    /// Whether the device has `VIRTIO_F_ACCESS_PLATFORM`: addresses then come from the guest's DMA API.
    pub access_platform: bool,
    /// Queues that the device has beside the control queue.
    pub request_queues: u16,
}

impl Socket {
    /// The machine's lines in the daemon's configuration that say where and how its VMM connects.
    pub(crate) fn daemon_keys(&self) -> String {
        let Self { door, name, access_platform, request_queues } = self;
        let path = match door {
            Door::VfioUser => format!("vfio-user-socket-path = {name:?}\n"),
            Door::VfioUserIntx => format!("vfio-user-socket-path = {name:?}\nmsix = false\n"),
            Door::VhostUser => format!("socket-path = {name:?}\n"),
        };
        format!("{path}access-platform = {access_platform}\nrequest-queues = {request_queues}\n")
    }
}

/// A TEE device that a machine is to have.
#[derive(Debug, Clone)]
pub struct TeeDevice {
    /// How it is attached.
    pub door: Door,
    /// The daemon's socket for it, as QEMU names it: relative to the machine's folder.
    pub socket: PathBuf,
    /// Whether it has `VIRTIO_F_ACCESS_PLATFORM`; over vfio-user the daemon alone decides that.
    pub access_platform: bool,
    /// Its request queues; over vfio-user the daemon alone decides that.
    pub request_queues: u16,
}

impl TeeDevice {
    /// QEMU's name of a machine's TEE device number `index`, of its character device too.
    pub(super) fn id(index: usize) -> String {
        format!("tee{index}")
    }

    /// QEMU's name of the slot for that device.
    pub(super) fn port(index: usize) -> String {
        format!("port{index}")
    }

    /// The character device that must be there before the device, where one must.
    pub(super) fn needs_chardev(&self) -> bool {
        self.door == Door::VhostUser
    }

    /// The device as QEMU takes it, on its command line and over QMP alike.
    pub(super) fn arguments(&self, index: usize) -> Value {
        let (id, bus) = (Self::id(index), Self::port(index));
        match self.door {
            Door::VfioUser | Door::VfioUserIntx => json!({
                "driver": "vfio-user-pci", "id": id, "bus": bus,
                "socket": { "type": "unix", "path": self.socket },
            }),
            Door::VhostUser => json!({
                "driver": "vhost-user-test-device-pci", "id": id, "bus": bus, "chardev": id,
                "virtio-id": STAND_IN_ID, "num_vqs": 1 + self.request_queues, "vq_size": 256,
                "config_size": size_of::<Config>(), "iommu_platform": self.access_platform,
            }),
        }
    }
}
