// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How many calls threads get done over two request queues, beside a device with one: one boot, two devices, in
//! turns.

use integration::scene::Served;
use integration::vm::{Door, Guest, VmConfig};
use integration::Scene;

use crate::bench::{median, report_of, BenchError};

/// How often each device is measured, in turns.
const ROUNDS: usize = 5;
/// For how long, each time.
const SECONDS: &str = "4";
/// Threads in the guest, which has two processors.
const THREADS: &str = "16";
/// The devices' request queues.
const QUEUES: [u16; 2] = [1, 2];
/// Bytes that the TA sums in each call: none; some; and as many as keep it busy for longer than all else takes.
const WORK: [&str; 3] = ["0", "64k", "1M"];

/// Measures and prints.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let served = QUEUES.map(|request_queues| Served { request_queues, ..Door::VfioUser.into() });
    let scene = Scene::set_released("queue-bench", &served)?;
    let vm = scene.boot_as(&VmConfig { tees: vec![scene.tee(0), scene.tee(1)], ..scene.config(0) })?;
    vm.load_driver()?;
    let devices = [device_with(&vm.guest, QUEUES[0])?, device_with(&vm.guest, QUEUES[1])?];
    let mut figures: [[Vec<f64>; QUEUES.len()]; WORK.len()] = Default::default();
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        for (work, figures) in WORK.iter().zip(&mut figures) {
            for (device, (queues, figures)) in devices.iter().zip(QUEUES.iter().zip(figures)) {
                let node = format!("/dev/{}", device.node);
                let command = [
                    "tee-guest",
                    "--device",
                    &node,
                    "throughput",
                    "probe",
                    "--threads",
                    THREADS,
                    "--seconds",
                    SECONDS,
                    "--work",
                    work,
                ];
                let report = report_of(&vm.guest.ok(&command)?)?;
                let each = report["calls_per_second"].as_f64();
                let each = each.ok_or_else(|| BenchError::Report(report.to_string()))?;
                println!("  queues {queues}, TA sums {work} bytes: {each:.0} calls a second");
                figures.push(each);
            }
        }
    }
    let counts = devices.iter().map(|device| vm.guest.ok(&["cat", &device.queues]));
    let counts = counts.collect::<Result<Vec<_>, _>>()?;
    vm.shut_down()?;
    scene.daemon.terminate()?;
    println!("\n{:<26} {:>12} {:>12} {:>8}", "calls per second", "one queue", "two queues", "ratio");
    for (work, [one, two]) in WORK.iter().zip(figures) {
        let (one, two) = (median(&one), median(&two));
        println!("{:<26} {one:>12.0} {two:>12.0} {:>8.3}", format!("TA sums {work} bytes"), two / one);
    }
    for (queues, counts) in QUEUES.iter().zip(counts) {
        println!("\ndevice with request queues: {queues}\n{counts}");
    }
    Ok(())
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
