// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Everything a virtual machine is made of, from a bare Debian machine with Rust on it.
//!
//! ```text
//!   host_tools   packages of the host (mmdebstrap, …)         apt-get
//!   root         Debian trixie with kernel headers, rustc,
//!                bindgen, QEMU, the guest's kernel            mmdebstrap, then only read
//!   kernel       the tree that modules are built in,
//!                checked against the stock kernel's symbols   built inside the root
//!   guest_kernel the kernel that machines boot                Debian's, or built inside the root, where asked for
//!   driver       virtio_tee.ko                                built inside the root
//!   programs     daemon, ta-runtime, TAs, guest programs      built on the host
//!   uml          the kernel as a program, and its driver      built inside the root, where asked for
//!   package      the driver as packages for DKMS             the same
//!   patches      the driver as patches, built in the tree    the same, where asked for
//!   optee        firmware of an Arm machine with OP-TEE       built inside the root for arm64, where asked for
//!   nested       QEMU and daemon for a guest in that machine  the same
//!   vsock        rust-vmm's vsock device, a peer to measure   cargo install, where asked for
//! ```
//!
//! Each step leaves one folder below `target/vm/`, named after what went into it, and is skipped
//! where that folder exists. It is made under a temporary name and renamed when it is complete, by
//! one process at a time: the others wait for the lock. What takes minutes and is of no use to the others
//! has a lock of its own.

mod driver;
mod guest_kernel;
mod host_tools;
mod kernel;
mod nested;
mod optee;
mod package;
mod patches;
mod programs;
mod root;
mod store;
mod uml;
mod vsock;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use crate::progress::StepError;
use programs::Profile;
use root::RootKind;

pub use driver::{Driver, Lints};
pub use guest_kernel::{GuestKernel, GuestKernelKind};
pub use kernel::KernelTree;
pub use nested::NestedGuest;
pub use optee::OpteeMachine;
pub use programs::{GuestPrograms, HostPrograms};
pub use root::Root;
pub use store::StoreError;
pub use uml::{Uml, UmlKind};

/// Why provisioning failed.
#[derive(Debug, Error)]
pub enum ProvisionError {
    /// A step failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Folders below `target/vm` cannot be handled.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Host packages are missing and cannot be installed from here.
    #[error("missing on this machine: {packages}; install with: apt-get install {packages}")]
    MissingPackages {
        /// The packages, separated by blanks.
        packages: String,
    },
    /// A file that a step should have left cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that a step needs cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel tree's Rust symbols are not those of the stock kernel, so that a module would not load.
    #[error("the kernel tree of {kernel} has Rust symbols that the stock kernel has not, {first} and {more} more: wrong rustc, bindgen or configuration")]
    ForeignSymbols {
        /// The kernel's release.
        kernel: String,
        /// One of the symbols.
        first: String,
        /// How many besides it.
        more: usize,
    },
    /// There is no kernel of that name.
    #[error(
        "INTEGRATION_KERNEL is {name:?}: machines boot the kernel \"stock\", Debian's, \"7.2\", or \"debug\""
    )]
    UnknownKernel {
        /// The name.
        name: String,
    },
    /// A kernel's configuration does not say what compiler it was built with.
    #[error("the configuration of {kernel} has no CONFIG_CC_VERSION_TEXT")]
    NoCompiler {
        /// The kernel's release.
        kernel: String,
    },
    /// The kernel tree has no Rust symbols at all.
    #[error("the kernel tree of {kernel} exports no Rust symbols")]
    NoSymbols {
        /// The kernel's release.
        kernel: String,
    },
}

/// What a file holds that a step should have left.
fn read(path: PathBuf) -> Result<String, ProvisionError> {
    std::fs::read_to_string(&path).map_err(|source| ProvisionError::Read { path, source })
}

/// An architecture that the driver and the host side are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// Intel and AMD, 64 bits.
    X86_64,
    /// Arm, 64 bits.
    Arm64,
}

/// What a guest is booted from, and what serves it.
#[derive(Debug, Clone)]
pub struct Provisioned {
    /// The root that QEMU and busybox are taken from.
    pub root: Root,
    /// The guest's kernel.
    pub kernel: GuestKernel,
    /// The guest's driver.
    pub driver: Driver,
    /// Programs and TAs of the host.
    pub host: HostPrograms,
    /// Programs that run in the guest.
    pub guest: GuestPrograms,
}

/// What a process has provisioned: it looks but once whether that is up to date.
struct Once<T>(Mutex<Option<T>>);

impl<T: Clone> Once<T> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn get(&self, make: impl FnOnce() -> Result<T, ProvisionError>) -> Result<T, ProvisionError> {
        let mut done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*done {
            return Ok(made.clone());
        }
        Ok(done.insert(make()?).clone())
    }
}

/// Provides all that virtual machines need, re-using what is there; looks once in a process.
pub fn provision() -> Result<Provisioned, ProvisionError> {
    static DONE: Once<Provisioned> = Once::new();
    DONE.get(|| provision_with(Profile::Test))
}

fn provision_with(profile: Profile) -> Result<Provisioned, ProvisionError> {
    let kind = GuestKernelKind::wanted()?;
    let lock = store::lock()?;
    host_tools::ensure()?;
    let root = root::ensure(RootKind::Machines)?;
    let (kernel, driver, _lock) = match kind {
        GuestKernelKind::Stock => {
            let driver = driver::ensure(&root, &kernel::ensure(&root)?, Lints::Warn)?;
            (GuestKernel::debians(kind, &root), driver, lock)
        }
        GuestKernelKind::Oldest => {
            let (older, driver) = driver_unlocked(RootKind::OldestKernel, Lints::Warn)?;
            (GuestKernel::debians(kind, &older), driver, lock)
        }
        GuestKernelKind::Debug => {
            let source = kernel::ensure(&root)?.source;
            drop(lock);
            let tree = {
                let _lock = store::lock_named("lock-kernel-debug")?;
                guest_kernel::debug_tree(&root, source)?
            };
            let lock = store::lock()?;
            let driver = driver::ensure(&root, &tree, Lints::Warn)?;
            (GuestKernel::debug(&root, &tree), driver, lock)
        }
    };
    let host = programs::host(profile)?;
    let guest = programs::guest()?;
    Ok(Provisioned { root, kernel, driver, host, guest })
}

/// The same with the daemon and the TA runtime in release mode, for measurements.
pub fn provision_released() -> Result<Provisioned, ProvisionError> {
    provision_with(Profile::Release)
}

/// The daemon of rust-vmm's vhost-user vsock device, in release mode.
pub fn vsock_device() -> Result<PathBuf, ProvisionError> {
    let _lock = store::lock()?;
    vsock::device()
}

/// Builds the user-mode kernel of that kind and the driver for it, with all that this takes.
pub fn uml(kind: UmlKind) -> Result<Uml, ProvisionError> {
    let lock = store::lock()?;
    let (root, stock) = root_and_tree(RootKind::Machines)?;
    drop(lock);
    let tree = {
        let _lock = store::lock_named(kind.lock())?;
        uml::kernel(&root, stock.source, kind)?
    };
    let _lock = store::lock()?;
    uml::with_driver(&root, &tree, kind)
}

/// Builds the driver for `arch`, with all that this takes.
pub fn driver(arch: Arch, lints: Lints) -> Result<Driver, ProvisionError> {
    let _lock = store::lock()?;
    let kind = match arch {
        Arch::X86_64 => RootKind::Machines,
        Arch::Arm64 => RootKind::Arm64,
    };
    Ok(driver_unlocked(kind, lints)?.1)
}

/// Builds the driver for the oldest kernel that it is for, with all that this takes.
pub fn driver_for_oldest(lints: Lints) -> Result<Driver, ProvisionError> {
    let _lock = store::lock()?;
    Ok(driver_unlocked(RootKind::OldestKernel, lints)?.1)
}

/// What modules are built in and from; the lock is held.
fn root_and_tree(kind: RootKind) -> Result<(Root, KernelTree), ProvisionError> {
    host_tools::ensure()?;
    let root = root::ensure(kind)?;
    let tree = kernel::ensure(&root)?;
    Ok((root, tree))
}

fn driver_unlocked(kind: RootKind, lints: Lints) -> Result<(Root, Driver), ProvisionError> {
    let (root, tree) = root_and_tree(kind)?;
    let driver = driver::ensure(&root, &tree, lints)?;
    Ok((root, driver))
}

/// Packs the driver, for DKMS, with what the headers of its kernel lack; returns the packages' folder.
pub fn driver_packages() -> Result<PathBuf, ProvisionError> {
    let _lock = store::lock()?;
    let (root, tree) = root_and_tree(RootKind::Machines)?;
    package::ensure(&root, &tree)
}

/// Writes the driver as patches to the kernel, and tries them: they apply, build without warnings, and please
/// checkpatch.pl. Returns their folder.
pub fn driver_patches() -> Result<PathBuf, ProvisionError> {
    let lock = store::lock()?;
    let (root, tree) = root_and_tree(RootKind::Machines)?;
    drop(lock);
    let _lock = store::lock_named("lock-patches")?;
    patches::ensure(&root, &tree)
}

/// Makes what an Arm machine with OP-TEE is booted from; looks once in a process.
pub fn optee() -> Result<OpteeMachine, ProvisionError> {
    static DONE: Once<OpteeMachine> = Once::new();
    DONE.get(|| {
        let _lock = store::lock()?;
        host_tools::ensure()?;
        optee_unlocked(root::ensure(RootKind::Arm64)?)
    })
}

fn optee_unlocked(root: Root) -> Result<OpteeMachine, ProvisionError> {
    let flash = optee::firmware(&root)?;
    let guest = programs::guest_for_arm64(&root)?;
    let ta_dir = optee::tas(&root)?;
    Ok(OpteeMachine { root, flash, guest, ta_dir })
}

/// OP-TEE's own TA dev kit, as Debian packs it for arm64.
pub fn optee_dev_kit() -> Result<PathBuf, ProvisionError> {
    let _lock = store::lock()?;
    host_tools::ensure()?;
    let root = root::ensure(RootKind::Arm64)?;
    Ok(root.dir.join("optee/os/usr/lib/optee-os-dev/vexpress-qemu_armv8a"))
}

/// Makes what a guest in such a machine is booted from and served by; looks once in a process.
pub fn nested() -> Result<NestedGuest, ProvisionError> {
    static DONE: Once<NestedGuest> = Once::new();
    DONE.get(|| {
        let host = host_for_arm64()?;
        let _lock = store::lock()?;
        let (root, driver) = driver_unlocked(RootKind::Arm64, Lints::Warn)?;
        nested::ensure(optee_unlocked(root)?, driver, &host)
    })
}

/// Cross-compiles the host side for arm64 with Debian's own rustc, offline, inside the root; returns the
/// folder of its programs.
pub fn host_for_arm64() -> Result<PathBuf, ProvisionError> {
    let lock = store::lock()?;
    host_tools::ensure()?;
    let root = root::ensure(RootKind::Arm64)?;
    let vendor = programs::vendor()?;
    drop(lock);
    let _lock = store::lock_named("lock-host-arm64")?;
    programs::host_for_arm64(&root, &vendor)
}
