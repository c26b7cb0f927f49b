// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The daemon goes away in the middle of a call.

use std::time::Duration;

use guest_agent::Status;
use integration::Scene;

use crate::common::{check, start, wait_for_device, Outcome};
use crate::DOOR;

/// Much less than the call lasts that is to be cut short.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_daemon_killed_in_a_call_can_be_replaced() -> Outcome {
    let mut scene = Scene::set("daemon-restart", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    let mut client = start(&vm.guest, "hold probe --ms 600000");
    client.wait_for("holding")?;
    // QEMU does not reconnect; what can be asked for is that the guest
    // lives on and gets a TEE again with another device.
    scene.restart_daemon()?;
    vm.unplug(0)?;
    let output = client.wait_within(SOON)?;
    assert_eq!(output.status, Status::Code(1), "{output:?}");
    vm.plug(0)?;
    wait_for_device(&vm.guest);
    check(&vm.guest, "hello hello-c");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
