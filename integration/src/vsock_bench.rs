// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a call to an echo TA costs in a guest, beside an echo over AF_VSOCK by a process of the host: one boot,
//! in turns. Everything on the host is in release mode, but for the echo, which is two system calls.

use std::collections::BTreeMap;

use integration::provision;
use integration::scene::Served;
use integration::vm::{Door, VmConfig};
use integration::vsock::VsockDevice;
use integration::Scene;
use serde_json::Value;

use crate::bench::{median, report_of, BenchError};

/// How often it is all measured.
const ROUNDS: usize = 5;
/// Exchanges of each kind in a round.
const EXCHANGES: &str = "400";
/// Where the echo is, among the ports of the host.
const PORT: u32 = 7001;
/// What others are measured by.
const PEER: &str = "vsock";
/// The guest's modules for vsock, in the order in which they are loaded.
const MODULES: [&str; 3] = [
    "net/vmw_vsock/vsock.ko.xz",
    "net/vmw_vsock/vmw_vsock_virtio_transport_common.ko.xz",
    "net/vmw_vsock/vmw_vsock_virtio_transport.ko.xz",
];

/// Measures and prints.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let scene = Scene::set_released("vsock-bench", &[Served::from(Door::VfioUser)])?;
    let vsock = VsockDevice::start(&provision::vsock_device()?, &scene.dir)?;
    vsock.echo(PORT)?;
    let config = VmConfig { vsock: Some(vsock.socket()), modules: MODULES.to_vec(), ..scene.config(0) };
    let vm = scene.boot_as(&config)?;
    vm.load_driver()?;
    for module in MODULES {
        let name = module.rsplit('/').next().unwrap_or(module);
        vm.guest
            .sh(&format!("unxz -c /lib/{name} >/tmp/module.ko; insmod /tmp/module.ko; rm /tmp/module.ko"))?;
    }
    let mut figures = Figures::default();
    let port = PORT.to_string();
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        let command = ["tee-guest", "beside-vsock", "probe", "--port", &port, "--iterations", EXCHANGES];
        figures.add(&report_of(&vm.guest.ok(&command)?)?)?;
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    figures.print();
    Ok(())
}

/// What each round found, by the bytes of messages and the way they went.
#[derive(Default)]
struct Figures(BTreeMap<u64, BTreeMap<String, Rounds>>);

/// The medians of rounds, and their 99th percentiles.
#[derive(Default)]
struct Rounds {
    medians: Vec<f64>,
    p99s: Vec<f64>,
}

impl Rounds {
    /// The middle ones of both.
    fn middle(&self) -> (f64, f64) {
        (median(&self.medians), median(&self.p99s))
    }
}

impl Figures {
    fn add(&mut self, report: &Value) -> Result<(), BenchError> {
        let missing = || BenchError::Report(report.to_string());
        for payload in report["payloads"].as_array().ok_or_else(missing)? {
            let by_way = self.0.entry(payload["bytes"].as_u64().ok_or_else(missing)?).or_default();
            for (way, found) in payload["ways"].as_object().ok_or_else(missing)? {
                let rounds = by_way.entry(way.clone()).or_default();
                rounds.medians.push(found["median_ns"].as_f64().ok_or_else(missing)?);
                rounds.p99s.push(found["p99_ns"].as_f64().ok_or_else(missing)?);
            }
        }
        Ok(())
    }

    fn print(&self) {
        println!(
            "\n{:>8}  {:<12} {:>12} {:>12} {:>9} {:>9}",
            "bytes", "way", "median ns", "p99 ns", "× vsock", "× its p99"
        );
        for (bytes, by_way) in &self.0 {
            let (median, p99) = by_way.get(PEER).map_or((f64::NAN, f64::NAN), Rounds::middle);
            for (way, rounds) in by_way {
                let ours = rounds.middle();
                let ratios = (ours.0 / median, ours.1 / p99);
                println!(
                    "{bytes:>8}  {way:<12} {:>12.0} {:>12.0} {:>9.3} {:>9.3}",
                    ours.0, ours.1, ratios.0, ratios.1
                );
            }
        }
    }
}
