// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Who the TA is, and who its client is.

use ta_protocol::ta_head::FLAG_CACHE_MAINTENANCE;
use uuid::Uuid;

use crate::{call, process};

/// A client, as `TEE_Identity` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `TEE_LOGIN_*`.
    pub(crate) login: u32,
    /// Who, under that login; nil with the public login.
    pub(crate) uuid: Uuid,
}

/// The client of the session whose entry point runs; `None` while the instance is created or
/// destroyed, which is done for no client.
pub(crate) fn client() -> Option<Identity> {
    call::client()
}

/// The TA's UUID.
pub(crate) fn uuid() -> Uuid {
    process::this().uuid()
}

/// Whether the TA may use the functions for the cache.
pub(crate) fn may_maintain_cache() -> bool {
    process::this().flags() & FLAG_CACHE_MAINTENANCE != 0
}
