// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Shared memory is shared, and cheap.

use crate::common::{check, device_interrupts, Outcome};
use crate::DOOR;
use integration::Scene;

#[test]
fn ta_and_guest_see_the_same_pages() -> Outcome {
    let scene = Scene::set("zero-copy", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    println!("{}", check(&vm.guest, "zero-copy probe --layout contiguous"));
    let report = check(&vm.guest, "zero-copy probe --layout scattered");
    println!("{report}");
    let (pages, runs) = (report["pages"].as_u64().unwrap(), report["physical_runs"].as_u64().unwrap());
    assert!(runs > pages / 2, "{report}: not scattered enough to show anything");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_temporary_memref_costs_one_round_trip() -> Outcome {
    let scene = Scene::set("round-trips", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    // The device answers each request by an interrupt: calls are made one after the other, so none is
    // merged with another one's. What else a run needs cancels out between runs of two lengths.
    let (few, many) = (100, 1100);
    let mut interrupts = [0; 2];
    for (count, interrupts) in [few, many].into_iter().zip(&mut interrupts) {
        let before = device_interrupts(&vm.guest);
        check(&vm.guest, &format!("temporary probe --count {count} --size 4096"));
        *interrupts = device_interrupts(&vm.guest) - before;
    }
    let (calls, answers) = (many - few, interrupts[1] - interrupts[0]);
    println!("{calls} calls, {answers} notifications of the driver");
    assert!(
        answers >= calls * 95 / 100,
        "{answers} interrupts for {calls} calls: they are not being counted"
    );
    assert!(
        answers <= calls * 105 / 100,
        "{answers} interrupts for {calls} calls: more than one round trip each"
    );
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
