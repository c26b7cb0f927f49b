// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Programs that do not outlive who started them.

use std::ffi::OsStr;
use std::process::Command;

/// `program`, killed with the thread that starts it, should that not come to end it. Arguments can be added.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
