// SPDX-License-Identifier: GPL-2.0

//! Driver for the virtio TEE device: a TEE of the host's, or one that the host stands in for, as a
//! `/dev/teeN` of the guest's.
//!
//! [`driver`] is the driver. It is built on [`virtio`] and [`tee`], safe abstractions of the two
//! subsystems between which it stands, and on [`wire`], the format that it shares with the device.

use kernel::{driver::Registration, prelude::*, InPlaceModule, ModuleMetadata};

mod driver;
#[cfg(linux_7_2)]
mod linux_7_2;
mod sync;
mod sys;
mod tee;
mod virtio;
#[allow(dead_code, unreachable_pub, reason = "it is the device's as well")]
#[rustfmt::skip] // It follows the rules of spec/.
mod wire;

#[cfg(not(linux_7_2))]
use kernel::module_device_table;
#[cfg(linux_7_2)]
use linux_7_2::{module_device_table, this_module};

module! {
    type: VirtioTeeModule,
    name: "virtio_tee",
    authors: ["The virtio-tee developers"],
    description: "virtio TEE driver",
    license: "GPL v2",
    params: {
        device_id: u32 {
            default: 0,
            description: "Another virtio device ID to take, for VMMs that do not know 46",
        },
    },
}

module_device_table!(
    "virtio",
    virtio::DeviceId,
    VIRTIO_TEE_IDS,
    @none,
    [virtio::DeviceId::new(wire::VIRTIO_ID_TEE)]
);

/// The module.
#[cfg(not(linux_7_2))]
fn this_module() -> &'static ThisModule {
    kernel::module::this_module::<VirtioTeeModule>()
}

#[pin_data]
struct VirtioTeeModule {
    #[pin]
    _driver: Registration<virtio::Adapter<driver::VirtioTee>>,
}

impl InPlaceModule for VirtioTeeModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _driver <- Registration::new(<Self as ModuleMetadata>::NAME, module),
        })
    }
}
