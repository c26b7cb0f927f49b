// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How many calls should be in a real OP-TEE at a time (the daemon's `--tee-calls`): what the threads of a guest get
//! done, and how long a short call takes beside long ones. One guest with a device of a daemon for each number, in turns.

use integration::nested::{self, socket};
use integration::paths::vm_dir;
use integration::provision;
use integration::vm::Guest;
use serde_json::Value;

use crate::bench::{median, report_of, BenchError};
use crate::optee_bench::APPEND;

/// Calls at a time, and so devices of the guest, in their order. The OP-TEE has two threads.
const LIMITS: [u32; 5] = [1, 2, 3, 4, 8];
/// The one that the others are compared with.
const DEFAULT: usize = 1;
/// How often each is tried: once as the first of them, once as the second, and so on.
const ROUNDS: usize = LIMITS.len();

/// What is measured: each is a report for each device.
const FIGURES: [&str; 8] = [
    "1 thread",
    "2 threads",
    "4 threads",
    "8 threads",
    "16 threads",
    "8 threads, one instance",
    "short beside long: ns",
    "long beside short",
];
/// A call that does nothing, beside others that take long: its figure is a time, the others' are calls a second.
const SHORT: usize = 6;
/// Prints them, in the guest, for devices in the order that is to be put for `ORDER`.
const LOAD: &str = "call() { tee-guest --device /dev/tee$tee throughput $*; }; \
    for threads in 1 2 4 8 16; do \
    for tee in ORDER; do call probe-small --threads $threads --seconds 2; done; done; \
    for tee in ORDER; do call probe-shared --threads 8 --seconds 2; done; \
    for tee in ORDER; do call probe-small --threads 4 --seconds 8 --work 256k >/tmp/long$tee & sleep 3; \
    call probe-small --threads 1 --seconds 3; wait; done; \
    for tee in ORDER; do cat /tmp/long$tee; done";

/// Has the machine's kernel count the times that it waits for a thread of OP-TEE's, all being taken.
const COUNT: &str = "mount -t tracefs tracefs /sys/kernel/tracing; cd /sys/kernel/tracing; \
    echo p:taken optee:optee_cq_wait_for_completion >kprobe_events; echo 1 >events/kprobes/taken/enable";
/// How many those are.
const TAKEN: &str = "awk '$1 == \"taken\" { print $2 }' /sys/kernel/tracing/kprobe_profile";
/// What is done while they are counted.
const COUNTED: &str = "tee-guest throughput probe-small --threads 16 --seconds 5";

/// Measures and prints.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let parts = provision::nested()?;
    let vm = nested::boot_with(&parts, &vm_dir().join("run"), "tee-calls-bench", APPEND)?;
    vm.guest.sh(COUNT)?;
    for limit in LIMITS {
        let socket = socket_of(limit);
        vm.guest.sh(&format!(
            "/nested/programs/vhost-user-tee --vfio-user-socket-path {socket} --tee /dev/tee0 --tee-calls {limit} \
             >/dev/null 2>&1 & until [ -S {socket} ]; do kill -0 $!; sleep 0.1; done"
        ))?;
    }
    let mut figures: [[Vec<f64>; LIMITS.len()]; FIGURES.len()] = Default::default();
    for round in 0..ROUNDS {
        println!("round {} of {ROUNDS}", round + 1);
        let mut order: Vec<usize> = (0..LIMITS.len()).collect();
        order.rotate_left(round);
        let words = order.iter().map(|tee| format!("{tee} ")).collect::<String>();
        let reports = reports_of(&vm.guest, &LIMITS, &LOAD.replace("ORDER", &words))?;
        for (at, (name, figures)) in FIGURES.iter().zip(&mut figures).enumerate() {
            let of = if at == SHORT { "median_ns" } else { "calls_per_second" };
            for (tee, report) in order.iter().zip(reports.iter().skip(at * LIMITS.len())) {
                figures[*tee].push(figure(report, of)?);
            }
            println!(
                "  {name:<26} {:?}",
                figures.each_ref().map(|figures| figures.last().copied().unwrap_or(f64::NAN))
            );
        }
    }
    let mut taken = Vec::new();
    for limit in LIMITS {
        let before = count(&vm.guest)?;
        let reports = reports_of(&vm.guest, &[limit], COUNTED)?;
        let calls: f64 = reports.iter().map(|report| figure(report, "calls")).sum::<Result<_, _>>()?;
        taken.push(100.0 * (count(&vm.guest)? - before) / calls);
    }
    vm.shut_down()?;
    println!("\n{:<26} {LIMITS:>10?}", "--tee-calls");
    for (name, figures) in FIGURES.iter().zip(&figures) {
        let beside = &figures[DEFAULT];
        // Of what each round found, and of that beside the same round's.
        let ratio = |of: &Vec<f64>| median(&of.iter().zip(beside).map(|(a, b)| a / b).collect::<Vec<_>>());
        println!("{name:<26} {:>10.0?}", figures.each_ref().map(|figures| median(figures)));
        println!("{:<26} {:>10.2?}", "", figures.each_ref().map(ratio));
    }
    println!("{:<26} {taken:>10.2?}", "threads taken, 100 calls");
    Ok(())
}

fn socket_of(limit: u32) -> String {
    socket(&format!("calls-{limit}"))
}

/// What a script reports in a guest that has a device of each of these daemons: `/dev/tee0` is the first one's. QEMU
/// gives them their places on the bus in the order of its options.
fn reports_of(
    machine: &Guest,
    limits: &[u32],
    script: &str,
) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let more = limits.iter().skip(1).map(|limit| {
        let socket = format!(r#"{{"type":"unix","path":"{}"}}"#, socket_of(*limit));
        format!(r#"-device {{"driver":"vfio-user-pci","socket":{socket}}} "#)
    });
    let output = machine.sh(&format!(
        "export APPEND={APPEND} SOCKET={} QEMU='{}'; exec nested-guest sh -c \"$(cat <<'END'\n{script}\nEND\n)\"",
        socket_of(limits[0]),
        more.collect::<String>()
    ))?;
    Ok(output.lines().filter(|line| line.starts_with('{')).map(report_of).collect::<Result<_, _>>()?)
}

fn figure(report: &Value, name: &str) -> Result<f64, BenchError> {
    report[name].as_f64().ok_or_else(|| BenchError::Report(report.to_string()))
}

fn count(machine: &Guest) -> Result<f64, Box<dyn std::error::Error>> {
    Ok(machine.sh(TAKEN)?.trim().parse()?)
}
