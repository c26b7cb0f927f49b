// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One virtual machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use super::emulator::{self, Emulator, BOOT, HANG};
use super::{initramfs, trouble, Guest, GuestError, Qmp, QmpError, TeeDevice, VmConfig};
use crate::provision::{GuestKernelKind, Provisioned};

/// Why a virtual machine failed.
#[derive(Debug, Error)]
pub enum VmError {
    /// Its folder cannot be prepared.
    #[error("cannot prepare {}: {source}", path.display())]
    Prepare {
        /// What cannot be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// QEMU cannot be started.
    #[error("cannot run QEMU: {0}")]
    Qemu(io::Error),
    /// QEMU ended before its sockets were there.
    #[error("QEMU ended with {status}; {log}")]
    QemuEnded {
        /// How.
        status: ExitStatus,
        /// What it printed.
        log: String,
    },
    /// The guest did not come up or did not do what it should.
    #[error("{source}\nthe guest's console ends with:\n{console}")]
    Guest {
        /// What went wrong.
        source: GuestError,
        /// The end of the console's log.
        console: String,
    },
    /// The guest's agent did not come up in minutes.
    #[error("the guest does not come up; its console ends with:\n{console}")]
    Boot {
        /// The end of the console's log.
        console: String,
    },
    /// QEMU did not do what it should.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// The guest's kernel complained.
    #[error("the guest's kernel complained:\n{0}")]
    KernelTrouble(String),
    /// The guest's kernel cannot say whether it has lost memory.
    #[error("cannot look for what the guest's kernel has lost: {0}")]
    NoScan(#[source] GuestError),
    /// The guest's kernel has memory that nothing points to.
    #[error("the guest's kernel has lost memory:\n{0}")]
    Leak(String),
    /// One of the kernel's checks is not at work any more.
    #[error("the guest's kernel has switched a check off: {0}")]
    CheckOff(String),
    /// The guest did not reboot.
    #[error("the guest was to start anew and did not: {0} came to its end")]
    NoReboot(String),
    /// The machine did not switch off.
    #[error("the machine was told to switch off and did not")]
    NoPowerOff,
}

/// A running virtual machine; dropping it ends it.
#[derive(Debug)]
pub struct Vm {
    /// Its folder: logs and sockets.
    pub dir: PathBuf,
    /// Runs commands in it.
    pub guest: Guest,
    /// Its TEE devices, as they were when it was booted.
    pub tees: Vec<TeeDevice>,
    /// Which kernel it boots.
    pub kernel: GuestKernelKind,
    qmp: Mutex<Qmp>,
    pub(super) emulator: Emulator,
}

impl Vm {
    /// Boots a machine; its logs go to a folder of its name in `dir`.
    pub fn boot(parts: &Provisioned, dir: &Path, config: &VmConfig) -> Result<Self, VmError> {
        emulator::persist(&config.name, || Self::try_boot(parts, dir, config))
    }

    fn try_boot(parts: &Provisioned, dir: &Path, config: &VmConfig) -> Result<Self, VmError> {
        let dir = dir.join(&config.name);
        let prepare = |source| VmError::Prepare { path: dir.clone(), source };
        fs::create_dir_all(&dir).map_err(prepare)?;
        initramfs::write(&dir.join("initramfs"), parts, config).map_err(prepare)?;
        let mut command = config.command(parts, "");
        command.args(["-qmp", "unix:qmp.sock,server=on,wait=off"]);
        let mut emulator = Emulator::start(command, &dir, &["console.log"])?;
        let agent = emulator.open("agent.sock")?;
        let qmp = emulator.open("qmp.sock")?;
        let qmp = Qmp::attach(qmp).or_else(|error| {
            emulator.check_alive()?;
            Err(VmError::from(error))
        })?;
        let kernel = parts.kernel.kind;
        let guest = emulator.attach(agent, kernel.patience(BOOT))?;
        Ok(Self { dir, guest, tees: config.tees.clone(), kernel, qmp: Mutex::new(qmp), emulator })
    }

    /// Loads the TEE subsystem and the driver.
    pub fn load_driver(&self) -> Result<(), GuestError> {
        self.guest.ok(&["load-driver"])?;
        Ok(())
    }

    /// QEMU's control socket.
    pub fn qmp(&self) -> MutexGuard<'_, Qmp> {
        self.qmp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Process number of what emulates it.
    pub fn emulator_pid(&self) -> u32 {
        self.emulator.pid()
    }

    /// The log of the guest's kernel, all of it.
    pub fn kernel_log(&self) -> String {
        self.emulator.kernel_log()
    }

    /// Switches the machine off; fails where its kernel had anything to complain of.
    pub fn shut_down(self) -> Result<(), VmError> {
        if self.kernel == GuestKernelKind::Debug {
            trouble::look_for_leaks(&self.guest)?;
        }
        self.emulator.shut_down(&self.guest, self.kernel.patience(HANG))
    }

    /// Ends a machine that does not heed its guest any more, as after [`Sleep::Memory`](super::Sleep); fails where its
    /// kernel had anything to complain of.
    pub fn cut_power(self) -> Result<(), VmError> {
        if self.kernel == GuestKernelKind::Debug {
            trouble::look_for_leaks(&self.guest)?;
        }
        self.emulator.cut_power()
    }
}

/// Boots a machine whose console is this terminal, with a shell; returns when it is switched off.
pub fn shell(parts: &Provisioned, dir: &Path, config: &VmConfig) -> Result<(), VmError> {
    let dir = dir.join(&config.name);
    let prepare = |source| VmError::Prepare { path: dir.clone(), source };
    fs::create_dir_all(&dir).map_err(prepare)?;
    initramfs::write(&dir.join("initramfs"), parts, config).map_err(prepare)?;
    let mut command = config.command(parts, "shell quiet");
    // The terminal sends ^C to the guest; QEMU's own keys begin with ^A.
    command.current_dir(&dir).args(["-serial", "mon:stdio"]);
    command.stdin(Stdio::inherit()).status().map_err(VmError::Qemu)?;
    Ok(())
}
