// SPDX-License-Identifier: GPL-2.0

//! Abstractions for drivers of TEEs.
//!
//! To offer a TEE to the kernel and, as `/dev/teeN`, to user space, a module must do the following:
//!
//! - Implement [`Driver`] for a type: what the TEE subsystem asks of a driver.
//! - Make a [`Registration`] of it. Clients can come as soon as that exists; dropping it waits
//!   until the last of them has gone.
//!
//! The types that have direct C counterparts are:
//!
//! - [`Registration`]: `struct tee_device`, with its `tee_desc` and `tee_shm_pool`.
//! - [`Driver`]: `struct tee_driver_ops`.
//! - [`Shm`]: `struct tee_shm`.
//! - [`Params`]: an array of `struct tee_param`.
//! - [`UserRange`]: `struct tee_param_ubuf`; [`UserMemory`] are its pages, pinned.
//!
//! - [`Client`]: a `struct tee_context` of the kernel's own.
//! - [`BusDevice`]: `struct tee_client_device`.
//!
//! Contexts and shared memories are made by the subsystem; the driver adds to each what it needs,
//! [`Driver::Context`] and [`Driver::Memory`], which live as long as those:
//!
//! ```text
//!    tee_device ----- Driver::Data
//!        +- tee_context -- Driver::Context      open() ... the last reference to it
//!        +- tee_shm ------ Driver::Memory       alloc or register ... the last reference to it
//!                       +- Segments             its pages, as a device can address them
//! ```
//!
//! A driver that lets a device at a [`Shm`] keeps an `ARef` of it meanwhile: pages are not freed or
//! unpinned before the last one is gone. Dropping an `ARef<Shm>` can sleep.

mod bus;
mod client;
mod device;
mod driver;
mod param;
mod pool;
mod segments;
mod shm;
mod user;

pub(crate) use bus::BusDevice;
pub(crate) use client::Client;
pub(crate) use device::Registration;
pub(crate) use driver::{Caller, Driver, Invocation, SessionRequest, Verdict, Version};
pub(crate) use param::{Access, MemRef, Param, Params};
pub(crate) use segments::Segments;
pub(crate) use shm::Shm;
pub(crate) use user::{UserMemory, UserRange};
