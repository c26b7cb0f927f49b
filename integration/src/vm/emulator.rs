// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! An emulator under way, whatever it emulates: reached, watched, ended.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::trouble::trouble;
use super::{Guest, GuestError, VmError};
use crate::progress;
use crate::provision::Root;
use crate::tied;

/// When a machine that was told to switch off is taken to hang.
pub(crate) const HANG: Duration = Duration::from_secs(60);
/// When a boot is taken to be stuck: many times what it takes on a busy machine.
pub(crate) const BOOT: Duration = Duration::from_secs(120);
/// How often a machine is booted before that is an error.
pub(super) const BOOTS: u32 = 3;

/// The emulator `program` of a root, which is killed with the thread that starts it, should that not
/// come to end it.
pub(crate) fn command(root: &Root, program: &str) -> Command {
    let emulator = root.program(program);
    let mut command = tied::command(emulator.get_program());
    command.args(emulator.get_args());
    command.stdin(Stdio::null());
    command.arg("-L").arg(root.dir.join("usr/share/qemu"));
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    command
}

/// A running emulator; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Emulator {
    dir: PathBuf,
    process: Child,
}

impl Emulator {
    /// Starts `command` in the folder `dir`, with the agent's port in it and with a log for each of the
    /// machine's serial lines, of which the first one, the kernel's, is `console.log`.
    pub(crate) fn start(mut command: Command, dir: &Path, lines: &[&str]) -> Result<Self, VmError> {
        let prepare = |source| VmError::Prepare { path: dir.to_owned(), source };
        let log = File::create(dir.join("qemu.log")).map_err(prepare)?;
        for line in lines {
            command.args(["-serial", &format!("file:{line}")]);
        }
        command.current_dir(dir).args([
            // Paths relative to the folder: a socket's may not be longer than 107 bytes.
            "-chardev",
            "socket,id=agent,path=agent.sock,server=on,wait=off",
            "-device",
            "virtio-serial-pci",
            "-device",
            &format!("virtserialport,chardev=agent,name={}", guest_agent::PORT_NAME),
        ]);
        command.stdout(log.try_clone().map_err(prepare)?).stderr(log);
        let process = command.spawn().map_err(VmError::Qemu)?;
        Ok(Self { dir: dir.to_owned(), process })
    }

    /// Connects to one of its sockets, as soon as it is there.
    pub(crate) fn open(&mut self, name: &str) -> Result<UnixStream, VmError> {
        loop {
            self.check_alive()?;
            if let Ok(stream) = connect(&self.dir, name) {
                return Ok(stream);
            }
        }
    }

    /// Connects to the agent's port anew: QEMU takes the second connection once the first is closed.
    pub(super) fn reconnect(&self, guest: &Guest) -> Result<(), GuestError> {
        guest.reconnect(connect(&self.dir, "agent.sock")?)
    }

    /// Waits for the agent at the other end of `port`, at most for `limit`.
    pub(crate) fn attach(&mut self, port: UnixStream, limit: Duration) -> Result<Guest, VmError> {
        Guest::attach(port, limit).or_else(|source| {
            let console = self.console();
            // The kernel of its own accord: drivers are loaded later.
            if self.kernel_log().contains("Kernel panic") {
                return Err(VmError::Boot { console });
            }
            self.check_alive()?;
            Err(match source {
                GuestError::Hang { .. } => VmError::Boot { console },
                source => VmError::Guest { source, console },
            })
        })
    }

    /// Its process number.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Fails where it has ended, with its words.
    pub(crate) fn check_alive(&mut self) -> Result<(), VmError> {
        // Its end is seen on its sockets first.
        for _ in 0..5 {
            if let Some(status) = self.process.try_wait().map_err(VmError::Qemu)? {
                let log = progress::tail(&self.dir.join("qemu.log")).unwrap_or_default();
                return Err(VmError::QemuEnded { status, log });
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The log of the guest's kernel, all of it.
    pub(crate) fn kernel_log(&self) -> String {
        let bytes = fs::read(self.dir.join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of that log.
    fn console(&self) -> String {
        progress::tail(&self.dir.join("console.log")).unwrap_or_default()
    }

    /// Switches the guest off, within `limit`; fails where its kernel had anything to complain of.
    pub(crate) fn shut_down(mut self, guest: &Guest, limit: Duration) -> Result<(), VmError> {
        guest.power_off().map_err(|source| VmError::Guest { source, console: self.console() })?;
        let deadline = Instant::now() + limit;
        while self.process.try_wait().map_err(VmError::Qemu)?.is_none() {
            if Instant::now() > deadline {
                return Err(VmError::NoPowerOff);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.judge()
    }

    /// Ends it; fails where the guest's kernel had anything to complain of.
    pub(super) fn cut_power(mut self) -> Result<(), VmError> {
        self.process.kill().and_then(|()| self.process.wait()).map_err(VmError::Qemu)?;
        self.judge()
    }

    fn judge(&self) -> Result<(), VmError> {
        match trouble(&self.kernel_log()) {
            None => Ok(()),
            Some(lines) => Err(VmError::KernelTrouble(lines)),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Boots by `boot`, and again where the machine called `name` does not get as far as its agent.
///
/// On a starved host it happens, once in some dozens of times, that the stock kernel does not get
/// beyond starting its second emulated CPU, or trips over an instruction that it is just patching
/// for the other one. Nothing of this project has run in it by then, so that machine is given up, with
/// a word about it, and another one booted.
pub(crate) fn persist<T>(name: &str, mut boot: impl FnMut() -> Result<T, VmError>) -> Result<T, VmError> {
    let mut attempt = 1;
    loop {
        match boot() {
            Err(VmError::Boot { console }) if attempt < BOOTS => {
                let last = console.lines().last().unwrap_or_default();
                progress::say(&format!("  {name}: did not boot, trying again: {last}"));
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// Connects to a socket in a folder whose path may be too long for a socket's address: reached by the
/// folder's descriptor instead.
fn connect(folder: &Path, name: &str) -> io::Result<UnixStream> {
    let folder = File::open(folder)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}
