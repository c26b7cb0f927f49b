// SPDX-License-Identifier: GPL-2.0

//! The device's configuration, checked.

use kernel::{device::Bound, page::PAGE_SIZE, prelude::*};

#[cfg(linux_7_2)]
use crate::linux_7_2::EOPNOTSUPP;
use crate::{
    tee::Version,
    virtio,
    wire::{self, Config},
};

/// Feature bit of a device that follows version 1 of the virtio specification, or a later one.
const VIRTIO_F_VERSION_1: u32 = 32;

/// What the device is, and what it can take.
pub(super) struct Limits {
    /// For the TEE subsystem.
    pub(super) version: Version,
    /// Request queues, at least one.
    pub(super) request_queues: usize,
    /// Parameters of a call.
    pub(super) params: usize,
    /// Runs of a request.
    pub(super) runs: usize,
    /// Contexts at a time.
    pub(super) contexts: u32,
    /// Sessions at a time.
    pub(super) sessions: u32,
    /// Registered memories at a time; zero where the device takes none.
    pub(super) memories: u32,
    /// Registered bytes at a time, and bytes of any one memory.
    pub(super) memory_bytes: u64,
}

impl Limits {
    /// Whether the device takes NULL memrefs.
    pub(super) fn takes_null(&self) -> bool {
        self.version.gen_caps & wire::VIRTIO_TEE_CAP_MEMREF_NULL != 0
    }

    /// Reads them. `EINVAL` for a device that does not follow the specification, `EOPNOTSUPP` for
    /// one that the driver cannot serve.
    pub(super) fn read(dev: &virtio::Device<Bound>) -> Result<Self> {
        if !dev.has_feature(VIRTIO_F_VERSION_1) {
            dev_err!(dev, "there is no virtio TEE device before version 1\n");
            return Err(EINVAL);
        }
        let config: Config = dev.read_config();
        let page_size = config.page_size.get();
        if config.num_request_queues.get() == 0
            || !page_size.is_power_of_two()
            || page_size < 4096
            || config.max_params.get() < 4
            || config.max_runs.get() == 0
            || config.max_contexts.get() == 0
            || config.max_sessions.get() == 0
            || config.max_memory_bytes.get() < page_size.into()
        {
            dev_err!(
                dev,
                "the configuration is not one of a virtio TEE device: {config:?}\n"
            );
            return Err(EINVAL);
        }
        // Every multiple of PAGE_SIZE is one of a smaller power of two.
        if page_size as usize > PAGE_SIZE {
            dev_err!(
                dev,
                "the device shares memory by {page_size} bytes, this kernel by {PAGE_SIZE}\n"
            );
            return Err(EOPNOTSUPP);
        }
        let caps = config.gen_caps.get();
        let registers = caps & wire::VIRTIO_TEE_CAP_REG_MEM != 0;
        Ok(Self {
            version: Version {
                impl_id: config.impl_id.get(),
                impl_caps: config.impl_caps.get(),
                // What other capabilities mean, this driver would have to implement.
                gen_caps: caps
                    & (wire::VIRTIO_TEE_CAP_GP
                        | wire::VIRTIO_TEE_CAP_REG_MEM
                        | wire::VIRTIO_TEE_CAP_MEMREF_NULL),
            },
            request_queues: config.num_request_queues.get() as usize,
            params: config.max_params.get() as usize,
            runs: config.max_runs.get() as usize,
            contexts: config.max_contexts.get(),
            sessions: config.max_sessions.get(),
            memories: if registers {
                config.max_memories.get()
            } else {
                0
            },
            memory_bytes: config.max_memory_bytes.get(),
        })
    }
}
