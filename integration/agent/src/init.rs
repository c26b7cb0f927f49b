// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Process 1.

use std::fs;
use std::io;
use std::process::Command;

use rustix::mount::{mount, MountFlags};
use rustix::process::{wait, WaitOptions};
use rustix::system::{reboot, RebootCommand};

const MOUNTS: [(&str, &str, &str); 5] = [
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("debugfs", "/sys/kernel/debug", "debugfs"),
    ("tmpfs", "/tmp", "tmpfs"),
];

/// Brings the guest up; returns only where that failed, and then the machine is off.
pub(crate) fn run() -> io::Result<()> {
    let result = supervise();
    if let Err(error) = &result {
        eprintln!("guest-agent: {error}");
    }
    rustix::fs::sync();
    reboot(RebootCommand::PowerOff)?;
    result
}

/// Runs the agent, or a shell where the kernel's command line asks for one, to its end.
fn supervise() -> io::Result<()> {
    for (source, target, kind) in MOUNTS {
        fs::create_dir_all(target)?;
        mount(source, target, kind, MountFlags::empty(), None)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot mount {target}: {error}")))?;
    }
    let mut command = if fs::read_to_string("/proc/cmdline")?.split_whitespace().any(|word| word == "shell") {
        // A session of its own with the console as its terminal, so that ^C reaches what runs.
        let mut shell = Command::new("/bin/busybox");
        shell.args(["setsid", "-c", "/bin/busybox", "sh", "-l"]);
        shell
    } else {
        Command::new("/proc/self/exe")
    };
    let main = command.env("PATH", "/bin").env("HOME", "/").env("RUST_BACKTRACE", "1").spawn()?;
    // Not `Child::wait`: whatever loses its parent becomes a child of this process too.
    loop {
        if let Some((pid, _)) = wait(WaitOptions::empty())? {
            if i64::from(pid.as_raw_nonzero().get()) == i64::from(main.id()) {
                return Ok(());
            }
        }
    }
}
