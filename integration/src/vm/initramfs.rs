// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest's file system: an archive that the kernel unpacks into memory.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use cpio::newc::{trailer, Builder, ModeFileType};

use super::machine::STAND_IN_ID;
use crate::provision::Provisioned;

const FOLDERS: [&str; 8] = ["bin", "dev", "etc", "lib", "proc", "sys", "tmp", "root"];

/// Applets of busybox that tests and people use.
const APPLETS: [&str; 28] = [
    "awk", "basename", "cat", "cp", "dd", "dmesg", "echo", "false", "free", "grep", "head", "insmod", "kill",
    "ls", "lsmod", "lspci", "mount", "ps", "rm", "rmmod", "sed", "sh", "sleep", "sort", "top", "true",
    "uname", "vi",
];

/// Writes the archive to `path`.
pub(super) fn write(path: &Path, parts: &Provisioned) -> io::Result<()> {
    let mut archive = Archive { to: BufWriter::new(File::create(path)?), inode: 0 };
    for folder in FOLDERS {
        archive.add(folder, ModeFileType::Directory, 0o755, &[])?;
    }
    // The kernel opens it for the first process, before that could mount devtmpfs.
    archive.console()?;
    for (name, file, mode) in [
        ("init", &parts.guest.agent, 0o755),
        ("bin/tee-guest", &parts.guest.tee_guest, 0o755),
        ("bin/busybox", &parts.root.dir.join("usr/bin/busybox"), 0o755),
        ("lib/tee.ko", &parts.root.dir.join("guest/tee.ko"), 0o644),
        ("lib/virtio_tee.ko", &parts.driver.module, 0o644),
    ] {
        let bytes = fs::read(file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        archive.add(name, ModeFileType::Regular, mode, &bytes)?;
    }
    archive.add("bin/load-driver", ModeFileType::Regular, 0o755, load_driver().as_bytes())?;
    for applet in APPLETS {
        archive.add(&format!("bin/{applet}"), ModeFileType::Symlink, 0o777, b"busybox")?;
    }
    trailer(archive.to)?.flush()
}

/// A script for tests and people alike.
fn load_driver() -> String {
    format!(
        "#!/bin/sh -e\nlsmod | grep -q '^tee ' || insmod /lib/tee.ko\ninsmod /lib/virtio_tee.ko device_id={STAND_IN_ID}\n"
    )
}

struct Archive {
    to: BufWriter<File>,
    inode: u32,
}

impl Archive {
    fn builder(&mut self, name: &str, kind: ModeFileType, mode: u32) -> Builder {
        self.inode += 1;
        Builder::new(name).ino(self.inode).mode(mode).set_mode_file_type(kind)
    }

    fn add(&mut self, name: &str, kind: ModeFileType, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let size = u32::try_from(bytes.len())
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, format!("{name} is too large")))?;
        let builder = self.builder(name, kind, mode);
        let mut entry = builder.write(&mut self.to, size);
        entry.write_all(bytes)?;
        entry.finish()?;
        Ok(())
    }

    fn console(&mut self) -> io::Result<()> {
        let builder = self.builder("dev/console", ModeFileType::Char, 0o600);
        builder.rdev_major(5).rdev_minor(1).write(&mut self.to, 0).finish()?;
        Ok(())
    }
}
