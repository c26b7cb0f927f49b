// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The tree that a Rust module for Debian's kernel is built in.
//!
//! Debian's header packages lack the kernel's compiled Rust crates, so these are built from Debian's
//! source package with Debian's configuration. Debian's kernels have no MODVERSIONS: the hashes in
//! the names of Rust symbols are the only guard of the ABI, so each symbol that the tree exports is
//! looked up in the stock kernel's list.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::paths::vm_dir;
use crate::progress::{say, step};

use super::{read, store, Arch, ProvisionError, Root};

/// A prepared kernel tree.
#[derive(Debug, Clone)]
pub struct KernelTree {
    /// The unpacked source, bound to `/kernel/src` in the root.
    pub source: PathBuf,
    /// The build folder, bound to `/kernel/build`.
    pub build: PathBuf,
    /// What to give to `make` besides a target.
    pub make: String,
}

/// The tree for `root`'s kernel; the lock is held.
pub(super) fn ensure(root: &Root) -> Result<KernelTree, ProvisionError> {
    let (kernel, series) = (&root.kernel, &root.series);
    let log = |what: &str| vm_dir().join(format!("log/{what}-{kernel}.log"));
    let source = store::once(&format!("linux-source-{kernel}"), |part| {
        let unpack = format!(
            "tar --extract --file /usr/src/linux-source-{series}.tar.xz --directory /kernel/src --strip-components=1 \
             --no-same-owner"
        );
        step("unpack the kernel's source", &log("unpack"), root.command(&[(part, "/kernel/src")], &unpack))?;
        Ok::<(), ProvisionError>(())
    })?;

    let (arch, triplet) = match root.arch {
        Arch::X86_64 => ("x86", "x86_64-linux-gnu-"),
        Arch::Arm64 => ("arm64", "aarch64-linux-gnu-"),
    };
    let cc = compiler(&read(root.dir.join("guest/headers/.config"))?, kernel)?;
    // Debian's compilers for all architectures of a kernel are of one version.
    let host_cc = cc.replace(triplet, "x86_64-linux-gnu-");
    let make = format!(
        "ARCH={arch} CC={cc} HOSTCC={host_cc} CROSS_COMPILE={triplet} KERNELRELEASE={kernel} LOCALVERSION= -j$(nproc)"
    );
    let prepare = format!(
        "headers=/guest/headers
         make=\"make -C /kernel/src O=/kernel/build {make}\"
         cp $headers/.config /kernel/build/.config
         $make olddefconfig
         $make prepare
         $make modules_prepare
         cp $headers/Module.symvers /kernel/build/
         # For BTF, where the package brings it.
         if [ -e $headers/vmlinux ]; then cp $headers/vmlinux /kernel/build/; fi"
    );
    let build =
        store::once(&format!("linux-build-{kernel}-{}", store::key(&[prepare.as_bytes()])), |part| {
            let command = root.command(&[(&source, "/kernel/src"), (part, "/kernel/build")], &prepare);
            step("build the kernel's Rust crates", &log("prepare"), command)?;
            check_symbols(kernel, part)
        })?;
    Ok(KernelTree { source, build, make })
}

/// The C compiler that a kernel of this configuration was built with.
fn compiler(config: &str, kernel: &str) -> Result<String, ProvisionError> {
    config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT=\"")?.split(' ').next())
        .map(str::to_owned)
        .ok_or_else(|| ProvisionError::NoCompiler { kernel: kernel.to_owned() })
}

/// Fails unless every Rust symbol of the tree is one of the stock kernel's.
fn check_symbols(kernel: &str, build: &Path) -> Result<(), ProvisionError> {
    let symvers = read(build.join("Module.symvers"))?;
    let stock: HashSet<&str> = symvers.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    let mut ours = Vec::new();
    for krate in ["core", "bindings", "kernel"] {
        let text = read(build.join(format!("rust/exports_{krate}_generated.h")))?;
        ours.extend(exports(&text).map(str::to_owned));
    }
    let foreign: Vec<&String> = ours.iter().filter(|symbol| !stock.contains(symbol.as_str())).collect();
    match foreign.split_first() {
        _ if ours.is_empty() => Err(ProvisionError::NoSymbols { kernel: kernel.to_owned() }),
        Some((first, more)) => Err(ProvisionError::ForeignSymbols {
            kernel: kernel.to_owned(),
            first: (*first).clone(),
            more: more.len(),
        }),
        None => {
            say(&format!("  all {} Rust symbols of the tree are the stock kernel's", ours.len()));
            Ok(())
        }
    }
}

/// The symbols of one of the kernel's generated lists of exports.
fn exports(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim().strip_prefix("EXPORT_SYMBOL_RUST_GPL(")?.split(')').next())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(exported: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("virtio-tee-tree-{}-{exported}", std::process::id()));
        fs::create_dir_all(dir.join("rust")).unwrap();
        fs::write(dir.join("Module.symvers"), "0x0\t_RNvfoo\tvmlinux\tEXPORT_SYMBOL_GPL\t\n").unwrap();
        for krate in ["core", "bindings", "kernel"] {
            let text = format!("EXPORT_SYMBOL_RUST_GPL({exported});\n");
            fs::write(dir.join(format!("rust/exports_{krate}_generated.h")), text).unwrap();
        }
        dir
    }

    #[test]
    fn the_compiler_is_the_configurations() {
        let config =
            "CONFIG_X=y\nCONFIG_CC_VERSION_TEXT=\"x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0\"\n";
        assert_eq!(compiler(config, "7.3").unwrap(), "x86_64-linux-gnu-gcc-14");
        assert!(matches!(compiler("CONFIG_X=y\n", "7.3"), Err(ProvisionError::NoCompiler { .. })));
    }

    #[test]
    fn stock_symbols_pass() {
        let dir = tree("_RNvfoo");
        check_symbols("7.3", &dir).unwrap();
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_foreign_symbol_is_named() {
        let dir = tree("_RNvbar");
        let error = check_symbols("7.3", &dir).unwrap_err();
        fs::remove_dir_all(dir).unwrap();
        assert!(
            matches!(&error, ProvisionError::ForeignSymbols { first, more: 2, .. } if first == "_RNvbar")
        );
    }
}
