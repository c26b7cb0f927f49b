// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One virtual machine.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::trouble::trouble;
use super::{initramfs, Guest, GuestError, Qmp, QmpError, TeeDevice, VmConfig};
use crate::progress;
use crate::provision::Provisioned;

/// When a machine that was told to switch off is taken to hang.
const HANG: Duration = Duration::from_secs(60);
/// When a boot is taken to be stuck: many times what it takes on a busy machine.
pub(super) const BOOT: Duration = Duration::from_secs(120);
/// How often a machine is booted before that is an error.
pub(super) const BOOTS: u32 = 3;

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
    qmp: Mutex<Qmp>,
    qemu: Child,
}

impl Vm {
    /// Boots a machine; its logs go to a folder of its name in `dir`.
    ///
    /// On a starved host it happens, once in some dozens of times, that the stock kernel does not get
    /// beyond starting its second emulated CPU, or trips over an instruction that it is just patching
    /// for the other one. Nothing of this project has run in it by then, so that machine is given up, with
    /// a word about it, and another one booted.
    pub fn boot(parts: &Provisioned, dir: &Path, config: &VmConfig) -> Result<Self, VmError> {
        let mut attempt = 1;
        loop {
            match Self::try_boot(parts, dir, config) {
                Err(VmError::Boot { console }) if attempt < BOOTS => {
                    let last = console.lines().last().unwrap_or_default();
                    progress::say(&format!("  {}: did not boot, trying again: {last}", config.name));
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn try_boot(parts: &Provisioned, dir: &Path, config: &VmConfig) -> Result<Self, VmError> {
        let dir = dir.join(&config.name);
        let prepare = |source| VmError::Prepare { path: dir.clone(), source };
        fs::create_dir_all(&dir).map_err(prepare)?;
        initramfs::write(&dir.join("initramfs"), parts, config).map_err(prepare)?;
        let log = File::create(dir.join("qemu.log")).map_err(prepare)?;

        let mut command = config.command(parts, "");
        command.current_dir(&dir).args([
            // Paths relative to the folder: a socket's may not be longer than 107 bytes.
            "-serial",
            "file:console.log",
            "-chardev",
            "socket,id=agent,path=agent.sock,server=on,wait=off",
            "-device",
            "virtio-serial-pci",
            "-device",
            &format!("virtserialport,chardev=agent,name={}", guest_agent::PORT_NAME),
            "-qmp",
            "unix:qmp.sock,server=on,wait=off",
        ]);
        command.stdout(log.try_clone().map_err(prepare)?).stderr(log);
        let mut qemu = command.spawn().map_err(VmError::Qemu)?;
        match Self::attach(&mut qemu, &dir) {
            Ok((guest, qmp)) => {
                let tees = config.tees.clone();
                Ok(Self { dir, guest, tees, qmp: Mutex::new(qmp), qemu })
            }
            Err(error) => {
                // It may have ended by itself.
                let _ = qemu.kill();
                let _ = qemu.wait();
                Err(error)
            }
        }
    }

    fn attach(qemu: &mut Child, dir: &Path) -> Result<(Guest, Qmp), VmError> {
        let mut open = |name| loop {
            check_alive(qemu, dir)?;
            if let Ok(stream) = connect(dir, name) {
                break Ok::<UnixStream, VmError>(stream);
            }
        };
        let agent = open("agent.sock")?;
        let qmp = open("qmp.sock")?;
        let qmp = Qmp::attach(qmp).or_else(|error| {
            check_alive(qemu, dir)?;
            Err(VmError::from(error))
        })?;
        let guest = Guest::attach(agent, BOOT).or_else(|source| {
            let log = dir.join("console.log");
            let console = progress::tail(&log).unwrap_or_default();
            // The kernel of its own accord: the driver is loaded later.
            if fs::read(&log).is_ok_and(|log| String::from_utf8_lossy(&log).contains("Kernel panic")) {
                return Err(VmError::Boot { console });
            }
            check_alive(qemu, dir)?;
            Err(match source {
                GuestError::Hang { .. } => VmError::Boot { console },
                source => VmError::Guest { source, console },
            })
        })?;
        Ok((guest, qmp))
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

    /// The log of the guest's kernel, all of it.
    pub fn kernel_log(&self) -> String {
        let bytes = fs::read(self.dir.join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Switches the machine off; fails where its kernel had anything to complain of.
    pub fn shut_down(mut self) -> Result<(), VmError> {
        let console = |dir: &Path| progress::tail(&dir.join("console.log")).unwrap_or_default();
        self.guest.power_off().map_err(|source| VmError::Guest { source, console: console(&self.dir) })?;
        let deadline = Instant::now() + HANG;
        while self.qemu.try_wait().map_err(VmError::Qemu)?.is_none() {
            if Instant::now() > deadline {
                return Err(VmError::NoPowerOff);
            }
            thread::sleep(Duration::from_millis(20));
        }
        match trouble(&self.kernel_log()) {
            None => Ok(()),
            Some(lines) => Err(VmError::KernelTrouble(lines)),
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
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

/// Fails where QEMU has ended, with its words.
fn check_alive(qemu: &mut Child, dir: &Path) -> Result<(), VmError> {
    // Its end is seen on its sockets first.
    for _ in 0..5 {
        if let Some(status) = qemu.try_wait().map_err(VmError::Qemu)? {
            let log = progress::tail(&dir.join("qemu.log")).unwrap_or_default();
            return Err(VmError::QemuEnded { status, log });
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Connects to a socket in a folder whose path may be too long for a socket's address: reached by the
/// folder's descriptor instead.
fn connect(folder: &Path, name: &str) -> io::Result<UnixStream> {
    let folder = File::open(folder)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}
