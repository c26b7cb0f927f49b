// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! User-mode Linux: Debian's kernel source as a program of the host, and the driver built for it.
//!
//! The kernel depends on its source, configuration and toolchain only, the driver is a module beside
//! it: after a change to the driver, a few seconds are all that it takes.

use std::fs;
use std::path::PathBuf;

use crate::paths::vm_dir;
use crate::progress::step;

use super::{driver, store, Driver, KernelTree, Lints, ProvisionError, Root};

const CONFIG: &str = include_str!("uml.config");
const DEBUG_CONFIG: &str = include_str!("uml-debug.config");
const BUILD: &str = include_str!("uml-kernel.sh");
pub(super) const CLANG: &str = include_str!("uml-clang.sh");

/// Which user-mode kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UmlKind {
    /// As small and fast as it goes.
    Plain,
    /// With KASAN, lockdep and whatever else of the kernel watches for mistakes.
    Debug,
}

impl UmlKind {
    /// The name of the lock to hold while it is built: others need not wait for these minutes.
    pub(super) fn lock(self) -> &'static str {
        match self {
            Self::Plain => "lock-uml",
            Self::Debug => "lock-uml-debug",
        }
    }
}

/// A user-mode kernel with its driver.
#[derive(Debug, Clone)]
pub struct Uml {
    /// Which one it is.
    pub kind: UmlKind,
    /// The kernel: a static program.
    pub kernel: PathBuf,
    /// The module built for it.
    pub driver: Driver,
}

/// The tree of the kernel of that kind, made from `source`; its own lock is held.
pub(super) fn kernel(root: &Root, source: PathBuf, kind: UmlKind) -> Result<KernelTree, ProvisionError> {
    let (name, title, cc, config) = match kind {
        UmlKind::Plain => {
            let title = "build user-mode Linux (about 3 minutes)";
            ("uml", title, "x86_64-linux-gnu-gcc-14", CONFIG.to_owned())
        }
        UmlKind::Debug => {
            let title = "build user-mode Linux with KASAN and lockdep (about 5 minutes)";
            // In the large model clang has sections of its own for large data, which is all data where
            // no threshold is given. The kernel's linker script does not know them, and lockdep
            // then not what is in them. The vDSO is not in that model.
            let clang = "/kernel/build/clang/usr/lib/llvm-19/bin/clang \
                 KCFLAGS='-mlarge-data-threshold=1073741824 -Wno-unused-command-line-argument'";
            ("uml-debug", title, clang, format!("{CONFIG}{DEBUG_CONFIG}"))
        }
    };
    // User-mode Linux has Rust use a global offset table, which its loader of modules does not know.
    let make = format!(
        "ARCH=um SUBARCH=x86 CC={cc} HOSTCC=x86_64-linux-gnu-gcc-14 CROSS_COMPILE=x86_64-linux-gnu- \
         RUSTFLAGS_MODULE=-Zdirect-access-external-data=yes -j$(nproc)"
    );
    let script = format!("build() {{ make -C /kernel/src O=/kernel/build {make} \"$@\"; }}\n{BUILD}");
    let key = store::key(&[config.as_bytes(), script.as_bytes(), CLANG.as_bytes()]);
    let build = store::once(&format!("{name}-{}-{key}", root.kernel), |part| {
        let path = part.join("uml.config");
        fs::write(&path, &config).map_err(|source| ProvisionError::Write { path, source })?;
        let log = |what: &str| vm_dir().join(format!("log/{name}{what}-{}.log", root.kernel));
        if kind == UmlKind::Debug {
            let command = root.command(&[(part, "/kernel/build")], CLANG);
            step("fetch clang for it (14 MB)", &log("-clang"), command)?;
        }
        let command = root.command(&[(&source, "/kernel/src"), (part, "/kernel/build")], &script);
        step(title, &log(""), command)?;
        Ok::<(), ProvisionError>(())
    })?;
    Ok(KernelTree { source, build, make })
}

/// A kernel's tree with the driver built for it; the lock is held.
pub(super) fn with_driver(root: &Root, tree: &KernelTree, kind: UmlKind) -> Result<Uml, ProvisionError> {
    let driver = driver::ensure(root, tree, Lints::Warn)?;
    Ok(Uml { kind, kernel: tree.build.join("linux"), driver })
}
