// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The driver as Debian packages, for DKMS.

use std::path::PathBuf;

use super::driver::{self, DRIVER_SOURCES};
use super::{KernelTree, ProvisionError, Root};

/// The folder of the packages for the kernel of `root`; the lock is held.
pub(super) fn ensure(root: &Root, tree: &KernelTree) -> Result<PathBuf, ProvisionError> {
    let script = format!(
        "/kernel/module/guest-driver/scripts/package /kernel/src /kernel/build {} /kernel/module/packages",
        root.kernel
    );
    let dir = driver::make_of(&DRIVER_SOURCES, "packages", "pack the driver for DKMS", root, tree, &script)?;
    Ok(dir.join("packages"))
}
