// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What needs no driver. What needs one is in `tests/`, over a whole device.

mod requests;
mod stopped_queue;
