// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest's file system: an archive that the kernel unpacks into memory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cpio::newc::{trailer, Builder, ModeFileType};

use super::sleep::BUTTON;
use super::VmConfig;
use crate::provision::{Driver, Provisioned, Root};

const FOLDERS: [&str; 10] = ["bin", "boot", "dev", "etc", "lib", "lib64", "proc", "sys", "tmp", "root"];

/// Applets of busybox that tests and people use.
pub(crate) const APPLETS: [&str; 31] = [
    "awk", "basename", "cat", "cp", "dd", "dmesg", "echo", "false", "free", "grep", "head", "insmod", "kill",
    "ls", "lsmod", "lspci", "mount", "ps", "readlink", "reboot", "rm", "rmmod", "sed", "sh", "sleep", "sort",
    "top", "true", "uname", "unxz", "vi",
];

/// Writes to `path` the archive for a machine that is to have what `config` says.
pub fn write(path: &Path, parts: &Provisioned, config: &VmConfig) -> io::Result<()> {
    write_root(File::create(path)?, parts, config)?;
    if config.boot_files {
        // The kernel unpacks one archive after the other.
        let root = fs::read(path)?;
        let mut archive = Archive::new(File::options().append(true).open(path)?);
        archive.file("boot/vmlinuz", &parts.kernel.image, 0o644)?;
        archive.add("boot/initramfs", ModeFileType::Regular, 0o644, &root)?;
        archive.finish()?;
    }
    Ok(())
}

fn write_root(to: File, parts: &Provisioned, config: &VmConfig) -> io::Result<()> {
    let mut archive = base(to, parts, &parts.driver, &load_driver(config))?;
    if let Some(module) = &parts.kernel.tee {
        archive.file("lib/tee.ko", module, 0o644)?;
    }
    archive.programs(&parts.root, &config.programs)?;
    let button = config.sleeps.then_some(BUTTON);
    for module in config.modules.iter().chain(&button) {
        let file = parts.kernel.modules.join(module);
        archive.file(&format!("lib/{}", name_of(&file)), &file, 0o644)?;
    }
    archive.finish()
}

/// Begins the archive that guests of all kinds have: the agent, the checks, busybox, and a driver with
/// the script that loads it.
pub(crate) fn base(to: File, parts: &Provisioned, driver: &Driver, load_driver: &str) -> io::Result<Archive> {
    let mut archive = Archive::new(to);
    for folder in FOLDERS {
        archive.add(folder, ModeFileType::Directory, 0o755, &[])?;
    }
    archive.console()?;
    for (name, file, mode) in [
        ("init", &parts.guest.agent, 0o755),
        ("bin/tee-guest", &parts.guest.tee_guest, 0o755),
        ("bin/busybox", &parts.root.dir.join("usr/bin/busybox"), 0o755),
        ("lib/virtio_tee.ko", &driver.module, 0o644),
    ] {
        archive.file(name, file, mode)?;
    }
    for module in driver.clients.iter().chain(&driver.fail_nth) {
        archive.file(&format!("lib/{}", name_of(module)), module, 0o644)?;
    }
    archive.add("bin/load-driver", ModeFileType::Regular, 0o755, load_driver.as_bytes())?;
    for applet in APPLETS {
        archive.add(&format!("bin/{applet}"), ModeFileType::Symlink, 0o777, b"busybox")?;
    }
    Ok(archive)
}

/// A script for tests and people alike.
fn load_driver(config: &VmConfig) -> String {
    let parameters: Vec<String> = config.tees.iter().map(|tee| tee.door.driver_parameters()).collect();
    let parameters = parameters.join(" ");
    format!(
        "#!/bin/sh -e\n[ ! -e /lib/tee.ko ] || lsmod | grep -q '^tee ' || insmod /lib/tee.ko\n\
         insmod /lib/virtio_tee.ko {parameters}\n"
    )
}

/// The last part of a path.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// An archive under way.
pub(crate) struct Archive {
    to: BufWriter<File>,
    inode: u32,
}

impl Archive {
    pub(crate) fn new(to: File) -> Self {
        Self { to: BufWriter::new(to), inode: 0 }
    }

    /// Ends the archive; without this it is not one.
    pub(crate) fn finish(self) -> io::Result<()> {
        trailer(self.to)?.flush()
    }

    /// Adds what is in a file of the outside.
    pub(crate) fn file(&mut self, name: &str, file: &Path, mode: u32) -> io::Result<()> {
        let bytes = fs::read(file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        self.add(name, ModeFileType::Regular, mode, &bytes)
    }

    /// Adds a folder of the outside with all that is below it, as `to`.
    pub(crate) fn tree(&mut self, to: &str, folder: &Path) -> io::Result<()> {
        self.add(to, ModeFileType::Directory, 0o755, &[])?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (name, path) = (format!("{to}/{}", name_of(&entry.path())), entry.path());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.tree(&name, &path)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path)?;
                self.add(&name, ModeFileType::Symlink, 0o777, target.as_os_str().as_encoded_bytes())?;
            } else {
                self.file(&name, &path, entry.metadata()?.permissions().mode() & 0o7777)?;
            }
        }
        Ok(())
    }

    /// Adds programs of the root, and the libraries that they need.
    fn programs(&mut self, root: &Root, programs: &[&str]) -> io::Result<()> {
        let mut libraries = BTreeSet::new();
        for program in programs {
            let path = root.dir.join(program);
            self.file(&format!("bin/{}", name_of(&path)), &path, 0o755)?;
            libraries.extend(root.libraries(program)?);
        }
        for library in libraries {
            // Where programs look for the loader, and the loader for the rest.
            let folder = if name_of(&library).starts_with("ld-linux") { "lib64" } else { "lib" };
            self.file(&format!("{folder}/{}", name_of(&library)), &library, 0o755)?;
        }
        Ok(())
    }

    fn builder(&mut self, name: &str, kind: ModeFileType, mode: u32) -> Builder {
        self.inode += 1;
        Builder::new(name).ino(self.inode).mode(mode).set_mode_file_type(kind)
    }

    /// Adds what is no file of the outside; a link's bytes are where it leads.
    pub(crate) fn add(&mut self, name: &str, kind: ModeFileType, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let size = u32::try_from(bytes.len())
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, format!("{name} is too large")))?;
        let builder = self.builder(name, kind, mode);
        let mut entry = builder.write(&mut self.to, size);
        entry.write_all(bytes)?;
        entry.finish()?;
        Ok(())
    }

    /// Adds the device that the kernel opens for the first process, before that could mount devtmpfs.
    pub(crate) fn console(&mut self) -> io::Result<()> {
        let builder = self.builder("dev/console", ModeFileType::Char, 0o600);
        builder.rdev_major(5).rdev_minor(1).write(&mut self.to, 0).finish()?;
        Ok(())
    }
}
