// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a guest can do with its TEE, and what it cannot.

use crate::common::{check, random_numbers, start, KernelMemory, Outcome};
use crate::DOOR;
use integration::provision::GuestKernelKind;
use integration::vm::{Guest, GuestError, VmConfig};
use integration::Scene;
use rustix::process::{kill_process, Pid, Signal};

const EXAMPLES: [(&str, &str); 2] = [("hello-c", "sha256-c"), ("hello-rust", "sha256-rust")];

#[test]
fn the_device_is_there_and_says_what_it_is() -> Outcome {
    let scene = Scene::set("device", DOOR, 1)?;
    let vm = scene.boot(0)?;
    // Debian's own kernel, as its version line has it, unless another one was asked for.
    let version = vm.guest.ok(&["cat", "/proc/version"])?;
    let is_debians = version.contains(&scene.parts.root.kernel) && version.contains("debian-kernel@");
    assert_eq!(is_debians, scene.parts.kernel.kind == GuestKernelKind::Stock, "{version}");
    assert!(vm.guest.sh("ls /dev")?.lines().all(|name| !name.starts_with("tee")));

    vm.load_driver()?;
    assert!(vm.guest.sh("ls /dev")?.lines().any(|name| name == "tee0"));
    // OP-TEE's API, without capabilities of its own; GP, registered memory, NULL memrefs.
    let version = check(&vm.guest, "version --impl-id 1 --impl-caps 0 --gen-caps 0xd");
    println!("{version}");
    vm.guest.sh("rmmod virtio_tee")?;
    assert!(vm.guest.sh("ls /dev")?.lines().all(|name| name != "tee0"));
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn examples_in_c_and_rust_answer() -> Outcome {
    let scene = Scene::set("examples", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    for (hello, sha256) in EXAMPLES {
        let report = check(&vm.guest, &format!("hello {hello} --value 41"));
        assert_eq!(report["received"], 42, "{report}");
        for memory in ["registered", "allocated", "temporary", "user-buffer", "scattered"] {
            check(&vm.guest, &format!("sha256 {sha256} --size 1M --memory {memory}"));
        }
        let report = check(&vm.guest, &format!("sha256 {sha256} --size 64M --memory registered"));
        println!("{report}");
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn parameters_identities_sizes_and_the_kernels_own_clients() -> Outcome {
    let scene = Scene::set("parameters", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    println!("{}", check(&vm.guest, "parameters probe"));
    println!("{}", check(&vm.guest, "identity probe"));
    println!("{}", check(&vm.guest, "memory-limits probe"));
    println!("{}", check(&vm.guest, "bad-input probe"));
    check(&vm.guest, "hello hello-c");
    let busy = check(&vm.guest, "throughput probe --threads 4 --seconds 1 --work 4k");
    assert!(busy["calls"].as_u64() > Some(4), "{busy}");
    random_numbers(&vm.guest)?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

/// What the driver says of its limits; nothing may be open, or registered.
fn limits_of_nothing(guest: &Guest) -> Result<String, GuestError> {
    let limits = guest.sh("cat /sys/kernel/debug/virtio_tee-*/limits")?;
    for line in ["contexts 0 of", "sessions 0 of", "registered_bytes 0 of"] {
        assert!(limits.contains(line), "{line}: {limits}");
    }
    Ok(limits)
}

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
    if vm.kernel == GuestKernelKind::Stock {
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

#[test]
fn a_ta_that_dies_takes_its_own_sessions_only() -> Outcome {
    let scene = Scene::set("death", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    for how in ["panic", "crash"] {
        for ta in ["probe", "probe-shared"] {
            println!("{}", check(&vm.guest, &format!("{how} {ta}")));
        }
    }
    // Killed from outside, in the middle of a call.
    scene.daemon.wait_for_children(1)?;
    let before = scene.daemon.children()?;
    let mut asleep = start(&vm.guest, "target-dead probe");
    asleep.wait_for("asleep")?;
    let children = scene.daemon.children()?;
    let ta: Vec<&u32> = children.iter().filter(|pid| !before.contains(pid)).collect();
    assert_eq!(ta.len(), 1, "one process for the one session: {before:?} → {children:?}");
    let pid = Pid::from_raw(i32::try_from(*ta[0])?).unwrap();
    kill_process(pid, Signal::KILL)?;
    asleep.wait()?.success()?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_sleeper_delays_nobody_and_can_be_cancelled() -> Outcome {
    let scene = Scene::set("sleepers", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    println!("{}", check(&vm.guest, "sleepers probe --ms 2000 --calls 100"));
    println!("{}", check(&vm.guest, "stress probe --threads 4 --seconds 20"));
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
