// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guests whose TEE is a real OP-TEE: Debian's own programs in them, what happens where the host or a
//! policy denies something, what is left of those who are killed, and the software TEE in OP-TEE's place.

#[path = "../common/mod.rs"]
mod common;
mod deaths;
mod hammer;
mod software;
mod xtest;

use common::Outcome;
use guest_agent::Status;
use integration::nested;
use integration::optee::OpteeVm;
use integration::paths::vm_dir;
use integration::provision;
use integration::vm::Output;
use xtest::Part;

/// `os_test` of optee-test, which is on every machine that has xtest.
const OS_TEST: &str = "5b9e0e40-2636-11e1-ad9e-0002a5d5c51b";

/// The part of the regression suite that is always run: clients and sessions, parameters and memory, cancelling,
/// panics, logins.
const PART: Part = Part::Named(&["100", "102"]);

fn machine(name: &str) -> Result<OpteeVm, common::Failure> {
    Ok(nested::boot(&provision::nested()?, &vm_dir().join("run"), name)?)
}

/// Runs a command in a guest of the machine, with options for the daemon.
fn in_guest(vm: &OpteeVm, tee: &str, command: &str) -> Result<Output, common::Failure> {
    Ok(vm.guest.run(&["sh", "-c", &format!("TEE='{tee}' exec nested-guest {command}")])?)
}

#[test]
fn debians_xtest_does_in_a_guest_as_the_page_says() -> Outcome {
    let vm = machine("xtest")?;
    xtest::run(&vm, "regression", PART)?;
    vm.shut_down()?;
    Ok(())
}

#[test]
#[ignore = "takes a quarter of an hour"]
fn all_of_debians_xtest_does_in_a_guest_as_the_page_says() -> Outcome {
    let vm = machine("whole-xtest")?;
    for suite in ["regression", "pkcs11"] {
        xtest::run(&vm, suite, Part::Whole)?;
    }
    vm.shut_down()?;
    Ok(())
}

#[test]
fn a_host_or_a_policy_that_denies_says_so() -> Outcome {
    let vm = machine("denials")?;
    let root = &["/nested/programs/vhost-user-tee"][..];
    vm.guest.sh("echo nobody:x:65534:65534::/:/bin/sh >/etc/passwd")?;
    let nobody = &["busybox", "start-stop-daemon", "-S", "-c", "nobody", "-x", root[0], "--"][..];
    for (daemon, device, line) in [
        (root, "/dev/tee9", "no such device"),
        (root, "/dev/teepriv0", "the device of the TEE's supplicant"),
        (root, "/dev/null", "not a TEE device"),
        (nobody, "/dev/tee0", "permission denied"),
    ] {
        let output =
            vm.guest.run(&[daemon, &["--socket-path", "/tmp/tee.sock", "--tee", device]].concat())?;
        assert_eq!(output.status, Status::Code(1), "{}", output.stderr);
        assert!(output.stderr.contains(&format!("{device}: {line}")), "{}", output.stderr);
    }

    let missing = "00000000-0000-0000-0000-000000000001";
    for (tee, ta, said, logged) in [
        ("--tee /dev/tee0", missing, "ITEM_NOT_FOUND", "has no TA"),
        (&format!("--tee /dev/tee0 --deny-ta {OS_TEST}"), OS_TEST, "ACCESS_DENIED", "is denied"),
        (
            &format!("--tee /dev/tee0 --allow-ta {missing}"),
            OS_TEST,
            "ACCESS_DENIED",
            "is not among those allowed",
        ),
    ] {
        let output = in_guest(&vm, tee, &format!("tee-guest hello {ta}"))?;
        assert_ne!(output.status, Status::Code(0), "{}", output.stdout);
        assert!(output.stdout.contains(said), "{}", output.stdout);
        assert!(output.stderr.contains(logged), "{}", output.stderr);
    }

    // OP-TEE's driver waits for a supplicant, whoever calls. A client can give up all the same.
    vm.guest.ok(&["busybox", "killall", "tee-supplicant"])?;
    let output = in_guest(&vm, "--tee /dev/tee0", "busybox timeout -s KILL 20 tee-guest hello probe")?;
    assert_ne!(output.status, Status::Code(0), "{}", output.stdout);
    assert!(output.stderr.contains("is tee-supplicant running?"), "{}{}", output.stdout, output.stderr);
    vm.shut_down()?;
    Ok(())
}
