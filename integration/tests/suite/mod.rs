// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What holds whichever way the device is attached: each test program that has this says which by its
//! `DOOR`, and how often to repeat what is repeated.

mod calls;
mod confidential;
mod hotplug;
mod isolation;
mod leaks;
mod lifecycle;
mod memory;
mod sleep;
mod trusted_keys;
