// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How a VM reaches its device.
//!
//! ```text
//!   VMM ── unix socket ──▶ socket ──▶ vhost_user ──▶ device
//!                          listens    one back end per connection
//! ```
//!
//! A door translates between a transport and [`Device`](crate::device::Device), and is all that knows
//! of that transport.

pub mod socket;
mod unsafe_fd;
pub mod vhost_user;
