// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The TEE subsystem of Linux, as user space meets it: `/dev/tee*`.
//!
//! - [`uapi`]: what `uapi/linux/tee.h` declares.
//! - [`raw`]: one function for each ioctl, on an open [`Device`](raw::Device).
//! - [`mapping`]: memory that a TA sees as well.
//!
//! Both who call TAs in a guest (crate `tee-client`) and who hand guests' calls to the host's TEE
//! (crate `kernel-tee`) are built on it. `unsafe` is in [`raw`] and [`mapping`] alone.

pub mod mapping;
pub mod raw;
pub mod uapi;

pub use mapping::{MapError, Mapping, Piece, Registered};
