// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Trusted keys: the guest's kernel has keys that a TA seals for it (`trusted.source=tee`).

use guest_agent::Status;
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
    let report = check(&vm.guest, "trusted-keys");
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
