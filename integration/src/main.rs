// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `integration`: provisions, boots and shows. `cargo demo` is `integration demo`.

mod bench;
mod demo;
mod host_load;
mod optee_bench;
mod queue_bench;
mod tee_calls_bench;
mod vsock_bench;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use guest_agent::Status;
use integration::nested;
use integration::optee::{self, OpteeConfig, OpteeVm};
use integration::paths::vm_dir;
use integration::progress::say;
use integration::provision::{self, Arch, Lints, UmlKind};
use integration::vm::{self, Door};
use integration::{gp_coverage, hammer, uml, Scene, SceneError};

/// Virtual machines with a TEE, from a bare Debian machine with Rust.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show, step by step, two guests that call trusted applications.
    Demo,
    /// Boot a guest with a daemon beside it and give a shell in it; leave with `exit` or ^A x.
    Shell {
        /// How the TEE device is attached.
        #[arg(long, default_value = "vfio-user")]
        door: Door,
    },
    /// Boot a user-mode Linux guest with a daemon beside it and give a shell in it; leave with `exit`.
    Uml {
        /// The kernel with KASAN, lockdep and the like.
        #[arg(long)]
        debug: bool,
    },
    /// Boot an emulated Arm machine with a real OP-TEE and give a shell in it, or run a command there.
    Optee {
        /// The command and its arguments; a shell without one. Leave that with `exit` or ^A x.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Boot that machine, and in it a guest whose TEE is that OP-TEE, and run a command in the guest.
    OpteeGuest {
        /// Run it in the machine instead: `nested-guest COMMAND` is how it gets into a guest.
        #[arg(long)]
        host: bool,
        /// The command and its arguments.
        #[arg(last = true, default_values = ["xtest", "-l", "0", "-t", "regression"])]
        command: Vec<String>,
    },
    /// Have two VMs call that OP-TEE while one of them is killed every 5 s, and look for what is left behind.
    Hammer {
        /// For how long.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Measure what calls cost in a guest, through each door, beside an ioctl that stays in its kernel.
    Bench,
    /// Measure what an echo by a TA costs in a guest, beside one over vsock by a process of the host.
    VsockBench,
    /// Measure how many calls many threads get done over two queues, beside one.
    QueueBench,
    /// Measure what calls to a real OP-TEE cost in a guest, beside the same calls on its host.
    OpteeBench,
    /// Measure how many calls should be in a real OP-TEE at a time: the daemon's --tee-calls.
    TeeCallsBench,
    /// Make all that virtual machines need; demo, shell and tests do it by themselves.
    Provision,
    /// Build the guest's driver, warnings being errors.
    Driver {
        /// What to build it for.
        target: Target,
    },
    /// Pack the driver as Debian packages, for DKMS.
    DriverPackages,
    /// Write the driver as patches to the kernel, and try them: applied, built in its tree, checkpatch.pl.
    DriverPatches,
    /// Hold docs/gp-coverage.md against what the tests of the software TEE have recorded: `cargo test -p soft-tee`.
    GpCoverage {
        /// Write the page anew.
        #[arg(long)]
        update: bool,
    },
    /// Cross-compile the host side for arm64 with Debian's own rustc.
    HostArm64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// Debian's cloud-amd64 kernel.
    #[value(name = "x86_64")]
    X86_64,
    /// Debian's cloud-arm64 kernel.
    Arm64,
    /// The oldest kernel that the driver is for: cloud-amd64 of Debian forky.
    #[value(name = "oldest")]
    Oldest,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Demo => demo::run()?,
        Command::Shell { door } => shell(door)?,
        Command::Uml { debug } => user_mode(if debug { UmlKind::Debug } else { UmlKind::Plain })?,
        Command::Optee { command } => return real_optee(&command),
        Command::OpteeGuest { host, command } => return guest_of_optee(host, &command),
        Command::Hammer { seconds } => hammer_optee(Duration::from_secs(seconds))?,
        Command::Bench => bench::run()?,
        Command::VsockBench => vsock_bench::run()?,
        Command::QueueBench => queue_bench::run()?,
        Command::OpteeBench => optee_bench::run()?,
        Command::TeeCallsBench => tee_calls_bench::run()?,
        Command::Provision => drop(provision::provision()?),
        Command::Driver { target } => {
            let driver = match target {
                Target::X86_64 => provision::driver(Arch::X86_64, Lints::Deny)?,
                Target::Arm64 => provision::driver(Arch::Arm64, Lints::Deny)?,
                Target::Oldest => provision::driver_for_oldest(Lints::Deny)?,
            };
            println!("{}", driver.module.display());
        }
        Command::DriverPackages => println!("{}", provision::driver_packages()?.display()),
        Command::DriverPatches => println!("{}", provision::driver_patches()?.display()),
        Command::GpCoverage { update } => gp_coverage_page(update)?,
        Command::HostArm64 => println!("{}", provision::host_for_arm64()?.display()),
    }
    Ok(ExitCode::SUCCESS)
}

fn shell(door: Door) -> Result<(), SceneError> {
    let scene = Scene::set("shell", door, 1)?;
    say(&format!("daemon's log: {}", scene.dir.join("daemon.log").display()));
    say("in the guest: load-driver, then tee-guest --help");
    vm::shell(&scene.parts, &scene.dir, &scene.config(0))?;
    Ok(())
}

fn gp_coverage_page(update: bool) -> Result<(), Box<dyn std::error::Error>> {
    // Beside what this was built into: target/debug/integration, target/gp-coverage.
    let program = std::env::current_exe()?;
    let records = program.ancestors().nth(2).map(|target| target.join("gp-coverage")).unwrap_or_default();
    if update {
        gp_coverage::update(&records)?;
    } else {
        gp_coverage::check(&records)?;
    }
    Ok(())
}

fn user_mode(kind: UmlKind) -> Result<(), Box<dyn std::error::Error>> {
    let kernel = provision::uml(kind)?;
    let scene = Scene::set("uml-shell", Door::VhostUser, 1)?;
    say(&format!("daemon's log: {}", scene.dir.join("daemon.log").display()));
    say("in the guest: load-driver, then tee-guest --help");
    uml::shell(&scene.parts, &kernel, &scene.dir.join("uml"), &scene.tee(0).socket)?;
    Ok(())
}

fn real_optee(command: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let parts = provision::optee()?;
    let (dir, config) = (vm_dir().join("run"), OpteeConfig::new("optee-shell"));
    if command.is_empty() {
        say(&format!("OP-TEE's log: {}", dir.join(&config.name).join("secure.log").display()));
        optee::shell(&parts, &dir, &config)?;
        return Ok(ExitCode::SUCCESS);
    }
    run_and_shut_down(OpteeVm::boot(&parts, &dir, &config)?, command)
}

fn guest_of_optee(host: bool, command: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let parts = provision::nested()?;
    let vm = nested::boot(&parts, &vm_dir().join("run"), "optee-guest")?;
    if host {
        return run_and_shut_down(vm, command);
    }
    run_and_shut_down(vm, &[&["nested-guest".to_owned()], command].concat())
}

fn hammer_optee(duration: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let parts = provision::nested()?;
    let report = hammer::run(&parts, &vm_dir().join("run"), duration)?;
    println!("{} kills; the survivor: {}", report.kills, report.survivor);
    println!("before: {}", report.before);
    println!("after:  {}", report.after);
    Ok(())
}

/// Runs a command in a machine, whose output and exit code become this program's, and switches it off.
fn run_and_shut_down(vm: OpteeVm, command: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let argv: Vec<&str> = command.iter().map(String::as_str).collect();
    let status = vm.guest.start(&argv)?.relay()?;
    vm.shut_down()?;
    Ok(match status {
        Status::Code(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Status::Signal(_) | Status::NotStarted(_) => {
            eprintln!("{}: {status:?}", command.join(" "));
            ExitCode::FAILURE
        }
    })
}
