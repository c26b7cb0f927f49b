// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Looks into a trusted application that is being developed: builds its source tree with the TA dev kit,
//! runs it without a VM, and calls it, under gdb, with sanitizers, for coverage, or from a fuzzer.
//!
//! ```text
//!   tree      builds the TA, as make's TA_BUILD says
//!   calls     the calls that the command line asks for
//!   world     a software TEE whose TAs have no sandbox
//!   gdb, sanitize, coverage, fuzz    the subcommands
//! ```

mod calls;
mod coverage;
mod fuzz;
mod gdb;
mod sanitize;
mod tree;
mod world;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::calls::{Call, Param};

/// Looks into a trusted application: builds it, runs it WITHOUT A SANDBOX as this user, and calls it.
#[derive(Debug, Parser)]
#[command(name = "ta-debug", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run it under gdb, which stops at TA_CreateEntryPoint.
    Gdb {
        #[command(flatten)]
        ta: Ta,
        /// What gdb gets besides, such as -ex 'break FUNCTION'.
        #[arg(last = true)]
        gdb: Vec<OsString>,
    },
    /// Run it with AddressSanitizer and UndefinedBehaviorSanitizer, which tell of the first error.
    Sanitize {
        #[command(flatten)]
        ta: Ta,
    },
    /// Run it and report which of its lines were reached: coverage.info, and pages below html/.
    Coverage {
        #[command(flatten)]
        ta: Ta,
    },
    /// Call it with inputs that libFuzzer makes, for a minute, until one makes it fail.
    Fuzz {
        #[command(flatten)]
        ta: Ta,
        /// What libFuzzer gets besides: options, or a file with an input that made it fail.
        #[arg(last = true)]
        fuzzer: Vec<OsString>,
    },
}

/// A TA, and what is asked of it.
#[derive(Args, Debug)]
struct Ta {
    /// Folder with the TA's Makefile.
    tree: PathBuf,
    /// Folder for what is built and found [default: target/ta-debug/<name of the tree's folder>].
    #[arg(long, short = 'O')]
    out: Option<PathBuf>,
    /// Compiler for a TA in C: gcc or clang [default: gcc; clang for the fuzzer].
    #[arg(long)]
    compiler: Option<String>,
    /// A call: FUNCTION[:PARAMETER…], up to four of in=A,B  inout=A,B  out  text=TEXT  file=PATH  bytes=HEX
    /// room=SIZE (output)  buffer=HEX (in and out)  none. Given several times: one after the other.
    #[arg(long = "call", value_name = "CALL")]
    calls: Vec<Call>,
    /// Parameters of the session: PARAMETER[:PARAMETER…].
    #[arg(long, value_name = "PARAMETERS", value_delimiter = ':')]
    open: Vec<Param>,
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format(|out, record| {
            let text = record.args().to_string();
            // There is one TA: what it says goes without its name before it.
            let said = text.split_once("]: ").filter(|_| record.target() == "ta").map(|(_, said)| said);
            match said {
                Some(said) if record.level() == log::Level::Info => writeln!(out, "{said}"),
                _ => writeln!(out, "{}: {}", record.level(), said.unwrap_or(&text)),
            }
        })
        .init();
    let done = match command_line.command {
        Subcommands::Gdb { ta, gdb } => gdb::run(&ta, &gdb),
        Subcommands::Sanitize { ta } => sanitize::run(&ta),
        Subcommands::Coverage { ta } => coverage::run(&ta),
        Subcommands::Fuzz { ta, fuzzer } => fuzz::run(&ta, &fuzzer),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Why nothing can be seen.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The TA is not built.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// There is no TEE for it.
    #[error(transparent)]
    World(#[from] world::Error),
    /// It cannot be called.
    #[error(transparent)]
    Calls(#[from] calls::Error),
    /// A program is missing or fails.
    #[error("{0}: {1}. Install it with: apt-get install {2}")]
    Program(&'static str, std::io::Error, &'static str),
    /// A program fails.
    #[error("{0} has failed: {1}")]
    Failed(&'static str, std::process::ExitStatus),
    /// The process of the TA does not appear.
    #[error("the TA's process has ended before gdb could attach")]
    NoProcess,
    /// A folder or file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
}
