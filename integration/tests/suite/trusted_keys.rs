// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Trusted keys: the guest's kernel has keys that a TA seals for it (`trusted.source=tee`).

use std::error::Error;

use guest_agent::Status;
use integration::vm::Guest;
use integration::Scene;

use crate::common::{check, virtio_name, Outcome};
use crate::DOOR;

#[test]
fn keys_of_the_kernel_are_sealed_for_one_guest() -> Outcome {
    let scene = Scene::set("trusted-keys", DOOR, 2)?;
    let vm = scene.boot_with_driver(0)?;
    let on_bus = vm.guest.sh("ls /sys/bus/tee/devices")?;
    assert!(on_bus.contains("-ta-f04a0fe7-1f5d-4b9b-abf7-619b85b4ce8c"), "{on_bus}");
    vm.guest.sh("insmod /lib/trusted.ko source=tee")?;
    let before = control_requests(&vm.guest)?;
    let report = check(&vm.guest, "trusted-keys");
    // A key is sealed and unsealed in a single round trip each, though its memory is two parameters of the call: all
    // that `tee-guest` asks for besides is a context of its own, and its end.
    assert_eq!(control_requests(&vm.guest)? - before, 2);
    let sealed = report["blob"].as_str().expect("a sealed key");
    // The TA's process ends with the device; the next one has the same key to unseal with.
    let (device, driver) = (virtio_name(&vm.guest), "/sys/bus/virtio/drivers/virtio_tee");
    vm.guest.sh(&format!("echo {device} >{driver}/unbind; echo {device} >{driver}/bind"))?;
    let load = ["tee-guest", "trusted-keys", "--blob", sealed];
    vm.guest.ok(&load)?;
    vm.guest.sh("rmmod trusted virtio_tee")?;

    let other = scene.boot_with_driver(1)?;
    other.guest.sh("insmod /lib/trusted.ko source=tee")?;
    let refused = other.guest.run(&load)?;
    assert_eq!(refused.status, Status::Code(1), "{refused:?}");
    check(&other.guest, "trusted-keys");
    other.guest.sh("rmmod trusted virtio_tee")?;

    vm.shut_down()?;
    other.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

/// Requests so far that were not calls.
fn control_requests(guest: &Guest) -> Result<u32, Box<dyn Error>> {
    let count =
        guest.sh("awk '$1 == \"control\" { print $3 }' /sys/kernel/debug/virtio_tee-virtio*/queues")?;
    Ok(count.trim().parse()?)
}
