// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `tee-guest`: checks of a guest's `/dev/tee0`, one per subcommand.
//!
//! Each prints what it does for people and, as the last line, one JSON object for programs; it exits
//! with 0 iff what it checked holds. README.md lists them.

mod checks;
mod cli;
mod comparison;
mod malformed;
mod memory;
mod pagemap;
mod probe;
mod report;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let mut report = report::Report::new(cli.check.name());
    let result = checks::run(&cli, &mut report);
    report.finish(&result);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
