// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Clients, module and driver that go away in the middle of calls.

use std::time::Duration;

use crate::common::{
    check, random_numbers_come, reset_with_random_numbers, start, virtio_name, wait_until, Outcome,
};
use crate::DOOR;
use guest_agent::Status;
use integration::Scene;

/// Much less than the calls last that are to be cut short.
const SOON: Duration = Duration::from_secs(120);
/// How long those last, in ms.
const LONG: u32 = 600_000;
const SIGKILL: i32 = 9;

#[test]
fn a_client_killed_in_a_call_leaves_nothing() -> Outcome {
    let scene = Scene::set("killed-client", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    // A call that can be cancelled, one that cannot, and one that never ends.
    for how in ["sleep", "masked", "spin"] {
        let mut client = start(&vm.guest, &format!("hold probe --ms {LONG} --how {how}"));
        client.wait_for("holding")?;
        client.signal(SIGKILL)?;
        let output = client.wait_within(SOON)?;
        assert_eq!(output.status, Status::Signal(SIGKILL), "{how}: {output:?}");
        check(&vm.guest, "hello hello-c");
        // The TA's process went with its only client.
        scene.daemon.wait_for_children(0)?;
    }
    vm.guest.sh("rmmod virtio_tee")?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn memory_of_the_kernels_is_not_given_back_in_a_call() -> Outcome {
    let scene = Scene::set("kernel-memory", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    vm.guest.sh("insmod /lib/kernel_client.ko")?;
    let dir = "/sys/kernel/debug/kernel_client";
    let client = vm.guest.start(&["sh", "-c", &format!("echo 1 >{dir}/watch")])?;
    wait_until(&vm.guest, &format!("[ $(cat {dir}/there) = 1 ]"));
    // Another task's call in the same session waits for its turn. It is not what is cancelled.
    let other = vm.guest.start(&["sh", "-c", &format!("echo 1 >{dir}/nop")])?;
    wait_until(&vm.guest, "[ $(grep -l kernel_client /proc/[0-9]*/stack | wc -l) = 2 ]");
    client.signal(SIGKILL)?;
    // The TA is asked to give up, but need not. The module frees what it still writes to once its call returns,
    // be it for a signal.
    wait_until(&vm.guest, &format!("[ $(cat {dir}/there) = 100 ]"));
    vm.guest.sh("sleep 1; grep -l kernel_client /proc/[0-9]*/stack")?;
    vm.guest.sh(&format!("echo 1 >{dir}/go"))?;
    let output = client.wait_within(SOON)?;
    assert_eq!(output.status, Status::Signal(SIGKILL), "{output:?}");
    other.wait_within(SOON)?.success()?;
    vm.guest.sh(&format!("[ $(cat {dir}/there) = 2 ]; rmmod kernel_client virtio_tee"))?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_client_killed_in_a_call_has_its_registered_memory_back() -> Outcome {
    let scene = Scene::set("killed-memory", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    // The TA heeds no cancellation while it watches the memory; what ends it is that the context is
    // closed, which must not wait for the memory that the call keeps.
    let mut client = start(&vm.guest, "hold probe --ms 50000 --registered 1048576");
    client.wait_for("holding")?;
    client.signal(SIGKILL)?;
    let output = client.wait_within(SOON)?;
    assert_eq!(output.status, Status::Signal(SIGKILL), "{output:?}");
    scene.daemon.wait_for_children(0)?;
    let log = scene.daemon.log();
    assert!(log.contains("its client has gone, and it would not end"), "{log}");
    vm.guest.sh("rmmod virtio_tee")?;
    // Nothing that was pinned for the device still is. The kernel sums up each second, at times.
    vm.guest.sh("i=0; until awk '/^nr_foll_pin_acquired/ { a = $2 } /^nr_foll_pin_released/ { r = $2 } \
         END { exit !(a > 0 && a == r) }' /proc/vmstat; \
         do i=$((i+1)); [ $i -lt 60 ]; sleep 1; done")?;
    vm.load_driver()?;
    check(&vm.guest, "hello hello-c");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn the_module_stays_while_it_is_used() -> Outcome {
    let scene = Scene::set("unload", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    let mut client = start(&vm.guest, "hold probe --ms 10000");
    client.wait_for("holding")?;
    let refused = vm.guest.run(&["rmmod", "virtio_tee"])?;
    assert_ne!(refused.status, Status::Code(0), "{refused:?}");
    // Nothing came of it: the call ends as it would have.
    client.wait()?.success()?;
    check(&vm.guest, "hello hello-c");
    vm.guest.sh("rmmod virtio_tee")?;
    vm.load_driver()?;
    check(&vm.guest, "hello hello-c");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_device_unbound_in_a_call_ends_the_call() -> Outcome {
    let scene = Scene::set("unbind", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    for how in ["sleep", "masked"] {
        let mut client = start(&vm.guest, &format!("hold probe --ms {LONG} --how {how}"));
        client.wait_for("holding")?;
        let device = virtio_name(&vm.guest);
        vm.guest.sh(&format!("echo {device} >/sys/bus/virtio/drivers/virtio_tee/unbind"))?;
        let output = client.wait_within(SOON)?;
        assert_eq!(output.status, Status::Code(1), "{how}: {output:?}");
        assert!(vm.guest.sh("ls /dev")?.lines().all(|name| name != "tee0"));
        // Over vhost-user nobody tells of the reset; the daemon knows when queues begin anew.
        vm.guest.sh(&format!("echo {device} >/sys/bus/virtio/drivers/virtio_tee/bind"))?;
        check(&vm.guest, "hello hello-c");
        scene.daemon.wait_for_children(0)?;
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_device_reset_in_a_call_ends_the_call() -> Outcome {
    let scene = Scene::set("reset", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    let mut client = start(&vm.guest, &format!("hold probe --ms {LONG}"));
    client.wait_for("holding")?;
    // The PCI device that the virtio device is of.
    let device = format!("/sys/bus/virtio/devices/{}/..", virtio_name(&vm.guest));
    vm.guest.sh(&format!("echo 1 >{device}/reset"))?;
    let output = client.wait_within(SOON)?;
    assert_eq!(output.status, Status::Code(1), "{output:?}");
    check(&vm.guest, "hello hello-c");
    check(&vm.guest, "stress probe --threads 2 --seconds 2");
    // What was before counts no longer.
    let limits = vm.guest.sh("cat /sys/kernel/debug/virtio_tee-*/limits")?;
    for line in ["starts 2", "contexts 0 of", "sessions 0 of", "registered_bytes 0 of"] {
        assert!(limits.contains(line), "{line}: {limits}");
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn the_kernels_own_drivers_work_after_a_reset() -> Outcome {
    let scene = Scene::set("reset-clients", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    vm.guest.sh("insmod /lib/optee-rng.ko")?;
    for _ in 0..3 {
        random_numbers_come(&vm.guest)?;
        reset_with_random_numbers(&vm.guest)?;
    }
    random_numbers_come(&vm.guest)?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
