// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA cannot do, in the order in which it loses it.
//!
//! | layer | takes | when |
//! |---|---|---|
//! | privileges | capabilities, root, set-uid programs, a terminal, debuggers, a life beyond the daemon's | first |
//! | Landlock | the file system, TCP, abstract sockets and signals to others | first |
//! | limits | files, core dumps, stack; then processes, threads and private memory | first; before the TA's first instruction |
//! | seccomp, loading | all system calls but those of a running TA and of the dynamic linker | before the TA's first instruction |
//! | limits | private memory, where the TA has declared less | before its first entry point |
//! | seccomp, running | opening anything, new code | before its first entry point |
//!
//! Landlock and seccomp cover for each other: on kernels with an older Landlock, seccomp is what
//! denies the network; while the TA is loaded, Landlock is what denies files.
//!
//! Against a TA that is hostile from the start, the boundary is what is closed before its first
//! instruction. Its constructors run then, in the runtime's own process: they can see to it that the
//! rest never happens, or does nothing, and go on in the runtime's place. What the rest takes is taken
//! from a TA that means well until a client has made it do otherwise.
//!
//! Guest memory comes as descriptors of the files it lies in, which are wider than the ranges that a
//! call is about, and are closed once these are mapped. The sandbox keeps a TA from widening what is
//! mapped, not from keeping a descriptor: a TA that has taken over its runtime may hold on to each
//! that passes from then on, and with it all of the file.

mod filter;
mod landlock;
mod limits;
mod privileges;

use std::io;

use rustix::io::Errno;

/// What does not let the sandbox close: each names the system call or facility that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A privilege cannot be dropped.
    #[error("{0}: {1}")]
    Privilege(&'static str, Errno),
    /// The daemon died before the kernel was told to end this process with it.
    #[error("the daemon has died")]
    Orphaned,
    /// A limit cannot be set.
    #[error("setrlimit({0}): {1}")]
    Limit(&'static str, Errno),
    /// Memory use cannot be read.
    #[error("/proc/self/statm: {0}")]
    MemoryUse(io::Error),
    /// The kernel was built without Landlock, or started without it.
    #[error("this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, and landlock in its lsm= list)")]
    NoLandlock,
    /// Landlock refuses.
    #[error("landlock: {0}")]
    Landlock(#[from] ::landlock::RulesetError),
    /// A filter cannot be built or installed.
    #[error("seccomp: {0}")]
    Seccomp(#[from] seccompiler::Error),
    /// A filter cannot be built.
    #[error("seccomp filter: {0}")]
    Filter(#[from] seccompiler::BackendError),
    /// No filter for this machine.
    #[error("seccomp: no filter for {0}")]
    Machine(&'static str),
}

/// The sandbox, with privileges and files gone.
pub(crate) struct Sandbox {
    memory_use: limits::MemoryUse,
}

/// The sandbox, closed but for loading.
pub(crate) struct LoadingSandbox {
    memory_use: limits::MemoryUse,
}

impl Sandbox {
    /// Drops privileges, files and most limits, and any life beyond that of the process `daemon`. The process has one
    /// thread. `stack` is how far the main thread's stack may grow, in bytes.
    pub(crate) fn enter(daemon: u64, stack: u64) -> Result<Self, Error> {
        let memory_use = limits::MemoryUse::open()?;
        privileges::drop_all(daemon)?;
        landlock::deny_all()?;
        limits::set(stack)?;
        Ok(Self { memory_use })
    }

    /// Closes the sandbox, for all threads, but for what the dynamic linker needs, and allows no more
    /// than `heap` bytes of private memory beyond what there is. No thread can be started any more.
    pub(crate) fn close_for_loading(self, heap: u64) -> Result<LoadingSandbox, Error> {
        limits::set_heap(&self.memory_use, heap)?;
        filter::apply_loading()?;
        Ok(LoadingSandbox { memory_use: self.memory_use })
    }
}

impl LoadingSandbox {
    /// Closes the sandbox for good, and allows no more than `heap` bytes of private memory beyond
    /// what there is, nor more than was allowed for loading.
    pub(crate) fn close(self, heap: u64) -> Result<(), Error> {
        limits::lower_heap(&self.memory_use, heap)?;
        drop(self.memory_use);
        filter::apply_running()
    }
}
