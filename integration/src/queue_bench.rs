// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How many calls threads get done over two request queues, beside a device with one: one boot, two devices, in
//! turns. And what the host's processors do meanwhile: calls a second cannot become more than they let them.

use std::thread;
use std::time::Duration;

use integration::scene::Served;
use integration::vm::{Door, Guest, Vm, VmConfig};
use integration::Scene;

use crate::bench::{median, report_of, BenchError};
use crate::host_load::{Load, Look};

/// How often each device is measured, in turns.
const ROUNDS: usize = 5;
/// For how long, each time.
const SECONDS: &str = "4";
/// How long of that the host is watched: to its end TAs would be ending as well.
const WATCHED: Duration = Duration::from_secs(3);
/// Threads in the guest, which has two processors.
const THREADS: &str = "16";
/// The devices' request queues.
const QUEUES: [u16; 2] = [1, 2];
/// What a call has its TA do: what keeps processors busy, more and more of it; and what keeps none busy at all.
const TASKS: [Task; 4] = [
    Task { name: "does nothing", options: ["--work", "0"], waits: 0.0 },
    Task { name: "sums 64 KiB", options: ["--work", "64k"], waits: 0.0 },
    Task { name: "sums 1 MiB", options: ["--work", "1M"], waits: 0.0 },
    Task { name: "waits for 50 ms", options: ["--wait", "50"], waits: 0.05 },
];

struct Task {
    name: &'static str,
    /// Of `tee-guest throughput`.
    options: [&'static str; 2],
    /// Seconds that each call is in its TA at least.
    waits: f64,
}

/// One round with one device.
struct Round {
    calls_per_second: f64,
    load: Load,
}

impl Round {
    /// What a call took of the processors, of all of them together: seconds of one.
    fn time_of_a_call(&self) -> f64 {
        self.load.ours() * self.load.processors / self.calls_per_second
    }
}

/// Measures and prints.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let served = QUEUES.map(|request_queues| Served { request_queues, ..Door::VfioUser.into() });
    let scene = Scene::set_released("queue-bench", &served)?;
    let vm = scene.boot_as(&VmConfig { tees: vec![scene.tee(0), scene.tee(1)], ..scene.config(0) })?;
    vm.load_driver()?;
    let devices = [device_with(&vm.guest, QUEUES[0])?, device_with(&vm.guest, QUEUES[1])?];
    let mut rounds: [[Vec<Round>; QUEUES.len()]; TASKS.len()] = Default::default();
    for number in 1..=ROUNDS {
        println!("round {number} of {ROUNDS}");
        for (task, rounds) in TASKS.iter().zip(&mut rounds) {
            for (device, (queues, rounds)) in devices.iter().zip(QUEUES.iter().zip(rounds)) {
                let round = measure(&scene, &vm, device, task)?;
                println!(
                    "  queues {queues}, TA {}: {:.0} calls a second, processors busy {:.2}",
                    task.name, round.calls_per_second, round.load.busy
                );
                rounds.push(round);
            }
        }
    }
    let counts = devices.iter().map(|device| vm.guest.ok(&["cat", &device.queues]));
    let counts = counts.collect::<Result<Vec<_>, _>>()?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    print(&rounds);
    for (queues, counts) in QUEUES.iter().zip(counts) {
        println!("\ndevice with request queues: {queues}\n{counts}");
    }
    Ok(())
}

/// One round: the calls that a program in the guest gets done, and the host from when it says that they begin.
fn measure(
    scene: &Scene,
    vm: &Vm,
    device: &Device,
    task: &Task,
) -> Result<Round, Box<dyn std::error::Error>> {
    let node = format!("/dev/{}", device.node);
    let command =
        ["tee-guest", "--device", &node, "throughput", "probe", "--threads", THREADS, "--seconds", SECONDS];
    let mut running = vm.guest.start(&[&command[..], &task.options].concat())?;
    running.wait_for("calls begin")?;
    let begin = Look::at(scene, vm)?;
    thread::sleep(WATCHED);
    let load = Look::at(scene, vm)?.since(&begin);
    let report = report_of(&running.wait()?.success()?.stdout)?;
    let calls_per_second = report["calls_per_second"].as_f64();
    let calls_per_second = calls_per_second.ok_or_else(|| BenchError::Report(report.to_string()))?;
    Ok(Round { calls_per_second, load })
}

fn print(rounds: &[[Vec<Round>; QUEUES.len()]; TASKS.len()]) {
    println!(
        "\n{:<18} {:>10} {:>10} {:>7} {:>14} {:>15} {:>14}",
        "calls a second",
        "one queue",
        "two queues",
        "ratio",
        "busy with one",
        "leaves at most",
        "time, one/two"
    );
    for (task, [one, two]) in TASKS.iter().zip(rounds) {
        let calls = [one, two].map(|rounds| middle(rounds, |round| round.calls_per_second));
        let busy = middle(one, |round| round.load.busy);
        println!(
            "{:<18} {:>10.0} {:>10.0} {:>7.3} {busy:>14.3} {:>15.2} {:>14.3}",
            task.name,
            calls[0],
            calls[1],
            calls[1] / calls[0],
            1.0 / busy,
            middle(one, Round::time_of_a_call) / middle(two, Round::time_of_a_call)
        );
        if task.waits > 0.0 {
            let at_a_time = calls.map(|calls| calls * task.waits);
            println!("{:<18} {:>10.1} {:>10.1}", "  in TAs at a time", at_a_time[0], at_a_time[1]);
        }
    }
    println!(
        "\n{:<18} {:>6} {:>6} {:>9} {:>7} {:>6} {:>7} {:>15} {:>11}",
        "processors", "queues", "busy", "emulator", "daemon", "TAs", "others", "daemon's thread", "µs a call"
    );
    for (task, rounds) in TASKS.iter().zip(rounds) {
        for (queues, rounds) in QUEUES.iter().zip(rounds) {
            let of = |part: fn(&Load) -> f64| middle(rounds, |round| part(&round.load));
            println!(
                "{:<18} {queues:>6} {:>6.3} {:>9.3} {:>7.3} {:>6.3} {:>7.3} {:>15.3} {:>11.1}",
                task.name,
                of(|load| load.busy),
                of(|load| load.emulator),
                of(|load| load.daemon),
                of(|load| load.tas),
                of(|load| load.busy - load.ours()),
                of(|load| load.busiest_thread),
                middle(rounds, Round::time_of_a_call) * 1e6,
            );
        }
    }
}

fn middle(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    median(&rounds.iter().map(of).collect::<Vec<_>>())
}

/// A device in the guest.
struct Device {
    /// `tee0` and such.
    node: String,
    /// The file in which the driver counts what went through its queues.
    queues: String,
}

/// The guest's device that has so many request queues.
fn device_with(guest: &Guest, request_queues: u16) -> Result<Device, Box<dyn std::error::Error>> {
    // A heading, the control queue, the others.
    let lines = 2 + request_queues;
    let script = format!(
        "for tee in /sys/class/tee/tee[0-9]*; do \
         queues=/sys/kernel/debug/virtio_tee-$(basename \"$(readlink -f $tee/device)\")/queues; \
         if [ $(grep -c . $queues) = {lines} ]; then basename $tee; echo $queues; fi; done"
    );
    let found = guest.sh(&script)?;
    let mut found = found.lines().map(str::to_owned);
    match (found.next(), found.next(), found.next()) {
        (Some(node), Some(queues), None) => Ok(Device { node, queues }),
        _ => Err(BenchError::Report(format!("no single TEE with {request_queues} request queues")).into()),
    }
}
