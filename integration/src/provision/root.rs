// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The Debian root: made by mmdebstrap, as root or as an ordinary user, and from then on only read.
//!
//! Programs run in it in a mount namespace of their own. What they write goes to folders of the
//! outside that are bound into it and vanish with the namespace.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::vm_dir;
use crate::progress::step;

use super::{host_tools, read, store, Arch, ProvisionError};

const KERNEL: &str = include_str!("root-kernel.sh");
/// What loads the root's programs.
const LOADER: &str = "lib64/ld-linux-x86-64.so.2";

/// A Debian root with a kernel's headers and source, and what builds modules for it.
#[derive(Debug, Clone)]
pub struct Root {
    /// Where it is.
    pub dir: PathBuf,
    /// What it builds for.
    pub arch: Arch,
    /// Release of the kernel it holds: `7.3.4+deb13-cloud-amd64`.
    pub kernel: String,
    /// Series of that kernel: `7.3`.
    pub series: String,
}

/// What a root is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RootKind {
    /// Machines for x86_64: QEMU, the kernel that they boot, and what builds the driver for that.
    Machines,
    /// The oldest kernel that the driver is for, and what builds the driver for that.
    OldestKernel,
    /// All that is built for arm64, and the machine with OP-TEE.
    Arm64,
}

/// How a root is made.
struct Recipe {
    name: &'static str,
    arch: Arch,
    suite: &'static str,
    architectures: &'static str,
    setup: &'static str,
    customize: String,
}

impl RootKind {
    fn recipe(self) -> Recipe {
        let machines = Recipe {
            name: "root-x86_64",
            arch: Arch::X86_64,
            suite: "trixie",
            architectures: "amd64",
            setup: include_str!("root-setup.sh"),
            customize: format!("series=7.3\n{KERNEL}\n{}", include_str!("root-vm.sh")),
        };
        match self {
            Self::Machines => machines,
            Self::OldestKernel => Recipe {
                name: "root-oldest-kernel",
                suite: "forky",
                setup: include_str!("root-oldest-setup.sh"),
                customize: format!("series=7.2\n{KERNEL}"),
                ..machines
            },
            Self::Arm64 => Recipe {
                name: "root-arm64",
                arch: Arch::Arm64,
                architectures: "amd64,arm64",
                customize: include_str!("root-arm64.sh").to_owned(),
                ..machines
            },
        }
    }
}

/// The root of that kind; the lock is held.
pub(super) fn ensure(kind: RootKind) -> Result<Root, ProvisionError> {
    let Recipe { name, arch, suite, architectures, setup, customize } = kind.recipe();
    let name = format!("{name}-{}", store::key(&[setup.as_bytes(), customize.as_bytes()]));
    let dir = store::once(&name, |part| {
        let mode = if host_tools::is_root() { "root" } else { "unshare" };
        let mut command = Command::new("bash");
        command.args([
            "-c",
            include_str!("bootstrap.sh"),
            "bash",
            mode,
            suite,
            architectures,
            setup,
            &customize,
        ]);
        command.arg(part);
        let title =
            format!("unpack Debian {suite} with kernel and toolchain for {arch:?} (about 500 MB to fetch)");
        step(&title, &vm_dir().join(format!("log/{name}.log")), command)?;
        Ok::<(), ProvisionError>(())
    })?;
    let word = |file: &str| Ok::<_, ProvisionError>(read(dir.join(file))?.trim().to_owned());
    Ok(Root { arch, kernel: word("guest/kernel")?, series: word("guest/series")?, dir })
}

impl Root {
    /// A command that runs a shell `script` inside the root, with folders of the outside bound into
    /// it: each pair is one of those and its place inside.
    pub fn command(&self, binds: &[(&Path, &str)], script: &str) -> Command {
        let mut command = Command::new("unshare");
        if !host_tools::is_root() {
            command.arg("--map-root-user");
        }
        command.args([
            "--mount",
            "--",
            "sh",
            "-euc",
            "root=$1; script=$2; shift 2
             mount --rbind /dev \"$root/dev\"
             mount --rbind /proc \"$root/proc\"
             while [ $# -gt 0 ]; do mkdir -p \"$root$2\"; mount --bind \"$1\" \"$root$2\"; shift 2; done
             exec chroot \"$root\" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C sh -euc \"$script\"",
            "sh",
        ]);
        command.arg(&self.dir).arg(script);
        for (outside, inside) in binds {
            command.arg(outside).arg(inside);
        }
        command
    }

    /// A command that runs a program of the root outside of it, with the root's own libraries.
    pub fn program(&self, program: &str) -> Command {
        let mut command = self.loader();
        command.arg(self.dir.join(program));
        command
    }

    /// The files that a program of the root loads: its libraries, and what loads them.
    pub fn libraries(&self, program: &str) -> io::Result<Vec<PathBuf>> {
        let output = self.loader().arg("--list").arg(self.dir.join(program)).output()?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("{program}: {}", words.trim())));
        }
        // Lines of "NAME => PATH (ADDRESS)"; the loader's own path stands for none of this machine's.
        let list = String::from_utf8_lossy(&output.stdout).into_owned();
        let paths = list.split_whitespace().map(PathBuf::from).filter(|path| path.starts_with(&self.dir));
        Ok([self.dir.join(LOADER)].into_iter().chain(paths).collect())
    }

    fn loader(&self) -> Command {
        let mut command = Command::new(self.dir.join(LOADER));
        command.arg("--library-path").arg(self.dir.join("usr/lib/x86_64-linux-gnu"));
        command
    }
}
