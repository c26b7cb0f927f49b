// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a guest of the Arm machine with OP-TEE takes besides the machine itself: a VMM, the daemon with TAs for its
//! software TEE, and the guest's driver, all for arm64.

use std::path::{Path, PathBuf};

use crate::paths::vm_dir;
use crate::progress::step;

use super::{programs, store, Driver, OpteeMachine, ProvisionError, Root};

/// Unpacks QEMU.
const QEMU: &str = include_str!("nested-qemu.sh");

/// A machine with OP-TEE, and what a guest in it is booted from and served by.
#[derive(Debug, Clone)]
pub struct NestedGuest {
    /// The machine.
    pub host: OpteeMachine,
    /// The guest's driver.
    pub driver: Driver,
    /// Folder with the daemon `vhost-user-tee`, and `ta-runtime`, without their debug information.
    pub programs: PathBuf,
    /// Folder of TAs for the software TEE: the tests' own, and the dev kit's examples in C.
    pub ta_dir: PathBuf,
    /// `virtio-tee-frontend`, a VM without a guest.
    pub front_end: PathBuf,
    /// Folder with QEMU for such a machine: `bin`, and in `lib` the libraries it loads.
    pub qemu: PathBuf,
}

/// Makes what `host`, `driver` and the folder `programs` of the host side do not have; the lock is held.
pub(super) fn ensure(
    host: OpteeMachine,
    driver: Driver,
    programs: &Path,
) -> Result<NestedGuest, ProvisionError> {
    let qemu = qemu(&host.root)?;
    let programs = stripped(&host.root, programs)?;
    let ta_dir = programs::tas_for_arm64(&host.root)?;
    let front_end = programs::front_end_for_arm64(&host.root)?;
    Ok(NestedGuest { host, driver, programs, ta_dir, front_end, qemu })
}

fn qemu(root: &Root) -> Result<PathBuf, ProvisionError> {
    let root_name = root.dir.file_name().unwrap_or_default().as_encoded_bytes();
    let name = format!("nested-qemu-{}", store::key(&[root_name, QEMU.as_bytes()]));
    store::once(&name, |part| {
        let command = root.command(&[(part, "/work/out")], QEMU);
        step("unpack QEMU for arm64 (40 MB to fetch)", &vm_dir().join("log/nested-qemu.log"), command)?;
        Ok(())
    })
}

/// Without debug information programs take a tenth of the machine's memory.
fn stripped(root: &Root, from: &Path) -> Result<PathBuf, ProvisionError> {
    let to = store::make_dir(&vm_dir().join("nested-programs"))?;
    let script = "cd /work/src && for program in vhost-user-tee ta-runtime; do
        aarch64-linux-gnu-strip --strip-debug -o /work/out/$program $program
    done";
    let command = root.command(&[(from, "/work/src"), (&to, "/work/out")], script);
    step("strip the programs for arm64", &vm_dir().join("log/nested-programs.log"), command)?;
    Ok(to)
}
