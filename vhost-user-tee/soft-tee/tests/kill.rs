// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The process of the software TEE is killed (`kill -9`) while its TAs write, and while one spins: what a TA was told
//! is stored is there afterwards, the object under way is as it was or as it was to be, and no process of a TA is left.
//!
//! The process to be killed is this program, run again for one test with `WRITER` set. It tells on its standard output
//! which processes it has, what it begins, and what it has done.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crypto::common::{children, context, invoke, soft_tee_with, value, wait_until, MULTI, SPIN};
use crypto::*;
use rustix::process::{pidfd_getfd, pidfd_open, Pid, PidfdFlags, PidfdGetfdFlags};
use soft_tee::{SoftTee, State};
use ta_protocol::storage::flag::*;
use tee::{gp, Access};

const PRIVATE: u32 = 1;
const KILLS: usize = 20;
/// Set for the process to be killed: a seed, the folder of the state, and in lines of their own what is stored there.
const WRITER: &str = "SOFT_TEE_WRITER";

/// One change: of the object `name`, to what `seed` gives, `len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// In place, or a new object in place of the old one.
    in_place: bool,
    name: u8,
    seed: u32,
    len: u32,
}

/// What is stored: of each object its seed and its length.
type Objects = BTreeMap<u8, (u32, u32)>;

impl Step {
    fn random(random: &mut fastrand::Rng) -> Self {
        Self {
            in_place: random.bool(),
            name: random.u8(..4),
            // What the TA makes of it is a byte.
            seed: random.u32(1..256),
            len: if random.bool() { random.u32(1..1_000) } else { random.u32(1..600_000) },
        }
    }

    fn text(self) -> String {
        format!("begin {} {} {} {}", u8::from(self.in_place), self.name, self.seed, self.len)
    }

    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<u32> =
            line.strip_prefix("begin ")?.split(' ').map_while(|word| word.parse().ok()).collect();
        let [in_place, name, seed, len] = *numbers else { return None };
        Some(Self { in_place: in_place != 0, name: name as u8, seed, len })
    }

    /// Has the TA do it; an object to be written in place is as long as it was, or longer.
    fn apply(self, ta: &Ta, before: Option<(u32, u32)>) {
        match before.filter(|_| self.in_place) {
            Some((_, len)) => {
                let args = args(&[0, PRIVATE]).bytes(&[self.name]).u32(ACCESS_WRITE);
                ta.ok(Call::Open, args);
                ta.ok(Call::WritePattern, crypto::args(&[0, self.seed, len.max(self.len)]));
            }
            None => {
                let args = args(&[1, 0, PRIVATE]).bytes(&[self.name]).u32(ACCESS_WRITE | OVERWRITE).u32(NONE);
                ta.ok(Call::CreatePattern, args.u32(self.seed).u32(self.len));
            }
        }
        ta.ok(Call::CloseObject, args(&[0]));
    }

    /// What is stored after it.
    fn after(self, objects: &Objects) -> Objects {
        let mut after = objects.clone();
        let before = objects.get(&self.name).filter(|_| self.in_place).map_or(0, |object| object.1);
        after.insert(self.name, (self.seed, before.max(self.len)));
        after
    }
}

fn tee_in(folder: &Path) -> Arc<SoftTee> {
    let state = State::open(folder, soft_tee::DEFAULT_STORAGE).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(soft_tee_with("killed", |config| {
        // No notes are taken: what a killed process has used is a matter of chance.
        config.name = "killed".into();
        config.state = Arc::new(state);
    }))
}

/// Whether these are all that is stored, each as it is here.
fn is_stored(tee: &Arc<SoftTee>, objects: &Objects) -> bool {
    let ta = Ta::of(tee.clone(), Api::Now);
    (0..4).all(|name| {
        let found = ta.call(Call::Open, args(&[0, PRIVATE]).bytes(&[name]).u32(ACCESS_READ)).result;
        let Some((seed, len)) = objects.get(&name) else { return found == gp::ERROR_ITEM_NOT_FOUND };
        assert_eq!(found, gp::SUCCESS, "object {name}");
        let read = ta.ok(Call::ReadPattern, args(&[0, *seed, len + 1])).u32s();
        ta.ok(Call::CloseObject, args(&[0]));
        read == [*len, *len]
    })
}

/// The process to be killed: works until it is.
fn write_until_killed(folder: &Path, seed: u64, mut objects: Objects) -> ! {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = std::io::stdout().lock();
    let tee = tee_in(folder);
    let ta = Ta::of(tee.clone(), Api::Now);
    let spinning = common::open(&context(&tee), MULTI).unwrap();
    std::thread::spawn(move || invoke(&spinning, SPIN, &mut [value(Access::Input, 0, 0)]));
    for child in children() {
        writeln!(out, "process {child}").unwrap();
    }
    loop {
        let step = Step::random(&mut random);
        writeln!(out, "{}", step.text()).unwrap();
        out.flush().unwrap();
        step.apply(&ta, objects.get(&step.name).copied());
        objects = step.after(&objects);
        writeln!(out, "done").unwrap();
        out.flush().unwrap();
    }
}

#[test]
#[ignore = "the process that the other test kills"]
fn writer() {
    // Nothing to do where nobody kills it.
    let Ok(told) = env::var(WRITER) else { return };
    let mut lines = told.lines();
    let (seed, folder) = lines.next().unwrap().split_once(' ').unwrap();
    let made = |objects: Objects, step: Step| step.after(&objects);
    let objects = lines.filter_map(Step::parse).fold(Objects::new(), made);
    write_until_killed(Path::new(folder), seed.parse().unwrap(), objects);
}

/// A writer that was killed.
struct Killed {
    /// What it has stored.
    objects: Objects,
    /// What it was about.
    under_way: Option<Step>,
    /// Its TAs' processes.
    processes: Vec<u32>,
    /// Its files, where they are kept open: its TAs do not hear of its end then.
    files: Vec<OwnedFd>,
}

/// The files that `child` has open, but for what it tells this process by.
fn files_of(child: &Child) -> Vec<OwnedFd> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let numbers = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    let numbers = numbers.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
    // Some are closed meanwhile.
    numbers
        .filter(|number| *number > 2)
        .filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok())
        .collect()
}

/// Runs a writer and kills it; `hold` its files open.
fn run_and_kill(folder: &Path, random: &mut fastrand::Rng, mut objects: Objects, hold: bool) -> Killed {
    let mut told = format!("{} {}", random.u64(..), folder.display());
    for (name, (seed, len)) in &objects {
        let made = Step { in_place: false, name: *name, seed: *seed, len: *len };
        told += &format!("\n{}", made.text());
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--include-ignored"])
        .env(WRITER, told)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut under_way, mut processes) = (None, Vec::new());
    let steps = random.usize(1..6);
    let mut begun = 0;
    for line in lines.by_ref().map_while(Result::ok) {
        if let Some(pid) = line.strip_prefix("process ") {
            processes.push(pid.parse().unwrap());
        } else if let Some(step) = Step::parse(&line) {
            under_way = Some(step);
            begun += 1;
            if begun == steps {
                break;
            }
        } else if line == "done" {
            objects = under_way.take().unwrap().after(&objects);
        }
    }
    // A moment into the step; and what it has said until then.
    std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
    let files = if hold { files_of(&child) } else { Vec::new() };
    assert_eq!(!files.is_empty(), hold);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok) {
        match (line.as_str(), Step::parse(&line)) {
            (_, Some(step)) => under_way = Some(step),
            ("done", None) => objects = under_way.take().unwrap().after(&objects),
            _ => {}
        }
    }
    Killed { objects, under_way, processes, files }
}

#[test]
fn a_killed_tee_loses_nothing_and_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(4);
    let mut objects = Objects::new();
    let mut amid = 0;
    for kill in 0..KILLS {
        let killed = run_and_kill(folder.path(), &mut random, objects, kill % 2 == 1);
        assert_eq!(killed.processes.len(), 2);
        // Also where their sockets are as if nothing had happened, so that nobody but the kernel ends them.
        wait_until("the processes of the TAs end", || {
            !killed.processes.iter().any(|pid| soft_tee_testing::is_running(*pid))
        });
        let Killed { objects: before, under_way, files, .. } = killed;
        drop(files);
        let tee = tee_in(folder.path());
        let after = under_way.map(|step| step.after(&before));
        let stored = [Some(before.clone()), after].into_iter().flatten().find(|state| is_stored(&tee, state));
        objects = stored.unwrap_or_else(|| panic!("{under_way:?} of {before:?}: neither before nor after"));
        amid += usize::from(under_way.is_some());
    }
    assert!(amid > KILLS / 4, "only {amid} were killed with something under way");
}
