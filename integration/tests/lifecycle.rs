// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Clients, module, device and daemon that go away in the middle of calls.

mod common;

use std::time::Duration;

use common::{check, start, wait_for_device};
use guest_agent::Status;
use integration::Scene;

/// Much less than the calls last that are to be cut short.
const SOON: Duration = Duration::from_secs(120);
/// How long those last, in ms.
const LONG: u32 = 600_000;
const SIGKILL: i32 = 9;

#[test]
fn a_client_killed_in_a_call_leaves_nothing() {
    let scene = Scene::set("killed-client", 1).unwrap();
    let vm = scene.boot_with_driver(0).unwrap();
    // A call that can be cancelled, one that cannot, and one that never ends.
    for how in ["sleep", "masked", "spin"] {
        let mut client = start(&vm.guest, &format!("hold probe --ms {LONG} --how {how}"));
        client.wait_for("holding").unwrap();
        client.signal(SIGKILL).unwrap();
        let output = client.wait_within(SOON).unwrap();
        assert_eq!(output.status, Status::Signal(SIGKILL), "{how}: {output:?}");
        check(&vm.guest, "hello hello-c");
        // The TA's process went with its only client.
        scene.daemon.wait_for_children(0).unwrap();
    }
    vm.guest.sh("rmmod virtio_tee").unwrap();
    vm.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}

#[test]
fn the_module_stays_while_it_is_used() {
    let scene = Scene::set("unload", 1).unwrap();
    let vm = scene.boot_with_driver(0).unwrap();
    let mut client = start(&vm.guest, "hold probe --ms 10000");
    client.wait_for("holding").unwrap();
    let refused = vm.guest.run(&["rmmod", "virtio_tee"]).unwrap();
    assert_ne!(refused.status, Status::Code(0), "{refused:?}");
    // Nothing came of it: the call ends as it would have.
    client.wait().unwrap().success().unwrap();
    check(&vm.guest, "hello hello-c");
    vm.guest.sh("rmmod virtio_tee").unwrap();
    vm.load_driver().unwrap();
    check(&vm.guest, "hello hello-c");
    vm.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}

#[test]
fn a_device_unbound_in_a_call_ends_the_call() {
    let scene = Scene::set("unbind", 1).unwrap();
    let vm = scene.boot_with_driver(0).unwrap();
    for how in ["sleep", "masked"] {
        let mut client = start(&vm.guest, &format!("hold probe --ms {LONG} --how {how}"));
        client.wait_for("holding").unwrap();
        let device = vm.guest.sh("basename /sys/bus/virtio/drivers/virtio_tee/virtio*").unwrap();
        let device = device.trim();
        vm.guest.sh(&format!("echo {device} >/sys/bus/virtio/drivers/virtio_tee/unbind")).unwrap();
        let output = client.wait_within(SOON).unwrap();
        assert_eq!(output.status, Status::Code(1), "{how}: {output:?}");
        assert!(vm.guest.sh("ls /dev").unwrap().lines().all(|name| name != "tee0"));
        // QEMU tells nobody of the reset; the daemon knows when queues begin anew.
        vm.guest.sh(&format!("echo {device} >/sys/bus/virtio/drivers/virtio_tee/bind")).unwrap();
        check(&vm.guest, "hello hello-c");
        scene.daemon.wait_for_children(0).unwrap();
    }
    vm.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}

#[test]
fn a_device_pulled_out_in_a_call_ends_the_call() {
    let scene = Scene::set("unplug", 1).unwrap();
    let vm = scene.boot_with_driver(0).unwrap();
    let mut client = start(&vm.guest, &format!("hold probe --ms {LONG}"));
    client.wait_for("holding").unwrap();
    vm.unplug().unwrap();
    let output = client.wait_within(SOON).unwrap();
    assert_eq!(output.status, Status::Code(1), "{output:?}");
    assert!(vm.guest.sh("ls /dev").unwrap().lines().all(|name| name != "tee0"));
    scene.daemon.wait_for_children(0).unwrap();
    // In again: the same daemon, the same socket.
    vm.plug(&scene.socket(0)).unwrap();
    wait_for_device(&vm.guest);
    check(&vm.guest, "hello hello-c");
    vm.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}

#[test]
fn a_daemon_killed_in_a_call_can_be_replaced() {
    let mut scene = Scene::set("daemon-restart", 1).unwrap();
    let vm = scene.boot_with_driver(0).unwrap();
    let mut client = start(&vm.guest, &format!("hold probe --ms {LONG}"));
    client.wait_for("holding").unwrap();
    // QEMU's generic vhost-user device does not reconnect; what can be asked for is that the guest
    // lives on and gets a TEE again with another device.
    scene.restart_daemon().unwrap();
    vm.unplug().unwrap();
    let output = client.wait_within(SOON).unwrap();
    assert_eq!(output.status, Status::Code(1), "{output:?}");
    vm.plug(&scene.socket(0)).unwrap();
    wait_for_device(&vm.guest);
    check(&vm.guest, "hello hello-c");
    vm.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}
