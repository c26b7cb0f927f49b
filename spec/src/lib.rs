// SPDX-License-Identifier: BSD-3-Clause
//! The virtio TEE device (ID 46) in machine-readable form.
//!
//! Device, driver and tests all take the wire format from here; the text that gives it meaning
//! is `device-types/tee/description.tex` beside this crate, and a test keeps the two equal.
//!
//! ```text
//!   queue 0      control    OPEN_DEVICE CLOSE_DEVICE GET_VERSION CANCEL_REQ
//!                           REGISTER_MEM UNREGISTER_MEM
//!   queue 1…N    requests   OPEN_SESSION INVOKE_FUNC CLOSE_SESSION
//!
//!   one request = one descriptor chain
//!     device-readable:  fixed request | Param × num_params | Run × num_runs
//!     device-writable:  fixed response | ParamResult × num_params
//! ```
//!
//! The crate is `no_std`, without logic: [`wire`] is one file, which Cargo compiles for the host
//! and Kbuild for the guest driver, as it stands.
#![no_std]

pub mod wire;

pub use wire::*;
