// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The development kit's make rules: a TA tree that uses everything that a tree can use
//! (`ta-dev-kit/tests/everything`), built with each compiler, loaded and called.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::path::Path;
use std::process::Command;

use common::*;
use tee::{Access, CancelToken, Lifetime};
use uuid::{uuid, Uuid};

const EVERYTHING: Uuid = uuid!("5d0b4a0e-5a73-4c8f-9c5c-6d1f4c1b9a52");

const FEATURE: u32 = 0;
const WATCH_DESTRUCTOR: u32 = 1;

/// What the TA's features give, in the order of their numbers.
const FEATURES: [(&str, u64); 14] = [
    ("global-cppflags-y, cppflags-y, cflags-<source>-y", 1 + 2 + 3),
    (".S, aflags-y, aflags-<source>-y", 42),
    ("srcs-$(CFG_…_$(sm))", 64),
    ("LIBNAME, libdirs, libnames, libdeps, incdirs-lib-y, cflags-lib-y", 4),
    ("subdirs-y, incdirs-y, a source's own flags", 1 + 1 + 5),
    ("subdirs-y below subdirs-y", 20),
    ("subdirs_ext-y, srcs_ext-y, oname-<source>-y", 30),
    ("gensrcs-y", 144),
    ("LDADD", 42),
    ("TA_CURRENT_TA_EXT_PROPERTIES", 71),
    ("C++ exceptions", 61),
    ("C++ global constructors", 50),
    ("C++ standard library", 130),
    ("C++ run-time types, cxxflags-<source>-y", 4),
];

/// Builds the tree with `compiler`, and checks each feature.
fn has_everything(compiler: &str) {
    let folder = soft_tee_testing::kit_test_ta("everything", compiler);
    let tee = soft_tee_with(&format!("everything-{compiler}"), |config| config.ta_dir.clone_from(&folder));
    let session = open(&context(&tee), EVERYTHING).unwrap();
    for (number, (what, expected)) in (0..).zip(FEATURES) {
        let mut params = [value(Access::InOut, number, 0)];
        invoke(&session, FEATURE, &mut params).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(values(&params[0]).0, expected, "{what}");
    }

    // Memory that the client has registered stays mapped until the instance has gone.
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
    invoke(&session, WATCH_DESTRUCTOR, &mut [memref(Access::InOut, &memory, 7, 1)]).unwrap();
    assert_eq!(ram.byte(7), 0);
    session.close(&CancelToken::new());
    wait_until("the destructor of a global object", || ram.byte(7) == b'D');
}

#[test]
fn gcc_builds_everything() {
    has_everything("gcc");
}

#[test]
fn clang_builds_everything() {
    has_everything("clang");
}

/// The same for arm64, of which this machine can only look at the outside.
#[test]
fn cross_compilers_build_everything() {
    for compiler in ["gcc", "clang"] {
        let folder = soft_tee_testing::kit_test_ta_for_arm64("everything", compiler);
        let ta = std::fs::read(folder.join(format!("{EVERYTHING}.ta"))).unwrap();
        // ELF, 64 bits, little-endian, shared object, EM_AARCH64.
        assert_eq!((&ta[..6], &ta[16..20]), (&b"\x7fELF\x02\x01"[..], &[3, 0, 183, 0][..]), "{compiler}");
    }
}

/// What the headers implement by themselves, in a plain program of this machine.
#[test]
fn helpers_of_the_headers_work() {
    let kit = concat!(env!("CARGO_MANIFEST_DIR"), "/../ta-dev-kit");
    let out = tempfile::tempdir().unwrap();
    let program = out.path().join("helpers");
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I"])
        .args([format!("{kit}/include"), format!("{kit}/tests/helpers.c"), format!("{kit}/src/base64.c")])
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let checked = Command::new(&program).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// `make new-ta`: what it makes builds, loads and answers, in either language.
#[test]
fn a_new_ta_builds_and_answers() {
    let kit = concat!(env!("CARGO_MANIFEST_DIR"), "/../ta-dev-kit");
    let trees = tempfile::tempdir().unwrap();
    // The dependencies of TAs in Rust are built there.
    let dependencies = soft_tee_testing::example_tas().join("obj/rust");
    let make = |folder: &Path, arguments: &[String]| {
        let make = Command::new("make")
            .arg("--silent")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .env_remove("MAKEFLAGS")
            .env("CARGO_TARGET_DIR", &dependencies)
            .output()
            .unwrap();
        (make.status.success(), String::from_utf8_lossy(&[make.stdout, make.stderr].concat()).into_owned())
    };
    let new_ta = |kind: &str, name: &str, folder: &Path| {
        let arguments = ["new-ta".into(), format!("KIND={kind}"), format!("NAME={name}")];
        make(Path::new(kit), &[&arguments[..], &[format!("DIR={}", folder.display())]].concat())
    };

    let out = trees.path().join("out");
    for (kind, name) in [("c", "my-own-2"), ("rust", "zeta")] {
        let tree = trees.path().join(kind);
        let (success, said) = new_ta(kind, name, &tree);
        assert!(success, "{said}");
        let (success, said) = make(&tree, &[format!("O={}", out.display()), "CFG_WERROR=y".into()]);
        assert!(success, "{said}");
        assert!(!new_ta(kind, name, &tree).0, "it was made where there is one");
    }
    for (kind, name) in [("pascal", "x"), ("c", "Upper"), ("c", "a b"), ("rust", "2nd"), ("c", "")] {
        assert!(!new_ta(kind, name, &trees.path().join("bad")).0, "{kind} {name}");
    }

    let tas = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let uuids: Vec<Uuid> = tas
        .filter(|path| path.extension().is_some_and(|extension| extension == "ta"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(uuids.len(), 2);
    let tee = soft_tee_with("new-ta", |config| config.ta_dir.clone_from(&out));
    for uuid in uuids {
        let session = open(&context(&tee), uuid).unwrap();
        let mut params = [value(Access::InOut, 41, 7)];
        invoke(&session, 0, &mut params).unwrap();
        assert_eq!(values(&params[0]).0, 42, "{uuid}");
    }
}
