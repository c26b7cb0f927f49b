// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! With AddressSanitizer and UndefinedBehaviorSanitizer. What they find is on the TA's log, with file and line.

use std::process::ExitCode;

use soft_tee::Debugging;

use crate::calls::{self, Outcome};
use crate::{tree, world, Error, Ta};

/// Calls the TA; fails where it died.
pub(crate) fn run(ta: &Ta) -> Result<ExitCode, Error> {
    let built = tree::build(ta, "sanitize", "gcc")?;
    let tee = world::tee(&built, Debugging::default())?;
    Ok(match calls::make(&tee, built.uuid, &ta.open, &ta.calls)? {
        Outcome::Made => ExitCode::SUCCESS,
        Outcome::Dead => ExitCode::FAILURE,
    })
}
