// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Packages of the host that are needed besides Rust.

use std::path::Path;
use std::process::Command;

use crate::paths::vm_dir;
use crate::progress::{say, step};

use super::ProvisionError;

/// A program that must be there, and the package that brings it.
struct Tool {
    program: &'static str,
    package: &'static str,
    why: &'static str,
    /// Not needed by root.
    users_only: bool,
}

const fn tool(program: &'static str, package: &'static str, why: &'static str) -> Tool {
    Tool { program, package, why, users_only: false }
}

const TOOLS: [Tool; 7] = [
    tool("mmdebstrap", "mmdebstrap", "unpacks the Debian root that kernel, toolchain and QEMU come from"),
    Tool {
        program: "newuidmap",
        package: "uidmap",
        why: "lets mmdebstrap work without being root",
        users_only: true,
    },
    tool("unshare", "util-linux", "runs programs inside that root"),
    tool("tar", "tar", "unpacks it"),
    tool("gcc", "gcc", "links Rust programs, and compiles OpenSSL and TAs in C"),
    tool("make", "make", "builds OpenSSL and TAs"),
    // `perl` itself is always there, but without the modules of the package.
    tool("pod2man", "perl", "configures OpenSSL"),
];

/// Programs outside the `PATH` of an ordinary user count as well.
const FOLDERS: [&str; 6] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

fn found(program: &str) -> bool {
    FOLDERS.iter().any(|folder| Path::new(folder).join(program).exists())
}

/// Whether this process may do everything.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs what is missing.
pub(super) fn ensure() -> Result<(), ProvisionError> {
    let mut missing: Vec<(&str, &str)> = TOOLS
        .iter()
        .filter(|tool| !found(tool.program) && (!tool.users_only || !is_root()))
        .map(|tool| (tool.package, tool.why))
        .collect();
    // A header rather than a program: gcc alone does not bring it.
    if !Path::new("/usr/include/stdio.h").exists() {
        missing.push(("libc6-dev", "has the C library's headers, and its static form for guest programs"));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(package, _)| *package).collect();
    let packages = packages.join(" ");
    if !found("apt-get") || !(is_root() || found("sudo")) {
        return Err(ProvisionError::MissingPackages { packages });
    }
    for (package, why) in &missing {
        say(&format!("  installing {package}: {why}"));
    }
    let mut command = if is_root() {
        Command::new("sh")
    } else {
        let mut command = Command::new("sudo");
        command.arg("sh");
        command
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").args([
        "-euc",
        "apt-get update -q && apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \"$@\"",
        "sh",
    ]);
    command.args(packages.split(' '));
    step("install packages on this machine", &vm_dir().join("log/host-packages.log"), command)?;
    Ok(())
}
