// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Why the device refuses a request, and what it answers then.

use thiserror::Error;
use virtio_tee_spec as wire;

use super::chain::Defect;
use crate::partition;

/// Why a request was not carried out.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// The descriptor chain is unusable.
    #[error("unusable descriptor chain: {0:?}")]
    Chain(Defect),
    /// The command is unknown, or not for this queue.
    #[error("no command {command} on queue {queue}")]
    Command { command: u32, queue: u16 },
    /// The request is shorter or longer than its counts say.
    #[error("request of {len} bytes where {expected} were expected")]
    Length { len: usize, expected: usize },
    /// The answer does not fit.
    #[error("room for {room} bytes where the answer takes {needed}")]
    Room { room: u64, needed: usize },
    /// More parameters than the configuration space allows.
    #[error("{0} parameters")]
    Params(u32),
    /// A parameter that makes no sense.
    #[error("parameter {index}: attribute {attr:#x} with {num_runs} runs")]
    Param { index: usize, attr: u32, num_runs: u32 },
    /// Too many runs, none to register, or others than the parameters' together.
    #[error("{0} page runs: too many, none to register, or not what the parameters add up to")]
    Runs(u32),
    /// A page run that is not aligned, empty, or not guest memory.
    #[error("page run of {len:#x} bytes at {addr:#x} is not shareable memory")]
    Address { addr: u64, len: u64 },
    /// A limit is reached.
    #[error("limit of {0} reached")]
    Limit(&'static str),
    /// The partition refused it.
    #[error(transparent)]
    Partition(#[from] partition::Error),
}

impl Refusal {
    /// `VIRTIO_TEE_S_*`.
    pub(super) fn status(&self) -> u32 {
        use partition::Error;
        match self {
            Self::Command { .. } => wire::VIRTIO_TEE_S_UNSUPP,
            Self::Chain(_)
            | Self::Length { .. }
            | Self::Room { .. }
            | Self::Params(_)
            | Self::Param { .. }
            | Self::Runs(_)
            | Self::Partition(Error::Range { .. }) => wire::VIRTIO_TEE_S_INVAL,
            Self::Address { .. } => wire::VIRTIO_TEE_S_BAD_ADDRESS,
            Self::Limit(_) | Self::Partition(Error::Limit(_)) => wire::VIRTIO_TEE_S_LIMIT,
            Self::Partition(Error::NoContext(_)) => wire::VIRTIO_TEE_S_BAD_CONTEXT,
            Self::Partition(Error::NoSession { .. }) => wire::VIRTIO_TEE_S_BAD_SESSION,
            Self::Partition(Error::NoMemory { .. }) => wire::VIRTIO_TEE_S_BAD_MEMORY,
            Self::Partition(Error::Busy(_)) => wire::VIRTIO_TEE_S_BUSY,
            Self::Partition(Error::NoCall) => wire::VIRTIO_TEE_S_NOT_FOUND,
            Self::Partition(Error::Tee(_) | Error::Panicked | Error::Stopping) => wire::VIRTIO_TEE_S_IO,
        }
    }

    /// Whether it says something about the driver: a well-behaved one cancels a call that has just
    /// ended, or meets a limit.
    pub(super) fn is_fault(&self) -> bool {
        use partition::Error;
        !matches!(self, Self::Partition(Error::NoCall | Error::Busy(_) | Error::Stopping))
    }
}
