// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device is plugged in and pulled out while calls are under way.

use std::time::Duration;

use guest_agent::Status;
use integration::vm::Vm;
use integration::Scene;

use crate::common::{
    assert_daemon_unchanged, check, start, wait_for_device, wait_until, KernelMemory, Outcome,
};
use crate::UNPLUG_DOOR;

/// Much less than the calls last that are to be cut short.
const SOON: Duration = Duration::from_secs(120);
/// How often, after some times that fill caches.
const TIMES: u32 = 100;
const FIRST: u32 = 5;

#[test]
fn a_device_pulled_out_of_calls_a_hundred_times() -> Outcome {
    let scene = Scene::set("hotplug", UNPLUG_DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    for _ in 0..FIRST {
        pull_out_and_plug_in(&vm)?;
    }
    check(&vm.guest, "hello hello-c");
    scene.daemon.wait_for_children(0)?;
    let kernel = KernelMemory::of(&vm.guest);
    let daemon = scene.daemon.usage()?;
    for _ in 0..TIMES {
        pull_out_and_plug_in(&vm)?;
    }
    check(&vm.guest, "hello hello-c");
    scene.daemon.wait_for_children(0)?;
    KernelMemory::of(&vm.guest).assert_no_leak(kernel, TIMES, 16 << 10);
    assert_daemon_unchanged(daemon, scene.daemon.usage()?, TIMES);
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

/// Pulls the device out of calls and plugs it in again.
fn pull_out_and_plug_in(vm: &Vm) -> Outcome {
    let mut calls =
        [start(&vm.guest, "hold probe --ms 600000"), start(&vm.guest, "hold probe --ms 600000 --sessions 3")];
    for call in &mut calls {
        call.wait_for("holding")?;
    }
    vm.unplug(0)?;
    for call in calls {
        let output = call.wait_within(SOON)?;
        assert_eq!(output.status, Status::Code(1), "{output:?}");
    }
    wait_until(&vm.guest, "! [ -e /dev/tee0 ]");
    vm.plug(0)?;
    wait_for_device(&vm.guest);
    Ok(())
}
