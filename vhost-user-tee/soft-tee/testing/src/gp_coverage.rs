// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which test exercises which function and algorithm of the GP API, for `docs/gp-coverage.md`.
//!
//! The test TAs tell on their log what they use (`integration/tas/gp-coverage/gp_coverage.c`); the log names
//! the VM, whose name tells the test. What a test has used is left in
//! `target/gp-coverage/<test program>/<test>`, one name a line, anew each time that it runs;
//! `cargo run -p integration -- gp-coverage` reads it there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::{env, thread};

use log::{Log, Metadata, Record};

/// Target of the TAs' lines in the log, and what those of interest begin with.
const TARGET: &str = "ta";
const MARK: &str = "gp-coverage ";

/// Between a VM's own name and the test's.
const OF_TEST: char = '@';

/// A name for a VM of the test that calls this, of which notes are taken. Starts the test program's log,
/// which shows what `RUST_LOG` asks for.
///
/// Only the thread that a test began in knows the test's name: called from another one, and with
/// `--test-threads=1`, there are no notes.
pub fn vm_name(name: &str) -> String {
    static LOG: Once = Once::new();
    LOG.call_once(|| {
        // Whoever has set another log does without the notes.
        if log::set_boxed_logger(Box::new(Collector::new())).is_ok() {
            log::set_max_level(log::LevelFilter::Trace);
        }
    });
    match thread::current().name() {
        None | Some("main") => name.to_owned(),
        Some(test) => format!("{name}{OF_TEST}{test}"),
    }
}

/// The log.
struct Collector {
    shown: env_logger::Logger,
    notes: Mutex<BTreeMap<String, Notes>>,
}

impl Collector {
    fn new() -> Self {
        let shown = env_logger::Builder::from_default_env().is_test(true).build();
        Self { shown, notes: Mutex::default() }
    }

    fn notes(&self) -> MutexGuard<'_, BTreeMap<String, Notes>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET || self.shown.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() == TARGET {
            if let Some((test, used)) = parse(&record.args().to_string()) {
                self.notes().entry(test.to_owned()).or_insert_with(|| Notes::new(test)).add(used);
                return;
            }
        }
        self.shown.log(record);
    }

    fn flush(&self) {
        self.shown.flush();
    }
}

/// The test and what it used, of a line "`name`@`test`: TA `uuid`: gp-coverage `used`".
fn parse(line: &str) -> Option<(&str, &str)> {
    let (who, used) = line.rsplit_once(": ")?;
    let used = used.strip_prefix(MARK)?;
    let (vm, _ta) = who.split_once(": ")?;
    let (_name, test) = vm.split_once(OF_TEST)?;
    Some((test, used))
}

/// What one test uses.
struct Notes {
    path: PathBuf,
    seen: BTreeSet<String>,
}

impl Notes {
    fn new(test: &str) -> Self {
        let folder = folder();
        let path = folder.join(test);
        // This is the thread that watches the TAs: it has nobody to tell. What is missing shows in the table.
        let _ = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, ""));
        Self { path, seen: BTreeSet::new() }
    }

    fn add(&mut self, used: &str) {
        if self.seen.insert(used.to_owned()) {
            // Tests count open files, so this does not stay open. Errors: as above.
            let file = File::options().append(true).open(&self.path);
            let _ = file.and_then(|mut file| file.write_all(format!("{used}\n").as_bytes()));
        }
    }
}

/// `target/gp-coverage/<test program>`, without the hash that Cargo appends to the program's name.
fn folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.rsplit_once('-').map_or(name.as_str(), |(name, _hash)| name);
    super::target_dir().join("gp-coverage").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_test_and_use() {
        let line = "vm@a::test: TA 355ca50a-8cb4-4de0-a633-59e17afc16fb [1]: gp-coverage TEE_Free";
        assert_eq!(parse(line), Some(("a::test", "TEE_Free")));
        assert_eq!(parse("vm: TA x: gp-coverage TEE_Free"), None);
        assert_eq!(parse("vm@test: TA x: says: gp-coverage"), None);
        assert_eq!(parse("vm@test: TA x: hello"), None);
    }

    #[test]
    fn names_tell_the_test() {
        let thread = thread::Builder::new().name("a::test".into()).spawn(|| vm_name("vm")).unwrap();
        assert_eq!(thread.join().unwrap(), "vm@a::test");
    }
}
