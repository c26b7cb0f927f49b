// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What every TEE beneath the device must do, the software TEE does: crate `tee-testing` says what.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::Arc;

use common::soft_tee;
use tee_testing::{number_of_checks, Promises, Subject};

#[test]
fn the_software_tee_keeps_every_promise() {
    let promises = Promises { shared_above: Some(0), wakes_sleepers: true, ends_by_force: true };
    let subject = Subject { tee: Arc::new(soft_tee("conformance")), promises };
    let mut failed = Vec::new();
    let mut checked = 0;
    for check in subject.checks() {
        eprintln!("{}", check.name);
        checked += 1;
        if let Err(why) = check.run(&subject) {
            failed.push(format!("{}: {why}", check.name));
        }
    }
    assert!(failed.is_empty(), "{} of {checked} do not hold:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(checked, number_of_checks(), "it promises everything");
}
