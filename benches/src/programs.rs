// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is measured, built as users would have it.

use std::path::{Path, PathBuf};
use std::process::Command;

use integration::paths::workspace;
use integration::provision::HostPrograms;

use crate::Error;

/// Builds releases of the daemon and the TA runtime, and the test TAs.
pub(crate) fn build() -> Result<HostPrograms, Error> {
    let root = workspace();
    let target = root.join("target");
    let ta_dir: PathBuf = target.join("bench-tas");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "-p", "vhost-user-tee", "-p", "ta-runtime", "--target-dir"])
        .arg(&target);
    finish(cargo, root)?;
    let mut make = Command::new("make");
    make.args(["-s", "-C", "integration/tas"]).arg(format!("O={}", ta_dir.display()));
    finish(make, root)?;
    Ok(HostPrograms {
        daemon: target.join("release/vhost-user-tee"),
        ta_runtime: target.join("release/ta-runtime"),
        ta_dir,
    })
}

fn finish(mut command: Command, dir: &Path) -> Result<(), Error> {
    let what = match command.current_dir(dir).status() {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Error::Build { command: format!("{command:?}"), what })
}
