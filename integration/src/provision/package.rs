// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The driver as Debian packages, for DKMS.

use std::path::{Path, PathBuf};

use crate::paths::{vm_dir, workspace};
use crate::progress::step;

use super::driver::DRIVER_SOURCES;
use super::{store, KernelTree, ProvisionError, Root};

/// The folder of the packages for the kernel of `root`; the lock is held.
pub(super) fn ensure(root: &Root, tree: &KernelTree) -> Result<PathBuf, ProvisionError> {
    let script = format!(
        "/kernel/module/guest-driver/scripts/package /kernel/src /kernel/build {} /kernel/module/packages",
        root.kernel
    );
    let mut inputs = vec![script.clone().into_bytes(), tree.build.as_os_str().as_encoded_bytes().to_vec()];
    for folder in DRIVER_SOURCES {
        inputs.push(store::copy_tree(&workspace().join(folder), None)?);
    }
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let name = format!("packages-{}-{}", root.kernel, store::key(&inputs));
    let dir = store::once(&name, |part| {
        for folder in DRIVER_SOURCES {
            store::copy_tree(&workspace().join(folder), Some(&part.join(folder)))?;
        }
        let binds: [(&Path, &str); 3] =
            [(&tree.source, "/kernel/src"), (&tree.build, "/kernel/build"), (part, "/kernel/module")];
        let log = vm_dir().join(format!("log/packages-{}.log", root.kernel));
        step("pack the driver for DKMS", &log, root.command(&binds, &script))?;
        Ok::<(), ProvisionError>(())
    })?;
    Ok(dir.join("packages"))
}
