// SPDX-License-Identifier: GPL-2.0

//! What errno a transport status is.

use kernel::prelude::*;

#[cfg(linux_7_2)]
use crate::linux_7_2::{EOPNOTSUPP, ESTALE};
use crate::wire;

/// Turns a status into a result.
pub(super) fn check(status: u32) -> Result {
    Err(match status {
        wire::VIRTIO_TEE_S_OK => return Ok(()),
        wire::VIRTIO_TEE_S_UNSUPP => EOPNOTSUPP,
        wire::VIRTIO_TEE_S_INVAL => EINVAL,
        // The device has lost its state since: it was restarted, or the system slept.
        wire::VIRTIO_TEE_S_BAD_CONTEXT => ESTALE,
        wire::VIRTIO_TEE_S_BAD_SESSION => EINVAL,
        wire::VIRTIO_TEE_S_BAD_MEMORY => EINVAL,
        wire::VIRTIO_TEE_S_BAD_ADDRESS => EFAULT,
        wire::VIRTIO_TEE_S_LIMIT => ENOMEM,
        wire::VIRTIO_TEE_S_BUSY => EBUSY,
        wire::VIRTIO_TEE_S_NOT_FOUND => ENOENT,
        // IO, and what this driver does not know.
        _ => EIO,
    })
}
