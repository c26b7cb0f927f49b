// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How much of the host one VM may use.

/// Quotas of one VM; the driver reads most of them in the configuration space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Parameters of a call; GP's APIs have four.
    pub max_params: u32,
    /// Page runs of one request. The default describes 64 MiB without two adjacent 4 KiB pages.
    pub max_runs: u32,
    /// Contexts at a time.
    pub max_contexts: u32,
    /// Sessions at a time, over all contexts, those being opened and closed included.
    pub max_sessions: u32,
    /// Registered memories at a time, over all contexts.
    pub max_memories: u32,
    /// Bytes registered at a time, over all contexts; also the most one request may name.
    pub max_memory_bytes: u64,
    /// Calls in the TEE at a time, and closings of sessions besides, each with a thread of the
    /// daemon; the rest waits in FIFO.
    pub max_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_params: 4,
            max_runs: 16384,
            max_contexts: 1024,
            max_sessions: 256,
            max_memories: 4096,
            max_memory_bytes: 4 << 30,
            max_calls: 64,
        }
    }
}
