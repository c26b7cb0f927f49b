// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a machine is to have, and QEMU's command line for it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use super::{emulator, TeeDevice};
use crate::provision::{GuestKernelKind, Provisioned};

/// QEMU's name of the slot for memory that is a PCI device.
pub(super) const MEMORY_PORT: &str = "port-memory";

/// What a machine is to have.
#[derive(Debug, Clone)]
pub struct VmConfig {
    /// For people, and the folder of its logs.
    pub name: String,
    /// Its TEE devices.
    pub tees: Vec<TeeDevice>,
    /// The socket, as QEMU names it, at which a vhost-user vsock device for it is served.
    pub vsock: Option<PathBuf>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// MiB that can be plugged in besides.
    pub more_memory_mib: u32,
    /// More for the kernel's command line.
    pub append: String,
    /// Programs of the Debian root to have in `/bin`, by their paths there: those that busybox lacks.
    pub programs: Vec<&'static str>,
    /// Modules of the kernel to have in `/lib`, by their paths below `kernel/`; they are compressed.
    pub modules: Vec<&'static str>,
    /// Whether `/boot` holds the kernel and an initramfs, for the guest to boot by itself.
    pub boot_files: bool,
    /// Whether a reset starts the machine anew; it ends it otherwise.
    pub reboots: bool,
    /// Whether it has what [sleeping](super::Vm::sleep) takes.
    pub sleeps: bool,
}

impl VmConfig {
    /// A machine with 512 MiB and these TEE devices.
    pub fn new(name: &str, tees: Vec<TeeDevice>) -> Self {
        Self {
            name: name.to_owned(),
            tees,
            vsock: None,
            memory_mib: 512,
            more_memory_mib: 0,
            append: String::new(),
            programs: Vec::new(),
            modules: Vec::new(),
            boot_files: false,
            reboots: false,
            sleeps: false,
        }
    }

    /// QEMU with everything but what the guest talks through.
    pub(super) fn command(&self, parts: &Provisioned, append: &str) -> Command {
        // Of what the checks keep beside each object and each page there is as much again.
        let memory = match parts.kernel.kind {
            GuestKernelKind::Stock | GuestKernelKind::Oldest => self.memory_mib,
            GuestKernelKind::Debug => 2 * self.memory_mib,
        };
        let mut command = emulator::command(&parts.root, "usr/bin/qemu-system-x86_64");
        command.arg("-L").arg(parts.root.dir.join("usr/share/seabios"));
        if !self.reboots {
            command.arg("-no-reboot");
        }
        // Shared memory, or the daemon cannot reach it.
        command.args(["-machine", "q35,memory-backend=memory", "-accel", "tcg,thread=multi"]);
        command.args(["-cpu", "max", "-smp", "2"]);
        command.arg("-m").arg(match self.more_memory_mib {
            0 => format!("{memory}M"),
            more => format!("size={memory}M,slots=4,maxmem={}M", memory + more),
        });
        command.args(["-object", &format!("memory-backend-memfd,id=memory,size={memory}M,share=on")]);
        command.arg("-kernel").arg(&parts.kernel.image);
        command.args(["-initrd", "initramfs"]);
        // The emulated clocks are sound; to check them against each other fails on a starved host.
        command.args([
            "-append",
            &format!("console=ttyS0 panic=-1 tsc=reliable no_timer_check {append} {}", self.append),
        ]);
        // Slots of their own, so that the devices can be pulled out; and a free one.
        for index in 0..=self.tees.len().max(1) {
            let (port, chassis) = (TeeDevice::port(index), index + 1);
            command.args(["-device", &format!("pcie-root-port,id={port},chassis={chassis}")]);
        }
        if self.more_memory_mib > 0 {
            let chassis = self.tees.len() + 3;
            command.args(["-device", &format!("pcie-root-port,id={MEMORY_PORT},chassis={chassis}")]);
        }
        for (index, tee) in self.tees.iter().enumerate() {
            if tee.needs_chardev() {
                let mut chardev = OsString::from("socket,id=");
                chardev.push(TeeDevice::id(index));
                chardev.push(",path=");
                chardev.push(&tee.socket);
                command.arg("-chardev").arg(chardev);
            }
            command.args(["-device", &tee.arguments(index).to_string()]);
        }
        if let Some(socket) = &self.vsock {
            let mut chardev = OsString::from("socket,id=vsock,path=");
            chardev.push(socket);
            command.arg("-chardev").arg(chardev);
            command.args(["-device", "vhost-user-vsock-pci,chardev=vsock"]);
        }
        command
    }
}
