// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which lines of the TA were reached. Compiled for it, a TA writes its counters when it is unloaded, and here
//! also when it panics; lcov makes a report of them.

use std::ffi::OsStr;
use std::process::{Command, ExitCode};

use soft_tee::Debugging;

use crate::tree::Built;
use crate::{calls, tree, world, Error, Ta};

/// Calls the TA and reports.
pub(crate) fn run(ta: &Ta) -> Result<ExitCode, Error> {
    let built = tree::build(ta, "coverage", "gcc")?;
    lcov(&built, ["--zerocounters".as_ref()])?;
    let debugging = Debugging { exit_on_panic: true, ..Debugging::default() };
    {
        let tee = world::tee(&built, debugging)?;
        calls::make(&tee, built.uuid, &ta.open, &ta.calls)?;
        // With it its TAs come to their ends, and write.
    }
    let (report, html) = (built.results.join("coverage.info"), built.results.join("html"));
    // Not what the dev kit adds to every TA.
    let exclude = "*/ta-dev-kit/src/*";
    let options = ["--capture", "--exclude", exclude, "--output-file"].map(OsStr::new);
    lcov(&built, options.into_iter().chain([report.as_os_str()]))?;
    let status = Command::new("genhtml")
        .args(["--quiet", "--output-directory"])
        .arg(&html)
        .arg(&report)
        .status()
        .map_err(|error| Error::Program("genhtml", error, "lcov"))?;
    if !status.success() {
        return Err(Error::Failed("genhtml", status));
    }
    let status = Command::new("lcov")
        .arg("--list")
        .arg(&report)
        .status()
        .map_err(|error| Error::Program("lcov", error, "lcov"))?;
    if !status.success() {
        return Err(Error::Failed("lcov --list", status));
    }
    println!("{}, {}/index.html", report.display(), html.display());
    Ok(ExitCode::SUCCESS)
}

fn lcov<'a>(built: &Built, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<(), Error> {
    let status = Command::new("lcov")
        .arg("--quiet")
        .arg("--directory")
        .arg(&built.folder)
        .args(arguments)
        .status()
        .map_err(|error| Error::Program("lcov", error, "lcov"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed("lcov", status))
    }
}
