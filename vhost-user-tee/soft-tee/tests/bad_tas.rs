// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! TA files that cannot be used: each is a defined error, and one line in the log that says what is
//! wrong with which file.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use common::*;
use soft_tee::{Config, Limits, SoftTee, State};
use tee::{gp, Access, CancelToken, Failure, Lifetime, Param};
use uuid::Uuid;

/// Lines that were logged, by all tests.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{} {}", record.level(), record.args());
        LINES.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

fn record() {
    static RECORDER: OnceLock<()> = OnceLock::new();
    RECORDER.get_or_init(|| {
        log::set_logger(&Recorder).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// Opens a session with the TA in `content`; expects `ret`, and a line with `words`.
fn refused(content: &[u8], ret: u32, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{MULTI}.ta")), content).unwrap();
    refused_in(folder.path(), MULTI, ret, words);
}

fn refused_in(folder: &Path, uuid: Uuid, ret: u32, words: &str) {
    refused_with(folder, uuid, &mut [], ret, words);
}

fn refused_with(folder: &Path, uuid: Uuid, params: &mut [Param], ret: u32, words: &str) {
    record();
    let name = format!("vm-{}", folder.file_name().unwrap().to_string_lossy());
    let tee = soft_tee_with(&name, |config| config.ta_dir = folder.to_owned());
    assert_eq!(open_with(&context(&tee), uuid, params).err(), Some(Failure::tee(ret)), "{words}");
    drop(tee);
    let lines = LINES.lock().unwrap();
    let lines: Vec<_> = lines.iter().filter(|line| line.contains(&name)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(words) && lines[0].contains(&uuid.to_string()), "{lines:?}: {words}");
}

fn probe() -> Vec<u8> {
    fs::read(soft_tee_testing::test_tas().join(format!("{MULTI}.ta"))).unwrap()
}

fn compiled(source: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ta.so");
    soft_tee_testing::compile(source, &file);
    fs::read(file).unwrap()
}

#[test]
fn missing() {
    let folder = tempfile::tempdir().unwrap();
    refused_in(folder.path(), MULTI, gp::ERROR_ITEM_NOT_FOUND, "there is no");
}

#[test]
fn a_ta_may_be_added_and_replaced_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let tee = soft_tee_with("added", |config| config.ta_dir = folder.path().to_owned());
    let context = context(&tee);
    assert!(open(&context, MULTI).is_err());
    let file = folder.path().join(format!("{MULTI}.ta"));
    fs::write(&file, probe()).unwrap();
    let session = open(&context, MULTI).unwrap();
    // The file of a running TA may be overwritten: what runs is a copy.
    fs::write(&file, b"").unwrap();
    invoke_value(&session, SWAP, 1, 2).unwrap();
    assert_eq!(open(&context, MULTI).err(), Some(Failure::tee(gp::ERROR_BAD_FORMAT)));
    session.close(&CancelToken::new());
}

#[test]
fn truncated() {
    let whole = probe();
    for len in [0, 10, 63, 64, 1000, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..len], gp::ERROR_BAD_FORMAT, ".ta: ");
    }
}

#[test]
fn not_an_elf_file() {
    refused(b"#!/bin/sh\necho I am a TA, trust me\n", gp::ERROR_BAD_FORMAT, "ELF");
}

#[test]
fn for_another_machine() {
    let mut ta = probe();
    // e_machine: MIPS.
    ta[18..20].copy_from_slice(&8u16.to_le_bytes());
    refused(&ta, gp::ERROR_BAD_FORMAT, "another machine (ELF machine 8");
}

#[test]
fn a_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    soft_tee_testing::compile_program("int main(void) { return 0; }", &file);
    refused(&fs::read(file).unwrap(), gp::ERROR_BAD_FORMAT, "not a shared object");
}

#[test]
fn without_a_header() {
    let library = compiled("int answer(void) { return 42; }");
    refused(&library, gp::ERROR_BAD_FORMAT, "no section .ta_head");
}

#[test]
fn another_tas() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{SHARED}.ta")), probe()).unwrap();
    refused_in(folder.path(), SHARED, gp::ERROR_BAD_FORMAT, &format!("it is TA {MULTI}"));
}

#[test]
fn without_an_entry_point() {
    let source = ta_source("").replace("TA_DestroyEntryPoint", "TA_DestructionEntryPoint");
    refused(&compiled(&source), gp::ERROR_BAD_FORMAT, "does not export TA_DestroyEntryPoint");
}

#[test]
fn in_need_of_a_function_that_is_not_there() {
    let more = "void TEE_NotInAnyVersion(void); void use(void) { TEE_NotInAnyVersion(); }";
    refused(
        &compiled(&ta_source(more)),
        gp::ERROR_BAD_FORMAT,
        "it needs TEE_NotInAnyVersion, which this version does not provide",
    );
}

/// The dynamic linker's complaint reaches the log.
#[test]
fn in_need_of_another_function() {
    let more = "void not_in_any_library(void); void use(void) { not_in_any_library(); }";
    refused(&compiled(&ta_source(more)), gp::ERROR_BAD_FORMAT, "undefined symbol: not_in_any_library");
}

/// It ends while memory is on its way to it, of which there is more than waits there.
#[test]
fn with_much_memory_that_it_does_not_come_to_take() {
    let more = "void not_in_any_library(void); void use(void) { not_in_any_library(); }";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{MULTI}.ta")), compiled(&ta_source(more))).unwrap();
    let pages = 40_000;
    let ram = Ram::new(pages * 2);
    let runs: Vec<_> = (0..pages).map(|page| (page * 2, 1)).collect();
    let memory = ram.memory(Lifetime::Transient, &runs);
    let mut params = [memref(Access::Input, &memory, 0, 8)];
    refused_with(folder.path(), MULTI, &mut params, gp::ERROR_BAD_FORMAT, "undefined symbol");
}

/// The code of a TA that runs while it is loaded is in the sandbox.
#[test]
fn with_a_constructor_that_starts_a_program() {
    let more = "#include <unistd.h>
        __attribute__((constructor)) static void go(void) { execl(\"/bin/true\", \"true\", (char *)0); }";
    refused(&compiled(&ta_source(more)), gp::ERROR_TARGET_DEAD, "forbidden system call, number");
}

#[test]
fn with_a_constructor_that_reads_files() {
    let more = "#include <fcntl.h>
        static int got;
        __attribute__((constructor)) static void go(void)
        { got = open(\"/etc/passwd\", O_RDONLY) >= 0 || open(\"/proc/self/maps\", O_RDONLY) >= 0; }";
    let source = ta_source(more).replace(
        "TA_CreateEntryPoint(void) { return",
        "TA_CreateEntryPoint(void) { extern int check(void); return check() ? TEE_ERROR_SECURITY :",
    ) + "\nint check(void) { return got; }";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{MULTI}.ta")), compiled(&source)).unwrap();
    let tee = soft_tee_with("constructor", |config| config.ta_dir = folder.path().to_owned());
    open(&context(&tee), MULTI).unwrap().close(&CancelToken::new());
}

#[test]
fn too_long() {
    record();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(format!("{MULTI}.ta")), probe()).unwrap();
    let tee = soft_tee_with("too-long", |config| {
        config.ta_dir = folder.path().to_owned();
        config.limits.ta_file = 1000;
    });
    assert_eq!(open(&context(&tee), MULTI).err(), Some(Failure::tee(gp::ERROR_OUT_OF_MEMORY)));
}

#[test]
fn a_fifo_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{MULTI}.ta"));
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    refused_in(folder.path(), MULTI, gp::ERROR_GENERIC, "not a regular file");
}

#[test]
fn what_the_tee_is_made_of_is_checked() {
    let make = |change: &dyn Fn(&mut Config)| {
        let mut config = Config {
            name: "made".to_owned(),
            ta_dir: soft_tee_testing::test_tas().to_owned(),
            ta_runtime: soft_tee_testing::runtime().to_owned(),
            limits: Limits::default(),
            state: Arc::new(State::in_memory(soft_tee::DEFAULT_STORAGE).unwrap()),
            sockets: Vec::new(),
            denied: HashSet::new(),
        };
        change(&mut config);
        SoftTee::new(config).err().map(|error| error.to_string())
    };
    assert_eq!(make(&|_| ()), None);
    assert!(make(&|config| config.ta_dir = "/nowhere".into()).unwrap().contains("TA folder /nowhere"));
    assert!(make(&|config| config.ta_runtime = "/nowhere".into()).unwrap().contains("TA runtime /nowhere"));
    let other = make(&|config| config.ta_runtime = std::env::current_exe().unwrap()).unwrap();
    assert!(other.contains("not a ta-runtime"), "{other}");
}
