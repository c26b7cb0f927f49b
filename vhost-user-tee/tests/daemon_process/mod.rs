// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The daemon as a process, for tests of the program itself.

#![allow(dead_code, unreachable_pub)] // each test binary uses a part

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use tempfile::TempDir;
use virtio_tee_frontend::client::Client;
use virtio_tee_frontend::ring::HANG;
use virtio_tee_frontend::{Door, Options};

/// The program, its output kept.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vhost-user-tee"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("RUST_LOG");
    command
}

/// Runs it to its end.
pub fn run(args: &[&str]) -> Output {
    soft_tee_testing::runtime();
    command().args(args).output().unwrap()
}

/// What a run that is refused prints: one line, and nothing else.
pub fn refusal(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty());
    let lines: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

/// A running daemon; killed if a test ends without stopping it.
pub struct Daemon {
    child: Child,
    dir: TempDir,
    /// How to speak to it.
    door: Door,
}

/// The option for a socket of a kind; with two hyphens before it on the command line.
pub fn option(door: Door) -> &'static str {
    match door {
        Door::VhostUser => "socket-path",
        Door::VfioUser => "vfio-user-socket-path",
    }
}

impl Daemon {
    pub fn start(args: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Beside the daemon, where it looks for it.
        soft_tee_testing::runtime();
        let child = command().args(args(dir.path())).spawn().unwrap();
        Self { child, dir, door: Door::VhostUser }
    }

    /// One VM at `tee.sock`, without TAs, over vhost-user.
    pub fn one_vm() -> Self {
        Self::one_vm_over(Door::VhostUser)
    }

    /// One VM at `tee.sock`, without TAs, over either door.
    pub fn one_vm_over(door: Door) -> Self {
        Self::start(|dir| {
            let dir = dir.to_str().unwrap();
            vec![format!("--{}={dir}/tee.sock", option(door)), format!("--ta-dir={dir}")]
        })
        .over(door)
    }

    /// Has [`Daemon::connect`] speak what its sockets do.
    pub fn over(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The same as [`Daemon::one_vm`], started by a shell that has run `setting` before.
    pub fn one_vm_after(setting: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        soft_tee_testing::runtime();
        let program = command();
        let mut command = Command::new("sh");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["-c", &format!("{setting}; exec \"$0\" \"$@\"")]).arg(program.get_program());
        let path = dir.path().to_str().unwrap();
        command.args([format!("--socket-path={path}/tee.sock"), format!("--ta-dir={path}")]);
        let child = command.env_remove("RUST_LOG").spawn().unwrap();
        Self { child, dir, door: Door::VhostUser }
    }

    /// What `/proc` says of the process in `file`, in the line that begins with `name`.
    pub fn proc_line(&self, file: &str, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
    }

    /// One VM at `tee.sock`, with the test TAs.
    pub fn with_tas(door: Door) -> Self {
        let tas = soft_tee_testing::test_tas().to_str().unwrap();
        Self::start(|dir| {
            vec![format!("--{}={}/tee.sock", option(door), dir.display()), format!("--ta-dir={tas}")]
        })
        .over(door)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn connect(&self, socket: &str) -> Client {
        self.connect_over(self.door, socket)
    }

    pub fn connect_over(&self, door: Door, socket: &str) -> Client {
        Client::with_options(&self.path(socket), &Options { door, ..Options::default() }).unwrap()
    }

    /// Descriptors, threads and children of the process.
    pub fn holds(&self) -> (usize, usize, usize) {
        let count = |what| std::fs::read_dir(format!("/proc/{}/{what}", self.child.id())).unwrap().count();
        (count("fd"), count("task"), self.children())
    }

    /// How many processes it has started that have not been waited for.
    pub fn children(&self) -> usize {
        self.child_ids().len()
    }

    /// Which these are.
    pub fn child_ids(&self) -> Vec<u32> {
        let parent = self.child.id().to_string();
        let is_child = |status: String| {
            status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|pid| pid.trim() == parent))
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|entry| std::fs::read_to_string(entry.path().join("status")).is_ok_and(is_child))
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// The same, once it has stopped changing.
    pub fn settled(&self) -> (usize, usize, usize) {
        let mut before = self.holds();
        eventually("what the daemon holds stops changing", || {
            std::thread::sleep(Duration::from_millis(50));
            std::mem::replace(&mut before, self.holds()) == before
        });
        before
    }

    /// Sends a signal, and returns the exit code and the log.
    pub fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (code, log)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds, as long as a hang takes.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANG;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
