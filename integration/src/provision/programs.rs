// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What Cargo and the TA dev kit build, for this machine and for arm64. Both know themselves what is up
//! to date.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::{vm_dir, workspace};
use crate::progress::step;

use super::{store, ProvisionError, Root};

/// What runs on the host.
#[derive(Debug, Clone)]
pub struct HostPrograms {
    /// The daemon.
    pub daemon: PathBuf,
    /// The process that a TA lives in.
    pub ta_runtime: PathBuf,
    /// The folder of TAs: the dev kit's examples and the tests' own.
    pub ta_dir: PathBuf,
}

/// What runs in the guest, linked statically.
#[derive(Debug, Clone)]
pub struct GuestPrograms {
    /// The guest's init.
    pub agent: PathBuf,
    /// The checks of `/dev/tee0`.
    pub tee_guest: PathBuf,
}

/// The Cargo that this was built with, or else the one in the `PATH`.
pub(super) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Cargo as if called by hand: without what an outer one tells the program that it runs.
pub(super) fn cargo_command() -> Command {
    let mut command = Command::new(cargo());
    for (name, _) in std::env::vars_os() {
        let cargos = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if cargos || name == "LD_LIBRARY_PATH" {
            command.env_remove(name);
        }
    }
    command
}

fn cargo_build(target: &Path, packages: &[&str]) -> Command {
    let mut command = cargo_command();
    command.current_dir(workspace()).args(["build", "--locked", "--target-dir"]).arg(target);
    for package in packages {
        command.args(["-p", package]);
    }
    command
}

/// How the daemon and the TA runtime are built.
#[derive(Clone, Copy)]
pub(super) enum Profile {
    /// As for `cargo test`, so that nothing is compiled twice for it.
    Test,
    /// As users have them, for measurements.
    Release,
}

/// Builds the daemon and the TAs; the lock is held.
pub(super) fn host(profile: Profile) -> Result<HostPrograms, ProvisionError> {
    let target = workspace().join("target");
    let mut command = cargo_build(&target, &["vhost-user-tee", "ta-runtime"]);
    let (title, built) = match profile {
        Profile::Test => ("build the daemon and the TA runtime", "debug"),
        Profile::Release => ("build the daemon and the TA runtime in release mode", "release"),
    };
    if let Profile::Release = profile {
        command.arg("--release");
    }
    step(title, &vm_dir().join("log/host-programs.log"), command)?;

    let ta_dir = store::make_dir(&vm_dir().join("tas"))?;
    let mut out = OsString::from("O=");
    out.push(&ta_dir);
    for (title, folder, goal) in [
        ("build the example TAs", "vhost-user-tee/ta-dev-kit", "examples"),
        ("build the tests' TAs", "integration/tas", "all"),
    ] {
        let mut command = Command::new("make");
        command.arg("-C").arg(workspace().join(folder)).arg(goal).arg(&out);
        // The examples are packages of their own: an outer Cargo's flags are not for them.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("MAKEFLAGS");
        let log = format!("log/{}.log", folder.replace('/', "-"));
        step(title, &vm_dir().join(log), command)?;
    }
    Ok(HostPrograms {
        daemon: target.join(built).join("vhost-user-tee"),
        ta_runtime: target.join(built).join("ta-runtime"),
        ta_dir,
    })
}

/// Builds what runs in the guest; the lock is held.
pub(super) fn guest() -> Result<GuestPrograms, ProvisionError> {
    let target = vm_dir().join("guest-programs");
    let mut command = cargo_build(&target, &["guest-agent", "tee-guest"]);
    // With --target, so that the flag is not for procedural macros, which cannot be static.
    command.env("RUSTFLAGS", "-C target-feature=+crt-static").args([
        "--release",
        "--target",
        "x86_64-unknown-linux-gnu",
    ]);
    step("build the guest's programs", &vm_dir().join("log/guest-programs.log"), command)?;
    let folder = target.join("x86_64-unknown-linux-gnu/release");
    Ok(GuestPrograms { agent: folder.join("guest-agent"), tee_guest: folder.join("tee-guest") })
}

/// What is cross-compiled is for this target.
const ARM64: &str = "aarch64-unknown-linux-gnu";

/// Cross-compiles the host side, as it would be installed: an emulated processor is slow enough as it is. Its own
/// lock is held. Returns the folder of its programs.
pub(super) fn host_for_arm64(root: &Root, vendor: &Path) -> Result<PathBuf, ProvisionError> {
    let title = "build the host side for arm64 with Debian's rustc";
    cross_build(root, vendor, title, "cross-arm64", "-p vhost-user-tee -p ta-runtime")
}

/// Builds TAs for the software TEE on arm64 with the dev kit; the lock is held. Returns their folder. Those in Rust are
/// not among them: `optee-utee` asks for a later Rust than Debian's, which is the one that cross-compiles here.
pub(super) fn tas_for_arm64(root: &Root) -> Result<PathBuf, ProvisionError> {
    let dir = store::make_dir(&vm_dir().join("tas-arm64"))?;
    let script = "cd /work/src
        for what in 'integration/tas all' 'vhost-user-tee/ta-dev-kit hello-c sha256-c'; do
            make -C $what O=/work/out CROSS_COMPILE=aarch64-linux-gnu-
        done";
    let command = root.command(&[(workspace(), "/work/src"), (&dir, "/work/out")], script);
    step("build TAs for arm64", &vm_dir().join("log/tas-arm64.log"), command)?;
    Ok(dir)
}

/// Cross-compiles what runs in guests; the lock is held.
pub(super) fn guest_for_arm64(root: &Root) -> Result<GuestPrograms, ProvisionError> {
    let title = "build the guest's programs for arm64";
    let folder = static_cross_build(root, title, "-p guest-agent -p tee-guest")?;
    Ok(GuestPrograms { agent: folder.join("guest-agent"), tee_guest: folder.join("tee-guest") })
}

/// Cross-compiles the front end without a guest; the lock is held.
pub(super) fn front_end_for_arm64(root: &Root) -> Result<PathBuf, ProvisionError> {
    let title = "build the front end without a guest for arm64";
    Ok(static_cross_build(root, title, "-p virtio-tee-frontend")?.join("virtio-tee-frontend"))
}

/// Cross-compiles programs that bring their libraries along.
fn static_cross_build(root: &Root, title: &str, packages: &str) -> Result<PathBuf, ProvisionError> {
    let options =
        format!("--config 'target.{ARM64}.rustflags=[\"-Ctarget-feature=+crt-static\"]' {packages}");
    cross_build(root, &vendor()?, title, "guest-programs-arm64", &options)
}

/// Cross-compiles for arm64 with Debian's own rustc, in release mode, offline, inside the root, into the
/// folder `name`.
fn cross_build(
    root: &Root,
    vendor: &Path,
    title: &str,
    name: &str,
    options: &str,
) -> Result<PathBuf, ProvisionError> {
    let target = store::make_dir(&vm_dir().join(name))?;
    let script = format!(
        "cd /work/src && exec cargo build --release --locked --offline --target {ARM64} \
         --config 'source.crates-io.replace-with=\"vendored\"' --config 'source.vendored.directory=\"/work/vendor\"' \
         --config 'target.{ARM64}.linker=\"aarch64-linux-gnu-gcc\"' \
         --target-dir /work/target {options}"
    );
    let binds = [(workspace(), "/work/src"), (vendor, "/work/vendor"), (&target, "/work/target")];
    step(title, &vm_dir().join(format!("log/{name}.log")), root.command(&binds, &script))?;
    Ok(target.join(ARM64).join("release"))
}

/// The sources of all crates, for builds without a network; the lock is held.
pub(super) fn vendor() -> Result<PathBuf, ProvisionError> {
    let path = workspace().join("Cargo.lock");
    let lock = std::fs::read(&path).map_err(|source| ProvisionError::Read { path, source })?;
    store::once(&format!("vendor-{}", store::key(&[&lock])), |part| {
        let mut command = Command::new(cargo());
        command.current_dir(workspace()).args(["vendor", "--locked", "--versioned-dirs"]).arg(part);
        step("fetch the crates' sources", &vm_dir().join("log/vendor.log"), command)?;
        Ok(())
    })
}
