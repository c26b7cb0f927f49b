// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device is plugged in and pulled out while calls are under way.

use std::time::Duration;

use guest_agent::Status;
use integration::vm::Vm;
use integration::Scene;

use crate::common::{repeat_without_leak, start, wait_for_device, wait_until, Outcome};
use crate::{UNPLUGS, UNPLUG_DOOR};

/// Much less than the calls last that are to be cut short.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_device_pulled_out_of_calls_many_times() -> Outcome {
    let scene = Scene::set("hotplug", UNPLUG_DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    repeat_without_leak(&scene.daemon, &vm, UNPLUGS, pull_out_and_plug_in)?;
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
