// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! User-mode Linux: Debian's kernel source as a program of the host, and the driver built for it.
//!
//! The kernel depends on its source, configuration and toolchain only, the driver is a module beside
//! it: after a change to the driver, a few seconds are all that it takes.

use std::fs;
use std::path::PathBuf;

use crate::paths::vm_dir;
use crate::progress::step;

use super::{driver, kernel, store, Driver, KernelTree, Lints, ProvisionError, Root};

const CONFIG: &str = include_str!("uml.config");
const DEBUG_CONFIG: &str = include_str!("uml-debug.config");
const BUILD: &str = include_str!("uml-kernel.sh");
const CLANG: &str = include_str!("uml-clang.sh");

/// Which user-mode kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UmlKind {
    /// As small and fast as it goes.
    Plain,
    /// With KASAN, lockdep and whatever else of the kernel watches for mistakes.
    Debug,
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

/// The kernel of that kind, from the source of `root`'s kernel; the lock is held.
pub(super) fn ensure(root: &Root, kind: UmlKind) -> Result<Uml, ProvisionError> {
    let source = kernel::ensure(root)?.source;
    let (name, title, cc, config) = match kind {
        UmlKind::Plain => {
            let title = "build user-mode Linux (about 3 minutes)";
            ("uml", title, "x86_64-linux-gnu-gcc-14", CONFIG.to_owned())
        }
        UmlKind::Debug => {
            let title = "build user-mode Linux with KASAN and lockdep (about 6 minutes)";
            let clang = "/kernel/build/clang/usr/lib/llvm-19/bin/clang";
            ("uml-debug", title, clang, format!("{CONFIG}{DEBUG_CONFIG}"))
        }
    };
    // User-mode Linux has Rust use a global offset table, which its loader of modules does not know.
    let make = format!(
        "ARCH=um SUBARCH=x86 CC={cc} HOSTCC=x86_64-linux-gnu-gcc-14 CROSS_COMPILE=x86_64-linux-gnu- \
         RUSTFLAGS_MODULE=-Zdirect-access-external-data=yes -j$(nproc)"
    );
    let build = format!("make=\"make -C /kernel/src O=/kernel/build {make}\"\n{BUILD}");
    let key = store::key(&[config.as_bytes(), build.as_bytes(), CLANG.as_bytes()]);
    let build = store::once(&format!("{name}-{}-{key}", root.kernel), |part| {
        let path = part.join("uml.config");
        fs::write(&path, &config).map_err(|source| ProvisionError::Write { path, source })?;
        let log = |what: &str| vm_dir().join(format!("log/{name}{what}-{}.log", root.kernel));
        if kind == UmlKind::Debug {
            let command = root.command(&[(part, "/kernel/build")], CLANG);
            step("fetch clang for it (14 MB)", &log("-clang"), command)?;
        }
        let command = root.command(&[(&source, "/kernel/src"), (part, "/kernel/build")], &build);
        step(title, &log(""), command)?;
        Ok::<(), ProvisionError>(())
    })?;
    let kernel = build.join("linux");
    let driver = driver::ensure(root, &KernelTree { source, build, make }, Lints::Warn)?;
    Ok(Uml { kind, kernel, driver })
}
