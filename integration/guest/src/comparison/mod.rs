// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls that are made on two TEEs, for what comes of them to be compared.
//!
//! ```text
//!   scripts: what a client does, as data ── play ──▶ a TEE ──▶ one line of JSON for each step
//! ```
//!
//! A record holds what the client can see of a step: the result and who returned it, numbers and sizes
//! that came back, and each buffer as far as something was written there. Nothing that is recorded may
//! differ from one run to the next: of random numbers, times and generated keys only what is certain.

mod asymmetric;
mod authenticated;
mod big_int;
mod ciphers;
mod crypto;
mod derivation;
mod fixed_keys;
mod gp_check;
mod header;
mod macs;
mod objects;
mod operations;
mod play;
mod probe;
mod script;
mod storage;
mod storage_flags;
mod storage_wrong;
mod stored;
mod streams;
mod ta_client;
mod ta_sessions;

use serde_json::json;
use tee_client::Context;

use crate::report::{ensure, Outcome, Report};
use script::Script;

/// All of them.
fn scripts() -> Vec<Script> {
    [
        probe::scripts(),
        gp_check::scripts(),
        objects::scripts(),
        operations::scripts(),
        ciphers::scripts(),
        macs::scripts(),
        authenticated::scripts(),
        asymmetric::scripts(),
        derivation::scripts(),
        big_int::scripts(),
        storage::scripts(),
        storage_flags::scripts(),
        streams::scripts(),
        storage_wrong::scripts(),
        ta_sessions::scripts(),
    ]
    .concat()
}

/// Plays the scripts whose names begin with `only`, and records what comes of them.
pub(crate) fn run(context: &Context, report: &mut Report, only: &str) -> Outcome {
    let (mut played, mut steps) = (0, 0_usize);
    for script in scripts().iter().filter(|script| script.name.starts_with(only)) {
        played += 1;
        play::play(context, script, |step, came| {
            steps += 1;
            report.say(json!({ "script": script.name, "step": step.what, "came": came }));
        });
    }
    report.set("scripts", played);
    report.set("steps", steps);
    ensure!(played > 0, "no script's name begins with {only:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_script_has_a_name_of_its_own_and_a_session() {
        let mut names = HashSet::new();
        for script in scripts() {
            assert!(names.insert(script.name.clone()), "{}", script.name);
            assert!(matches!(script.steps[0].act, script::Act::Open { .. }), "{}", script.name);
        }
    }
}
