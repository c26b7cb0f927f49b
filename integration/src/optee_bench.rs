// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What calls to a real OP-TEE cost in a guest, beside the same calls on its host: one boot of the host, in
//! turns, the same program.

use std::collections::BTreeMap;

use integration::nested;
use integration::paths::vm_dir;
use integration::provision;
use integration::vm::Guest;

use crate::bench::{median, medians_of, BenchError};

/// How often each side is measured, in turns.
const ROUNDS: usize = 3;
/// What measures on both sides: calls of each kind, and the size of the large memory.
const BENCH: &str = "tee-guest bench probe --iterations 200 --large 1M";
/// Calls of the runs that are counted rather than timed: what a run needs besides cancels out.
const FEW: u32 = 100;
const MANY: u32 = 2100;
/// Not in the way of comparing: Linux flushes the TLB at each system call on this CPU, as QEMU does not say
/// that it needs none.
const APPEND: &str = "kpti=off";
/// The sum of all VMs' exits, as the host's KVM counts them.
const EXITS: &str = "/sys/kernel/debug/kvm/exits";

/// Measures and prints.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let parts = provision::nested()?;
    let vm = nested::boot_with(&parts, &vm_dir().join("run"), "optee-bench", APPEND)?;
    let (mut host, mut guest) = (Side::default(), Side::default());
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        host.add(&vm.guest, BENCH)?;
        guest.add(&vm.guest, &in_guest(BENCH))?;
    }
    print(&host, &guest);
    let few = exits_of(&vm.guest, FEW)?;
    let many = exits_of(&vm.guest, MANY)?;
    vm.shut_down()?;
    let each = many.saturating_sub(few) as f64 / f64::from(MANY - FEW);
    println!("\n{each:.1} exits of the guest for each call with a temporary memref of 4 KiB");
    Ok(())
}

/// The command line that runs a command in a guest.
fn in_guest(command: &str) -> String {
    format!("APPEND={APPEND} exec nested-guest {command}")
}

/// How often a guest that makes `calls` calls leaves its processors.
fn exits_of(machine: &Guest, calls: u32) -> Result<u64, Box<dyn std::error::Error>> {
    let count =
        || -> Result<u64, Box<dyn std::error::Error>> { Ok(machine.ok(&["cat", EXITS])?.trim().parse()?) };
    let before = count()?;
    machine.sh(&in_guest(&format!("tee-guest temporary probe --count {calls}")))?;
    Ok(count()?.saturating_sub(before))
}

/// What each round found for a kind of call, on one of the sides.
#[derive(Default)]
struct Side(BTreeMap<String, Vec<f64>>);

impl Side {
    fn add(&mut self, machine: &Guest, command: &str) -> Result<(), BenchError> {
        for (kind, median) in medians_of(&machine.sh(command)?)? {
            self.0.entry(kind).or_default().push(median);
        }
        Ok(())
    }
}

fn print(host: &Side, guest: &Side) {
    println!("\n{:<26} {:>12} {:>12} {:>8}", "median of", "host", "guest", "ratio");
    for (kind, samples) in &host.0 {
        let in_guest = guest.0.get(kind).map_or(&[][..], Vec::as_slice);
        let (on_host, in_guest) = (median(samples), median(in_guest));
        println!("{kind:<26} {on_host:>12.0} {in_guest:>12.0} {:>8.3}", in_guest / on_host);
    }
}
