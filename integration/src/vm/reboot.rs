// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guests that start anew in the same machine.

use serde_json::json;

use super::emulator::{BOOT, BOOTS};
use super::{GuestError, Output, Running, Vm, VmError};
use crate::progress;

/// How a guest starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reboot {
    /// Its kernel shuts its devices down, and has the machine reset.
    Orderly,
    /// Its kernel has the machine reset at once.
    Abrupt,
    /// QEMU resets the machine.
    Reset,
    /// Its kernel shuts its devices down and jumps into the kernel that `kexec -l` has loaded.
    Kexec,
}

impl Vm {
    /// Starts the guest anew, and waits until it is up again, without the driver. Only for a machine that
    /// [reboots](super::VmConfig::reboots).
    pub fn reboot(&self, how: Reboot) -> Result<(), VmError> {
        self.begin_reboot(how)?;
        let mut attempt = 1;
        loop {
            match self.guest.wait_ready(self.kernel.patience(BOOT)) {
                Ok(()) => return Ok(()),
                // As when it is booted for the first time; a kernel of the guest's own choice is no
                // concern of QEMU's reset.
                Err(GuestError::Hang { .. }) if attempt < BOOTS && how != Reboot::Kexec => {
                    progress::say("  a guest is stuck while rebooting, trying again");
                    self.qmp().execute("system_reset", json!({}))?;
                    attempt += 1;
                }
                Err(source) => {
                    let console = progress::tail(&self.dir.join("console.log")).unwrap_or_default();
                    return Err(VmError::Guest { source, console });
                }
            }
        }
    }

    fn begin_reboot(&self, how: Reboot) -> Result<(), VmError> {
        let in_guest = |script: &str| {
            let run = self.guest.start(&["sh", "-euc", script]).and_then(Running::wait);
            match run.and_then(Output::success) {
                // It does not come to an end: the guest's next life begins meanwhile.
                Err(GuestError::Gone { .. }) => Ok(()),
                Err(source) => Err(VmError::Guest { source, console: String::new() }),
                Ok(output) => Err(VmError::NoReboot(output.command)),
            }
        };
        match how {
            Reboot::Orderly => in_guest("reboot -f; exec sleep 1000"),
            Reboot::Abrupt => in_guest("echo b >/proc/sysrq-trigger; exec sleep 1000"),
            Reboot::Kexec => in_guest("kexec -e; exec sleep 1000"),
            Reboot::Reset => {
                self.qmp().execute("system_reset", json!({}))?;
                Ok(())
            }
        }
    }
}
