// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Under gdb. The TA's process waits, once it has loaded its TA, until gdb has attached to it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{fs, thread};

use nix::sys::signal::{SigSet, Signal};
use soft_tee::Debugging;

use crate::{calls, tree, world, Error, Ta};

/// Calls the TA while gdb has its process.
pub(crate) fn run(ta: &Ta, arguments: &[OsString]) -> Result<ExitCode, Error> {
    // Ctrl-C is for gdb. What is started from here gets it all the same.
    let mut interrupt = SigSet::empty();
    interrupt.add(Signal::SIGINT);
    if let Err(error) = interrupt.thread_block() {
        log::warn!("Ctrl-C ends all of this: {error}");
    }
    let built = tree::build(ta, "debug", "gcc")?;
    let debugging = Debugging { wait_for_debugger: true, ..Debugging::default() };
    let tee = world::tee(&built, debugging)?;
    thread::scope(|scope| {
        let calls = scope.spawn(|| calls::make(&tee, built.uuid, &ta.open, &ta.calls));
        let process = loop {
            match ta_process() {
                Some(process) => break process,
                None if calls.is_finished() => return Err(Error::NoProcess),
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        Command::new("gdb")
            .args(["-q", "-iex", "set debuginfod enabled off", "-ex", "set breakpoint pending on"])
            .args(["-p", &process.to_string(), "-ex", "break TA_CreateEntryPoint", "-ex", "continue"])
            .args(arguments)
            .status()
            .map_err(|error| Error::Program("gdb", error, "gdb"))?;
        // Where gdb has let go of it, it goes on.
        calls.join().unwrap_or(Ok(calls::Outcome::Dead))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The process that this one has started for the TA.
fn ta_process() -> Option<u32> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .find(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "ta-runtime\n"))
}
