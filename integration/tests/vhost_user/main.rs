// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The tests on machines whose TEE device is attached over vhost-user.

#[path = "../common/mod.rs"]
mod common;
#[path = "../suite/mod.rs"]
mod suite;

use integration::vm::Door;

const DOOR: Door = Door::VhostUser;
