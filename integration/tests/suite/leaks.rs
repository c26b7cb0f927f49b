// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is done a thousand times leaves nothing behind.

use crate::common::{check, KernelMemory, Outcome};
use crate::DOOR;
use integration::Scene;

#[test]
fn a_thousand_loads_of_the_module() -> Outcome {
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
    let before = KernelMemory::of(&vm.guest);
    let daemon_before = scene.daemon.usage()?;
    cycles(1000)?;
    KernelMemory::of(&vm.guest).assert_no_leak(before, 1000, 2048);
    let daemon_after = scene.daemon.usage()?;
    println!("daemon: {daemon_before:?} → {daemon_after:?}");
    assert!(daemon_after.descriptors <= daemon_before.descriptors, "{daemon_before:?} → {daemon_after:?}");
    // Threads that work for guests stay, up to a limit.
    assert!(daemon_after.threads <= daemon_before.threads + 64, "{daemon_before:?} → {daemon_after:?}");
    check(&vm.guest, "hello hello-c");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn ten_thousand_sessions() -> Outcome {
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
    for (ta, count) in [("probe-shared", 8000), ("probe", 2000)] {
        println!("{}", check(&vm.guest, &format!("sessions {ta} --count {count}")));
    }
    scene.daemon.wait_for_children(1)?;
    KernelMemory::of(&vm.guest).assert_no_leak(before, 10_000, 256);
    let daemon_after = scene.daemon.usage()?;
    println!("daemon: {daemon_before:?} → {daemon_after:?}");
    assert!(daemon_after.descriptors <= daemon_before.descriptors, "{daemon_before:?} → {daemon_after:?}");
    // Threads that make calls stay, up to a limit; each has two stacks and an arena, with guards.
    let threads = daemon_after.threads.saturating_sub(daemon_before.threads);
    assert!(threads <= 64, "{daemon_before:?} → {daemon_after:?}");
    assert!(
        daemon_after.mappings <= daemon_before.mappings + 8 + 6 * threads,
        "{daemon_before:?} → {daemon_after:?}"
    );
    // 256 bytes a session would be 2.5 MiB.
    assert!(
        daemon_after.memory_kib < daemon_before.memory_kib + 2500,
        "{daemon_before:?} → {daemon_after:?}"
    );
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
