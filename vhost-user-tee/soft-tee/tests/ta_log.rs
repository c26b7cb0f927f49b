// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! TAs cannot flood the log of the host. A program of its own, for its log.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

use common::*;
use soft_tee::State;

/// Lines that TAs have printed.
static PRINTED: AtomicU64 = AtomicU64::new(0);
/// Lines that say that others are left out.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

struct Counter;

impl log::Log for Counter {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = record.args().to_string();
        if line.ends_with("chatter") {
            PRINTED.fetch_add(1, Ordering::Relaxed);
        } else if line.contains(": they print too fast") {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Not by starting one chatty TA after the other, nor by one TEE after the other, as a guest's resets make them.
#[test]
fn all_tas_of_a_vm_share_what_may_be_logged() {
    const TEES: u64 = 3;
    const SESSIONS: u64 = 20;
    const LINES: u64 = 100;
    const BURST: u64 = 1000;
    const PER_SECOND: u64 = 100;
    log::set_logger(&Counter).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let folder = tempfile::tempdir().unwrap();
    let print = format!(
        "#include <stdio.h>
        int print(void) {{ for (int i = 0; i < {LINES}; i++) fprintf(stderr, \"chatter\\n\"); return 0; }}"
    );
    let create = "TA_CreateEntryPoint(void) { int print(void); return print() ? TEE_ERROR_GENERIC :";
    let source = ta_source(&print).replace("TA_CreateEntryPoint(void) { return", create);
    soft_tee_testing::compile(&source, &folder.path().join(format!("{MULTI}.ta")));
    let state = Arc::new(State::in_memory(soft_tee::DEFAULT_STORAGE).unwrap());
    let start = Instant::now();
    for _ in 0..TEES {
        let tee = soft_tee_with("chatty", |config| {
            config.ta_dir = folder.path().to_owned();
            config.state = state.clone();
        });
        for _ in 0..SESSIONS {
            close(open(&context(&tee), MULTI).unwrap());
        }
    }
    let (printed, left_out) = (PRINTED.load(Ordering::Relaxed), LEFT_OUT.load(Ordering::Relaxed));
    let allowed = BURST + start.elapsed().as_secs() * PER_SECOND + PER_SECOND;
    assert!((BURST..=allowed).contains(&printed), "{printed} lines, of which {allowed} may be logged");
    assert!((1..=allowed).contains(&left_out), "{left_out}");
}
