// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is between the driver and its clients, and takes long: through one door, since it is the same through all.

use integration::provision::GuestKernelKind;
use integration::vm::VmConfig;
use integration::Scene;

use crate::common::{check, limits_of_nothing, KernelMemory, Outcome};
use crate::DOOR;

#[test]
fn ioctls_with_arguments_made_by_chance() -> Outcome {
    fuzz_ioctls("fuzz", 10)
}

#[test]
#[ignore = "takes ten minutes; README.md has its command"]
fn ioctls_with_arguments_made_by_chance_for_ten_minutes() -> Outcome {
    fuzz_ioctls("fuzz-long", 600)
}

fn fuzz_ioctls(name: &str, seconds: u32) -> Outcome {
    let scene = Scene::set(name, DOOR, 1)?;
    // What Debian's kernel has to watch itself: red zones and poison in all slabs, and guard pages around some.
    let append = "slab_debug=FZPU kfence.sample_interval=10".to_owned();
    let vm = scene.boot_as(&VmConfig { append, ..scene.config(0) })?;
    vm.load_driver()?;
    println!("{}", check(&vm.guest, &format!("fuzz-ioctls probe --seconds {seconds}")));
    // All that was open is closed, and the driver can go.
    let limits = limits_of_nothing(&vm.guest)?;
    assert!(limits.contains("starts 1"), "{limits}");
    scene.daemon.wait_for_children(0)?;
    vm.guest.sh("rmmod virtio_tee")?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn each_allocation_fails_once() -> Outcome {
    let scene = Scene::set("fail-nth", DOOR, 1)?;
    // Without MSI-X: the kernel warns where an interrupt that comes with the binding, and goes with it, has not got
    // all its files in /proc.
    let append = "slab_debug=FZPU kfence.sample_interval=10 pci=nomsi".to_owned();
    let vm = scene.boot_as(&VmConfig { append, ..scene.config(0) })?;
    vm.load_driver()?;
    vm.guest.sh("[ ! -e /lib/fail_nth.ko ] || insmod /lib/fail_nth.ko")?;
    let run = || check(&vm.guest, "fail-nth probe");
    println!("{}", run());
    // The first ones fill caches; the others leave nothing. A kernel with kmemleak sees it after one.
    if vm.kernel != GuestKernelKind::Debug {
        run();
        let before = KernelMemory::of(&vm.guest);
        let failed = run()["allocations"].as_u64().unwrap();
        KernelMemory::of(&vm.guest).assert_no_leak(before, u32::try_from(failed)?, 1024);
    }
    limits_of_nothing(&vm.guest)?;
    scene.daemon.wait_for_children(0)?;
    vm.guest.sh("rmmod virtio_tee")?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
