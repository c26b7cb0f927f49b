// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! An emulated Arm machine with a real OP-TEE in its secure world, which the kernel reaches by SMC.
//!
//! ```text
//!   OpteeVm ─┬─ Guest ── virtio-serial ──▶ guest-agent: commands, their output and exit codes
//!            ├─ console.log                what firmware and kernel print
//!            └─ secure.log                  what OP-TEE and its TAs print
//! ```
//!
//! OP-TEE, the kernel and what is beside it in the normal world (tee-supplicant, xtest with its TAs,
//! libteec) are Debian's packages. The kernel runs at EL2, so that KVM works in it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cpio::newc::ModeFileType;

use crate::provision::OpteeMachine;
use crate::vm::emulator::{self, Emulator, BOOT, HANG};
use crate::vm::initramfs::{name_of, Archive, APPLETS};
use crate::vm::{Guest, VmError};

/// Where the firmware looks for the kernel: so it is built.
const KERNEL_AT: u64 = 0x6000_0000;
/// Where the kernel is told to look for its initramfs: behind it.
const INITRAMFS_AT: u64 = 0x6800_0000;
/// Where the machine's memory begins.
const MEMORY_AT: u64 = 0x4000_0000;

/// Modules for OP-TEE, by their paths below the kernel's folder.
const MODULES: [&str; 3] =
    ["drivers/tee/tee.ko.xz", "drivers/firmware/arm_ffa/ffa-core.ko.xz", "drivers/tee/optee/optee.ko.xz"];
/// Folders of the machine besides `/usr`.
const FOLDERS: [&str; 7] = ["dev", "etc", "proc", "root", "sys", "tmp", "var"];
/// Applets of busybox that are used here besides those of every guest.
const MORE_APPLETS: [&str; 8] = ["chmod", "find", "ifconfig", "mkdir", "sha256sum", "tail", "wc", "xz"];

/// Starts what is needed before `/dev/tee0` can be used; for people and the harness alike.
const START_TEE: &str = "#!/bin/sh -e
# In this order: each needs the one before it.
for module in tee ffa-core optee; do
	insmod /lib/modules/$module.ko.xz
done
# Tests of sockets talk to themselves.
ifconfig lo up
mkdir -p /var/lib/optee-client/data/tee
/usr/sbin/tee-supplicant -d
";

/// The shell of a person begins with it.
const PROFILE: &str = "start-tee && echo 'OP-TEE is at /dev/tee0; try: xtest -l 0 -t regression 1006'\n";

/// What a machine is to have.
#[derive(Debug, Clone)]
pub struct OpteeConfig {
    /// For people, and the folder of its logs.
    pub name: String,
    /// Memory in MiB; the initramfs lies in it from the 640th on, and once more unpacked.
    pub memory_mib: u32,
    /// More for the kernel's command line.
    pub append: String,
    /// Files, and folders with all that is below them, to have besides: where in the machine, without
    /// the first slash (`usr/bin/tool`), and which of the outside that is. Folders on the way are made.
    pub files: Vec<(String, PathBuf)>,
    /// Modules of the kernel to have in `/lib/modules` besides those for OP-TEE, by their paths below
    /// the kernel's folder: `drivers/block/virtio_blk.ko.xz`. The machine's `insmod` takes them as they are.
    pub modules: Vec<&'static str>,
}

impl OpteeConfig {
    /// A machine with 2 GiB and nothing besides OP-TEE.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            memory_mib: 2048,
            append: String::new(),
            files: Vec::new(),
            modules: Vec::new(),
        }
    }

    /// QEMU with everything but what the machine talks through, for an initramfs of `size` bytes.
    fn command(&self, parts: &OpteeMachine, append: &str, size: u64) -> Command {
        let mut command = emulator::command(&parts.root, "usr/bin/qemu-system-aarch64");
        command.arg("-no-reboot");
        // OP-TEE is built for this interrupt controller. A CPU with all features hangs it.
        command.args(["-machine", "virt,secure=on,virtualization=on,gic-version=3,acpi=off"]);
        command.args(["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "cortex-a76", "-smp", "2"]);
        command.args(["-m", &self.memory_mib.to_string()]);
        command.arg("-bios").arg(&parts.flash);
        let kernel = parts.root.dir.join("guest/vmlinuz");
        for (file, at) in [(kernel.as_path(), KERNEL_AT), (Path::new("initramfs"), INITRAMFS_AT)] {
            let mut loader = std::ffi::OsString::from(format!("loader,addr={at:#x},force-raw=on,file="));
            loader.push(file);
            command.arg("-device").arg(loader);
        }
        // The firmware starts the kernel. Only for the sake of an empty one does QEMU take its command line.
        command.args(["-kernel", "no-kernel", "-append"]);
        command.arg(format!(
            "console=ttyAMA0 panic=-1 initrd={INITRAMFS_AT:#x},{size} {append} {}",
            self.append
        ));
        command
    }
}

/// A running machine with OP-TEE; dropping it ends it.
#[derive(Debug)]
pub struct OpteeVm {
    /// Its folder: logs and sockets.
    pub dir: PathBuf,
    /// Runs commands in its normal world.
    pub guest: Guest,
    emulator: Emulator,
}

impl OpteeVm {
    /// Boots a machine, to where `/dev/tee0` can be used; its logs go to a folder of its name in `dir`.
    pub fn boot(parts: &OpteeMachine, dir: &Path, config: &OpteeConfig) -> Result<Self, VmError> {
        emulator::persist(&config.name, || Self::try_boot(parts, dir, config))
    }

    fn try_boot(parts: &OpteeMachine, dir: &Path, config: &OpteeConfig) -> Result<Self, VmError> {
        let dir = dir.join(&config.name);
        let size = prepare(parts, &dir, config)?;
        let mut emulator =
            Emulator::start(config.command(parts, "", size), &dir, &["console.log", "secure.log"])?;
        let port = emulator.open("agent.sock")?;
        let guest = emulator.attach(port, BOOT)?;
        guest
            .ok(&["start-tee"])
            .map_err(|source| VmError::Guest { source, console: emulator.kernel_log() })?;
        Ok(Self { dir, guest, emulator })
    }

    /// The log of firmware and kernel, all of it.
    pub fn kernel_log(&self) -> String {
        self.emulator.kernel_log()
    }

    /// Switches the machine off; fails where its kernel had anything to complain of.
    pub fn shut_down(self) -> Result<(), VmError> {
        self.emulator.shut_down(&self.guest, HANG)
    }
}

/// Boots a machine whose console is this terminal, with a shell; returns when it is switched off.
pub fn shell(parts: &OpteeMachine, dir: &Path, config: &OpteeConfig) -> Result<(), VmError> {
    let dir = dir.join(&config.name);
    let size = prepare(parts, &dir, config)?;
    let mut command = config.command(parts, "shell quiet", size);
    // The terminal sends ^C to the machine; QEMU's own keys begin with ^A.
    command.current_dir(&dir).args(["-serial", "mon:stdio", "-serial", "file:secure.log"]);
    command.stdin(Stdio::inherit()).status().map_err(VmError::Qemu)?;
    Ok(())
}

/// Makes the machine's folder; returns the size of its initramfs.
fn prepare(parts: &OpteeMachine, dir: &Path, config: &OpteeConfig) -> Result<u64, VmError> {
    let make = || {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("no-kernel"), [])?;
        let path = dir.join("initramfs");
        write_initramfs(&path, parts, config)?;
        let size = path.metadata()?.len();
        // It is unpacked into the same memory.
        let end = INITRAMFS_AT - MEMORY_AT + 2 * size;
        if end > u64::from(config.memory_mib) << 20 {
            let why = format!("an initramfs of {size} bytes is too large for {} MiB", config.memory_mib);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(size)
    };
    make().map_err(|source| VmError::Prepare { path: dir.to_owned(), source })
}

fn write_initramfs(path: &Path, parts: &OpteeMachine, config: &OpteeConfig) -> io::Result<()> {
    let root = &parts.root.dir;
    let mut archive = Archive::new(File::create(path)?);
    for folder in FOLDERS {
        archive.add(folder, ModeFileType::Directory, 0o755, &[])?;
    }
    archive.console()?;
    // As Debian has it: programs and libraries are in /usr.
    archive.tree("usr", &root.join("optee/host/usr"))?;
    for folder in ["bin", "sbin", "lib"] {
        archive.add(folder, ModeFileType::Symlink, 0o777, format!("usr/{folder}").as_bytes())?;
    }
    archive.file("init", &parts.guest.agent, 0o755)?;
    archive.file("usr/bin/tee-guest", &parts.guest.tee_guest, 0o755)?;
    for applet in APPLETS.iter().chain(&MORE_APPLETS) {
        archive.add(&format!("usr/bin/{applet}"), ModeFileType::Symlink, 0o777, b"busybox")?;
    }
    archive.add("usr/bin/start-tee", ModeFileType::Regular, 0o755, START_TEE.as_bytes())?;
    archive.add("etc/profile", ModeFileType::Regular, 0o644, PROFILE.as_bytes())?;
    // The TAs of OP-TEE itself: PKCS#11 and others.
    let kit = root.join("optee/os/usr/lib/optee-os-dev/vexpress-qemu_armv8a");
    archive.tree("usr/lib/optee_armtz", &kit.join("ta"))?;
    for ta in fs::read_dir(&parts.ta_dir)? {
        let (name, path) = ta.map(|ta| (ta.file_name(), ta.path()))?;
        if path.extension().is_some_and(|extension| extension == "ta") {
            archive.file(&format!("usr/lib/optee_armtz/{}", name.to_string_lossy()), &path, 0o644)?;
        }
    }
    archive.add("usr/lib/modules", ModeFileType::Directory, 0o755, &[])?;
    let modules = root.join(format!("guest/usr/lib/modules/{}/kernel", parts.root.kernel));
    for module in MODULES.iter().chain(&config.modules) {
        let file = modules.join(module);
        archive.file(&format!("usr/lib/modules/{}", name_of(&file)), &file, 0o644)?;
    }
    for (name, path) in &config.files {
        let mut folders: Vec<&Path> = Path::new(name).ancestors().skip(1).collect();
        folders.pop(); // What is above all of them is there.
        for folder in folders.iter().rev() {
            archive.add(&folder.to_string_lossy(), ModeFileType::Directory, 0o755, &[])?;
        }
        if path.is_dir() {
            archive.tree(name, path)?;
        } else {
            archive.file(name, path, path.metadata()?.permissions().mode() & 0o7777)?;
        }
    }
    archive.finish()
}
