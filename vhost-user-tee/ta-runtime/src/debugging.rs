// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is otherwise where a developer looks into a TA: there is no sandbox, the TA is loaded under its
//! name, where debuggers and sanitizers find its symbols, and its panic can be seen where it happens.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, io, thread};

use ta_protocol::control::{DEBUG_EXIT, DEBUG_WAIT};

use crate::services::{log, Level};
use crate::sys::{exit, ptracer};

/// `Start::debug`, where it is not zero.
static FLAGS: OnceLock<u64> = OnceLock::new();

/// This process is debugged.
pub(crate) fn begin(flags: u64) {
    let _ = FLAGS.set(flags);
    log(Level::Warn, "it is debugged: NO SANDBOX");
}

/// The name of the TA's file.
pub(crate) fn name_of(ta: &File) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", ta.as_raw_fd()))
}

/// Waits for a debugger, where it was asked to.
pub(crate) fn wait_for_debugger() -> io::Result<()> {
    if flag(DEBUG_WAIT) {
        // A debugger is no parent of this process, as some machines want it to be.
        ptracer::allow_any()?;
        log(Level::Info, &format!("waits for a debugger: gdb -p {}", std::process::id()));
        while tracer()? == 0 {
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// The TA has panicked: ends the process where it is debugged, for the developer to see.
pub(crate) fn panicked(code: u32) {
    if FLAGS.get().is_none() {
        return;
    }
    log(Level::Error, &format!("TEE_Panic({code:#010x})"));
    if flag(DEBUG_EXIT) {
        std::process::exit(1);
    }
    exit::abort();
}

fn flag(flag: u64) -> bool {
    FLAGS.get().is_some_and(|flags| flags & flag != 0)
}

/// The process that traces this one; 0 for none.
fn tracer() -> io::Result<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let pid = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    pid.and_then(|pid| pid.trim().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_traces_a_test() {
        assert_eq!(tracer().unwrap(), 0);
    }
}
