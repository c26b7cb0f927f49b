// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The kernel that machines boot: Debian's own, the newest or an older one, or one built from its source that watches itself.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::paths::vm_dir;
use crate::progress::step;

use super::{store, uml, KernelTree, ProvisionError, Root};

const CONFIG: &str = include_str!("kernel-debug.config");
const BUILD: &str = include_str!("kernel-debug.sh");

/// The environment variable that says which kernel machines boot.
const VARIABLE: &str = "INTEGRATION_KERNEL";
/// The environment variable that has done as often as it is to be what is done again and again to find leaks.
const SOAK: &str = "INTEGRATION_SOAK";
/// How many times as long the kernel with all checks may take for anything.
const PATIENCE: u32 = 5;

/// Which kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKernelKind {
    /// Debian's, unmodified.
    Stock,
    /// The oldest that the driver is for, unmodified as well: Debian forky's 7.2.
    Oldest,
    /// With KASAN, lockdep, kmemleak, fault injection and the like.
    Debug,
}

impl GuestKernelKind {
    /// The one that `INTEGRATION_KERNEL` asks for: Debian's where it is not set.
    pub fn wanted() -> Result<Self, ProvisionError> {
        let name = std::env::var_os(VARIABLE).unwrap_or_default();
        Self::named(&name.to_string_lossy())
    }

    fn named(name: &str) -> Result<Self, ProvisionError> {
        match name {
            "" | "stock" => Ok(Self::Stock),
            "7.2" => Ok(Self::Oldest),
            "debug" => Ok(Self::Debug),
            other => Err(ProvisionError::UnknownKernel { name: other.to_owned() }),
        }
    }

    /// When something is taken to hang that is given `limit` with Debian's kernel.
    pub fn patience(self, limit: Duration) -> Duration {
        match self {
            Self::Stock | Self::Oldest => limit,
            Self::Debug => limit * PATIENCE,
        }
    }

    /// How often to do what is to be done `times` times with Debian's kernel, to see whether it leaves anything behind:
    /// a fifth of that, but for who has the time (`INTEGRATION_SOAK`). The kernel with all checks sees what is left
    /// behind once.
    pub fn repetitions(self, times: u32) -> u32 {
        let part = match self {
            _ if std::env::var_os(SOAK).is_some() => return times,
            Self::Stock | Self::Oldest => times / 5,
            Self::Debug => times / 10,
        };
        part.max(3)
    }
}

/// A kernel that machines boot.
#[derive(Debug, Clone)]
pub struct GuestKernel {
    /// Which one it is.
    pub kind: GuestKernelKind,
    /// Its release, or that of the kernel whose source it is built from: `7.3.4+deb13-cloud-amd64`.
    pub release: String,
    /// The kernel: `vmlinuz`.
    pub image: PathBuf,
    /// The TEE subsystem, where it is a module.
    pub tee: Option<PathBuf>,
    /// The folder of its modules, compressed.
    pub modules: PathBuf,
}

impl GuestKernel {
    /// Debian's kernel of that root, unmodified.
    pub(super) fn debians(kind: GuestKernelKind, root: &Root) -> Self {
        let guest = root.dir.join("guest");
        Self {
            kind,
            release: root.kernel.clone(),
            image: guest.join("vmlinuz"),
            tee: Some(guest.join("tee.ko")),
            modules: guest.join(format!("usr/lib/modules/{}/kernel", root.kernel)),
        }
    }

    /// The kernel of a tree that `debug_tree` has made.
    pub(super) fn debug(root: &Root, tree: &KernelTree) -> Self {
        let guest = tree.build.join("guest");
        Self {
            kind: GuestKernelKind::Debug,
            release: root.kernel.clone(),
            image: guest.join("vmlinuz"),
            tee: None,
            modules: guest.join("modules"),
        }
    }
}

/// Builds the kernel that watches itself, from `source`; returns its tree. The lock `lock-kernel-debug` is held: others
/// need not wait for these minutes.
pub(super) fn debug_tree(root: &Root, source: PathBuf) -> Result<KernelTree, ProvisionError> {
    // Rust in a kernel with KASAN wants clang.
    let make = "ARCH=x86 CC=/kernel/build/clang/usr/lib/llvm-19/bin/clang HOSTCC=x86_64-linux-gnu-gcc-14 \
         CROSS_COMPILE=x86_64-linux-gnu- LOCALVERSION= -j$(nproc)";
    let script = format!("build() {{ make -C /kernel/src O=/kernel/build {make} \"$@\"; }}\n{BUILD}");
    let key = store::key(&[CONFIG.as_bytes(), script.as_bytes(), uml::CLANG.as_bytes()]);
    let build = store::once(&format!("kernel-debug-{}-{key}", root.kernel), |part| {
        let path = part.join("debug.config");
        fs::write(&path, CONFIG).map_err(|source| ProvisionError::Write { path, source })?;
        let log = |what: &str| vm_dir().join(format!("log/kernel-debug{what}-{}.log", root.kernel));
        let clang = root.command(&[(part, "/kernel/build")], uml::CLANG);
        step("fetch clang for it (14 MB)", &log("-clang"), clang)?;
        let command = root.command(&[(&source, "/kernel/src"), (part, "/kernel/build")], &script);
        step("build a kernel with KASAN, lockdep and kmemleak (about 10 minutes)", &log(""), command)?;
        Ok::<(), ProvisionError>(())
    })?;
    Ok(KernelTree { source, build, make: make.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_not_known_is_named() {
        assert_eq!(GuestKernelKind::named("").unwrap(), GuestKernelKind::Stock);
        assert_eq!(GuestKernelKind::named("7.2").unwrap(), GuestKernelKind::Oldest);
        assert_eq!(GuestKernelKind::named("debug").unwrap(), GuestKernelKind::Debug);
        let error = GuestKernelKind::named("debgu").unwrap_err().to_string();
        assert!(error.contains("debgu"), "{error}");
    }
}
