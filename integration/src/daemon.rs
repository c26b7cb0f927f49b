// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The daemon under test, and what can be seen of it from outside.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};
use thiserror::Error;

use crate::progress;
use crate::provision::HostPrograms;
use crate::tied;
use crate::vm::Socket;

/// When the daemon is taken to hang.
const HANG: Duration = Duration::from_secs(60);

/// Why the daemon failed.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// Its folder cannot be prepared, or it cannot be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The daemon.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended by itself.
    #[error("the daemon ended with {status}:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It does not end, or its sockets do not appear.
    #[error("the daemon hangs ({0})")]
    Hang(&'static str),
    /// The system does not tell about it.
    #[error("cannot read {}: {source}", path.display())]
    Facts {
        /// What was to be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Open file descriptors.
    pub descriptors: usize,
    /// Private memory in KiB: not what it shares with a guest.
    pub memory_kib: u64,
    /// Mappings of its address space.
    pub mappings: usize,
    /// Threads.
    pub threads: usize,
    /// Children: TA processes.
    pub children: usize,
}

/// A running daemon; dropping it ends it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a daemon in `dir` that serves each of `sockets` in that folder. Its log is appended to
    /// `dir/daemon.log`.
    pub fn start(programs: &HostPrograms, dir: &Path, sockets: &[Socket]) -> Result<Self, DaemonError> {
        let error = |source| DaemonError::Start { program: programs.daemon.clone(), source };
        let mut config = String::new();
        for socket in sockets {
            // Left by a daemon that was killed.
            let _ = fs::remove_file(dir.join(&socket.name));
            let name = socket.name.trim_end_matches(".sock");
            config.push_str(&format!(
                "[[vm]]\nname = {name:?}\n{}ta-dir = {:?}\n\n",
                socket.daemon_keys(),
                programs.ta_dir.display().to_string()
            ));
        }
        fs::write(dir.join("daemon.toml"), config).map_err(error)?;
        let log = dir.join("daemon.log");
        let file = File::options().create(true).append(true).open(&log).map_err(error)?;
        let child = tied::command(&programs.daemon)
            .args(["--config", "daemon.toml", "--ta-runtime"])
            .arg(&programs.ta_runtime)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(error)?)
            .stderr(file)
            .spawn()
            .map_err(error)?;
        let mut daemon = Self { child, log };
        let deadline = Instant::now() + HANG;
        while !sockets.iter().all(|socket| dir.join(&socket.name).exists()) {
            if let Some(status) = daemon.child.try_wait().map_err(error)? {
                return Err(DaemonError::Ended { status, log: daemon.log_tail() });
            }
            if Instant::now() > deadline {
                return Err(DaemonError::Hang("its sockets do not appear"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        progress::tail(&self.log).unwrap_or_default()
    }

    /// What it uses now.
    pub fn usage(&self) -> Result<Usage, DaemonError> {
        let status = self.read("status")?;
        let number = |text: &str, key: &str| {
            text.lines()
                .filter_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<u64>().ok())
                .sum::<u64>()
        };
        let threads = number(&status, "Threads:");
        let folder = PathBuf::from(format!("/proc/{}/fd", self.pid()));
        let descriptors = fs::read_dir(&folder)
            .map_err(|source| DaemonError::Facts { path: folder.clone(), source })?
            .count();
        Ok(Usage {
            descriptors,
            memory_kib: number(&status, "RssAnon:"),
            mappings: self.read("maps")?.lines().count(),
            threads: usize::try_from(threads).unwrap_or(usize::MAX),
            children: self.children()?.len(),
        })
    }

    /// How often its threads have gone to sleep, over all that run now: each time something had to
    /// wake them.
    pub fn sleeps(&self) -> Result<u64, DaemonError> {
        let folder = PathBuf::from(format!("/proc/{}/task", self.pid()));
        let error = |source| DaemonError::Facts { path: folder.clone(), source };
        let mut sleeps = 0;
        for thread in fs::read_dir(&folder).map_err(error)? {
            // A thread may end while we look.
            let status = fs::read_to_string(thread.map_err(error)?.path().join("status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sleeps += line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(sleeps)
    }

    /// Process numbers of its children.
    pub fn children(&self) -> Result<Vec<u32>, DaemonError> {
        let folder = PathBuf::from(format!("/proc/{}/task", self.pid()));
        let error = |source| DaemonError::Facts { path: folder.clone(), source };
        let mut children = Vec::new();
        for thread in fs::read_dir(&folder).map_err(error)? {
            // A thread may end while we look.
            let list = fs::read_to_string(thread.map_err(error)?.path().join("children")).unwrap_or_default();
            children.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        Ok(children)
    }

    /// Waits until it uses no more than `limit` children, as it does once what a guest left is freed.
    pub fn wait_for_children(&self, limit: usize) -> Result<(), DaemonError> {
        let deadline = Instant::now() + HANG;
        while self.children()?.len() > limit {
            if Instant::now() > deadline {
                return Err(DaemonError::Hang("processes of TAs do not end"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn read(&self, file: &str) -> Result<String, DaemonError> {
        let path = PathBuf::from(format!("/proc/{}/{file}", self.pid()));
        fs::read_to_string(&path).map_err(|source| DaemonError::Facts { path, source })
    }

    /// Asks it to end and waits until it has; it must exit with 0.
    pub fn terminate(mut self) -> Result<(), DaemonError> {
        // It may have ended by itself: then its status tells.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + HANG;
        loop {
            let wait = self.child.try_wait();
            let wait = wait.map_err(|source| DaemonError::Facts { path: PathBuf::from("/proc"), source })?;
            match wait {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(DaemonError::Ended { status, log: self.log_tail() }),
                None if Instant::now() > deadline => return Err(DaemonError::Hang("on SIGTERM")),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
