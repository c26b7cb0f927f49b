// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA asks of the daemon as a client of other TAs: [services](crate::message::ServiceRequest) with messages
//! of their own, which begin with the service's number as all do.
//!
//! Memory of the client's is named as calls name it: a map of the call that runs, and an offset. Private memory of
//! the TA is lent: [`SERVICE_LEND`] makes a map, which comes over the memory socket before the answer; the TA
//! copies what it lends there, names it in one request, and takes back what has come of it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::message::{Param, NUM_PARAMS};

/// `ServiceRequest::service`: makes a map of `args[0]` bytes to lend memory in; answers its number. It is of use for
/// the next request of [`SERVICE_OPEN_SESSION`] or [`SERVICE_INVOKE`], and replaces what has been made before.
pub const SERVICE_LEND: u32 = 0x100;
/// `SessionRequest::service`: opens a session.
pub const SERVICE_OPEN_SESSION: u32 = 0x101;
/// `SessionRequest::service`: calls a function of a session.
pub const SERVICE_INVOKE: u32 = 0x102;
/// `SessionRequest::service`: closes a session.
pub const SERVICE_CLOSE_SESSION: u32 = 0x103;

/// `SessionRequest::timeout`: never.
pub const TIMEOUT_INFINITE: u32 = u32::MAX;

/// What a TA asks of another.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SessionRequest {
    /// `SERVICE_*`.
    pub service: u32,
    /// Which session; not for [`SERVICE_OPEN_SESSION`].
    pub session: u32,
    /// Open: UUID of the TA, in the byte order of RFC 4122.
    pub destination: [u8; 16],
    /// Invoke: which function.
    pub command: u32,
    /// GP's `paramTypes`, as the TA gave them.
    pub param_types: u32,
    /// After how many milliseconds the call is to be cancelled, or [`TIMEOUT_INFINITE`].
    pub timeout: u32,
    /// Not 0 where cancelling the TA's own call cancels this one as well.
    pub cancellable: u32,
    /// The parameters, as in a [`Call`](crate::message::Call).
    pub params: [Param; NUM_PARAMS],
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SessionReply {
    /// A GP result code.
    pub ret: u32,
    /// Who returned it: GP's `TEE_ORIGIN_*`.
    pub origin: u32,
    /// Open: the session's number, not 0.
    pub session: u32,
    /// Not 0 where `params` are what the other TA left; 0 where it did not return.
    pub returned: u32,
    /// The parameters as the other TA left them; only outputs count.
    pub params: [Param; NUM_PARAMS],
}
