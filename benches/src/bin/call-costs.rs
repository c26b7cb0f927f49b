// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Prints what calls cost: medians, and what they are to their floors.

use std::process::ExitCode;

use virtio_tee_benches::floor::{futex_peer, Eventfds, Futexes, PEER};
use virtio_tee_benches::{Bed, Error, Kind, Samples};

/// Calls of a kind in a row; of sessions, which cost more, one.
const BLOCK: usize = 100;
const BLOCKS: usize = 200;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1) {
        None => run(),
        Some(argument) if argument == PEER => futex_peer(),
        Some(_) => {
            eprintln!("call-costs takes no arguments");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("call-costs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let here =
        std::env::current_exe().map_err(|source| Error::System { what: "path of this program", source })?;
    let (eventfds, futexes, mut bed) = (Eventfds::new()?, Futexes::new(&here)?, Bed::new()?);

    let mut floors: [Samples; 2] = Default::default();
    let mut kinds: [Samples; Kind::ALL.len()] = Default::default();
    // In turns, so that whatever else the machine does is shared by all; some calls at a time, so that
    // none pays for what the one before has left to be done.
    for _ in 0..BLOCKS {
        let [eventfd, futex] = &mut floors;
        eventfd.take(BLOCK, || eventfds.exchange())?;
        futex.take(BLOCK, || futexes.exchange())?;
        for (samples, kind) in kinds.iter_mut().zip(Kind::ALL) {
            let calls = if matches!(kind, Kind::Session | Kind::Instance) { 1 } else { BLOCK };
            samples.take(calls, || bed.run(kind))?;
        }
    }

    let [eventfd, futex] = floors.map(Samples::median);
    let medians = kinds.map(Samples::median);
    let floor = eventfd + futex;
    println!("{:<48} {:>10}  {:>8}", "median of", "ns", "× floor");
    print("floor: eventfd exchange between threads", eventfd, floor);
    print("floor: futex exchange between processes", futex, floor);
    for (kind, median) in Kind::ALL.into_iter().zip(medians) {
        print(kind.name(), median, floor);
    }
    let of = |kind| Kind::ALL.iter().position(|k| *k == kind).map_or(0, |index| medians[index]);
    let ratio = of(Kind::Registered) as f64 / of(Kind::Invoke).max(1) as f64;
    println!("64 MiB registered / no parameters: {ratio:.3} (goal: at most 1.1)");
    Ok(())
}

fn print(name: &str, ns: u64, floor: u64) {
    println!("{name:<48} {ns:>10}  {:>8.2}", ns as f64 / floor.max(1) as f64);
}
