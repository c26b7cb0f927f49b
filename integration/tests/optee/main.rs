// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A real OP-TEE beside the software TEE: the same program (`tee-guest record`) makes the same calls of the
//! same TAs, built from one source for each, and what comes of them is compared byte for byte. And as the TEE
//! beneath the daemon it keeps the promises that the software TEE keeps.

#[path = "../common/mod.rs"]
mod common;
mod explained;
mod records;

use std::fs;
use std::path::Path;
use std::thread;

use common::{Failure, Outcome};
use explained::Explanations;
use integration::optee::{OpteeConfig, OpteeVm};
use integration::paths::vm_dir;
use integration::provision;
use integration::vm::{Door, Guest};
use integration::Scene;
use records::Records;

/// Fewest calls that are worth the name.
const CALLS: usize = 5000;

/// Makes the calls; keeps the records in `file` as well, for people.
fn record(guest: &Guest, file: &Path) -> Result<Records, Failure> {
    let text = guest.ok(&["tee-guest", "record"])?;
    fs::write(file, &text)?;
    Ok(Records::read(&text)?)
}

/// In a guest, through driver, device and daemon.
fn on_the_software_tee() -> Result<Records, Failure> {
    let scene = Scene::set("comparison", Door::VfioUser, 1)?;
    let vm = scene.boot_with_driver(0)?;
    let records = record(&vm.guest, &scene.dir.join("records.jsonl"))?;
    vm.shut_down()?;
    Ok(records)
}

fn on_op_tee() -> Result<Records, Failure> {
    let parts = provision::optee()?;
    let vm = OpteeVm::boot(&parts, &vm_dir().join("run"), &OpteeConfig::new("comparison"))?;
    let records = record(&vm.guest, &vm.dir.join("records.jsonl"))?;
    vm.shut_down()?;
    Ok(records)
}

#[test]
fn the_software_tee_does_as_op_tee_does() -> Outcome {
    let software = thread::spawn(on_the_software_tee);
    let op_tee = on_op_tee()?;
    let software = software.join().map_err(|_| "the software TEE's half panicked")??;

    let differences = software.differences(&op_tee);
    let (calls, deaths) = (software.len(), software.deaths());
    println!("{calls} calls, {deaths} of them of a TA that died; {} differ", differences.len());
    assert!(calls >= CALLS, "only {calls} calls were compared");

    let faults = Explanations::read()?.faults(&differences);
    assert!(faults.is_empty(), "{}:\n{}", explained::page().display(), faults.join("\n"));
    Ok(())
}

#[test]
fn op_tee_beneath_the_daemon_is_what_every_tee_is() -> Outcome {
    let parts = provision::optee()?;
    let vm = OpteeVm::boot(&parts, &vm_dir().join("run"), &OpteeConfig::new("conformance"))?;
    let report = common::check(&vm.guest, "conformance");
    println!("{report}");
    // OP-TEE and Linux have no way to do these.
    let not_promised = ["what comes too late hits no other call", "an abandoned call ends by force"];
    assert_eq!(report["not_promised"], serde_json::json!(not_promised));
    vm.shut_down()?;
    Ok(())
}
