// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What tests of the software TEE need and Cargo does not hand them: the program of another package,
//! and TAs. Each is built when a test first asks for it, and up to date always.
//!
//! What fails here fails the test, with a line that says what to do about it.

#![allow(clippy::panic)] // It is for tests.

pub mod gp_coverage;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use rustix::fs::{flock, FlockOperation};

/// Where the development kit's test TA in Rust is.
const RUST_TEST_TA: &str = "vhost-user-tee/ta-dev-kit/tests/rust-check";

/// The `ta-runtime` of this workspace, built with the profile of the test that asks.
pub fn runtime() -> &'static Path {
    static RUNTIME: OnceLock<PathBuf> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let profile = profile_dir();
        let release = profile.ends_with("release");
        run(cargo()
            .current_dir(workspace())
            .args(["build", "--quiet", "--package", "ta-runtime", "--target-dir"])
            .arg(target_dir())
            .args(release.then_some("--release")));
        let runtime = target_dir().join(if release { "release" } else { "debug" }).join("ta-runtime");
        assert!(runtime.is_file(), "{} was not built", runtime.display());
        runtime
    })
}

/// A folder with the test TAs of `integration/tas`, which tell what they use of the GP API: see [`gp_coverage`].
pub fn test_tas() -> &'static Path {
    static TAS: OnceLock<PathBuf> = OnceLock::new();
    TAS.get_or_init(|| make_with("test-tas", "integration/tas", "all", &["GP_COVERAGE=y"]))
}

/// A folder with the examples of the development kit, in C and in Rust.
pub fn example_tas() -> &'static Path {
    static TAS: OnceLock<PathBuf> = OnceLock::new();
    TAS.get_or_init(|| make_tas("example-tas", "vhost-user-tee/ta-dev-kit", "examples"))
}

/// A folder with the TA of the development kit's test tree `name`, built for this machine by `compiler`, which
/// is gcc or clang.
pub fn kit_test_ta(name: &str, compiler: &str) -> PathBuf {
    need(&[("g++", "g++"), ("clang++", "clang"), ("llvm-ar", "llvm")]);
    let folder = format!("vhost-user-tee/ta-dev-kit/tests/{name}");
    make_with(&format!("kit-{name}-{compiler}"), &folder, "all", &[&format!("COMPILER={compiler}")])
}

/// The same for arm64.
pub fn kit_test_ta_for_arm64(name: &str, compiler: &str) -> PathBuf {
    need(&[("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"), ("clang++", "clang"), ("llvm-ar", "llvm")]);
    let folder = format!("vhost-user-tee/ta-dev-kit/tests/{name}");
    let options = [&format!("COMPILER={compiler}"), "CROSS_COMPILE=aarch64-linux-gnu-"];
    make_with(&format!("kit-{name}-{compiler}-arm64"), &folder, "all", &options)
}

/// A folder with the development kit's test TA in Rust, which shares the dependencies of the examples.
pub fn rust_test_ta() -> PathBuf {
    let dependencies = format!("CARGO_TARGET_DIR={}", example_tas().join("obj/rust").display());
    make_with("kit-rust-check", RUST_TEST_TA, "all", &[&dependencies])
}

/// The package of that TA.
pub fn rust_test_ta_package() -> PathBuf {
    workspace().join(RUST_TEST_TA)
}

/// An object file of that TA's own code: not optimized, so that each function that it calls is still there to be
/// called, and with the names of functions as Rust has newly, which tell all types.
pub fn rust_test_ta_object() -> PathBuf {
    let out = target_dir().join("kit-rust-check-object");
    fs::create_dir_all(&out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    let _lock = lock(&out.join("lock"));
    let object = out.join("rust-check.o");
    run(cargo()
        .current_dir(rust_test_ta_package())
        .args(["rustc", "--quiet", "--locked", "--lib", "--target-dir"])
        .arg(&out)
        .args(["--", "-Ccodegen-units=1"])
        .arg(format!("--emit=obj={}", object.display()))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-Csymbol-mangling-version=v0"));
    object
}

/// The Cargo that runs the test.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether a process runs; one that has ended and that nobody has waited for does not.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state is behind the name, which is in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Fails, saying how to install them, unless these programs are there; each with its package.
pub fn need(programs: &[(&str, &str)]) {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = |program| env::split_paths(&path).any(|folder| folder.join(program).exists());
    let missing: Vec<_> =
        programs.iter().filter(|(program, _)| !found(program)).map(|(_, package)| *package).collect();
    assert!(missing.is_empty(), "this test needs more packages: apt-get install {}", missing.join(" "));
}

/// Makes `target` of the Makefile in `folder`, into a folder of that name below `target/`.
fn make_tas(name: &str, folder: &str, target: &str) -> PathBuf {
    make_with(name, folder, target, &[])
}

fn make_with(name: &str, folder: &str, target: &str, options: &[&str]) -> PathBuf {
    let out = target_dir().join(name);
    fs::create_dir_all(&out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    let _lock = lock(&out.join("lock"));
    run(Command::new("make")
        .arg("--silent")
        .arg("-C")
        .arg(workspace().join(folder))
        .arg(format!("O={}", out.display()))
        .args(options)
        .arg(target)
        // What `cargo test` sets is for Cargo.
        .env_remove("MAKEFLAGS"));
    out
}

/// Compiles a TA of one C source into the shared object `to`, with the development kit's headers and
/// without its own sources: what the source does not define is missing.
pub fn compile(source: &str, to: &Path) {
    let kit = workspace().join("vhost-user-tee/ta-dev-kit/include");
    compile_with(source, to, &["-shared", "-fPIC", "-I", &kit.to_string_lossy()]);
}

/// Compiles one C source into the program `to`, of which TAs could use all symbols.
pub fn compile_program(source: &str, to: &Path) {
    compile_with(source, to, &["-rdynamic"]);
}

fn compile_with(source: &str, to: &Path, options: &[&str]) {
    let file = to.with_extension("c");
    fs::write(&file, source).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    run(Command::new("cc").args(["-O1", "-Wall", "-Werror"]).args(options).arg("-o").arg(to).arg(&file));
}

/// Runs a build tool to its end.
fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "{program}: {error}. These tests need make and a C compiler: apt-get install make gcc libc6-dev"
        )
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn lock(path: &Path) -> File {
    let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    flock(&file, FlockOperation::LockExclusive).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).map(Path::to_path_buf).unwrap_or_default()
}

/// `target/debug`, or `target/release`: the test program lies in its `deps`.
fn profile_dir() -> PathBuf {
    let program = env::current_exe().unwrap_or_else(|error| panic!("current_exe: {error}"));
    program.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

fn target_dir() -> PathBuf {
    profile_dir().parent().map(Path::to_path_buf).unwrap_or_default()
}
