// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A virtio TEE device for virtual machines.
//!
//! ```text
//!     VMM ────── unix socket ──────┐
//!                                  ▼
//!   door       door::vhost_user    rings, guest memory, notifications
//!     │        door::vfio_user     the same, and a PCI function
//!     ▼ Transport
//!   device     device::Device      requests decoded and checked, answers encoded
//!     │
//!   partition  partition           one VM's contexts, sessions, memory, calls, quotas
//!     │        executor            threads for what blocks
//!     ▼
//!   dyn Tee    policy              which TAs, which client identities
//!     │        crate `tee`         SoftTee: a sandboxed process per TA instance
//!     ▼                            KernelTee: the host's /dev/teeN
//! ```
//!
//! Each layer knows the one below and nothing above: the device does not know how it is attached,
//! the partition nothing of virtio. [`vm::Vm`] puts one stack of them together per connection;
//! [`daemon`] runs several VMs in a process, from the command line ([`args`]) or a file ([`config`]).
//!
//! # In a test
//! A [`vm::Vm`] with a `Tee` of the test's own and a socket in a temporary folder is the whole
//! device; crate `virtio-tee-frontend` drives it.

pub mod args;
pub mod backend;
pub mod config;
pub mod daemon;
pub mod device;
pub mod door;
pub mod executor;
mod inherited;
pub mod logging;
pub mod partition;
pub mod policy;
mod rate_limit;
mod unsafe_signal;
pub mod vm;
