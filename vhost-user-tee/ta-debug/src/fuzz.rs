// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! From libFuzzer, which is in the TA's process, so that it sees what each input reaches (the dev kit's `fuzz.c`).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use soft_tee::Debugging;

use crate::calls::{self, Call, Direction, Outcome, Param};
use crate::{tree, world, Error, Ta};

/// How the names of inputs begin that made the TA fail.
const ARTIFACTS: [&str; 4] = ["crash-", "leak-", "oom-", "timeout-"];

/// Fuzzes the TA; fails where an input is found, or given, that makes it fail.
pub(crate) fn run(ta: &Ta, arguments: &[OsString]) -> Result<ExitCode, Error> {
    let built = tree::build(ta, "fuzz", "clang")?;
    let corpus = built.results.join("corpus");
    fs::create_dir_all(&corpus).map_err(|error| Error::File(corpus.clone(), error))?;
    let before = artifacts(&built.results)?;

    let prefix = format!("-artifact_prefix={}/", built.results.display());
    let mut fuzzer: Vec<OsString> =
        ["-max_total_time=60", "-use_value_profile=1", &prefix].map(Into::into).into();
    let is_option = |argument: &OsString| argument.as_bytes().starts_with(b"-");
    for argument in arguments {
        // The TA's process has another working directory.
        let path = || fs::canonicalize(argument).map_err(|error| Error::File(argument.into(), error));
        fuzzer.push(if is_option(argument) { argument.clone() } else { path()?.into() });
    }
    let one_input = !arguments.iter().all(is_option);
    if !one_input {
        fuzzer.push(corpus.into());
    }
    let start = Param::Bytes(Direction::In, fuzzer.join(OsStr::from_bytes(b"\0")).as_bytes().to_vec());
    let tee = world::tee(&built, Debugging::default())?;
    let call = Call { function: 0, params: vec![start] };
    // Unless it was given an input that does no harm, libFuzzer ends the process.
    let outcome = calls::make(&tee, built.uuid, &ta.open, &[call])?;
    drop(tee);
    if one_input {
        return Ok(if outcome == Outcome::Dead { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }

    let found: Vec<PathBuf> = artifacts(&built.results)?.difference(&before).cloned().collect();
    for file in &found {
        println!("an input that makes the TA fail: {}", file.display());
        println!("again: ta-debug fuzz {} -- {}", ta.tree.display(), file.display());
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The inputs in `folder` that made the TA fail.
fn artifacts(folder: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let files = fs::read_dir(folder).map_err(|error| Error::File(folder.into(), error))?;
    let is_artifact =
        |name: &OsStr| ARTIFACTS.iter().any(|start| name.as_bytes().starts_with(start.as_bytes()));
    Ok(files.flatten().filter(|file| is_artifact(&file.file_name())).map(|file| file.path()).collect())
}
