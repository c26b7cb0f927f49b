// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Two VMs on one OP-TEE, of which one is killed again and again: for seconds here, for minutes by
//! `cargo run -p integration -- hammer`.

use std::time::Duration;

use integration::paths::vm_dir;
use integration::{hammer, provision};

use crate::common::Outcome;

#[test]
fn a_vm_killed_again_and_again_leaves_nothing_and_fails_no_other() -> Outcome {
    let report = hammer::run(&provision::nested()?, &vm_dir().join("run"), Duration::from_secs(25))?;
    println!("{} kills; the survivor: {}", report.kills, report.survivor);
    println!("before: {}\nafter:  {}", report.before, report.after);
    assert!(report.kills >= 3 && report.survivor.contains("every answer right"), "{report:?}");
    assert!(
        report.after.pins > report.before.pins,
        "nothing was pinned, so nothing could be left: {report:?}"
    );
    Ok(())
}
