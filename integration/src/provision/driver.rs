// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest's driver, built against Debian's kernel.

use std::path::{Path, PathBuf};

use crate::paths::{vm_dir, workspace};
use crate::progress::step;

use super::{store, KernelTree, ProvisionError, Root};

/// The kernel's own clients of a TEE, in its source.
const CLIENTS: &str = "drivers/char/hw_random/optee-rng.c \
                       security/keys/trusted-keys/trusted_core.c security/keys/trusted-keys/trusted_tee.c";
/// How to make modules of them: of the second where the kernel has keys at all.
const CLIENTS_KBUILD: &str = "obj-m := optee-rng.o $(if $(CONFIG_KEYS),trusted.o)
trusted-y := trusted_core.o trusted_tee.o
ccflags-y := -DCONFIG_TRUSTED_KEYS_TEE";

/// Holds the driver against the kernel's way to format Rust.
const FORMATTED: &str = "rustfmt --check --edition 2021 --config-path /kernel/src/.rustfmt.toml \
                         /kernel/module/guest-driver/virtio_tee_main.rs";

/// What makes allocations fail.
const FAIL_NTH: &str = "integration/fail-nth";
/// The tests' own client within the kernel.
const KERNEL_CLIENT: &str = "integration/kernel-client";
/// What all of it is built from: the driver's own folder, the wire format's, and those.
const SOURCES: [&str; 4] = ["guest-driver", "spec/src", FAIL_NTH, KERNEL_CLIENT];
/// What the driver alone is built from.
pub(super) const DRIVER_SOURCES: [&str; 2] = ["guest-driver", "spec/src"];

/// The driver's module.
#[derive(Debug, Clone)]
pub struct Driver {
    /// `virtio_tee.ko`.
    pub module: PathBuf,
    /// Clients within the kernel. The kernel's own and as they are there, which Debian leaves out: `optee-rng.ko`, and
    /// `trusted.ko` for trusted keys where the kernel has keys. And the tests' own: `kernel_client.ko`.
    pub clients: Vec<PathBuf>,
    /// `fail_nth.ko`, which makes allocations fail; not for kernels without kprobes.
    pub fail_nth: Option<PathBuf>,
}

/// Whether warnings stop the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lints {
    /// They do not: for trying things out.
    Warn,
    /// Each is an error, Clippy's too, and so is what is not formatted as the kernel's Rust is.
    Deny,
}

/// The module of the checkout's driver; the lock is held.
pub(super) fn ensure(root: &Root, tree: &KernelTree, lints: Lints) -> Result<Driver, ProvisionError> {
    let (check, flags) = match lints {
        Lints::Warn => ("", ""),
        Lints::Deny => (FORMATTED, "KCFLAGS=-Werror KRUSTFLAGS=-Dwarnings CLIPPY=1"),
    };
    let make = |folder: &str, flags: &str| {
        format!("make -C /kernel/build M=/kernel/module/{folder} {} {flags} modules", tree.make)
    };
    let make = format!(
        "{check}
         {}
         mkdir -p /kernel/module/clients
         (cd /kernel/src && cp {CLIENTS} /kernel/module/clients/)
         echo '{CLIENTS_KBUILD}' >/kernel/module/clients/Kbuild
         {}
         {}
         {}",
        make("guest-driver", flags),
        make("clients", ""),
        make(KERNEL_CLIENT, ""),
        make(FAIL_NTH, "")
    );
    let title = format!("build the guest's driver for {:?}", root.arch);
    let dir = make_of(&SOURCES, "driver", &title, root, tree, &make)?;
    let fail_nth = Some(dir.join(FAIL_NTH).join("fail_nth.ko")).filter(|module| module.exists());
    let clients =
        ["clients/optee-rng.ko", "clients/trusted.ko", "integration/kernel-client/kernel_client.ko"];
    let clients = clients.map(|name| dir.join(name));
    Ok(Driver {
        module: dir.join("guest-driver/virtio_tee.ko"),
        clients: clients.into_iter().filter(|module| module.exists()).collect(),
        fail_nth,
    })
}

/// The folder of what `script` makes of copies of these folders of the workspace, in the root and beside the kernel's
/// tree; its name begins with `what`, and `title` is for people.
pub(super) fn make_of(
    folders: &[&str],
    what: &str,
    title: &str,
    root: &Root,
    tree: &KernelTree,
    script: &str,
) -> Result<PathBuf, ProvisionError> {
    store::once(&name(folders, what, root, tree, script)?, |part| {
        for folder in folders {
            store::copy_tree(&workspace().join(folder), Some(&part.join(folder)))?;
        }
        let binds: [(&Path, &str); 3] =
            [(&tree.source, "/kernel/src"), (&tree.build, "/kernel/build"), (part, "/kernel/module")];
        let log = vm_dir().join(format!("log/{what}-{}.log", root.kernel));
        step(title, &log, root.command(&binds, script))?;
        Ok(())
    })
}

/// The name in the store of what `script` makes of these folders of the workspace, with the kernel's tree.
pub(super) fn name(
    folders: &[&str],
    what: &str,
    root: &Root,
    tree: &KernelTree,
    script: &str,
) -> Result<String, ProvisionError> {
    let mut inputs = vec![script.as_bytes().to_vec(), tree.build.as_os_str().as_encoded_bytes().to_vec()];
    for folder in folders {
        inputs.push(store::copy_tree(&workspace().join(folder), None)?);
    }
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    Ok(format!("{what}-{}-{}", root.kernel, store::key(&inputs)))
}
