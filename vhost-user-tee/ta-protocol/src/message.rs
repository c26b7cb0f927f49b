// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is written in the mailbox. Both sides run on one machine: its byte order, no padding.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Parameters of a GP call.
pub const NUM_PARAMS: usize = 4;

/// GP's `TEE_PARAM_TYPE_*` (TEE Internal Core API 1.3.1, table 4-1).
pub mod param_type {
    /// Not used.
    pub const NONE: u32 = 0;
    /// Two values, in.
    pub const VALUE_INPUT: u32 = 1;
    /// Two values, out.
    pub const VALUE_OUTPUT: u32 = 2;
    /// Two values, both ways.
    pub const VALUE_INOUT: u32 = 3;
    /// A buffer to read.
    pub const MEMREF_INPUT: u32 = 5;
    /// A buffer to write.
    pub const MEMREF_OUTPUT: u32 = 6;
    /// A buffer to read and write.
    pub const MEMREF_INOUT: u32 = 7;

    /// Type of parameter `index` in a `paramTypes` word (`TEE_PARAM_TYPE_GET`).
    pub const fn get(types: u32, index: usize) -> u32 {
        types >> (index * 4) & 0xf
    }

    /// `types` with parameter `index`, so far none, of type `of` (`TEE_PARAM_TYPE_SET`).
    pub const fn set(types: u32, index: usize, of: u32) -> u32 {
        types | of << (index * 4)
    }
}

/// `Call::op`: opens a session; the first of an instance creates it (`TA_CreateEntryPoint`).
pub const OP_OPEN: u32 = 1;
/// `Call::op`: calls a function.
pub const OP_INVOKE: u32 = 2;
/// `Call::op`: closes a session.
pub const OP_CLOSE: u32 = 3;
/// `Call::op`: destroys the instance (`TA_DestroyEntryPoint`), if it was created. The last call: the
/// daemon ends the process.
pub const OP_DESTROY: u32 = 4;

/// `Param::a` of a memref without memory. No map has this number.
pub const MAP_NULL: u64 = 0;

/// One parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Param {
    /// Value: the first. Memref in a call: the map it lies in, or [`MAP_NULL`].
    pub a: u64,
    /// Value: the second. Memref in a call: where it begins in the map, in bytes.
    pub b: u64,
    /// Memref: its size in bytes; in a reply, the one that the TA set.
    pub size: u64,
}

/// What the daemon asks of the TA.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Call {
    /// `OP_*`.
    pub op: u32,
    /// The session, by the daemon's number.
    pub session: u32,
    /// Invoke: which function.
    pub func: u32,
    /// GP's `paramTypes`.
    pub param_types: u32,
    /// Open: `TEE_LOGIN_*` of the client.
    pub login: u32,
    /// How many maps come over the memory socket, for this call to take in before it starts.
    pub new_maps: u32,
    /// Open: UUID of the client, in the byte order of RFC 4122.
    pub client: [u8; 16],
    /// The parameters; `param_types` says what of them counts.
    pub params: [Param; NUM_PARAMS],
}

/// `Reply::outcome`: the TA's entry point has run, and `ret` is what it returned.
pub const OUTCOME_RETURNED: u32 = 0;
/// `Reply::outcome`: `TA_CreateEntryPoint` has failed, with `ret`; there is no instance.
pub const OUTCOME_NOT_CREATED: u32 = 1;
/// `Reply::outcome`: no entry point has run: the call's new maps could not be made, and none of
/// them is left.
pub const OUTCOME_NOT_MAPPED: u32 = 2;

/// What came of a call.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Reply {
    /// `OUTCOME_*`.
    pub outcome: u32,
    /// What the entry point returned.
    pub ret: u32,
    /// The parameters as the TA left them; only outputs count.
    pub params: [Param; NUM_PARAMS],
}

/// `ServiceRequest::service`: the time of the day, as REE time. Answer: seconds since 1970, and
/// milliseconds.
pub const SERVICE_REE_TIME: u32 = 1;

/// Arguments of a service, and words of its answer.
pub const SERVICE_ARGS: usize = 6;

/// What a TA asks of the daemon while a call runs.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ServiceRequest {
    /// `SERVICE_*`.
    pub service: u32,
    /// Zero.
    pub reserved: u32,
    /// The service's arguments.
    pub args: [u64; SERVICE_ARGS],
}

/// The daemon's answer.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ServiceReply {
    /// A GP result code.
    pub ret: u32,
    /// Zero.
    pub reserved: u32,
    /// What the service answers.
    pub values: [u64; SERVICE_ARGS],
}
