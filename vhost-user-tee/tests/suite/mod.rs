// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the device does, whichever door it stands behind: each of these tests runs over every one.
//! What only one door has is tested beside its `main.rs`.

mod bad_input;
mod calls;
mod fuzz;
mod lifecycle;
