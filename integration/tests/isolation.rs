// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Two machines on one daemon.

mod common;

use common::{check, start};
use integration::Scene;

#[test]
fn two_machines_cannot_see_each_other() {
    let scene = Scene::set("isolation", 2).unwrap();
    let one = scene.boot_with_driver(0).unwrap();
    let two = scene.boot_with_driver(1).unwrap();

    // Session numbers of the first are nothing to the second.
    let mut held = start(&one.guest, "hold probe --ms 20000 --sessions 8");
    let line = held.wait_for("holding").unwrap();
    let session: u32 = line.split_whitespace().last().unwrap().parse().unwrap();
    println!("{}", check(&two.guest, &format!("session-scan probe --also {session}")));

    // A TA that its sessions share is not shared between machines: each counts its own calls alone.
    let first = start(&one.guest, "sessions probe-shared --same-ta --count 50");
    check(&two.guest, "sessions probe-shared --same-ta --count 50");
    first.wait().unwrap().success().unwrap();

    // The call that was held meanwhile came to no harm.
    held.wait().unwrap().success().unwrap();
    check(&one.guest, "hello hello-c");
    one.shut_down().unwrap();
    two.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}

#[test]
fn a_machine_that_dies_leaves_nothing_and_may_come_back() {
    let scene = Scene::set("reconnect", 2).unwrap();
    let survivor = scene.boot_with_driver(1).unwrap();
    check(&survivor.guest, "hello hello-c");
    scene.daemon.wait_for_children(0).unwrap();
    let before = scene.daemon.usage().unwrap();

    for round in 0..2 {
        let vm = scene.boot_with_driver(0).unwrap();
        let mut held = start(&vm.guest, "hold probe --ms 600000 --sessions 4");
        held.wait_for("holding").unwrap();
        assert_eq!(scene.daemon.children().unwrap().len(), 4);
        // Ends QEMU as a crash would, in the middle of the call.
        drop(held);
        drop(vm);
        scene.daemon.wait_for_children(0).unwrap();
        check(&survivor.guest, "hello hello-rust");
        scene.daemon.wait_for_children(0).unwrap();
        let after = scene.daemon.usage().unwrap();
        println!("round {round}: {before:?} → {after:?}");
        assert!(after.descriptors <= before.descriptors, "{before:?} → {after:?}");
    }
    let vm = scene.boot_with_driver(0).unwrap();
    check(&vm.guest, "hello hello-c");
    vm.shut_down().unwrap();
    survivor.shut_down().unwrap();
    scene.daemon.terminate().unwrap();
}
