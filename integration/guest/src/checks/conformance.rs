// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device as the TEE beneath a daemon: what every TEE promises, through the crate that the daemon has for it.

use std::path::Path;
use std::sync::Arc;

use kernel_tee::{Config, Gate, KernelTee};
use tee_testing::{Promises, Subject, CHECKS};

use crate::report::{Cases, Failure, Outcome, Report};

pub(super) fn run(
    device: &Path,
    report: &mut Report,
    only: &str,
    cancels_well: bool,
    copy_up_to: usize,
    calls: usize,
) -> Outcome {
    let copy_up_to = copy_up_to as u64;
    let config =
        Config { name: "conformance".to_owned(), device: device.into(), gate: Gate::new(calls), copy_up_to };
    let tee = KernelTee::new(config).map_err(|error| Failure::Wrong(error.to_string()))?;
    let promises = Promises {
        shared_above: Some(copy_up_to),
        wakes_sleepers: cancels_well,
        loses_late_cancellations: cancels_well,
        // Linux has no way to.
        ends_by_force: false,
    };
    let subject = Subject { tee: Arc::new(tee), promises };
    let mut cases = Cases::default();
    let (promised, others): (Vec<_>, Vec<_>) = CHECKS.iter().partition(|check| check.concerns(&subject));
    let others: Vec<_> = others.iter().map(|check| check.name).collect();
    report.set("not_promised", others);
    for check in promised.iter().filter(|check| check.name.starts_with(only)) {
        let outcome = check.run(&subject).map_err(Failure::Wrong);
        cases.note(report, check.name, outcome);
    }
    cases.finish(report)
}
