// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Virtual machines: Debian's own kernel in QEMU under software emulation, with a small init that
//! runs what the harness asks for.
//!
//! ```text
//!   Vm ─┬─ Guest  ── virtio-serial ──▶ guest-agent: commands, their output and exit codes
//!       ├─ Qmp    ── control socket ─▶ QEMU: plug and unplug the TEE device, and memory
//!       └─ console.log                 the guest kernel's log
//! ```
//!
//! A machine ends with its [`Vm`], and also when the harness is killed: the agent switches it off
//! once nobody has been at the other end for half a minute.

mod config;
mod door;
pub(crate) mod emulator;
mod guest;
pub(crate) mod initramfs;
mod machine;
mod plug;
mod qmp;
mod reboot;
mod sleep;
pub(crate) mod trouble;

pub use config::VmConfig;
pub use door::{Door, Socket, TeeDevice, REQUEST_QUEUES};
pub use guest::{Guest, GuestError, Output, Running};
pub use initramfs::write as write_initramfs;
pub use machine::{shell, Vm, VmError};
pub use plug::MemoryKind;
pub use qmp::{Qmp, QmpError};
pub use reboot::Reboot;
pub use sleep::Sleep;
