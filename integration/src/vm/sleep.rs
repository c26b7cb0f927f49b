// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guests that are put to sleep and woken.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{GuestError, Output, Vm, VmError};

/// The kernel's driver for the power button, which wakes a guest that idles.
pub(super) const BUTTON: &str = "drivers/acpi/button.ko.xz";
/// The kernel's last word on a sleep.
const AWAKE: &str = "PM: suspend exit";
/// How long the kernel is given to sleep before it is woken, and then to wake.
const NAP: Duration = Duration::from_secs(2);
/// When a guest is taken not to wake any more.
const HANG: Duration = Duration::from_secs(300);

/// How deep a guest sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// To idle: its kernel has all devices sleep, and then nothing left to do.
    Idle,
    /// To memory, ACPI's S3: the machine is off but for that, and all its devices begin anew. QEMU 11.1.3 with Debian's
    /// SeaBIOS does not heed a guest after that, neither when it is to sleep again nor to switch off.
    Memory,
}

impl Vm {
    /// Has the guest sleep, and wakes it; returns once it is awake. Only for a machine that
    /// [can](super::VmConfig::sleeps).
    pub fn sleep(&self, how: Sleep) -> Result<(), VmError> {
        let failed = |source| VmError::Guest { source, console: self.kernel_log() };
        self.guest.sh("lsmod | grep -q '^button ' || insmod /lib/button.ko.xz").map_err(failed)?;
        let script = match how {
            Sleep::Idle => "echo freeze >/sys/power/state",
            Sleep::Memory => "echo deep >/sys/power/mem_sleep; echo mem >/sys/power/state",
        };
        let before = self.awakenings();
        let running = self.guest.start(&["sh", "-euc", script]).map_err(failed)?;
        match how {
            Sleep::Idle => {}
            Sleep::Memory => {
                let mut qmp = self.qmp();
                qmp.wait_event(&["SUSPEND"], |_| true)?;
                qmp.execute("system_wakeup", json!({}))?;
            }
        }
        let deadline = Instant::now() + HANG;
        while self.awakenings() == before {
            if Instant::now() > deadline {
                let source = GuestError::Hang { command: script.to_owned(), output: String::new() };
                return Err(failed(source));
            }
            thread::sleep(NAP);
            if how == Sleep::Idle {
                // QEMU does not see that a machine idles. Where it does not, the button does nothing: nobody in the
                // guest acts upon it.
                self.qmp().execute("system_powerdown", json!({}))?;
            }
        }
        // Linux 7.3's virtio console misses, while it wakes, that its ports are open. It hears it once they are
        // opened anew.
        self.emulator.reconnect(&self.guest).map_err(failed)?;
        running.wait().and_then(Output::success).map_err(failed)?;
        Ok(())
    }

    /// How often the guest has woken.
    fn awakenings(&self) -> usize {
        self.kernel_log().matches(AWAKE).count()
    }
}
