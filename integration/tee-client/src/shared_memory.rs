// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory shared with TAs for many calls (GP TEE Client API 1.0, section 4.3.4).

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::raw::Device;
use crate::uapi::ShmAllocData;
use crate::{Context, Error, Mapping};

/// Shared memory: allocated by the driver, or the process's own and registered with it.
///
/// Dropping it gives it back; a call that still uses it keeps the kernel's side of it alive.
#[derive(Debug)]
pub struct SharedMemory {
    device: Arc<Device>,
    /// Closed before the mapping goes.
    _fd: OwnedFd,
    id: i32,
    size: usize,
    mapping: Mapping,
}

impl SharedMemory {
    /// Has the driver allocate `size` bytes, not zero (`TEEC_AllocateSharedMemory`).
    pub fn allocate(context: &Context, size: usize) -> Result<Self, Error> {
        let device = context.device().clone();
        let mut data = ShmAllocData { size: size as u64, flags: 0, id: 0 };
        let fd = device
            .shm_alloc(&mut data)
            .map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_SHM_ALLOC", source })?;
        // The driver rounds up to pages; a mapping does so as well.
        let mapping = Mapping::of_shm(fd.as_fd(), size)?;
        Ok(Self { device, _fd: fd, id: data.id, size, mapping })
    }

    /// Registers memory of this process's (`TEEC_RegisterSharedMemory`), for the devices that can
    /// (`TEE_GEN_CAP_REG_MEM`).
    pub fn register(context: &Context, mapping: Mapping) -> Result<Self, Error> {
        let device = context.device().clone();
        let (fd, id) = mapping
            .register(&device)
            .map_err(|source| Error::Ioctl { ioctl: "TEE_IOC_SHM_REGISTER", source })?;
        Ok(Self { device, _fd: fd, id, size: mapping.len(), mapping })
    }

    /// Its bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What the kernel calls it.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The memory itself.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Whether it is `device`'s.
    pub(crate) fn belongs_to(&self, device: &Arc<Device>) -> bool {
        Arc::ptr_eq(&self.device, device)
    }
}
