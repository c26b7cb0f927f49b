// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The host's own TEE, for virtual machines: the [`Tee`] trait over `/dev/teeN` of Linux's TEE
//! subsystem, whatever TEE is behind it (OP-TEE over SMC or FF-A, AMD-TEE, …).
//!
//! ```text
//!   KernelTee ─┬─ context ── open /dev/tee0 ─┬─ sessions                      ioctls, by the
//!   (one VM)   │  (its own)                  ├─ guest memory, registered      thread of the call
//!              └─ context …                  └─ buffers of small copies
//!      │ every call
//!      ▼
//!    Gate: so many calls in the TEE at a time, the VMs in turn              one per /dev/teeN
//! ```
//!
//! - **Contexts.** Each of a guest's is an open of the device of its own, so that the host's driver
//!   and the TEE keep them apart as they keep processes apart, and end what is left when it is closed.
//! - **Memory.** Registered memory of the guest is registered once with the TEE, when first used:
//!   its runs are mapped as one stretch, the kernel takes the pages, and the mapping goes again. The
//!   TA works on the guest's own pages. Memory of one call is registered for that call or, where it
//!   is small, copied ([`Config::copy_up_to`]); where the host's driver registers no memory, all is.
//! - **Calls** block in an ioctl. What they may be turned away for, the TEE's threads being all
//!   taken, is kept from them by the [`Gate`], in which they wait for their turn. Calls of one session wait for
//!   each other before it.
//! - **Giving up.** A call that waits at the gate gives up at once. For one in the TEE,
//!   `TEE_IOC_CANCEL` is made by a thread kept for that, since it can wait for a thread of the TEE
//!   itself. A TA that does not heed it cannot be ended from outside, be the call abandoned or not:
//!   then it runs on, and its thread, its place at the gate and the guest's pages that it uses stay
//!   taken until it returns, while other calls and other VMs go on. OP-TEE cannot cancel a call that
//!   opens a session, either; and it takes a cancellation for its session's, so that one which reaches it just after
//!   the TA has returned is kept for the session's next call, on the host as here.
//! - **Ending.** Sessions are closed as the guest closes them, and with their context. Closing, too,
//!   needs a thread of the TEE: with a gate narrower than the TEE's number of threads there always
//!   is one.
//! - **Client identities** are the host kernel's to compute, and it would compute the daemon's own:
//!   only the public login is let through.

#![forbid(unsafe_code)]

mod attendant;
mod budget;
mod context;
mod copies;
mod driver;
mod error;
mod gate;
mod memories;
mod params;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::Arc;

use tee::{Context, Failure, Tee, Version};
use tee_uapi::raw::Device;
use tee_uapi::uapi::{GEN_CAP_GP, GEN_CAP_MEMREF_NULL, GEN_CAP_PRIVILEGED, GEN_CAP_REG_MEM};

use crate::attendant::Attendant;
use crate::context::KernelContext;
use crate::driver::Driver;
pub use crate::error::Error;
pub use crate::gate::Gate;
use crate::gate::Member;

/// How to make a [`KernelTee`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the VM, for the log.
    pub name: String,
    /// The TEE's device for clients, such as `/dev/tee0`.
    pub device: PathBuf,
    /// Where calls wait for their turn: the same for all VMs that use the device.
    pub gate: Arc<Gate>,
    /// Memory of a single call up to so many bytes is copied rather than registered with the TEE; 0 for
    /// none. Registered memory is never copied where the host's driver can register it.
    pub copy_up_to: u64,
}

/// Opens the device.
type Open = Box<dyn Fn() -> io::Result<Arc<dyn Driver>> + Send + Sync>;

/// One VM's way to the host's TEE.
pub struct KernelTee {
    open: Open,
    version: Version,
    vm: Arc<Vm>,
}

/// What the contexts of a VM share.
struct Vm {
    /// Its place at the gate.
    member: Arc<Member>,
    attendant: Attendant,
    /// Memrefs of up to so many bytes in memory of one call are copied.
    copy_up_to: u64,
    /// The host's driver registers memory.
    registers: bool,
    /// Buffers for copies that its contexts keep.
    kept_copies: Arc<AtomicUsize>,
}

impl KernelTee {
    /// Makes a TEE, having looked whether the device can be used.
    ///
    /// # Errors
    ///
    /// One for each reason why it cannot.
    pub fn new(config: Config) -> Result<Self, Error> {
        let path = config.device.clone();
        // To open the supplicant's device is to become the supplicant.
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"teepriv")) {
            return Err(Error::Privileged(path));
        }
        let open = move || Ok(Arc::new(Device::open(&path)?) as Arc<dyn Driver>);
        Self::over(config, Box::new(open))
    }

    fn over(config: Config, open: Open) -> Result<Self, Error> {
        let Config { name, device, gate, copy_up_to } = config;
        let driver = open().map_err(|source| Error::opening(&device, source))?;
        let data = driver.version().map_err(|source| Error::asking(&device, source))?;
        if data.gen_caps & GEN_CAP_PRIVILEGED != 0 {
            return Err(Error::Privileged(device));
        }
        if data.gen_caps & GEN_CAP_GP == 0 {
            return Err(Error::NotGp { path: device, gen_caps: data.gen_caps });
        }
        let version = Version {
            impl_id: data.impl_id,
            impl_caps: data.impl_caps,
            // What this crate knows how to carry, and no capability that is yet to be invented.
            gen_caps: data.gen_caps & (GEN_CAP_GP | GEN_CAP_REG_MEM | GEN_CAP_MEMREF_NULL),
            revision: revision(&device),
        };
        let vm = Vm {
            member: gate.join(&name),
            attendant: Attendant::new(name).map_err(Error::Thread)?,
            copy_up_to,
            registers: data.gen_caps & GEN_CAP_REG_MEM != 0,
            kept_copies: Arc::default(),
        };
        Ok(Self { open, version, vm: Arc::new(vm) })
    }
}

/// What Linux (from 7.0 on) says of the TEE's own revision, and which device it is.
fn revision(device: &Path) -> String {
    let of = |name: &std::ffi::OsStr| {
        let path = Path::new("/sys/class/tee").join(name).join("revision");
        std::fs::read_to_string(path).ok()
    };
    let revision = device.file_name().and_then(of);
    let revision = revision.as_deref().map(str::trim).filter(|text| !text.is_empty());
    format!("{} {}", device.display(), revision.unwrap_or("of the host"))
}

impl Tee for KernelTee {
    fn version(&self) -> &Version {
        &self.version
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        let driver = (self.open)().map_err(|e| error::failure(&e))?;
        Ok(Arc::new(KernelContext::new(self.vm.clone(), driver)))
    }
}
