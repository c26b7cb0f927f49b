// SPDX-License-Identifier: GPL-2.0

//! What bindgen makes of the virtio and TEE headers and of `helpers.h`.
//!
//! The kernel crate's bindings have neither; what they do have is used from there, so that types
//! such as `device` and `page` are the kernel crate's own.

#![allow(
    clippy::all,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused_imports
)]

use kernel::bindings::*;
use kernel::ffi;
use pin_init::MaybeZeroable;

include!(env!("VIRTIO_TEE_BINDINGS"));
