// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guests whose TEE is a real OP-TEE: Debian's own programs in them, what happens where the host or a
//! policy denies something, and what is left of those who are killed.

#[path = "../common/mod.rs"]
mod common;
mod deaths;
mod hammer;

use std::collections::BTreeMap;

use common::Outcome;
use guest_agent::Status;
use integration::nested;
use integration::optee::OpteeVm;
use integration::paths::vm_dir;
use integration::provision;
use integration::vm::Output;

/// `os_test` of optee-test, which is on every machine that has xtest.
const OS_TEST: &str = "5b9e0e40-2636-11e1-ad9e-0002a5d5c51b";

/// The part of xtest that is run: clients and sessions, parameters and memory, cancelling, panics, logins, by
/// parts of the cases' numbers.
const PART: [&str; 2] = ["100", "102"];
/// Cases of it that cannot pass in a guest, by what a guest is.
const FAIL: [(&str, &str); 3] = [
    ("regression_1008", "spoils TA files for OP-TEE to load, but those that it loads are the host's"),
    ("regression_1027", LOGINS),
    ("regression_1028", LOGINS),
];
const LOGINS: &str = "the host vouches for no user or group of a guest";

fn machine(name: &str) -> Result<OpteeVm, common::Failure> {
    Ok(nested::boot(&provision::nested()?, &vm_dir().join("run"), name)?)
}

/// Runs a command in a guest of the machine, with options for the daemon.
fn in_guest(vm: &OpteeVm, tee: &str, command: &str) -> Result<Output, common::Failure> {
    Ok(vm.guest.run(&["sh", "-c", &format!("TEE='{tee}' exec nested-guest {command}")])?)
}

/// What xtest says of each case in the end.
fn verdicts(output: &str) -> BTreeMap<&str, &str> {
    let summary = output.split_once("Result of testsuite").map_or("", |(_, rest)| rest);
    summary
        .lines()
        .filter(|line| line.starts_with("regression_"))
        .filter_map(|line| line.split_once(' '))
        // Not the parts of cases.
        .filter(|(case, _)| !case.contains('.'))
        .collect()
}

#[test]
fn debians_xtest_passes_in_a_guest() -> Outcome {
    let vm = machine("xtest")?;
    let command = ["nested-guest", "xtest", "-l", "0", "-t", "regression"];
    let output = vm.guest.run(&[&command[..], &PART].concat())?;
    let cases = verdicts(&output.stdout);
    println!("{} cases; these fail:", cases.len());
    for (case, why) in FAIL {
        println!("  {case}: {why}");
    }
    for case in ["regression_1001", "regression_1006", "regression_1009", "regression_1026"] {
        assert_eq!(cases.get(case), Some(&"OK"), "{}", output.stdout);
    }
    let failed: Vec<&str> =
        cases.iter().filter(|(_, verdict)| **verdict != "OK").map(|(case, _)| *case).collect();
    assert_eq!(failed, FAIL.map(|(case, _)| case), "{}", output.stdout);
    vm.shut_down()?;
    Ok(())
}

#[test]
fn a_host_or_a_policy_that_denies_says_so() -> Outcome {
    let vm = machine("denials")?;
    for (device, line) in [
        ("/dev/tee9", "no such device"),
        ("/dev/teepriv0", "the device of the TEE's supplicant"),
        ("/dev/null", "not a TEE device"),
    ] {
        let daemon = "/nested/programs/vhost-user-tee";
        let output = vm.guest.run(&[daemon, "--socket-path", "/tmp/tee.sock", "--tee", device])?;
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
    vm.shut_down()?;
    Ok(())
}
