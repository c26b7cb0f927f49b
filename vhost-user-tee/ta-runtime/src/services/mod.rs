// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA may ask of its TEE, shaped like the system calls of a trusted OS: the front ends for
//! TAs (`crate::gp`) stand on these and on nothing else of the runtime.
//!
//! All are for the thread on which the TA runs. None touches memory that it is not given.
//!
//! - [`log`], [`panic()`], [`random`], [`equal`]
//! - [`time`]: clocks, waiting; [`cancellation_requested`]
//! - [`instance`]: who the TA is, and who its client is
//! - [`properties`]: of the TA and of the TEE
//! - [`memory`]: whose a piece of memory is
//! - [`own_memory`]: memory that the TA maps
//! - [`session`]: the TA as a client of other TAs
//! - [`digest`]: message digests; [`mac`]: message authentication codes
//! - [`cipher`], [`ae`]: encryption, and authenticated encryption
//! - [`asym`]: asymmetric algorithms; [`kdf`]: keys derived from secrets
//! - [`big_int`]: integers of any size

pub(crate) mod ae;
pub(crate) mod asym;
pub(crate) mod big_int;
mod block_cipher;
mod blocks;
mod cbc_mac;
mod ccm;
pub(crate) mod cipher;
mod cts;
pub(crate) mod digest;
mod gcm;
mod gcm_nonce;
pub(crate) mod instance;
pub(crate) mod kdf;
pub(crate) mod mac;
pub(crate) mod memory;
pub(crate) mod own_memory;
pub(crate) mod properties;
pub(crate) mod session;
pub(crate) mod storage;
pub(crate) mod time;
mod xts;

use std::io::Write;

pub(crate) use ta_protocol::log_line::Level;
use ta_protocol::mailbox::LastWords;

use crate::{debugging, process};

/// Logs `text`, a line or several, in the TA's name.
pub(crate) fn log(level: Level, text: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in text.lines() {
        // A log that nobody reads is nothing the TA could do anything about.
        let _ = stderr.write_all(ta_protocol::log_line::format(level, line).as_bytes());
    }
}

/// Ends this instance: the call that runs, and every session, get `TEE_ERROR_TARGET_DEAD`; `code` is
/// logged. The TA's exit handlers do not run.
pub(crate) fn panic(code: u32) -> ! {
    process::this().mailbox().leave(LastWords::Panic(code));
    debugging::panicked(code);
    process::exit(1)
}

/// Fills `buffer` with random bytes of the kernel's generator.
pub(crate) fn random(buffer: &mut [u8]) {
    let mut rest = buffer;
    while !rest.is_empty() {
        match rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(len) => rest = &mut rest[len..],
            Err(rustix::io::Errno::INTR) => {}
            // Not to be had on any kernel that the sandbox runs on; a TA must not go on without.
            Err(_) => panic(tee::gp::ERROR_GENERIC),
        }
    }
}

/// Whether both are the same, in a time that does not depend on what they are, but on how long.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && openssl::memcmp::eq(a, b)
}

/// Whether the client has asked to cancel the call that runs. GP's mask is the front end's affair.
pub(crate) fn cancellation_requested() -> bool {
    process::this().mailbox().is_cancelled()
}
