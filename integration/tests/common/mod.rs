// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the tests of virtual machines have in common.
#![allow(dead_code, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests call these")]

use std::fmt;
use std::panic::Location;

use integration::vm::{Guest, Output, Running};
use serde_json::Value;

/// What a test comes to: an error is shown as it reads, not as it is built.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a test failed, and where.
pub(crate) struct Failure(String);

impl<E: fmt::Display> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self(format!("{}: {error}", Location::caller()))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a check of `tee-guest`, which must hold; returns its report.
#[track_caller]
pub(crate) fn check(guest: &Guest, arguments: &str) -> Value {
    let output =
        guest.run(&words(arguments)).and_then(Output::success).unwrap_or_else(|error| panic!("{error}"));
    let last = output.stdout.lines().last().unwrap_or_default();
    let report: Value =
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{arguments}: {last}: {error}"));
    assert_eq!(report["ok"], true, "{report}");
    report
}

/// Starts a check of `tee-guest`.
#[track_caller]
pub(crate) fn start<'a>(guest: &'a Guest, arguments: &str) -> Running<'a> {
    guest.start(&words(arguments)).unwrap()
}

fn words(arguments: &str) -> Vec<&str> {
    ["tee-guest"].into_iter().chain(arguments.split_whitespace()).collect()
}

/// Waits for `/dev/tee0`.
#[track_caller]
pub(crate) fn wait_for_device(guest: &Guest) {
    guest.sh("i=0; while ! [ -e /dev/tee0 ]; do i=$((i+1)); [ $i -lt 60 ]; sleep 1; done").unwrap();
}

/// How often the TEE device has interrupted, over all CPUs.
#[track_caller]
pub(crate) fn device_interrupts(guest: &Guest) -> u64 {
    let device = guest.sh("basename /sys/bus/virtio/drivers/virtio_tee/virtio*").unwrap();
    let table = guest.ok(&["cat", "/proc/interrupts"]).unwrap();
    let lines = table.lines().filter(|line| {
        line.split_whitespace()
            .any(|word| word.trim_end_matches(',').split('-').next() == Some(device.trim()))
    });
    let counts: Vec<u64> = lines
        .flat_map(|line| line.split_whitespace().skip(1).map_while(|word| word.parse::<u64>().ok()))
        .collect();
    assert!(!counts.is_empty(), "no interrupt of {device} in\n{table}");
    counts.iter().sum()
}

/// A number of the guest's `/proc/meminfo`, in KiB.
#[track_caller]
pub(crate) fn meminfo(guest: &Guest, field: &str) -> i64 {
    let text = guest.ok(&["cat", "/proc/meminfo"]).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {field} in {text}"))
}

/// What the guest's kernel uses, once caches and deferred frees are done with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelMemory {
    /// Memory that is not to be had, in KiB.
    pub(crate) used: i64,
    /// Slabs that cannot be shrunk, in KiB.
    pub(crate) slab: i64,
    /// Mapped by vmalloc, in KiB.
    pub(crate) vmalloc: i64,
}

impl KernelMemory {
    #[track_caller]
    pub(crate) fn of(guest: &Guest) -> Self {
        // Twice with a pause: RCU and work queues free some time later.
        guest.sh("for i in 1 2; do echo 3 >/proc/sys/vm/drop_caches; sleep 1; done").unwrap();
        Self {
            used: meminfo(guest, "MemTotal") - meminfo(guest, "MemAvailable"),
            slab: meminfo(guest, "SUnreclaim"),
            vmalloc: meminfo(guest, "VmallocUsed"),
        }
    }

    /// Fails where one of `times` repetitions of something left `bytes` or more behind since `before`.
    #[track_caller]
    pub(crate) fn assert_no_leak(self, before: Self, times: i64, bytes: i64) {
        println!("guest's kernel memory in KiB, before {before:?}, after {times} times {self:?}");
        let limit = times * bytes / 1024;
        assert!(self.used - before.used < limit, "memory: {before:?} → {self:?}");
        assert!(self.slab - before.slab < limit, "slabs: {before:?} → {self:?}");
        assert!(self.vmalloc - before.vmalloc < limit, "vmalloc: {before:?} → {self:?}");
    }
}
