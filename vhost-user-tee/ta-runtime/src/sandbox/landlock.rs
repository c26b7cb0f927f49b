// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Landlock without a single exception: of what it handles, nothing is allowed.
//!
//! Memory files are out of its reach (their file system cannot be mounted), so the TA can still be
//! loaded from its own.

use ::landlock::{
    Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope, ABI,
};

use super::Error;

/// The rights that this program knows of; of these, the kernel denies those that it knows of.
const KNOWN: ABI = ABI::V7;

/// Denies all file system access, TCP, and abstract sockets and signals of others, to this thread
/// and those it starts.
pub(super) fn deny_all() -> Result<(), Error> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .restrict_self()?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(Error::NoLandlock),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}
