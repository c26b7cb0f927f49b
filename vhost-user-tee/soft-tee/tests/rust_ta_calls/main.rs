// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Each public function of `optee-utee` is called by the test TA in Rust (`ta-dev-kit/tests/rust-check`), in the
//! version that the TA's Cargo.lock names; `rust_tas` has the TA do so and says what comes of it.
//!
//! What the library offers is read in its sources: [`library`]. What the TA calls, the compiler says: [`calls`]. So
//! `update` of a digest is not taken for `update` of a cipher, and code that the TA's entry points do not lead to
//! calls nothing. What remains unseen is a call behind a condition that never holds.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod calls;
mod library;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use library::Library;
use serde_json::Value;

/// Functions that no TA can make use of, and why not; the development kit's README has them too.
const NOT_CALLED: [(&str, &str); 7] = [
    ("AE::null", UNDEFINED),
    ("Asymmetric::null", UNDEFINED),
    ("Cipher::null", UNDEFINED),
    ("DeriveKey::null", UNDEFINED),
    ("Digest::null", UNDEFINED),
    ("Mac::null", UNDEFINED),
    ("DeriveKey::set_key_2", "none of the algorithms derives from two keys"),
];
const UNDEFINED: &str = "what it returns can only be forgotten: to drop it is undefined behaviour";

/// Some of what there is of each kind; fewer functions than this are not all of the library.
const SURELY: [&str; 6] = [
    "is_algorithm_supported",
    "Digest::update",
    "GenericObject::ref_attribute",
    "Socket::open",
    "Socket<TcpAdapter>::connect",
    "<TeeDeviceId as PropertyKey>::get",
];
const AT_LEAST: usize = 200;

#[test]
fn a_ta_calls_each_function_of_its_library() {
    let library = Library::read(&library_sources());
    let functions = &library.functions;
    assert!(functions.len() >= AT_LEAST, "only {}: {functions:#?}", functions.len());
    let absent: Vec<_> = SURELY.iter().filter(|name| !functions.contains(**name)).collect();
    assert!(absent.is_empty(), "{absent:?} not found in {functions:#?}");

    let called = calls::of_the_ta();
    let excepted: BTreeSet<String> = NOT_CALLED.iter().map(|(name, _)| name.to_string()).collect();
    let stale: Vec<_> =
        excepted.iter().filter(|name| called.contains(*name) || !functions.contains(*name)).collect();
    assert!(stale.is_empty(), "called, or no function of the library: {stale:#?}");
    let missing: Vec<_> = functions.difference(&called).filter(|name| !excepted.contains(*name)).collect();
    assert!(missing.is_empty(), "the TA does not call: {missing:#?}");
}

#[test]
fn a_ta_uses_each_macro_of_its_library() {
    let offered = Library::read(&library_sources()).macros;
    for name in ["trace_println", "ta_invoke_command", "define_property_key"] {
        assert!(offered.contains(name), "{name} not found in {offered:?}");
    }
    let used = library::macros_used(&soft_tee_testing::rust_test_ta_package().join("src"));
    let missing: Vec<_> = offered.difference(&used).collect();
    assert!(missing.is_empty(), "the TA does not use: {missing:?}");
}

/// Where Cargo has the sources of the library that the TA is built with.
fn library_sources() -> PathBuf {
    let output = soft_tee_testing::cargo()
        .current_dir(soft_tee_testing::rust_test_ta_package())
        .args(["metadata", "--locked", "--format-version=1"])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_library = |package: &&Value| package["name"] == "optee-utee";
    let found: Vec<&Value> = metadata["packages"].as_array().unwrap().iter().filter(is_library).collect();
    let [package] = found[..] else { panic!("not one optee-utee, but {}", found.len()) };
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("src")
}
