// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Processes that are killed while they write (`kill -9`), and a file system that is full.
//!
//! The process to be killed is this program, run again for one test with `WRITER` set. It tells on its standard output
//! what it begins, and what it has done; so it is known what has to be there, and what may be.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{kill_process, Pid, Signal};
use secure_storage::{Error, Found, Id, Store};
use uuid::Uuid;

const KEY: [u8; 32] = [9; 32];
const QUOTA: u64 = 8 << 20;
const TA: Uuid = Uuid::from_u128(5);
/// Set for the process to be killed: the file of the store, and a seed.
const WRITER: &str = "SECURE_STORAGE_WRITER";

/// What a store has: of each object its seed and its length, of which all data follow.
type Objects = BTreeMap<u8, (u64, usize)>;

/// The same in the midst of a change: of each object its name, its seed, the seed that it says it has, and its length.
type State = Vec<(u8, u64, u64, usize)>;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create(u8, u64, usize),
    Overwrite(u8, u64, usize),
    Rename(u8, u8),
    Remove(u8),
}

fn id(name: u8) -> Id {
    Id::new(&[name]).unwrap()
}

/// Data of which every part tells whose it is.
fn data(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

impl Step {
    fn random(random: &mut fastrand::Rng) -> Self {
        let (name, seed) = (random.u8(..8), random.u64(..));
        let len = if random.u8(..4) == 0 { random.usize(..150_000) } else { random.usize(..2_000) };
        match random.u8(..8) {
            0..3 => Self::Create(name, seed, len),
            3..6 => Self::Overwrite(name, seed, len),
            6 => Self::Rename(name, random.u8(..8)),
            _ => Self::Remove(name),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split(' ').map_while(|word| word.parse().ok()).collect();
        Some(match *numbers {
            [0, name, seed, len] => Self::Create(name as u8, seed, len as usize),
            [1, name, seed, len] => Self::Overwrite(name as u8, seed, len as usize),
            [2, name, to] => Self::Rename(name as u8, to as u8),
            [3, name] => Self::Remove(name as u8),
            _ => return None,
        })
    }

    fn text(self) -> String {
        match self {
            Self::Create(name, seed, len) => format!("0 {name} {seed} {len}"),
            Self::Overwrite(name, seed, len) => format!("1 {name} {seed} {len}"),
            Self::Rename(name, to) => format!("2 {name} {to}"),
            Self::Remove(name) => format!("3 {name}"),
        }
    }

    fn apply(self, store: &Store) -> Result<(), Error> {
        let space = store.space(TA, 1)?;
        match self {
            Self::Create(name, seed, len) => {
                space.create(&id(name), &seed.to_le_bytes(), &data(seed, len), true)
            }
            // In place: every chunk is changed, and is to be changed with all others.
            Self::Overwrite(name, seed, len) => {
                let size = space.info(&id(name))?.size as usize;
                space.write(&id(name), 0, &data(seed, size.max(len)))?;
                space.set_meta(&id(name), &seed.to_le_bytes())
            }
            Self::Rename(name, to) => space.rename(&id(name), &id(to)),
            Self::Remove(name) => space.remove(&id(name)),
        }
    }

    /// What there may be after it, or in the midst of it, where it is of two transactions.
    fn after(self, before: &Objects) -> Vec<State> {
        let mut after = before.clone();
        let mut states = Vec::new();
        match self {
            Self::Create(name, seed, len) => drop(after.insert(name, (seed, len))),
            Self::Overwrite(name, seed, len) => {
                if let Some(object) = after.get_mut(&name) {
                    let (old, longer) = (object.0, object.1.max(len));
                    *object = (seed, longer);
                    let mut midst = flat(&after);
                    let changed = midst.iter_mut().find(|object| object.0 == name).unwrap();
                    changed.2 = old;
                    states.push(midst);
                }
            }
            Self::Rename(name, to) => {
                if !after.contains_key(&to) {
                    if let Some(object) = after.remove(&name) {
                        after.insert(to, object);
                    }
                }
            }
            Self::Remove(name) => drop(after.remove(&name)),
        }
        states.push(flat(&after));
        states
    }
}

/// The process to be killed: works until it is.
fn write_until_killed(file: &Path, seed: u64) -> ! {
    let store = Store::open(file, &KEY, QUOTA).unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = std::io::stdout().lock();
    loop {
        let step = Step::random(&mut random);
        writeln!(out, "begin {}", step.text()).unwrap();
        out.flush().unwrap();
        match step.apply(&store) {
            Ok(()) => writeln!(out, "done").unwrap(),
            Err(Error::NotFound | Error::Exists) => writeln!(out, "not").unwrap(),
            Err(error) => panic!("{step:?}: {error}"),
        }
        out.flush().unwrap();
    }
}

/// All objects that there are, with digests of their data: none is corrupt.
fn found(file: &Path) -> State {
    let store = Store::open(file, &KEY, QUOTA).unwrap_or_else(|error| panic!("{error}"));
    let space = store.space(TA, 1).unwrap();
    let mut objects = Vec::new();
    let mut cursor = None;
    while let Some(Found { cursor: next, info }) = space.next(cursor).unwrap() {
        let info = info.unwrap();
        let meta = u64::from_le_bytes(info.meta[..].try_into().unwrap());
        let mut bytes = vec![0; info.size as usize];
        assert_eq!(space.read(&info.id, 0, &mut bytes).unwrap(), bytes.len());
        objects.push((info.id.bytes()[0], bytes, meta));
        cursor = Some(next);
    }
    objects.sort_by_key(|(name, ..)| *name);
    objects.into_iter().map(|(name, bytes, meta)| (name, digest(&bytes), meta, bytes.len())).collect()
}

/// What data are known by; of data that are not whole it is another.
fn digest(bytes: &[u8]) -> u64 {
    let hash = secure_storage::hkdf(bytes, b"", b"", 8).unwrap();
    u64::from_le_bytes(hash[..].try_into().unwrap())
}

/// The states, with digests of the data in the place of their seeds, as [`found`] has them.
fn known(states: &[State]) -> Vec<State> {
    let with_digests = |objects: &State| {
        objects
            .iter()
            .map(|(name, seed, meta, len)| (*name, digest(&data(*seed, *len)), *meta, *len))
            .collect()
    };
    states.iter().map(with_digests).collect()
}

/// Kills writers, one after the other on one store; returns how many had something under way.
fn kill_writers(times: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let mut random = fastrand::Rng::with_seed(times as u64);
    let mut objects = Objects::new();
    let mut amid = 0;
    for round in 0..times {
        if round % 1000 == 999 {
            println!("{} of {times} …", round + 1);
        }
        let (before, under_way) = run_and_kill(&file, &mut random, objects);
        let states: Vec<_> = match under_way {
            Some(step) => [flat(&before)].into_iter().chain(step.after(&before)).collect(),
            None => vec![flat(&before)],
        };
        let found = found(&file);
        let which = known(&states).iter().position(|state| *state == found);
        let state = &states[which.unwrap_or_else(|| panic!("{under_way:?} of {before:?}: {found:?}"))];
        amid += usize::from(under_way.is_some());
        objects = state.iter().map(|(name, seed, _, len)| (*name, (*seed, *len))).collect();
        // A meta of before is put right by the next change of the object; until then it would be another's.
        for (name, seed, meta, _) in state {
            if seed != meta {
                let store = Store::open(&file, &KEY, QUOTA).unwrap();
                store.space(TA, 1).unwrap().set_meta(&id(*name), &seed.to_le_bytes()).unwrap();
            }
        }
    }
    amid
}

fn flat(objects: &Objects) -> State {
    objects.iter().map(|(name, (seed, len))| (*name, *seed, *seed, *len)).collect()
}

/// Runs a writer and kills it; returns what it has done, and what it was about.
fn run_and_kill(file: &Path, random: &mut fastrand::Rng, mut objects: Objects) -> (Objects, Option<Step>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--include-ignored"])
        .env(WRITER, format!("{} {}", random.u64(..), file.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut under_way = None;
    // After some steps, and a moment into the next: or at any moment, also while it starts.
    let steps = random.usize(..6);
    let moment = Duration::from_micros(random.u64(..20_000));
    let mut begun = 0;
    let mut killer = None;
    if random.u8(..10) == 0 {
        std::thread::sleep(moment);
        child.kill().unwrap();
    }
    for line in lines {
        let line = line.unwrap();
        if let Some(step) = line.strip_prefix("begin ").and_then(Step::parse) {
            under_way = Some(step);
            if begun == steps {
                let pid = Pid::from_child(&child);
                killer = Some(std::thread::spawn(move || {
                    std::thread::sleep(moment);
                    // It has not been waited for: the number is its own.
                    let _ = kill_process(pid, Signal::KILL);
                }));
            }
            begun += 1;
        } else if line == "done" {
            if let Some(step) = under_way.take() {
                let after = step.after(&objects).pop().unwrap();
                objects = after.into_iter().map(|(name, seed, _, len)| (name, (seed, len))).collect();
            }
        } else if line == "not" {
            under_way = None;
        }
    }
    if let Some(killer) = killer {
        killer.join().unwrap();
    }
    child.wait().unwrap();
    (objects, under_way)
}

#[test]
#[ignore = "the process that the other tests kill"]
fn writer() {
    // Nothing to do where nobody kills it.
    let Ok(told) = env::var(WRITER) else { return };
    let (seed, file) = told.split_once(' ').unwrap();
    write_until_killed(Path::new(file), seed.parse().unwrap());
}

#[test]
fn two_hundred_kills_lose_nothing() {
    let amid = kill_writers(200);
    assert!(amid > 50, "only {amid} were killed with something under way");
}

/// `cargo test --release -p secure-storage --test kill -- --ignored ten_thousand --nocapture`
#[test]
#[ignore = "takes minutes"]
fn ten_thousand_kills_lose_nothing() {
    println!("{} of 10000 writers were killed with something under way", kill_writers(10_000));
}

/// Set for the process that has a small file system of its own: where that is.
const SMALL: &str = "SECURE_STORAGE_SMALL_DISK";

#[test]
#[ignore = "the process that the next test runs"]
fn on_a_small_file_system() {
    let Ok(folder) = env::var(SMALL) else { return };
    let file = Path::new(&folder).join("store");
    // More than the file system has.
    let store = Store::open(&file, &KEY, 1 << 30).unwrap();
    let space = store.space(TA, 1).unwrap();
    let mut made = Vec::new();
    let mut full = 0;
    for seed in 0..60 {
        match space.create(&id(seed as u8), b"", &data(seed, 200_000), false) {
            Ok(()) => made.push(seed),
            Err(Error::NoSpace) => full += 1,
            Err(error) => panic!("{error}"),
        }
        if full > 0 {
            // Room again, for one more.
            let last = made.last().copied().filter(|_| seed % 3 == 0);
            match last.map(|last| space.remove(&id(last as u8))) {
                Some(Ok(())) => drop(made.pop()),
                Some(Err(Error::NoSpace)) | None => {}
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }
    drop(store);
    assert!(full > 10, "{full} of 60 found the disk full");
    let store = Store::open(&file, &KEY, 1 << 30).unwrap();
    let space = store.space(TA, 1).unwrap();
    for seed in made {
        let mut bytes = vec![0; 200_001];
        assert_eq!(space.read(&id(seed as u8), 0, &mut bytes).unwrap(), 200_000);
        assert!(bytes[..200_000] == data(seed, 200_000));
    }
    println!("small file system: all was there");
}

#[test]
fn a_full_file_system_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=8m none "$1" && exec "$2" --exact on_a_small_file_system --include-ignored --nocapture"#;
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .env(SMALL, folder.path())
        .output()
        .unwrap_or_else(|error| panic!("unshare: {error}: apt-get install util-linux"));
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(
        out.contains("all was there"),
        "{out}{err} (user namespaces: sysctl kernel.unprivileged_userns_clone=1)"
    );
}
