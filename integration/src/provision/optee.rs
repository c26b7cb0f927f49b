// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What an emulated Arm machine with OP-TEE in its secure world starts from: its firmware.
//!
//! OP-TEE is Debian's binary; Trusted Firmware-A, which starts it and then the kernel, is built from
//! Debian's source, since Debian builds it for real machines only.

use std::path::PathBuf;

use crate::paths::{vm_dir, workspace};
use crate::progress::step;

use super::{store, GuestPrograms, ProvisionError, Root};

/// Builds the firmware in the root.
const FIRMWARE: &str = include_str!("optee-firmware.sh");

/// What an Arm machine with OP-TEE is booted from.
#[derive(Debug, Clone)]
pub struct OpteeMachine {
    /// The root that QEMU, the kernel, OP-TEE and the programs beside it are taken from.
    pub root: Root,
    /// Contents of the machine's flash memory: the firmware with OP-TEE in it.
    pub flash: PathBuf,
    /// Programs that run in its normal world.
    pub guest: GuestPrograms,
    /// The folder of the tests' own TAs, built and signed for it.
    pub ta_dir: PathBuf,
}

/// The firmware, as the machine's flash memory holds it; the lock is held.
pub(super) fn firmware(root: &Root) -> Result<PathBuf, ProvisionError> {
    let root_name = root.dir.file_name().unwrap_or_default().as_encoded_bytes();
    let name = format!("optee-firmware-{}", store::key(&[root_name, FIRMWARE.as_bytes()]));
    let dir = store::once(&name, |part| {
        let command = root.command(&[(part, "/work/out")], FIRMWARE);
        step("build the firmware that starts OP-TEE", &vm_dir().join("log/optee-firmware.log"), command)?;
        Ok::<(), ProvisionError>(())
    })?;
    Ok(dir.join("flash.bin"))
}

/// Where the TA dev kit of Debian's OP-TEE is in the root.
const KIT: &str = "/optee/os/usr/lib/optee-os-dev/vexpress-qemu_armv8a";

/// Builds the tests' own TAs with OP-TEE's kit, from the sources that the software TEE's are built from; the
/// lock is held. Make knows itself what is up to date.
pub(super) fn tas(root: &Root) -> Result<PathBuf, ProvisionError> {
    let dir = store::make_dir(&vm_dir().join("optee-tas"))?;
    let make = format!(
        "make -C /work/src/integration/tas O=/work/out kit-dir={KIT} CROSS_COMPILE=aarch64-linux-gnu-"
    );
    let command = root.command(&[(workspace(), "/work/src"), (&dir, "/work/out")], &make);
    step("build the tests' TAs for OP-TEE", &vm_dir().join("log/optee-tas.log"), command)?;
    Ok(dir)
}
