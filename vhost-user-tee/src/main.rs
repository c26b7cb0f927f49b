// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The vhost-user-tee daemon.

use std::process::ExitCode;

use clap::Parser;
use env_logger::Env;
use vhost_user_tee::args::{capabilities, Args};
use vhost_user_tee::backend::Backends;
use vhost_user_tee::logging::logger;
use vhost_user_tee::{config, daemon};

fn main() -> ExitCode {
    let args = Args::parse();
    if args.print_capabilities {
        println!("{}", capabilities());
        return ExitCode::SUCCESS;
    }
    logger(Env::default().default_filter_or("info")).init();
    let vms = match config::load(&args) {
        Ok(vms) => vms,
        Err(e) => {
            log::error!("{e}");
            return ExitCode::from(2);
        }
    };
    let mut backends = Backends::default();
    match daemon::run(vms, |vm| backends.make(vm)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            log::error!("{e}");
            ExitCode::FAILURE
        }
    }
}
