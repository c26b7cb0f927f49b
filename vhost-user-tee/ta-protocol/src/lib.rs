// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the software TEE (in the daemon) and the process of a TA instance say to each other.
//!
//! ```text
//!   daemon                                            TA process
//!   soft-tee ──── mailbox: a shared page, futexes ──── ta-runtime, main thread
//!            ──── memory socket: guest page runs ────▶ ta-runtime, main thread
//!            ──── control socket: start, unmap ─────── ta-runtime, service thread
//!            ◀─── stderr: log lines ──────────────────
//! ```
//!
//! - [`mailbox`]: calls and their replies, and the requests that the TA makes of the daemon while a
//!   call runs. The page is handed to and fro: one side owns it, the other waits.
//! - [`message`]: what is written in the mailbox; [`session`]: what a TA writes there as a client of other TAs.
//! - [`memory`]: guest memory to map, on its way to the main thread, as part of a call.
//! - [`exchange`]: memory for what does not fit in the mailbox.
//! - [`storage`]: requests of secure storage.
//! - [`control`]: what happens beside calls.
//! - [`log_line`]: how a line on stderr tells its level.
//! - [`ta_head`]: the header of a TA file.
//!
//! The TA process may be hostile in whole: whatever comes from it is copied once, and checked.

pub mod control;
pub mod exchange;
pub mod log_line;
pub mod mailbox;
pub mod memory;
pub mod message;
pub mod session;
mod shared_page;
pub mod socket;
pub mod storage;
pub mod ta_head;
