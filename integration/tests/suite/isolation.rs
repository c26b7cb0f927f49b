// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Two machines on one daemon.

use crate::common::{check, start, Outcome};
use crate::DOOR;
use integration::Scene;

#[test]
fn two_machines_cannot_see_each_other() -> Outcome {
    let scene = Scene::set("isolation", DOOR, 2)?;
    let one = scene.boot_with_driver(0)?;
    let two = scene.boot_with_driver(1)?;

    // Session numbers of the first are nothing to the second.
    let mut held = start(&one.guest, "hold probe --ms 20000 --sessions 8");
    let line = held.wait_for("holding")?;
    let session: u32 = line.split_whitespace().last().unwrap().parse()?;
    println!("{}", check(&two.guest, &format!("session-scan probe --also {session}")));

    // A TA that its sessions share is not shared between machines: each counts its own calls alone.
    let first = start(&one.guest, "sessions probe-shared --same-ta --count 50");
    check(&two.guest, "sessions probe-shared --same-ta --count 50");
    first.wait()?.success()?;

    // The call that was held meanwhile came to no harm.
    held.wait()?.success()?;
    check(&one.guest, "hello hello-c");
    one.shut_down()?;
    two.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_machine_that_dies_leaves_nothing_and_may_come_back() -> Outcome {
    let scene = Scene::set("reconnect", DOOR, 2)?;
    let survivor = scene.boot_with_driver(1)?;
    check(&survivor.guest, "hello hello-c");
    scene.daemon.wait_for_children(0)?;
    let before = scene.daemon.usage()?;

    for round in 0..2 {
        let vm = scene.boot_with_driver(0)?;
        let mut held = start(&vm.guest, "hold probe --ms 600000 --sessions 4");
        held.wait_for("holding")?;
        assert_eq!(scene.daemon.children()?.len(), 4);
        // Ends QEMU as a crash would, in the middle of the call.
        drop(held);
        drop(vm);
        scene.daemon.wait_for_children(0)?;
        check(&survivor.guest, "hello hello-rust");
        scene.daemon.wait_for_children(0)?;
        let after = scene.daemon.usage()?;
        println!("round {round}: {before:?} → {after:?}");
        assert!(after.descriptors <= before.descriptors, "{before:?} → {after:?}");
    }
    let vm = scene.boot_with_driver(0)?;
    check(&vm.guest, "hello hello-c");
    vm.shut_down()?;
    survivor.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
