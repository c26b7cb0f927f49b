// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The ioctls that this crate makes on an open device, as a trait: tests have a kernel of their own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tee_uapi::raw::Device;
use tee_uapi::uapi::{CancelArg, InvokeArg, OpenSessionArg, Param, ShmAllocData, VersionData};
use tee_uapi::Mapping;

/// One open of a TEE device; dropping it closes it.
pub(crate) trait Driver: Send + Sync {
    /// `TEE_IOC_VERSION`.
    fn version(&self) -> io::Result<VersionData>;
    /// `TEE_IOC_OPEN_SESSION`.
    fn open_session(&self, arg: &mut OpenSessionArg, params: &mut [Param]) -> io::Result<()>;
    /// `TEE_IOC_INVOKE`.
    fn invoke(&self, arg: &mut InvokeArg, params: &mut [Param]) -> io::Result<()>;
    /// `TEE_IOC_CANCEL`.
    fn cancel(&self, arg: CancelArg) -> io::Result<()>;
    /// `TEE_IOC_CLOSE_SESSION`.
    fn close_session(&self, session: u32) -> io::Result<()>;
    /// `TEE_IOC_SHM_REGISTER`: the pages of all of `view`, which may be unmapped then.
    fn register(&self, view: &Mapping) -> io::Result<Shm>;
    /// `TEE_IOC_SHM_ALLOC` of `len` bytes, and a mapping of them.
    fn allocate(&self, len: usize) -> io::Result<Buffer>;
}

/// Memory that the TEE knows, until this is dropped.
#[derive(Debug)]
pub(crate) struct Shm {
    /// What memrefs call it.
    pub(crate) id: i32,
    /// What holds it.
    pub(crate) _fd: OwnedFd,
}

impl Shm {
    /// What memrefs call it.
    pub(crate) fn name(&self) -> u64 {
        // The kernel's ids are positive.
        u64::from(self.id.unsigned_abs())
    }
}

/// Memory of the host's that the TEE knows.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) shm: Shm,
    pub(crate) mapping: Mapping,
}

impl Driver for Device {
    fn version(&self) -> io::Result<VersionData> {
        self.version()
    }

    fn open_session(&self, arg: &mut OpenSessionArg, params: &mut [Param]) -> io::Result<()> {
        self.open_session(arg, params)
    }

    fn invoke(&self, arg: &mut InvokeArg, params: &mut [Param]) -> io::Result<()> {
        self.invoke(arg, params)
    }

    fn cancel(&self, arg: CancelArg) -> io::Result<()> {
        self.cancel(arg)
    }

    fn close_session(&self, session: u32) -> io::Result<()> {
        self.close_session(session)
    }

    fn register(&self, view: &Mapping) -> io::Result<Shm> {
        let (fd, id) = view.register(self)?;
        Ok(Shm { id, _fd: fd })
    }

    fn allocate(&self, len: usize) -> io::Result<Buffer> {
        let mut data = ShmAllocData { size: len as u64, flags: 0, id: 0 };
        let fd = self.shm_alloc(&mut data)?;
        let mapping = Mapping::of_shm(fd.as_fd(), len).map_err(|e| e.source)?;
        Ok(Buffer { shm: Shm { id: data.id, _fd: fd }, mapping })
    }
}
