// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is done many times leaves nothing behind.

use crate::common::{assert_daemon_unchanged, check, KernelMemory, Outcome};
use crate::{DOOR, LOADS, SESSIONS};
use integration::Scene;

#[test]
fn loads_and_unloads_of_the_module() -> Outcome {
    let scene = Scene::set("loads", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    check(&vm.guest, "hello hello-c");
    let cycles = |count: u32| {
        let script =
            format!("i=0; while [ $i -lt {count} ]; do rmmod virtio_tee; load-driver; i=$((i+1)); done");
        vm.guest.sh(&script)
    };
    // The first ones fill caches.
    cycles(50)?;
    scene.daemon.wait_for_children(0)?;
    let before = KernelMemory::of(&vm.guest);
    let daemon_before = scene.daemon.usage()?;
    let loads = vm.kernel.repetitions(LOADS);
    cycles(loads)?;
    KernelMemory::of(&vm.guest).assert_no_leak(before, loads, 2048);
    assert_daemon_unchanged(daemon_before, scene.daemon.usage()?, loads);
    check(&vm.guest, "hello hello-c");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn sessions_of_all_kinds() -> Outcome {
    let scene = Scene::set("sessions", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    // The first ones fill caches. Of one TA that stays, each session is one more; of the other, each
    // is a process of its own.
    for ta in ["probe-shared", "probe"] {
        check(&vm.guest, &format!("sessions {ta} --count 500"));
    }
    scene.daemon.wait_for_children(1)?;
    let before = KernelMemory::of(&vm.guest);
    let daemon_before = scene.daemon.usage()?;
    let sessions = vm.kernel.repetitions(SESSIONS);
    for (ta, count) in [("probe-shared", sessions / 5 * 4), ("probe", sessions / 5)] {
        println!("{}", check(&vm.guest, &format!("sessions {ta} --count {count}")));
    }
    scene.daemon.wait_for_children(1)?;
    KernelMemory::of(&vm.guest).assert_no_leak(before, sessions, 256);
    let daemon_after = scene.daemon.usage()?;
    assert_daemon_unchanged(daemon_before, daemon_after, sessions);
    // 256 bytes a session: of ten thousand, 2.5 MiB.
    assert!(
        daemon_after.memory_kib < daemon_before.memory_kib + (u64::from(sessions) / 4).max(1024),
        "{daemon_before:?} → {daemon_after:?}"
    );
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
