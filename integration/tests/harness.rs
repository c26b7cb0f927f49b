// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The harness itself: what it says of a guest must be so.

mod common;

use std::time::{Duration, Instant};

use common::Outcome;
use guest_agent::Status;
use integration::vm::{Door, GuestError, Vm, VmConfig, VmError};
use integration::Scene;

#[test]
fn commands_report_what_they_did() -> Outcome {
    let scene = Scene::set("harness-commands", Door::VhostUser, 1)?;
    let vm = Vm::boot(&scene.parts, &scene.dir, &VmConfig::new("bare", Vec::new()))?;

    let output = vm.guest.run(&["sh", "-c", "echo one; echo two >&2; printf three; exit 7"])?;
    assert_eq!(output.status, Status::Code(7));
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("one\nthree", "two\n"));
    assert!(matches!(output.success(), Err(GuestError::Failed { .. })));

    let output = vm.guest.run(&["no-such-program"])?;
    assert!(matches!(output.status, Status::NotStarted(_)), "{output:?}");

    // Two at a time, and a signal.
    let mut sleeper = vm.guest.start(&["sh", "-c", "echo asleep; exec sleep 1000"])?;
    sleeper.wait_for("asleep")?;
    assert_eq!(vm.guest.ok(&["echo", "meanwhile"])?, "meanwhile\n");
    sleeper.signal(9)?;
    assert_eq!(sleeper.wait()?.status, Status::Signal(9));

    // Much output at once, on a slow line.
    let lines = vm.guest.sh("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done")?;
    assert_eq!(lines.lines().count(), 5000);
    assert!(lines.ends_with("line 4999\n"));
    vm.shut_down()?;
    Ok(())
}

#[test]
fn trouble_in_the_kernel_fails_the_machine() -> Outcome {
    let scene = Scene::set("harness-trouble", Door::VhostUser, 1)?;
    let vm = Vm::boot(&scene.parts, &scene.dir, &VmConfig::new("bare", Vec::new()))?;
    vm.guest.sh("echo '<4>WARNING: made up' >/dev/kmsg")?;
    let error = vm.shut_down().unwrap_err();
    assert!(matches!(&error, VmError::KernelTrouble(lines) if lines.contains("made up")), "{error}");
    Ok(())
}

#[test]
fn a_guest_that_dies_is_noticed() -> Outcome {
    let scene = Scene::set("harness-death", Door::VhostUser, 1)?;
    let vm = Vm::boot(&scene.parts, &scene.dir, &VmConfig::new("bare", Vec::new()))?;
    let begun = Instant::now();
    let error = vm.guest.sh("echo c >/proc/sysrq-trigger; sleep 1000").unwrap_err();
    assert!(matches!(&error, GuestError::Gone { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(300));
    Ok(())
}
