// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How busy the host's processors are, and with what: `/proc`, looked at twice.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use integration::daemon::DaemonError;
use integration::vm::Vm;
use integration::Scene;
use thiserror::Error;

/// Why it cannot be said.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    /// A file of the kernel's cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else than is known of it.
    #[error("cannot make out {}", .0.display())]
    Unknown(PathBuf),
    /// The daemon's processes cannot be listed.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
}

/// What had used the processors at one moment, in the kernel's ticks.
pub(crate) struct Look {
    processors: Processors,
    emulator: u64,
    daemon: u64,
    /// By their numbers: TAs come and go.
    tas: BTreeMap<u32, u64>,
    daemons_threads: BTreeMap<u32, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Processors {
    all: u64,
    idle: u64,
    count: usize,
}

/// What used the processors between two looks: shares of them all, but for the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// All that was not idle, whoever it was.
    pub(crate) busy: f64,
    pub(crate) emulator: f64,
    pub(crate) daemon: f64,
    pub(crate) tas: f64,
    /// The daemon's thread that used most, as a share of one processor: it cannot use more.
    pub(crate) busiest_thread: f64,
    /// How many processors there are.
    pub(crate) processors: f64,
}

impl Load {
    /// What has to do with the calls: the rest of what is busy is others'.
    pub(crate) fn ours(&self) -> f64 {
        self.emulator + self.daemon + self.tas
    }
}

impl Look {
    /// At a machine and its daemon, now.
    pub(crate) fn at(scene: &Scene, vm: &Vm) -> Result<Self, LoadError> {
        let daemon = scene.daemon.pid();
        let threads = PathBuf::from(format!("/proc/{daemon}/task"));
        let error = |source| LoadError::Read { path: threads.clone(), source };
        let mut daemons_threads = BTreeMap::new();
        for thread in fs::read_dir(&threads).map_err(error)? {
            let thread = thread.map_err(error)?;
            // One that ends while we look did nothing of weight.
            if let (Ok(number), Ok(used)) =
                (thread.file_name().to_string_lossy().parse(), used(thread.path().join("stat")))
            {
                daemons_threads.insert(number, used);
            }
        }
        let tas = scene.daemon.children()?.into_iter();
        let tas = tas.filter_map(|ta| Some((ta, used(process(ta)).ok()?))).collect();
        Ok(Self {
            processors: processors()?,
            emulator: used(process(vm.emulator_pid()))?,
            daemon: used(process(daemon))?,
            tas,
            daemons_threads,
        })
    }

    /// What there was between an earlier look and this one.
    pub(crate) fn since(&self, before: &Self) -> Load {
        let all = self.processors.all.saturating_sub(before.processors.all).max(1) as f64;
        let idle = self.processors.idle.saturating_sub(before.processors.idle) as f64;
        let tas: u64 = more(&self.tas, &before.tas).sum();
        let busiest = more(&self.daemons_threads, &before.daemons_threads).max().unwrap_or_default();
        let processors = self.processors.count as f64;
        Load {
            busy: 1.0 - idle / all,
            emulator: self.emulator.saturating_sub(before.emulator) as f64 / all,
            daemon: self.daemon.saturating_sub(before.daemon) as f64 / all,
            tas: tas as f64 / all,
            busiest_thread: busiest as f64 * processors / all,
            processors,
        }
    }
}

/// What those have used that are in both.
fn more<'a>(now: &'a BTreeMap<u32, u64>, before: &'a BTreeMap<u32, u64>) -> impl Iterator<Item = u64> + 'a {
    now.iter().filter_map(|(number, used)| Some(used.saturating_sub(*before.get(number)?)))
}

fn process(number: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{number}/stat"))
}

fn used(path: PathBuf) -> Result<u64, LoadError> {
    let text = read(&path)?;
    used_by(&text).ok_or(LoadError::Unknown(path))
}

fn processors() -> Result<Processors, LoadError> {
    let path = PathBuf::from("/proc/stat");
    let text = read(&path)?;
    all_and_idle(&text).ok_or(LoadError::Unknown(path))
}

fn read(path: &PathBuf) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.clone(), source })
}

/// What a process or thread has used, by its `stat`: in user mode and in the kernel.
fn used_by(stat: &str) -> Option<u64> {
    // Its name may hold anything, also blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    // From the third field on, the state; utime is the 14th.
    let mut fields = fields.split_whitespace().skip(14 - 3);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// What all processors together have spent, and how much of it on nothing, by `/proc/stat`.
fn all_and_idle(stat: &str) -> Option<Processors> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user, nice, system, idle, iowait, irq, softirq, steal; what guests of KVM used is in the first two as well.
    let ticks = line.split_whitespace().take(8).map(|field| field.parse().ok());
    let ticks = ticks.collect::<Option<Vec<u64>>>()?;
    // Each has a line of its own besides: cpu0 and so on.
    let count = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
    Some(Processors { all: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)?, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_what_the_kernel_says_whatever_its_name() {
        let stat = "7 (a) 1 (b) S 1 7 7 0 -1 4194560 1 2 3 4 500 60 7 8 20 0 1 0 9 10 11\n";
        assert_eq!(used_by(stat), Some(560));
        assert_eq!(used_by("7 (a) S 1"), None);
        assert!(used(process(std::process::id())).is_ok());
    }

    #[test]
    fn waiting_for_disks_is_idle_and_stolen_time_is_not() {
        let stat = "cpu  10 20 30 400 50 6 7 8 9 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1\n";
        assert_eq!(all_and_idle(stat), Some(Processors { all: 531, idle: 450, count: 1 }));
        assert_eq!(all_and_idle("intr 1"), None);
        assert!(processors().is_ok());
    }

    #[test]
    fn a_load_is_of_what_was_there_all_the_time() {
        let look = |all, idle, emulator, tas: &[(u32, u64)]| Look {
            processors: Processors { all, idle, count: 2 },
            emulator,
            daemon: 0,
            tas: tas.iter().copied().collect(),
            daemons_threads: tas.iter().copied().collect(),
        };
        let before = look(1000, 500, 10, &[(1, 5), (2, 5)]);
        let load = look(1800, 700, 410, &[(2, 45), (3, 99)]).since(&before);
        assert_eq!((load.busy, load.emulator, load.daemon, load.tas), (0.75, 0.5, 0.0, 0.05));
        assert_eq!((load.busiest_thread, load.processors), (0.1, 2.0));
    }
}
