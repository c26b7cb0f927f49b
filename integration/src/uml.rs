// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! User-mode Linux guests: the kernel as a program of the host, at its speed.
//!
//! ```text
//!   UmlVm ─┬─ Guest ── socket ── ttyS0 ──▶ guest-agent: commands, their output and exit codes
//!          ├─ virtio_uml ── vhost-user ──▶ the daemon: the TEE device, with ID 46
//!          └─ console.log                  the guest kernel's log
//! ```
//!
//! Its memory is a file that the daemon maps, so that zero-copy is what it is in any other machine.
//! It has one CPU, and tells the device nothing of a reset: see `docs/vmm/uml.md`.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::progress;
use crate::provision::{Provisioned, Uml};
use crate::tied;
use crate::vm::initramfs;
use crate::vm::trouble::trouble;
use crate::vm::{Guest, GuestError};
use guest_agent::LINE_WORD;
use virtio_tee_spec::VIRTIO_ID_TEE;

/// Memory in MiB.
const MEMORY_MIB: u32 = 512;
/// When a boot is taken to be stuck: it takes less than a second, or some with all checks.
const BOOT: Duration = Duration::from_secs(120);
/// When a machine that was told to switch off is taken to hang.
const HANG: Duration = Duration::from_secs(60);

/// Why a user-mode guest failed.
#[derive(Debug, Error)]
pub enum UmlError {
    /// Its folder or its line cannot be prepared.
    #[error("cannot prepare {}: {source}", path.display())]
    Prepare {
        /// What cannot be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel cannot be started or waited for.
    #[error("cannot run {}: {source}", kernel.display())]
    Run {
        /// The kernel.
        kernel: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The guest did not come up or did not do what it should.
    #[error("{source}\nthe guest's console ends with:\n{console}")]
    Guest {
        /// What went wrong.
        source: GuestError,
        /// The end of the console's log.
        console: String,
    },
    /// The guest's kernel complained.
    #[error("the guest's kernel complained:\n{0}")]
    KernelTrouble(String),
    /// The machine did not switch off.
    #[error("the machine was told to switch off and did not")]
    NoPowerOff,
}

/// A running user-mode guest; dropping it ends it.
#[derive(Debug)]
pub struct UmlVm {
    /// Its folder.
    pub dir: PathBuf,
    /// Runs commands in it.
    pub guest: Guest,
    program: PathBuf,
    kernel: Child,
    console_log: JoinHandle<()>,
}

impl UmlVm {
    /// Boots a guest whose TEE device is served at the vhost-user socket `tee`; its logs go to the
    /// folder `dir`, which relative paths start from.
    pub fn boot(parts: &Provisioned, uml: &Uml, dir: &Path, tee: &Path) -> Result<Self, UmlError> {
        let prepare = |source| UmlError::Prepare { path: dir.to_owned(), source };
        make_initramfs(parts, uml, dir).map_err(prepare)?;
        let (ours, theirs) = UnixStream::pair().map_err(prepare)?;
        let (mut output, console_end) = UnixStream::pair().map_err(prepare)?;
        let mut log = File::create(dir.join("console.log")).map_err(prepare)?;

        let mut command = tied::command(&uml.kernel);
        command.args(arguments(tee));
        // The line is standard input; the console is standard output, on which nothing comes in.
        command.args(["ssl0=fd:0", "con0=fd:1", &format!("{LINE_WORD}/dev/ttyS0")]);
        command.stdin(OwnedFd::from(theirs));
        // No file: the kernel waits for room with epoll, which takes none.
        command.stderr(OwnedFd::from(console_end.try_clone().map_err(prepare)?));
        command.stdout(OwnedFd::from(console_end));
        // A kernel that panics ends its whole process group.
        command.process_group(0);
        place(&mut command, dir);
        let run = |source| UmlError::Run { kernel: uml.kernel.clone(), source };
        let mut kernel = command.spawn().map_err(run)?;
        // With it go this process's ends of the guest's side, or the guest's end would not be seen.
        drop(command);
        // A log that cannot be written is missed by whoever reads it.
        let console_log = thread::spawn(move || drop(io::copy(&mut output, &mut log)));

        match Guest::attach(ours, BOOT) {
            Ok(guest) => {
                let program = uml.kernel.clone();
                Ok(Self { dir: dir.to_owned(), guest, program, kernel, console_log })
            }
            Err(source) => {
                // It may have ended by itself.
                let _ = kernel.kill();
                let _ = kernel.wait();
                let _ = console_log.join();
                Err(UmlError::Guest { source, console: console(dir) })
            }
        }
    }

    /// Loads the driver.
    pub fn load_driver(&self) -> Result<(), GuestError> {
        self.guest.ok(&["load-driver"])?;
        Ok(())
    }

    /// The log of the guest's kernel, all of it.
    pub fn kernel_log(&self) -> String {
        let bytes = fs::read(self.dir.join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Switches the guest off; fails where its kernel had anything to complain of.
    pub fn shut_down(mut self) -> Result<(), UmlError> {
        self.guest.power_off().map_err(|source| UmlError::Guest { source, console: console(&self.dir) })?;
        let deadline = Instant::now() + HANG;
        let run = |source| UmlError::Run { kernel: self.program.clone(), source };
        while self.kernel.try_wait().map_err(run)?.is_none() {
            if Instant::now() > deadline {
                return Err(UmlError::NoPowerOff);
            }
            thread::sleep(Duration::from_millis(10));
        }
        while !self.console_log.is_finished() {
            if Instant::now() > deadline {
                return Err(UmlError::NoPowerOff);
            }
            thread::sleep(Duration::from_millis(1));
        }
        match trouble(&self.kernel_log()) {
            None => Ok(()),
            Some(lines) => Err(UmlError::KernelTrouble(lines)),
        }
    }
}

impl Drop for UmlVm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kernel.kill();
        let _ = self.kernel.wait();
    }
}

/// Boots a guest whose console is this terminal, with a shell; returns when it is switched off.
pub fn shell(parts: &Provisioned, uml: &Uml, dir: &Path, tee: &Path) -> Result<(), UmlError> {
    make_initramfs(parts, uml, dir).map_err(|source| UmlError::Prepare { path: dir.to_owned(), source })?;
    // A job of its own, since a kernel that panics ends its whole process group, and leaves the
    // terminal as it was.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "sh", "-mc"]);
    command.args(["mode=$(stty -g 2>&-); \"$@\"; [ -z \"$mode\" ] || stty \"$mode\"", "sh"]);
    command.args(["setpriv", "--pdeathsig", "KILL", "--"]);
    command.arg(&uml.kernel).args(arguments(tee)).args(["con0=fd:0,fd:1", "ssl0=null", "shell", "quiet"]);
    place(&mut command, dir);
    command.status().map_err(|source| UmlError::Run { kernel: uml.kernel.clone(), source })?;
    Ok(())
}

/// What every guest is booted with.
fn arguments(tee: &Path) -> Vec<String> {
    vec![
        format!("mem={MEMORY_MIB}M"),
        "initrd=initramfs".to_owned(),
        format!("virtio_uml.device={}:{VIRTIO_ID_TEE}", tee.display()),
        // Other consoles and lines lead nowhere.
        "con=null".to_owned(),
        "ssl=null".to_owned(),
        // Where the kernel keeps its process number and its control socket.
        "uml_dir=.".to_owned(),
        "umid=uml".to_owned(),
    ]
}

/// Where the kernel runs, and keeps the guest's memory: where it finds a file system in memory itself.
fn place(command: &mut Command, dir: &Path) {
    command.current_dir(dir);
    for name in ["TMPDIR", "TMP", "TEMP"] {
        command.env_remove(name);
    }
}

fn make_initramfs(parts: &Provisioned, uml: &Uml, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let load_driver = "#!/bin/sh -e\ninsmod /lib/virtio_tee.ko\n";
    initramfs::base(File::create(dir.join("initramfs"))?, parts, &uml.driver, load_driver)?.finish()
}

fn console(dir: &Path) -> String {
    progress::tail(&dir.join("console.log")).unwrap_or_default()
}
