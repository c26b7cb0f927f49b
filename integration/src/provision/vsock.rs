// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The daemon of rust-vmm's vhost-user vsock device: what guests have without a TEE to talk to a process of
//! the host, and so what calls are measured beside.

use std::path::PathBuf;

use crate::paths::vm_dir;
use crate::progress::step;

use super::{programs, store, ProvisionError};

const CRATE: &str = "vhost-device-vsock";
/// Figures are of this one.
const VERSION: &str = "0.3.0";

/// The program; the lock is held.
pub(super) fn device() -> Result<PathBuf, ProvisionError> {
    let dir = store::once(&format!("{CRATE}-{VERSION}"), |part| {
        let mut command = programs::cargo_command();
        // With the versions of libraries that its makers have tested, and, as `cargo install` has it, in
        // release mode.
        command.args(["install", CRATE, "--version", VERSION, "--locked", "--no-track", "--root"]).arg(part);
        let title = "build rust-vmm's vsock device (about 1 minute)";
        step(title, &vm_dir().join(format!("log/{CRATE}.log")), command)?;
        Ok::<(), ProvisionError>(())
    })?;
    Ok(dir.join("bin").join(CRATE))
}
