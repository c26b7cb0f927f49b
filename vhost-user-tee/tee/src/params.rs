// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Parameters of a call (GP TEE Client API 1.0, section 4.3.6).

use std::sync::Arc;

use crate::Memory;

/// Which way a parameter carries data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Client to TA.
    Input,
    /// TA to client.
    Output,
    /// Both ways.
    InOut,
}

/// A part of a [`Memory`].
#[derive(Clone, Debug)]
pub struct MemRef {
    /// The memory.
    pub memory: Arc<Memory>,
    /// Where the part begins, in bytes. `offset` plus the parameter's size lies within the memory.
    pub offset: u64,
}

/// One parameter, on the way in and on the way back.
#[derive(Clone, Debug)]
pub enum Param {
    /// Not used.
    None,
    /// Three numbers (GP's clients use two, of 32 bits: TEEs that follow GP cut off the rest). The TEE writes them
    /// unless the access is input.
    Value {
        /// Direction.
        access: Access,
        /// First.
        a: u64,
        /// Second.
        b: u64,
        /// Third; TEEs that follow GP do not see it.
        c: u64,
    },
    /// A buffer.
    MemRef {
        /// Direction.
        access: Access,
        /// Where it is; `None` is GP's NULL memref, which has no size for a TA, and is for TEEs whose capabilities
        /// say that they take it.
        buffer: Option<MemRef>,
        /// Its size in bytes. The TEE writes it unless the access is input; a size greater than the
        /// one that went in says how much the TA would have needed.
        size: u64,
    },
}
