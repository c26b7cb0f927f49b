// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device behind its door for a VMM that speaks vhost-user.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

#[path = "../common/mod.rs"]
mod common;
#[path = "../daemon_process/mod.rs"]
mod daemon_process;
#[path = "../suite/soft_tee.rs"]
mod soft_tee;
#[path = "../suite/mod.rs"]
mod suite;

mod memory;
mod pause;

use common::Door;

const DOOR: Door = Door::VhostUser;
