// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device behind its door for a caller in the same process: the least that a door does. No daemon is around it, so what tests
//! of the software TEE look at, processes and descriptors of a daemon, is not here.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

#[path = "../common/mod.rs"]
mod common;
#[path = "../suite/mod.rs"]
mod suite;

use common::Door;

const DOOR: Door = Door::InProcess;
