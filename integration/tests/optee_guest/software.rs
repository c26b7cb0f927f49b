// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A guest whose TEE is the software TEE, on the Arm machine that has OP-TEE as well: daemon, runtime and TAs are built for
//! arm64, and the guest, its driver and its programs are those that talk to OP-TEE in the other tests.

use std::time::Instant;

use guest_agent::Status;
use integration::nested::SOFTWARE_TEE;
use serde_json::Value;

use crate::common::Outcome;
use crate::{in_guest, machine};

/// Checks of `tee-guest`, which say themselves whether what they are about holds.
const CHECKS: [&str; 14] = [
    "version --impl-id 1 --impl-caps 0 --gen-caps 0xd",
    "hello hello-c",
    "sha256 sha256-c --size 1M --memory registered",
    "sha256 sha256-c --size 1M --memory user-buffer",
    "zero-copy probe --layout contiguous",
    "zero-copy probe --layout scattered",
    "parameters probe",
    "bytes probe",
    "sessions probe-shared --same-ta --count 20",
    "sleepers probe --ms 5000 --calls 20",
    "panic probe-shared",
    "crash probe",
    "identity probe",
    "bad-input probe",
];

#[test]
fn the_software_tee_on_arm64_does_what_it_should() -> Outcome {
    let vm = machine("software-tee")?;
    let start = Instant::now();
    let script = CHECKS.map(|check| format!("tee-guest {check}")).join("; ");
    let output = in_guest(&vm, SOFTWARE_TEE, &format!("sh -c '{script}'"))?;
    println!("{} checks in a guest in {:.1?}", CHECKS.len(), start.elapsed());
    let text = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.status, Status::Code(0), "{text}");
    let reports: Vec<Value> =
        output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(reports.len(), CHECKS.len(), "{text}");
    for (check, report) in CHECKS.iter().zip(&reports) {
        let name = check.split(' ').next();
        assert!(report["check"].as_str() == name && report["ok"] == true, "{check}: {report}\n{text}");
    }
    vm.shut_down()?;
    Ok(())
}
