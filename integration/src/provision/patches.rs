// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The driver as patches to the kernel, applied and built in its tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::{vm_dir, workspace};
use crate::progress::step;

use super::driver::{self, DRIVER_SOURCES};
use super::{store, KernelTree, ProvisionError, Root};

const GENERATOR: &str = "guest-driver/scripts/patches";
const SCRIPT: &str = include_str!("patches.sh");
/// The files of the kernel's that the patches change.
const CHANGED: [&str; 5] = [
    "MAINTAINERS",
    "Documentation/tee/index.rst",
    "drivers/tee/Kconfig",
    "drivers/tee/Makefile",
    "include/uapi/linux/virtio_ids.h",
];

/// Applies the patches to those files, which is all that they touch besides new ones.
const APPLY: &str =
    "cd \"$1\"; git init -q; git add .; git commit -q -m base; git am -q ../000[1-9]-*.patch; rm -rf .git";

/// Links a source to a folder, and copies files over it.
const OVERLAY: &str = "mkdir \"$3\"; cp -al \"$1/.\" \"$3\"; cp -r --remove-destination \"$2/.\" \"$3\"";

/// In the kernel's tree. It asks about MAINTAINERS for each new file, whatever it says there.
const CHECKPATCH: &str =
    "perl scripts/checkpatch.pl --strict --ignore FILE_PATH_CHANGES --terse ../000[1-9]-*.patch";

/// The patches for the kernel of `root`, once they have been found to apply, to build without warnings and to please
/// checkpatch.pl; the lock is held.
pub(super) fn ensure(root: &Root, tree: &KernelTree) -> Result<PathBuf, ProvisionError> {
    let name = driver::name(&DRIVER_SOURCES, "patches", root, tree, SCRIPT)?;
    let log = |what: &str| vm_dir().join(format!("log/patches-{what}-{}.log", root.kernel));
    store::once(&name, |part| {
        let mut generate = Command::new(workspace().join(GENERATOR));
        generate.arg(&tree.source).arg(part);
        step("write the driver as patches", &log("write"), identified(generate))?;

        let patched = part.join("tree");
        for file in CHANGED {
            copy(&tree.source.join(file), &patched.join(file))?;
        }
        let mut apply = Command::new("sh");
        apply.args(["-euc", APPLY, "sh"]).arg(&patched);
        step("apply the patches", &log("apply"), identified(apply))?;

        // The kernel's files are links to those that are there, but for those that the patches change.
        let mut source = Command::new("sh");
        source.args(["-euc", OVERLAY, "sh"]).arg(&tree.source).arg(&patched).arg(part.join("source"));
        step("put them over the kernel's source", &log("source"), source)?;

        let mut checkpatch = Command::new("sh");
        checkpatch.args(["-euc", CHECKPATCH]).current_dir(part.join("source"));
        step("checkpatch.pl", &log("checkpatch"), checkpatch)?;

        let script = format!(
            "build() {{ make -C /kernel/module/source O=/kernel/module/build {} \"$@\"; }}\n{SCRIPT}",
            tree.make
        );
        let binds: [(&Path, &str); 2] = [(&tree.build, "/kernel/build"), (part, "/kernel/module")];
        step("build the driver in the kernel's tree", &log("build"), root.command(&binds, &script))?;
        for folder in ["tree", "source", "build"] {
            let path = part.join(folder);
            fs::remove_dir_all(&path).map_err(|source| ProvisionError::Write { path, source })?;
        }
        Ok::<(), ProvisionError>(())
    })
}

/// Whose the patches are that are only tried out, whatever git knows.
fn identified(mut command: Command) -> Command {
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "The virtio-tee developers");
        command.env(format!("GIT_{role}_EMAIL"), "virtio-tee@localhost.localdomain");
    }
    command
}

fn copy(from: &Path, to: &Path) -> Result<(), ProvisionError> {
    let error = |source| ProvisionError::Write { path: to.to_owned(), source };
    fs::create_dir_all(to.parent().unwrap_or(to)).map_err(error)?;
    fs::copy(from, to).map_err(error)?;
    Ok(())
}
