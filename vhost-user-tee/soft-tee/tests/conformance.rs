// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What every TEE beneath the device must do, the software TEE does: crate `tee-testing` says what.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::Arc;

use common::soft_tee;
use tee_testing::{Promises, Subject, CHECKS};

#[test]
fn the_software_tee_keeps_every_promise() {
    let promises = Promises {
        shared_above: Some(0),
        wakes_sleepers: true,
        loses_late_cancellations: true,
        ends_by_force: true,
    };
    let subject = Subject { tee: Arc::new(soft_tee("conformance")), promises };
    let mut failed = Vec::new();
    for check in CHECKS {
        eprintln!("{}", check.name);
        assert!(check.concerns(&subject), "it promises everything");
        if let Err(why) = check.run(&subject) {
            failed.push(format!("{}: {why}", check.name));
        }
    }
    assert!(failed.is_empty(), "{} of {} do not hold:\n{}", failed.len(), CHECKS.len(), failed.join("\n"));
}
