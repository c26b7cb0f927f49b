// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The software TEE that the TA runs in.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::{env, io};

use soft_tee::{Config, Debugging, Limits, SoftTee, State, StateError};

use crate::tree::{self, Built};

/// Why there is no TEE.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Where this program is cannot be told.
    #[error("this program: {0}")]
    Program(io::Error),
    /// Cargo does not run.
    #[error("cargo: {0}")]
    Cargo(io::Error),
    /// The runtime does not build.
    #[error("cargo build --package ta-runtime: {0}")]
    Build(ExitStatus),
    /// The TEE cannot be made.
    #[error(transparent)]
    Tee(#[from] soft_tee::Error),
    /// It can keep nothing.
    #[error(transparent)]
    State(#[from] StateError),
    /// The TA cannot be read.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

/// A TEE for `built`, with `debugging`, to whose environment is added what sanitizers want.
pub(crate) fn tee(built: &Built, mut debugging: Debugging) -> Result<SoftTee, Error> {
    if let Some(sanitizer) = built.sanitizer()? {
        let mut set = |name: &str, value: OsString| debugging.environment.push((name.into(), value));
        set("LD_PRELOAD", sanitizer.into());
        // The process ends without looking for leaks; a panic is shown as an error is.
        set("ASAN_OPTIONS", "detect_leaks=0:handle_abort=1".into());
        set("UBSAN_OPTIONS", "print_stacktrace=1".into());
        // Where clang's finds what reads symbols.
        set("PATH", env::var_os("PATH").unwrap_or_default());
    }
    let config = Config {
        name: "ta-debug".to_owned(),
        ta_dir: built.folder.clone(),
        ta_runtime: runtime()?,
        limits: Limits::default(),
        state: Arc::new(State::in_memory(soft_tee::DEFAULT_STORAGE)?),
        // What is debugged is what a VM has that allows nothing.
        sockets: Vec::new(),
        denied: HashSet::new(),
    };
    Ok(SoftTee::for_debugging(config, debugging)?)
}

/// The program that TAs run in: beside this one, built anew where Cargo runs this.
fn runtime() -> Result<PathBuf, Error> {
    let this = env::current_exe().map_err(Error::Program)?;
    let folder = this.parent().unwrap_or(Path::new("."));
    if let Some(cargo) = env::var_os("CARGO") {
        let release = folder.ends_with("release").then_some("--release");
        let status = Command::new(cargo)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--locked", "--package", "ta-runtime"])
            .args(release)
            .arg("--target-dir")
            .arg(folder.parent().unwrap_or(folder))
            .status()
            .map_err(Error::Cargo)?;
        if !status.success() {
            return Err(Error::Build(status));
        }
    }
    Ok(folder.join("ta-runtime"))
}
