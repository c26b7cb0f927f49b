// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! All unsafe code of the runtime's core, behind safe functions.

pub(crate) mod crypto_library;
pub(crate) mod eddsa_instance;
pub(crate) mod exit;
pub(crate) mod guest_map;
pub(crate) mod inherited_files;
pub(crate) mod library;
pub(crate) mod mac_context;
pub(crate) mod own_map;
mod parameters;
pub(crate) mod probe;
pub(crate) mod ptracer;
pub(crate) mod syscall_trap;
mod ta_properties;
pub(crate) mod whole_blocks;
