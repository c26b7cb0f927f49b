// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guests that start anew, in the same QEMU, while calls are under way.

use integration::vm::{Reboot, VmConfig};
use integration::Scene;

use crate::common::{assert_daemon_unchanged, check, start, Outcome};
use crate::DOOR;

/// How often the guest starts anew.
const TIMES: u32 = 20;

#[test]
fn a_guest_reboots_many_times() -> Outcome {
    let scene = Scene::set("reboot", DOOR, 1)?;
    let config = VmConfig { reboots: true, ..scene.config(0) };
    let vm = scene.boot_as(&config)?;
    vm.load_driver()?;
    check(&vm.guest, "hello hello-c");
    scene.daemon.wait_for_children(0)?;
    let before = scene.daemon.usage()?;
    let times = vm.kernel.repetitions(TIMES);
    for (round, how) in (0..times).zip([Reboot::Orderly, Reboot::Abrupt, Reboot::Reset].iter().cycle()) {
        // In most of its lives the guest ends in calls, one of which uses memory.
        let mut calls = Vec::new();
        if round % 4 != 3 {
            calls.push(start(&vm.guest, "hold probe --ms 600000 --sessions 2"));
            calls.push(start(&vm.guest, "hold probe --ms 50000 --registered 1048576"));
        }
        for call in &mut calls {
            call.wait_for("holding")?;
        }
        vm.reboot(*how)?;
        // Nothing of the life before is left.
        scene.daemon.wait_for_children(0)?;
        vm.load_driver()?;
        check(&vm.guest, "hello hello-c");
    }
    scene.daemon.wait_for_children(0)?;
    assert_daemon_unchanged(before, scene.daemon.usage()?, times);
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_kernel_that_takes_over_has_a_tee() -> Outcome {
    let scene = Scene::set("kexec", DOOR, 1)?;
    let config =
        VmConfig { boot_files: true, programs: vec!["usr/sbin/kexec"], reboots: true, ..scene.config(0) };
    let vm = scene.boot_as(&config)?;
    vm.load_driver()?;
    scene.daemon.wait_for_children(0)?;
    let before = scene.daemon.usage()?;
    let mut calls = [
        start(&vm.guest, "hold probe --ms 600000 --sessions 2"),
        start(&vm.guest, "hold probe --ms 50000 --registered 1048576"),
    ];
    for call in &mut calls {
        call.wait_for("holding")?;
    }
    // With one CPU: the second one is what a boot gets stuck with on a starved host.
    vm.guest.sh("kexec -s -l /boot/vmlinuz --initrd=/boot/initramfs \
         --append=\"$(cat /proc/cmdline) maxcpus=1 taken_over\"")?;
    vm.reboot(Reboot::Kexec)?;
    let command_line = vm.guest.ok(&["cat", "/proc/cmdline"])?;
    assert!(command_line.contains("taken_over"), "{command_line}");
    scene.daemon.wait_for_children(0)?;
    vm.load_driver()?;
    check(&vm.guest, "hello hello-c");
    println!("{}", check(&vm.guest, "zero-copy probe --layout scattered"));
    scene.daemon.wait_for_children(0)?;
    assert_daemon_unchanged(before, scene.daemon.usage()?, 1);
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
