// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What calls cost through each door: one guest with two devices, measured in turns.

use std::collections::BTreeMap;

use integration::daemon::DaemonError;
use integration::vm::{Door, Guest, GuestError, VmConfig, VmError};
use integration::{Scene, SceneError};
use serde_json::Value;
use thiserror::Error;

/// How often each device is measured, in turns.
const ROUNDS: usize = 5;
/// Calls of each kind in a round.
const CALLS: &str = "400";
/// Calls of the runs that are counted rather than timed: what a run needs besides cancels out.
const FEW: u32 = 100;
const MANY: u32 = 2100;
/// The doors, in the order of the devices' slots.
const DOORS: [Door; 2] = [Door::VfioUser, Door::VhostUser];

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(crate) enum BenchError {
    /// Something that it needs failed.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// There is no report, or it is none.
    #[error("no report: {0}")]
    Report(String),
}

impl From<GuestError> for BenchError {
    fn from(error: GuestError) -> Self {
        Self::Scene(error.into())
    }
}

impl From<VmError> for BenchError {
    fn from(error: VmError) -> Self {
        Self::Scene(error.into())
    }
}

impl From<DaemonError> for BenchError {
    fn from(error: DaemonError) -> Self {
        Self::Scene(error.into())
    }
}

/// Measures and prints.
pub(crate) fn run() -> Result<(), BenchError> {
    let scene = Scene::set_with("bench", &DOORS)?;
    let vm = scene.boot_as(&VmConfig { tees: vec![scene.tee(0), scene.tee(1)], ..scene.config(0) })?;
    vm.load_driver()?;
    let mut devices = [Device::find(&vm.guest, DOORS[0], "vm0")?, Device::find(&vm.guest, DOORS[1], "vm1")?];
    for round in 1..=ROUNDS {
        for device in &mut devices {
            println!("round {round} of {ROUNDS}: {} by {}", device.door, device.node);
            device.measure(&vm.guest)?;
        }
    }
    let mut counts = [Counts::default(); 2];
    for (device, counts) in devices.iter().zip(&mut counts) {
        *counts = device.count(&scene, &vm.guest)?;
    }
    vm.shut_down()?;
    let log = scene.dir.join("daemon.log");
    scene.daemon.terminate()?;
    let log = std::fs::read_to_string(&log).map_err(|error| BenchError::Report(error.to_string()))?;
    print(&devices, &counts);
    println!("\nover all of it, by the daemon's log:");
    for device in &devices {
        let ended = format!("{}: disconnected after ", device.vm);
        let words = log.lines().find_map(|line| Some(line.split_once(ended.as_str())?.1));
        println!("  {:<10} {}", device.door.to_string(), words.unwrap_or("nothing was logged"));
    }
    Ok(())
}

/// A median for each kind of call.
fn print(devices: &[Device; 2], counts: &[Counts; 2]) {
    println!(
        "\n{:<26} {:>12} {:>12} {:>8}",
        "median of",
        DOORS[0].to_string(),
        DOORS[1].to_string(),
        "ratio"
    );
    for (kind, samples) in &devices[0].medians {
        let others = devices[1].medians.get(kind).map_or(&[][..], Vec::as_slice);
        let (ours, theirs) = (median(samples), median(others));
        println!("{kind:<26} {ours:>12.0} {theirs:>12.0} {:>8.3}", ours / theirs);
    }
    println!("for each call with a temporary memref of 4 KiB");
    for (name, count) in [
        ("interrupts in the guest", counts.map(|counts| counts.interrupts)),
        ("daemon's threads woken", counts.map(|counts| counts.wakeups)),
    ] {
        println!("{name:<26} {:>12.3} {:>12.3}", count[0], count[1]);
    }
}

/// What one call takes, on average.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    interrupts: f64,
    wakeups: f64,
}

/// One door's device in the guest.
struct Device {
    door: Door,
    /// The daemon's name of its VM.
    vm: &'static str,
    /// `/dev/tee0` and such.
    node: String,
    /// Its name among the virtio devices.
    virtio: String,
    /// What each round found for a kind of call.
    medians: BTreeMap<String, Vec<f64>>,
}

impl Device {
    /// The guest's device with the ID that comes through `door`.
    fn find(guest: &Guest, door: Door, vm: &'static str) -> Result<Self, BenchError> {
        let id = format!("0x{:04x}", door.virtio_id());
        let script = format!(
            "for tee in /sys/class/tee/tee[0-9]*; do \
             if [ \"$(cat $tee/device/device)\" = {id} ]; then \
             basename $tee; basename \"$(readlink -f $tee/device)\"; fi; done"
        );
        let names = guest.sh(&script)?;
        let mut names = names.lines();
        let (Some(node), Some(virtio)) = (names.next(), names.next()) else {
            return Err(BenchError::Report(format!("the guest has no TEE with ID {id}")));
        };
        Ok(Self {
            door,
            vm,
            node: format!("/dev/{node}"),
            virtio: virtio.to_owned(),
            medians: BTreeMap::new(),
        })
    }

    /// Times calls of each kind.
    fn measure(&mut self, guest: &Guest) -> Result<(), BenchError> {
        let output =
            guest.ok(&["tee-guest", "--device", &self.node, "bench", "probe", "--iterations", CALLS])?;
        for (kind, median) in medians_of(&output)? {
            self.medians.entry(kind).or_default().push(median);
        }
        Ok(())
    }

    /// Counts what calls take that are made one after the other.
    fn count(&self, scene: &Scene, guest: &Guest) -> Result<Counts, BenchError> {
        let mut seen = [(0, 0); 2];
        for (count, seen) in [FEW, MANY].into_iter().zip(&mut seen) {
            let before = (self.interrupts(guest)?, scene.daemon.sleeps()?);
            let count = count.to_string();
            guest.ok(&["tee-guest", "--device", &self.node, "temporary", "probe", "--count", &count])?;
            let after = (self.interrupts(guest)?, scene.daemon.sleeps()?);
            *seen = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        }
        let [few, many] = seen;
        let each = |few: u64, many: u64| many.saturating_sub(few) as f64 / f64::from(MANY - FEW);
        Ok(Counts { interrupts: each(few.0, many.0), wakeups: each(few.1, many.1) })
    }

    /// How often the device has interrupted.
    fn interrupts(&self, guest: &Guest) -> Result<u64, BenchError> {
        let table = guest.ok(&["cat", "/proc/interrupts"])?;
        let is_ours = |word: &str| word.trim_end_matches(',').split('-').next() == Some(&self.virtio);
        let lines = table.lines().filter(|line| line.split_whitespace().any(is_ours));
        Ok(lines
            .flat_map(|line| line.split_whitespace().skip(1).map_while(|word| word.parse::<u64>().ok()))
            .sum())
    }
}

/// What `tee-guest` reports: its last line, but a guest's kernel may have the last word.
pub(crate) fn report_of(output: &str) -> Result<Value, BenchError> {
    let report = output.lines().rfind(|line| line.starts_with('{')).unwrap_or(output);
    serde_json::from_str(report).map_err(|_| BenchError::Report(report.to_owned()))
}

/// What `tee-guest bench` found for each kind of call, in ns.
pub(crate) fn medians_of(output: &str) -> Result<Vec<(String, f64)>, BenchError> {
    let report = report_of(output)?;
    let fields = report.as_object().into_iter().flatten();
    Ok(fields
        .filter(|(kind, _)| kind.ends_with("_ns"))
        .filter_map(|(kind, median)| Some((kind.clone(), median.as_f64()?)))
        .collect())
}

/// The middle one; not a number of none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
