// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The demo: what two guests can do with their TEE, step by step.

use std::time::Instant;

use integration::paths::vm_dir;
use integration::vm::{Door, Guest, GuestError, Vm, VmError};
use integration::{Scene, SceneError};
use serde_json::{json, Value};
use thiserror::Error;

/// How the guests' devices are attached.
const DOOR: Door = Door::VfioUser;

/// Why the demo stopped.
#[derive(Debug, Error)]
pub(crate) enum DemoError {
    /// Something that it needs failed.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// A guest's program reported other than it should.
    #[error("{what}: {report}")]
    Report {
        /// What was shown.
        what: &'static str,
        /// What came back.
        report: String,
    },
}

impl From<GuestError> for DemoError {
    fn from(error: GuestError) -> Self {
        Self::Scene(error.into())
    }
}

impl From<VmError> for DemoError {
    fn from(error: VmError) -> Self {
        Self::Scene(error.into())
    }
}

/// Shows everything; fails at the first step that does not do what it should.
pub(crate) fn run() -> Result<(), DemoError> {
    let begun = Instant::now();
    heading("Preparing: Debian's kernel, QEMU, the driver, the daemon, the TAs");
    println!("  kept for the next time in {}", vm_dir().display());
    let scene = Scene::set("demo", DOOR, 2)?;
    tick("everything is there", &[format!("the daemon's log: {}", scene.dir.join("daemon.log").display())]);

    heading("Two guests, one daemon");
    let guests = [boot(&scene, 0)?, boot(&scene, 1)?];
    let guest = &guests[0].guest;

    heading("Hello world: a value goes in, the TA adds one");
    for (ta, language) in [("hello-c", "C"), ("hello-rust", "Rust")] {
        let report = check(guest, &["hello", ta, "--value", "41"])?;
        require(report["received"] == 42, "hello", &report)?;
        tick(&format!("the TA in {language} made {} of {}", report["received"], report["sent"]), &[]);
    }

    heading("SHA-256 of 64 MiB, computed by the TA on the guest's own pages");
    for (ta, language) in [("sha256-c", "C"), ("sha256-rust", "Rust")] {
        let report = check(guest, &["sha256", ta, "--size", "64M", "--memory", "registered"])?;
        require(report["size"] == 64 << 20, "sha256", &report)?;
        let digest = report["digest"].as_str().unwrap_or_default().to_owned();
        require(digest.len() == 64, "sha256", &report)?;
        tick(
            &format!("the TA in {language} and the guest agree"),
            &[
                digest,
                format!("TA {} ms, guest by itself {} ms (emulated)", report["ta_ms"], report["guest_ms"]),
            ],
        );
    }
    let report = check(guest, &["zero-copy", "probe", "--layout", "scattered"])?;
    tick(
        "while a call runs, each side sees what the other writes: no copy",
        &[format!("{} pages in {} places of the guest's memory", report["pages"], report["physical_runs"])],
    );

    heading("Two guests at once: neither sees the other's sessions");
    let mut held =
        guests[0].guest.start(&["tee-guest", "hold", "probe", "--ms", "8000", "--sessions", "4"])?;
    let line = held.wait_for("holding")?;
    let session = line.split_whitespace().last().unwrap_or_default().to_owned();
    tick(&format!("guest 0 is in a call, in its session {session}"), &[]);
    let report = check(&guests[1].guest, &["session-scan", "probe", "--also", &session])?;
    require(report["tried"] == report["refused"] && report["tried"] != 0, "session-scan", &report)?;
    tick(&format!("guest 1 tried {} session numbers, that one too: all refused", report["tried"]), &[]);
    held.wait()?.success()?;
    tick("guest 0's call came back unharmed", &[]);

    heading("The end");
    for (index, vm) in guests.into_iter().enumerate() {
        vm.shut_down()?;
        tick(&format!("guest {index} is off; its kernel had nothing to complain of"), &[]);
    }
    scene.daemon.terminate().map_err(SceneError::from)?;
    tick("the daemon ended when asked to", &[]);
    println!(
        "\nAll of it in {:.0} s. A guest to play with: cargo run -p integration -- shell",
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Boots a guest and loads the driver.
fn boot(scene: &Scene, index: usize) -> Result<Vm, DemoError> {
    let begun = Instant::now();
    let vm = scene.boot_with_driver(index)?;
    let seconds = begun.elapsed().as_secs_f64();
    let release = vm.guest.sh("uname -r")?;
    let log = vm.guest.ok(&["dmesg"])?;
    let lines: Vec<String> = log
        .lines()
        .filter(|line| line.contains("virtio_tee virtio"))
        .map(|line| line.trim().to_owned())
        .collect();
    let report = check(&vm.guest, &["version", "--impl-id", "1", "--gen-caps", "0xd"])?;
    require(!lines.is_empty(), "the driver's version line", &Value::from(log))?;
    tick(&format!("guest {index} runs Debian's {}, up in {seconds:.1} s", release.trim()), &lines);
    show_device(&vm, index)?;
    tick(
        &format!("guest {index} has /dev/tee0"),
        &[format!(
            "TEE_IOC_VERSION: impl_id {} (OP-TEE's API), impl_caps {}, gen_caps {:#x}",
            report["impl_id"],
            report["impl_caps"],
            report["gen_caps"].as_u64().unwrap_or_default()
        )],
    );
    Ok(vm)
}

/// Shows what the guest's kernel and QEMU say of the device.
fn show_device(vm: &Vm, index: usize) -> Result<(), DemoError> {
    let version = vm.qmp().execute("query-version", json!({})).map_err(SceneError::from)?;
    let version = &version["qemu"];
    let id = vm.guest.sh("cat /sys/bus/virtio/drivers/virtio_tee/virtio*/device")?;
    let id = id.trim();
    let is_right = id == format!("0x{:04x}", DOOR.virtio_id()) && DOOR.driver_parameters().is_empty();
    require(is_right, "the device's virtio ID", &Value::from(id))?;
    let interrupts = vm.guest.sh(
        "name=$(basename /sys/bus/virtio/drivers/virtio_tee/virtio*); grep \"$name-\" /proc/interrupts",
    )?;
    let lines: Vec<String> = interrupts.lines().map(|line| line.trim().to_owned()).collect();
    tick(
        &format!(
            "guest {index}: QEMU {}.{}.{} unpatched, {DOOR}, virtio ID {} ({id}), no driver parameter, {} vectors",
            version["major"],
            version["minor"],
            version["micro"],
            DOOR.virtio_id(),
            lines.len()
        ),
        &lines,
    );
    Ok(())
}

/// Runs a check of `tee-guest`, which must hold; returns its report.
fn check(guest: &Guest, arguments: &[&str]) -> Result<Value, DemoError> {
    let argv: Vec<&str> = ["tee-guest"].iter().chain(arguments).copied().collect();
    let output = guest.run(&argv)?.success()?;
    let last = output.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .map_err(|_| DemoError::Report { what: "tee-guest's last line is no JSON", report: last.to_owned() })
}

fn require(condition: bool, what: &'static str, report: &Value) -> Result<(), DemoError> {
    if condition {
        return Ok(());
    }
    Err(DemoError::Report { what, report: report.to_string() })
}

fn heading(text: &str) {
    println!("\n{text}");
}

fn tick(text: &str, details: &[String]) {
    println!("  ✔ {text}");
    for detail in details {
        println!("      {detail}");
    }
}
