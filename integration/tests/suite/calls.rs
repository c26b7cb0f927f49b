// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a guest can do with its TEE, and what it cannot.

use crate::common::{check, random_numbers, start, Outcome};
use crate::DOOR;
use integration::provision::GuestKernelKind;
use integration::Scene;
use rustix::process::{kill_process, Pid, Signal};

const EXAMPLES: [(&str, &str); 2] = [("hello-c", "sha256-c"), ("hello-rust", "sha256-rust")];

#[test]
fn the_device_is_there_and_says_what_it_is() -> Outcome {
    let scene = Scene::set("device", DOOR, 1)?;
    let vm = scene.boot(0)?;
    // Debian's own kernel, as its version line has it, unless another one was asked for.
    let version = vm.guest.ok(&["cat", "/proc/version"])?;
    let is_debians = version.contains(&scene.parts.kernel.release) && version.contains("debian-kernel@");
    assert_eq!(is_debians, scene.parts.kernel.kind != GuestKernelKind::Debug, "{version}");
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

/// The guest's device as the TEE beneath a daemon, as in a guest that has guests itself.
#[test]
fn the_device_keeps_the_promises_of_a_tee() -> Outcome {
    let scene = Scene::set("conformance", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    let report = check(&vm.guest, "conformance --cancels-well");
    println!("{report}");
    assert_eq!(report["not_promised"], serde_json::json!(["an abandoned call ends by force"]));
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
