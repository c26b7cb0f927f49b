// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The process a TA lives in.
fn main() {}
