// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Each subcommand, on the dev kit's example with bugs.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const KIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ta-dev-kit");

fn example() -> PathBuf {
    Path::new(KIT).join("examples/buggy-c")
}

/// The line of the example's source that has `text`, from 1.
fn line(text: &str) -> usize {
    let source = fs::read_to_string(example().join("buggy_ta.c")).unwrap();
    source.lines().position(|line| line.contains(text)).unwrap() + 1
}

/// A copy of the example, with other words for some of its own.
fn example_with(words: &str, others: &str) -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("include")).unwrap();
    for file in ["Makefile", "sub.mk", "user_ta_header_defines.h", "include/buggy_ta.h"] {
        fs::copy(example().join(file), tree.path().join(file)).unwrap();
    }
    let source = fs::read_to_string(example().join("buggy_ta.c")).unwrap();
    assert!(source.contains(words));
    fs::write(tree.path().join("buggy_ta.c"), source.replace(words, others)).unwrap();
    tree
}

/// Runs a subcommand on `tree`; what it says, and whether it succeeded.
fn ta_debug(subcommand: &str, tree: &Path, out: &Path, arguments: &[&str]) -> (String, bool) {
    soft_tee_testing::need(&[
        ("make", "make"),
        ("gcc", "gcc"),
        ("clang++", "clang"),
        ("gdb", "gdb"),
        ("lcov", "lcov"),
    ]);
    let output: Output = Command::new(env!("CARGO_BIN_EXE_ta-debug"))
        .arg(subcommand)
        .arg(tree)
        .arg("--out")
        .arg(out)
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn gdb_stops_at_the_entry_and_knows_the_source() {
    let out = tempfile::tempdir().unwrap();
    let commands =
        ["-ex", "break multiply", "-ex", "continue", "-ex", "print params[0].value", "-ex", "continue"];
    let arguments = [&["--call", "1:inout=6,7", "--", "-batch"], &commands[..]].concat();
    let (said, success) = ta_debug("gdb", &example(), out.path(), &arguments);
    assert!(success, "{said}");
    let entry = "Breakpoint 1, TA_CreateEntryPoint () at buggy_ta.c:";
    has(&said, &["WITHOUT A SANDBOX", entry, "Breakpoint 2, multiply (", "{a = 6, b = 7}", "p0 = 0x2a, 0x7"]);
}

#[test]
fn sanitizers_tell_file_and_line() {
    let out = tempfile::tempdir().unwrap();
    let good = ["--call", "0:text=LEN3xyx:out", "--call", "1:inout=6,7"];
    let (said, success) = ta_debug("sanitize", &example(), out.path(), &good);
    assert!(success && !said.contains("runtime error"), "{said}");
    has(&said, &["p1 = 0x2", "p0 = 0x2a"]);

    let overflow = ["--call", "0:text=LEN9x:out"];
    let (said, success) = ta_debug("sanitize", &example(), out.path(), &overflow);
    assert!(!success, "{said}");
    let place = format!("buggy_ta.c:{}", line("== 'x'"));
    has(&said, &["AddressSanitizer: heap-buffer-overflow", &place, "in count", "the TA has died"]);

    let undefined = ["--call", "1:inout=100000,100000"];
    let (said, success) = ta_debug("sanitize", &example(), out.path(), &undefined);
    assert!(!success, "{said}");
    let place = format!("buggy_ta.c:{}:", line("(int32_t)params[0].value.b"));
    has(&said, &[&place, "runtime error: signed integer overflow", "the TA has died"]);
}

#[test]
fn all_that_a_ta_prints_is_shown() {
    let out = tempfile::tempdir().unwrap();
    let words = "params[0].value.a = ";
    let tree =
        example_with(words, &format!("for (int i = 0; i < 5000; i++) IMSG(\"line %d.\", i);\n\t{words}"));
    let (said, success) = ta_debug("sanitize", tree.path(), out.path(), &["--call", "1:inout=6,7"]);
    assert!(success, "{said}");
    has(&said, &["p0 = 0x2a"]);
    for line in 0..5000 {
        has(&said, &[&format!("line {line}.")]);
    }
}

#[test]
fn coverage_counts_what_was_reached() {
    let out = tempfile::tempdir().unwrap();
    let calls = ["--call", "0:text=LEN3xyx:out", "--call", "0:text=LEN0x:out"];
    let (said, success) = ta_debug("coverage", &example(), out.path(), &calls);
    assert!(success, "{said}");
    assert!(out.path().join("html/index.html").is_file());
    let report = fs::read_to_string(out.path().join("coverage.info")).unwrap();
    let count = |text| {
        let start = format!("DA:{},", line(text));
        let counted = report.lines().find_map(|line| line.strip_prefix(&start));
        counted.unwrap_or_else(|| panic!("no {start} in\n{report}")).parse::<u32>().unwrap()
    };
    assert_eq!(count("length = text[prefix]"), 2);
    assert_eq!(count("== 'x'"), 3);
    assert_eq!(count("(int32_t)params[0].value.b"), 0);
    // The TA alone.
    assert_eq!(report.matches("SF:").count(), 1, "{report}");
}

#[test]
fn the_fuzzer_finds_what_needs_the_right_command_and_words() {
    let out = tempfile::tempdir().unwrap();
    // Without the bug that is found within the first second.
    let product = "(uint32_t)((int32_t)params[0].value.a * (int32_t)params[0].value.b)";
    let tree = example_with(product, "params[0].value.a * params[0].value.b");

    // It takes some ten seconds; the limit is for a machine that has other things to do.
    let (said, success) = ta_debug("fuzz", tree.path(), out.path(), &["--", "-max_total_time=900"]);
    assert!(!success, "{said}");
    has(&said, &["AddressSanitizer: heap-buffer-overflow", "in count", "an input that makes the TA fail: "]);

    let crash = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path());
    let crash = crash.into_iter().find(|path| path.to_string_lossy().contains("/crash-")).unwrap();
    let input = fs::read(&crash).unwrap();
    assert!(input.windows(3).any(|window| window == b"LEN"), "{input:?}");
    let again = ["--", &crash.to_string_lossy()];
    let (said, success) = ta_debug("fuzz", tree.path(), out.path(), &again);
    assert!(!success, "{said}");
    has(&said, &["AddressSanitizer: heap-buffer-overflow"]);
}
