// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The command line.

mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

use values::{number, size, ta};
pub(crate) use values::{How, Layout, Memory};

/// Checks a guest's TEE device, one thing per subcommand.
///
/// Prints lines for people and, last, one JSON object; exits with 0 iff what was checked holds.
/// TA is a UUID or one of probe, probe-shared, probe-exclusive, hello-c, hello-rust, sha256-c,
/// sha256-rust.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    /// The TEE device.
    #[arg(long, global = true, default_value = "/dev/tee0")]
    pub(crate) device: PathBuf,
    #[command(subcommand)]
    pub(crate) check: Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// What the TEE says it is.
    Version {
        /// Must be this.
        #[arg(long, value_parser = number)]
        impl_id: Option<u32>,
        /// Must be this.
        #[arg(long, value_parser = number)]
        impl_caps: Option<u32>,
        /// Must be this.
        #[arg(long, value_parser = number)]
        gen_caps: Option<u32>,
    },
    /// A value goes in and comes back plus one.
    Hello {
        #[command(flatten)]
        ta: Ta,
        /// What goes in.
        #[arg(long, default_value_t = 41)]
        value: u32,
    },
    /// A TA's SHA-256 of a buffer is the guest's own.
    Sha256 {
        #[command(flatten)]
        ta: Ta,
        /// Bytes of the buffer.
        #[arg(long, default_value = "64M", value_parser = size)]
        size: usize,
        /// How the buffer is shared.
        #[arg(long, default_value = "registered")]
        memory: Memory,
    },
    /// The guest's and the TA's buffer are the same pages.
    ZeroCopy {
        #[command(flatten)]
        ta: Ta,
        /// Allocated by the driver, or registered with shuffled pages.
        #[arg(long, default_value = "contiguous")]
        layout: Layout,
        /// Bytes of the buffer.
        #[arg(long, default_value = "1M", value_parser = size)]
        size: usize,
        /// Fail unless all of a scattered buffer lies at or above this physical address.
        #[arg(long, default_value = "0", value_parser = size)]
        above: usize,
    },
    /// Parameters of every kind reach the TA and come back.
    Parameters {
        #[command(flatten)]
        ta: Ta,
    },
    /// Every byte of every kind of memory is right, in each direction, and none beside them changes.
    Bytes {
        #[command(flatten)]
        ta: Ta,
        /// How many threads at once.
        #[arg(long, default_value_t = 1)]
        threads: u32,
        /// How often each combination is tried.
        #[arg(long, default_value_t = 1)]
        rounds: u32,
    },
    /// Many sessions, one after the other or all at once.
    Sessions {
        #[command(flatten)]
        ta: Ta,
        /// How many.
        #[arg(long, default_value_t = 100)]
        count: u32,
        /// All open at once, in one instance of the TA.
        #[arg(long)]
        same_ta: bool,
    },
    /// A call that sleeps delays no other, and can be cancelled.
    Sleepers {
        #[command(flatten)]
        ta: Ta,
        /// How long the sleeper would sleep.
        #[arg(long, default_value_t = 2000)]
        ms: u32,
        /// How many calls complete meanwhile.
        #[arg(long, default_value_t = 100)]
        calls: u32,
        /// Sessions that those are spread over: as many as the TEE has memory for.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
        others: u32,
    },
    /// Temporary memrefs, for counting what they cost.
    Temporary {
        #[command(flatten)]
        ta: Ta,
        /// How many calls.
        #[arg(long, default_value_t = 1000)]
        count: u32,
        /// Bytes of the memref.
        #[arg(long, default_value = "4096", value_parser = size)]
        size: usize,
        /// Hand them over as user buffers, without registering them.
        #[arg(long)]
        user_buffer: bool,
    },
    /// A TA that panics takes the sessions of its instance along, and no others.
    Panic {
        #[command(flatten)]
        ta: Ta,
        /// Sessions open at that time.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..))]
        sessions: u32,
    },
    /// The same of a TA that crashes.
    Crash {
        #[command(flatten)]
        ta: Ta,
        /// Sessions open at that time.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..))]
        sessions: u32,
    },
    /// A call whose TA is killed from outside meanwhile gets TARGET_DEAD.
    TargetDead {
        #[command(flatten)]
        ta: Ta,
        /// How long to wait for that.
        #[arg(long, default_value_t = 60_000)]
        ms: u32,
    },
    /// Every ioctl with bad arguments.
    BadInput {
        #[command(flatten)]
        ta: Ta,
    },
    /// Ioctls with arguments made by chance, for some time.
    FuzzIoctls {
        #[command(flatten)]
        ta: Ta,
        /// For how long.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Where chance begins; each thread has its own from there.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many threads.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
        threads: u64,
    },
    /// Each allocation of each operation fails once; needs a kernel with fault injection.
    FailNth {
        #[command(flatten)]
        ta: Ta,
    },
    /// Sessions of others are out of reach.
    SessionScan {
        #[command(flatten)]
        ta: Ta,
        /// Session numbers up to this one are tried.
        #[arg(long, default_value_t = 4096)]
        max: u32,
        /// More session numbers to try.
        #[arg(long, value_delimiter = ',')]
        also: Vec<u32>,
    },
    /// Stays in a call, for something else to happen meanwhile.
    Hold {
        #[command(flatten)]
        ta: Ta,
        /// How long.
        #[arg(long, default_value_t = 10_000)]
        ms: u32,
        /// What the TA does.
        #[arg(long, default_value = "sleep")]
        how: How,
        /// Bytes of registered memory for the call to use; then for less than a minute.
        #[arg(long, default_value = "0", value_parser = size)]
        registered: usize,
        /// Sessions to hold.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        sessions: u32,
    },
    /// Mixed calls from many threads.
    Stress {
        #[command(flatten)]
        ta: Ta,
        /// How many threads.
        #[arg(long, default_value_t = 4)]
        threads: u32,
        /// For how long.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Sizes of shared memory that work, and that are refused.
    MemoryLimits {
        #[command(flatten)]
        ta: Ta,
    },
    /// Who the client is reaches the TA.
    Identity {
        #[command(flatten)]
        ta: Ta,
    },
    /// The kernel's trusted keys are sealed by a TA; needs its module for them.
    TrustedKeys {
        /// Only load this sealed key, in hexadecimal digits.
        #[arg(long)]
        blob: Option<String>,
    },
    /// The device as the TEE beneath a daemon: the suite that every TEE must pass.
    Conformance {
        /// Only the checks whose names begin with this.
        #[arg(default_value = "")]
        only: String,
        /// A TA that sleeps wakes up when it is cancelled, and a cancellation that comes too late is lost.
        #[arg(long)]
        cancels_well: bool,
        /// As the daemon's `--tee-copy-up-to`.
        #[arg(long, default_value = "64k", value_parser = size)]
        copy_up_to: usize,
        /// As the daemon's `--tee-calls`.
        #[arg(long, default_value_t = 2)]
        calls: usize,
    },
    /// Calls to be compared with the same ones on another TEE, and what came of each.
    Record {
        /// Only the scripts whose names begin with this.
        #[arg(default_value = "")]
        only: String,
    },
    /// What calls cost.
    Bench {
        #[command(flatten)]
        ta: Ta,
        /// Calls of each kind.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..))]
        iterations: u32,
        /// Bytes of the large registered memory.
        #[arg(long, default_value = "64M", value_parser = size)]
        large: usize,
    },
    /// What it costs to send bytes to a TA and back, beside a process of the host over AF_VSOCK.
    BesideVsock {
        #[command(flatten)]
        ta: Ta,
        /// The process's port.
        #[arg(long, default_value_t = 7001)]
        port: u32,
        /// Exchanges of each kind.
        #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..))]
        iterations: u32,
    },
    /// How many calls many threads get done at once.
    Throughput {
        #[command(flatten)]
        ta: Ta,
        /// How many threads, each with a session of its own.
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
        threads: u16,
        /// For how long.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Bytes of registered memory that each call has the TA sum; with 0 it does nothing.
        #[arg(long, default_value = "0", value_parser = size)]
        work: usize,
        /// Milliseconds that each call has the TA wait instead.
        #[arg(long, conflicts_with = "work")]
        wait: Option<u32>,
    },
}

impl Check {
    /// The subcommand's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::Hello { .. } => "hello",
            Self::Sha256 { .. } => "sha256",
            Self::ZeroCopy { .. } => "zero-copy",
            Self::Parameters { .. } => "parameters",
            Self::Bytes { .. } => "bytes",
            Self::Sessions { .. } => "sessions",
            Self::Sleepers { .. } => "sleepers",
            Self::Temporary { .. } => "temporary",
            Self::Panic { .. } => "panic",
            Self::Crash { .. } => "crash",
            Self::TargetDead { .. } => "target-dead",
            Self::BadInput { .. } => "bad-input",
            Self::FuzzIoctls { .. } => "fuzz-ioctls",
            Self::FailNth { .. } => "fail-nth",
            Self::SessionScan { .. } => "session-scan",
            Self::Hold { .. } => "hold",
            Self::Stress { .. } => "stress",
            Self::MemoryLimits { .. } => "memory-limits",
            Self::Identity { .. } => "identity",
            Self::TrustedKeys { .. } => "trusted-keys",
            Self::Conformance { .. } => "conformance",
            Self::Record { .. } => "record",
            Self::Bench { .. } => "bench",
            Self::BesideVsock { .. } => "beside-vsock",
            Self::Throughput { .. } => "throughput",
        }
    }
}

/// The TA of a check.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Ta {
    /// UUID or name.
    #[arg(value_name = "TA", value_parser = ta)]
    pub(crate) uuid: Uuid,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_name_is_the_subcommands() {
        for subcommand in Cli::command().get_subcommands() {
            let mut words = vec!["tee-guest", subcommand.get_name()];
            if !["version", "trusted-keys"].contains(&subcommand.get_name()) {
                words.push("probe");
            }
            assert_eq!(Cli::parse_from(words).check.name(), subcommand.get_name());
        }
    }

    #[test]
    fn readme_lists_every_subcommand() {
        let readme = include_str!("../../README.md");
        for subcommand in Cli::command().get_subcommands() {
            let name = format!("`{} ", subcommand.get_name());
            assert!(readme.contains(&name), "README.md says nothing of {name}`");
        }
    }
}
