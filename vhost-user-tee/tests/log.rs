// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What calls that cannot be ended have the log say. A process of its own: it has but one logger.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use common::direct::DirectLink;
use common::fake_tee::GATED;
use common::{eventually, session, status, BackEnd, Door};
use log::{LevelFilter, Log, Metadata, Record};
use virtio_tee_frontend::client::Param;
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_spec::{self as wire, VIRTIO_TEE_ATTR_MEMREF_INOUT};

const DOOR: Door = Door::InProcess;

/// Keeps what is logged.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap()
    }

    fn with(&self, what: &str) -> usize {
        self.lock().iter().filter(|line| line.contains(what)).count()
    }
}

impl Log for Lines {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.lock().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn calls_that_cannot_be_ended_are_told_of_but_not_without_limit() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Warn);
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, opened) = session(&mut client);
    let page = client.allocate(PAGE).unwrap();
    let params = [Param::transient(VIRTIO_TEE_ATTR_MEMREF_INOUT, &[page.run()], 0, PAGE)];
    let _stuck = client.start_invoke(1, context, opened, GATED, 0, &params).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let line = "test: a reset waits for a call that its TEE cannot end";
            eventually("the log says so", || LINES.with(line) == 1);
            back_end.tee.state.open_gate(true);
        });
        client.reset().unwrap();
    });
    assert_eq!(LINES.with("test: 1 calls that could not be ended"), 1);
    assert_eq!(LINES.lock().len(), 2);

    back_end.tee.state.open_gate(false);
    let (context, opened) = session(&mut client);
    for round in 1..=30 {
        let call = client.start_invoke(1, context, opened, GATED, 0, &[]).unwrap();
        eventually("the call runs", || back_end.tee.state.running() == round);
        client.front_end().link::<DirectLink>().unwrap().pause(1, Duration::from_millis(1));
        assert_eq!(status(client.finish(call)), wire::VIRTIO_TEE_S_IO);
    }
    let lines = LINES.with("test: queue 1 stopped with 1 calls that could not be ended");
    // Ten a minute, however long that took.
    assert!((1..30).contains(&lines), "{lines} lines");
    back_end.tee.state.open_gate(true);
}
