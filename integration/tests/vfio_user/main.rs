// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The tests on machines whose TEE device is attached over vfio-user.

#[path = "../common/mod.rs"]
mod common;
#[path = "../suite/mod.rs"]
mod suite;

mod driver;
mod identity;
mod removal;
mod restart;

use integration::vm::Door;

const DOOR: Door = Door::VfioUser;
/// The one for devices that are pulled out.
const UNPLUG_DOOR: Door = Door::VfioUserIntx;
/// How often the device is pulled out.
const UNPLUGS: u32 = 100;
/// How often the module is loaded and unloaded.
const LOADS: u32 = 1000;
/// How many sessions are opened and closed.
const SESSIONS: u32 = 10_000;
