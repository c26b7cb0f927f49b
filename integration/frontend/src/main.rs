// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `virtio-tee-frontend`: a VM with a TEE and without a guest, as a program, for where booting one takes too
//! long: it begins to call at once, and can be killed at any time.
//!
//! Its TAs are the tests' probes ([`calls`] has the commands that it uses).

mod calls;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;
use uuid::Uuid;
use virtio_tee_frontend::client::Client;
use virtio_tee_frontend::{Door, Options};

/// Makes calls over a daemon's vfio-user socket, as a guest would.
///
/// Exits with 0 iff every answer was as it should be.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The daemon's socket for a VM, vfio-user.
    socket: PathBuf,
    /// The probe to call: its UUID.
    ta: Uuid,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Open a session and close it; says what came of it.
    Open,
    /// Stay in a call that uses registered memory, for a minute at most.
    Hold {
        /// Until this file exists.
        #[arg(long)]
        until: PathBuf,
    },
    /// Calls of all kinds, one after the other, each answer checked, until killed.
    Hammer {
        /// Until this file exists.
        #[arg(long)]
        until: Option<PathBuf>,
        /// No session but the first, which is what needs the host's tee-supplicant.
        #[arg(long)]
        one_session: bool,
    },
    /// Calls of a command that does nothing, each with memory that is for this call alone; says what one takes.
    Transient {
        /// Bytes of the memory.
        bytes: u64,
        /// How many calls.
        #[arg(long, default_value_t = 200)]
        calls: u32,
    },
}

/// Why it ends with 1.
#[derive(Debug, Error)]
enum Failure {
    /// The device does not do what a device does.
    #[error(transparent)]
    FrontEnd(#[from] virtio_tee_frontend::Error),
    /// A call came back with another result than it should.
    #[error("{what}: returned {ret:#010x} from origin {origin}")]
    Returned {
        /// The call.
        what: &'static str,
        /// `TEEC_*`.
        ret: u32,
        /// `TEEC_ORIGIN_*`.
        origin: u32,
    },
    /// A TA's answer is wrong.
    #[error("{what}: {due} was due, and it was {got}")]
    Wrong {
        /// The call.
        what: &'static str,
        /// What should have come.
        due: u64,
        /// What came.
        got: u64,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let options = Options { door: Door::VfioUser, ..Options::default() };
    let client = Client::with_options(&cli.socket, &options)?;
    match &cli.what {
        What::Open => calls::open_and_close(client, cli.ta),
        What::Hold { until } => calls::hold(client, cli.ta, || !until.exists()),
        What::Hammer { until, one_session } => {
            let go_on = || until.as_ref().is_none_or(|file| !file.exists());
            calls::hammer(client, cli.ta, go_on, *one_session)
        }
        What::Transient { bytes, calls } => calls::transient(client, cli.ta, *bytes, *calls),
    }
}
