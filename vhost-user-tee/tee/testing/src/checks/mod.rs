// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The checks, by what they are about. Each leaves the TEE as it found it.

mod at_once;
mod cancelling;
mod deaths;
mod memory;
mod parameters;
mod released_memory;
mod sessions;

use std::thread;
use std::time::{Duration, Instant};

use crate::{Check, Subject, HANG};

/// A promise of every TEE.
const fn every(name: &'static str, run: fn(&Subject)) -> Check {
    some(name, |_| true, run)
}

/// A promise of those TEEs that it concerns.
const fn some(name: &'static str, concerns: fn(&Subject) -> bool, run: fn(&Subject)) -> Check {
    Check { name, concerns, run }
}

/// All checks.
pub const CHECKS: &[Check] = &[
    every("the version stays", sessions::version_stays),
    every("a TA that is not there", sessions::missing_ta),
    every("a session that its TA refuses", sessions::refused),
    every("a session ends when it is closed, or dropped with its context", sessions::end),
    every("a session is closed whatever its token is asked", sessions::closed_in_any_case),
    every("many sessions, of several contexts", sessions::many),
    every("the client is who it says, or is refused", sessions::client),
    every("values", parameters::values_go_and_come),
    every("results are the TA's", parameters::results),
    every("a call that fails carries its results", parameters::failure_with_results),
    every("more parameters than GP has", parameters::five),
    every("memrefs in each direction", memory::directions),
    every("sizes, also of what does not fit", memory::sizes),
    some("NULL memrefs", Subject::takes_null, memory::null),
    every("scattered memory is one buffer", memory::scattered),
    every("memrefs in one memory", memory::one_memory),
    some("writes are seen while the call runs", Subject::shares, memory::watched),
    some("memory that cannot be used", Subject::shares, memory::unusable),
    every("memory of one call is let go of", released_memory::transient),
    every("registered memory is used again, and let go of", released_memory::registered),
    every("memory outlives a TA", released_memory::after_a_death),
    some("memory is released while a TA runs", Subject::shares, released_memory::while_a_ta_runs),
    every("a call that waits is cancelled", cancelling::waiting),
    every("what is cancelled before it begins does not run", cancelling::before),
    every("what cancels a call that waits for its turn hits no other", cancelling::in_turn),
    some("what comes too late hits no other call", Subject::loses_late_cancellations, cancelling::too_late),
    every("a call that does not listen goes on", cancelling::deaf),
    every("an abandoned call holds up no other", cancelling::abandoned),
    some("an abandoned call ends by force", Subject::ends_by_force, cancelling::forced),
    every("a TA that panics", deaths::panic),
    every("a TA that crashes", deaths::crash),
    every("a death is every session's of the instance", deaths::shared),
    every("calls at once", at_once::calls),
    some("a long call delays no other", Subject::shares, at_once::long_call),
];

/// Waits until `condition` holds.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + HANG;
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within {HANG:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
