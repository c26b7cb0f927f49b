// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guests that sleep with calls under way.

use std::time::Duration;

use guest_agent::Status;
use integration::vm::{Sleep, VmConfig};
use integration::Scene;

use crate::common::{check, random_numbers_come, start, wait_until, Outcome};
use crate::DOOR;

/// Much less than the call lasts that is to be cut short.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_guest_that_sleeps_to_idle() -> Outcome {
    sleeps("sleep-idle", Sleep::Idle, 3)
}

#[test]
fn a_guest_that_sleeps_to_memory() -> Outcome {
    sleeps("sleep-memory", Sleep::Memory, 1)
}

/// What is under way when the guest sleeps ends with an error; what is begun after works, for processes and the
/// kernel's own drivers, and as often as it sleeps.
fn sleeps(name: &str, how: Sleep, times: u32) -> Outcome {
    let scene = Scene::set(name, DOOR, 1)?;
    let vm = scene.boot_as(&VmConfig { sleeps: true, ..scene.config(0) })?;
    vm.load_driver()?;
    vm.guest.sh("insmod /lib/optee-rng.ko")?;
    random_numbers_come(&vm.guest)?;
    for time in 1..=times {
        let mut client = start(&vm.guest, "hold probe --ms 600000");
        client.wait_for("holding")?;
        vm.sleep(how)?;
        let output = client.wait_within(SOON)?;
        assert_eq!(output.status, Status::Code(1), "{output:?}");
        check(&vm.guest, "hello hello-c");
        check(&vm.guest, "stress probe --threads 2 --seconds 2");
        wait_until(&vm.guest, "grep -qx optee-rng /sys/class/misc/hw_random/rng_current");
        random_numbers_come(&vm.guest)?;
        // What was before counts no longer; the kernel's own driver has a context with a session.
        let limits = vm.guest.sh("cat /sys/kernel/debug/virtio_tee-*/limits")?;
        for line in [&format!("starts {}", time + 1), "contexts 1 of", "sessions 1 of"] {
            assert!(limits.contains(line), "{line}: {limits}");
        }
        scene.daemon.wait_for_children(0)?;
    }
    vm.guest.sh("rmmod optee_rng virtio_tee")?;
    match how {
        Sleep::Idle => vm.shut_down()?,
        Sleep::Memory => vm.cut_power()?,
    }
    scene.daemon.terminate()?;
    Ok(())
}
