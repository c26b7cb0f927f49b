// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What calls to a real OP-TEE cost in a guest, beside the same calls on its host: one boot of the host, in
//! turns, the same program. And whether memory of one call is better copied or registered.

use std::collections::BTreeMap;

use integration::nested::{self, PROBE_SHARED};
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
pub(crate) const APPEND: &str = "kpti=off";
/// Has the machine's kernel trace the exits of VMs. Its count of them forgets VMs that have ended.
const TRACE_EXITS: &str = "mount -t tracefs tracefs /sys/kernel/tracing; cd /sys/kernel/tracing; \
    echo 1 >events/kvm/kvm_exit/enable; echo 1 >tracing_on";
/// How many have been traced, what has been overwritten since among them.
const EXITS: &str = "awk '/^(entries|overrun):/ { sum += $2 } END { print sum }' \
    /sys/kernel/tracing/per_cpu/cpu*/stats";
/// Bytes of memory of one call that are tried.
const TRANSIENT: [u64; 5] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10];
/// What `--tee-copy-up-to` is to be so that nothing is copied, or all of it.
const COPY_UP_TO: [u64; 2] = [0, 1 << 30];

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
    let [mut registered, mut copied] = [Side::default(), Side::default()];
    for _ in 0..ROUNDS {
        for (side, limit) in [&mut registered, &mut copied].into_iter().zip(COPY_UP_TO) {
            transient(&vm.guest, limit, side)?;
        }
    }
    print_copies(&registered, &copied);
    vm.guest.sh(TRACE_EXITS)?;
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
    let count = || -> Result<u64, Box<dyn std::error::Error>> { Ok(machine.sh(EXITS)?.trim().parse()?) };
    let before = count()?;
    machine.sh(&in_guest(&format!("tee-guest temporary probe --count {calls}")))?;
    Ok(count()?.saturating_sub(before))
}

/// Has a VM without a guest call a command that does nothing, with memory of that call which a daemon copies up to
/// `limit` bytes of.
fn transient(machine: &Guest, limit: u64, side: &mut Side) -> Result<(), Box<dyn std::error::Error>> {
    let sizes = TRANSIENT.map(|size| size.to_string()).join(" ");
    let medians = machine.sh(&format!(
        "socket=/tmp/copies.sock
         /nested/programs/vhost-user-tee --vfio-user-socket-path $socket --tee /dev/tee0 --tee-copy-up-to {limit} 2>/tmp/copies.log &
         until [ -S $socket ]; do kill -0 $!; sleep 0.1; done
         for size in {sizes}; do virtio-tee-frontend $socket {PROBE_SHARED} transient $size; done
         kill $!; wait $!"
    ))?;
    for (size, median) in TRANSIENT.iter().zip(medians.split_whitespace()) {
        side.0.entry(format!("{size:>6}")).or_default().push(median.parse()?);
    }
    Ok(())
}

/// What each round found for a kind of call, on one of the sides that are compared.
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

fn print_copies(registered: &Side, copied: &Side) {
    println!("\n{:<26} {:>12} {:>12} {:>8}", "bytes of one call", "registered", "copied", "ratio");
    for (size, samples) in &registered.0 {
        let copied = copied.0.get(size).map_or(&[][..], Vec::as_slice);
        let (registered, copied) = (median(samples), median(copied));
        println!("{size:<26} {registered:>12.0} {copied:>12.0} {:>8.3}", copied / registered);
    }
}
