// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The tests on machines whose TEE device is attached over vhost-user.

#[path = "../common/mod.rs"]
mod common;
#[path = "../suite/mod.rs"]
mod suite;

mod daemon_death;

use integration::vm::Door;

const DOOR: Door = Door::VhostUser;
/// The one for devices that are pulled out.
const UNPLUG_DOOR: Door = Door::VhostUser;
/// How often the device is pulled out: a hundred times over the other door.
const UNPLUGS: u32 = 20;
/// How often the module is loaded and unloaded: ten times as often over the other door, and the driver
/// is the same.
const LOADS: u32 = 100;
/// How many sessions are opened and closed; likewise.
const SESSIONS: u32 = 1_000;
