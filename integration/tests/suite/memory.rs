// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Shared memory is shared, and cheap.

use integration::vm::{MemoryKind, VmConfig};
use integration::Scene;

use crate::common::{check, device_interrupts, meminfo, start, wait_until, Outcome};
use crate::DOOR;

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

/// How much memory is plugged in.
const MORE_MIB: u32 = 256;

#[test]
fn memory_plugged_in_during_a_call_can_be_shared() -> Outcome {
    let scene = Scene::set("plugged-memory", DOOR, 1)?;
    let config = VmConfig {
        more_memory_mib: 2048,
        modules: vec!["drivers/virtio/virtio_mem.ko.xz"],
        ..scene.config(0)
    };
    let vm = scene.boot_as(&config)?;
    vm.load_driver()?;
    vm.guest.sh("unxz -c /lib/virtio_mem.ko.xz >/tmp/virtio_mem.ko; insmod /tmp/virtio_mem.ko")?;
    // So that nothing of the kernel's keeps it from being pulled out again.
    vm.guest.sh("echo online_movable >/sys/devices/system/memory/auto_online_blocks")?;
    for (kind, name) in [(MemoryKind::Dimm, "dimm"), (MemoryKind::VirtioMem, "virtio-mem")] {
        // One call uses registered memory all the while; others come and go.
        let mut held = start(&vm.guest, "hold probe --ms 8000 --registered 1048576");
        held.wait_for("holding")?;
        let stress = start(&vm.guest, "stress probe --threads 2 --seconds 7");
        let before = meminfo(&vm.guest, "MemTotal");
        vm.plug_memory(kind, name, MORE_MIB.into())?;
        let enough = before + i64::from(MORE_MIB) * 1024 * 9 / 10;
        wait_until(&vm.guest, &format!("awk '/^MemTotal/ {{ exit $2 < {enough} }}' /proc/meminfo"));
        vm.guest.sh("ps | grep -q '[t]ee-guest hold'")?;
        // All of this machine's first memory is below 4 GiB, all that is plugged in above.
        let report = check(&vm.guest, "zero-copy probe --layout scattered --above 4G");
        println!("{name}: {report}");
        held.wait()?.success()?;
        stress.wait()?.success()?;
        check(&vm.guest, "sha256 sha256-c --size 16M --memory registered");
        assert!(vm.unplug_memory(kind, name)?, "the guest does not give {name} back");
        check(&vm.guest, "zero-copy probe --layout scattered");
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
