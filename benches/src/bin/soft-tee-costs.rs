// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Prints what sessions and much data cost in the software TEE: medians, and what they are to their floors.

use std::process::ExitCode;

use virtio_tee_benches::soft_bed::{close, run_true, SoftBed};
use virtio_tee_benches::{Error, Samples};

/// How often all is done, in turns.
const ROUNDS: usize = 100;
/// Calls of the short kinds in a row.
const BLOCK: usize = 20;
/// Every so many rounds, much data.
const BULK_EVERY: usize = 5;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soft-tee-costs: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Costs {
    invoke: Samples,
    open_shared: Samples,
    close_shared: Samples,
    run_true: Samples,
    open_own: Samples,
    close_own: Samples,
    sha256: Samples,
    plain_sha256: Samples,
    own_aes_gcm: Samples,
    aes_gcm: Samples,
    plain_aes_gcm: Samples,
}

fn run() -> Result<(), Error> {
    let mut bed = SoftBed::new()?;
    bed.check_bulk()?;
    let mut costs = Costs::default();
    // In turns, so that whatever else the machine does is shared by all.
    for round in 0..ROUNDS {
        costs.invoke.take(BLOCK, || bed.invoke())?;
        for _ in 0..BLOCK {
            let session = costs.open_shared.time(|| bed.open_shared())?;
            costs.close_shared.time(|| close(&session))?;
        }
        costs.run_true.take(1, run_true)?;
        let session = costs.open_own.time(|| bed.open_own())?;
        costs.close_own.time(|| close(&session))?;
        if round % BULK_EVERY == 0 {
            costs.sha256.time(|| bed.sha256())?;
            costs.plain_sha256.time(|| Ok(bed.plain_sha256()))?;
            costs.own_aes_gcm.time(|| bed.own_aes_gcm())?;
            costs.aes_gcm.time(|| bed.aes_gcm())?;
            costs.plain_aes_gcm.time(|| bed.plain_aes_gcm())?;
        }
    }
    report(costs);
    Ok(())
}

/// A median, and the shortest.
#[derive(Clone, Copy)]
struct Cost([u64; 2]);

impl Cost {
    fn print(name: &str, samples: Samples) -> Self {
        let [shortest, median] = [samples.shortest(), samples.median()];
        println!("{name:<56} {median:>12} {shortest:>12}");
        Self([median, shortest])
    }

    /// How many times `other`.
    fn over(self, other: Self) -> String {
        let [median, shortest] = [0, 1].map(|which| self.0[which] as f64 / other.0[which].max(1) as f64);
        format!("{median:.3}, of the shortest {shortest:.3}")
    }
}

fn report(costs: Costs) {
    println!("{:<56} {:>12} {:>12}", "", "median, ns", "shortest, ns");
    let invoke = Cost::print("call without parameters", costs.invoke);
    let open_shared = Cost::print("open a session, instance is there", costs.open_shared);
    Cost::print("close it", costs.close_shared);
    let run_true = Cost::print("floor: start `true`, wait for its end", costs.run_true);
    let open_own = Cost::print("open a session, instance of its own", costs.open_own);
    Cost::print("close it", costs.close_own);
    let sha256 = Cost::print("SHA-256 of 64 MiB in a TA", costs.sha256);
    let plain_sha256 = Cost::print("floor: the same in this process", costs.plain_sha256);
    let own_aes_gcm = Cost::print("AES-256-GCM of 64 MiB in a TA", costs.own_aes_gcm);
    let aes_gcm = Cost::print("the same in the client's memory", costs.aes_gcm);
    let plain_aes_gcm = Cost::print("floor: the same in this process", costs.plain_aes_gcm);
    println!("open, instance is there / call (goal: at most 3): {}", open_shared.over(invoke));
    println!("open, instance of its own / `true` (goal: less than 10): {}", open_own.over(run_true));
    println!("throughput of SHA-256, TA / plain (goal: at least 0.95): {}", plain_sha256.over(sha256));
    println!("throughput of AES-GCM, TA / plain (goal: at least 0.95): {}", plain_aes_gcm.over(own_aes_gcm));
    println!("the same in the client's memory, where one side is copied: {}", plain_aes_gcm.over(aes_gcm));
}
