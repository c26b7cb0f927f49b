// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The other process of `floor::Futexes`. Not to be started by hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    match virtio_tee_benches::floor::futex_peer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("futex-peer: {error}");
            ExitCode::FAILURE
        }
    }
}
