// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The ioctls of a TEE device, one function each, and any other ioctl on it.
//!
//! Nothing is checked here: what the caller sends is what the kernel gets. Functions are safe where
//! the kernel can write no more than what they hand it.

use std::ffi::c_void;
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};

use crate::uapi::{
    BufData, CancelArg, CloseSessionArg, InvokeArg, OpenSessionArg, Param, ShmAllocData, ShmRegisterData,
    VersionData, ATTR_UBUF_INPUT, IOC_CANCEL, IOC_CLOSE_SESSION, IOC_INVOKE, IOC_OPEN_SESSION, IOC_SHM_ALLOC,
    IOC_SHM_REGISTER, IOC_VERSION,
};

/// Most parameters that [`Device::open_session`] and [`Device::invoke`] carry: GP's four.
pub const MAX_PARAMS: usize = 4;

/// An open TEE device: for the kernel, a context.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
}

/// A buffer of the caller's for a call: a parameter of its own, `TEE_IOCTL_PARAM_ATTR_TYPE_UBUF_*`.
#[derive(Debug, Default)]
pub enum UserBuffer<'a> {
    /// None; the parameter is another.
    #[default]
    None,
    /// For the TA to read.
    Input(&'a [u8]),
    /// For the TA to write.
    Output(&'a mut [u8]),
    /// Both.
    Inout(&'a mut [u8]),
}

impl UserBuffer<'_> {
    /// As the kernel takes it.
    fn lower(&mut self) -> Option<Param> {
        let (access, address, len) = match self {
            Self::None => return None,
            Self::Input(buffer) => (0, buffer.as_ptr() as u64, buffer.len()),
            Self::Output(buffer) => (1, buffer.as_mut_ptr() as u64, buffer.len()),
            Self::Inout(buffer) => (2, buffer.as_mut_ptr() as u64, buffer.len()),
        };
        Some(Param { attr: ATTR_UBUF_INPUT + access, a: address, b: len as u64, c: 0 })
    }
}

/// Any ioctl.
struct Request {
    opcode: Opcode,
    arg: *mut c_void,
}

// SAFETY: the opcode and the pointer go to the kernel as they are, and its return value comes back
// as it is; that the kernel may write through the pointer is what `IS_MUTATING` says.
unsafe impl Ioctl for Request {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.arg
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(out)
    }
}

impl Device {
    /// Opens a device, such as `/dev/tee0`.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { fd: rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())? })
    }

    /// Any ioctl on the device; returns what the kernel returns.
    ///
    /// # Safety
    ///
    /// Whatever the kernel may write for this `opcode` at `arg`, and at addresses found there, is
    /// either memory that the caller has for that, or not mapped.
    pub unsafe fn ioctl(&self, opcode: Opcode, arg: *mut c_void) -> io::Result<i32> {
        // SAFETY: the caller's promise.
        Ok(unsafe { rustix::ioctl::ioctl(&self.fd, Request { opcode, arg }) }?)
    }

    /// `TEE_IOC_VERSION`.
    pub fn version(&self) -> io::Result<VersionData> {
        let mut version = VersionData::default();
        // SAFETY: the kernel writes one `VersionData`, which is what it is given.
        unsafe { self.ioctl(IOC_VERSION, (&raw mut version).cast()) }?;
        Ok(version)
    }

    /// `TEE_IOC_OPEN_SESSION` with at most [`MAX_PARAMS`] parameters, whose number it fills in.
    pub fn open_session(&self, arg: &mut OpenSessionArg, params: &mut [Param]) -> io::Result<()> {
        self.open_session_with(arg, params, &mut [])
    }

    /// The same; a parameter is replaced by the buffer of its index, where that is one.
    pub fn open_session_with(
        &self,
        arg: &mut OpenSessionArg,
        params: &mut [Param],
        buffers: &mut [UserBuffer<'_>],
    ) -> io::Result<()> {
        arg.num_params = count(params)?;
        self.call(IOC_OPEN_SESSION, arg, params, buffers)
    }

    /// `TEE_IOC_INVOKE` with at most [`MAX_PARAMS`] parameters, whose number it fills in.
    pub fn invoke(&self, arg: &mut InvokeArg, params: &mut [Param]) -> io::Result<()> {
        self.invoke_with(arg, params, &mut [])
    }

    /// The same; a parameter is replaced by the buffer of its index, where that is one.
    pub fn invoke_with(
        &self,
        arg: &mut InvokeArg,
        params: &mut [Param],
        buffers: &mut [UserBuffer<'_>],
    ) -> io::Result<()> {
        arg.num_params = count(params)?;
        self.call(IOC_INVOKE, arg, params, buffers)
    }

    /// `TEE_IOC_CANCEL`.
    pub fn cancel(&self, mut arg: CancelArg) -> io::Result<()> {
        // SAFETY: the kernel reads one `CancelArg`, which is what it is given.
        unsafe { self.ioctl(IOC_CANCEL, (&raw mut arg).cast()) }?;
        Ok(())
    }

    /// `TEE_IOC_CLOSE_SESSION`.
    pub fn close_session(&self, session: u32) -> io::Result<()> {
        let mut arg = CloseSessionArg { session };
        // SAFETY: the kernel reads one `CloseSessionArg`, which is what it is given.
        unsafe { self.ioctl(IOC_CLOSE_SESSION, (&raw mut arg).cast()) }?;
        Ok(())
    }

    /// `TEE_IOC_SHM_ALLOC`: the memory lives until the descriptor is closed and unmapped.
    pub fn shm_alloc(&self, data: &mut ShmAllocData) -> io::Result<OwnedFd> {
        // SAFETY: the kernel reads and writes one `ShmAllocData`, which is what it is given.
        let fd = unsafe { self.ioctl(IOC_SHM_ALLOC, (&raw mut *data).cast()) }?;
        // SAFETY: success is a descriptor that the kernel has just made for the caller alone.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// `TEE_IOC_SHM_REGISTER`: the kernel pins the pages until the descriptor is closed and no call
    /// uses them.
    ///
    /// # Safety
    ///
    /// The range `data` names is not mapped, or is memory that the caller has for TAs to read and
    /// write for as long as the descriptor lives.
    pub unsafe fn shm_register(&self, data: &mut ShmRegisterData) -> io::Result<OwnedFd> {
        // SAFETY: the kernel reads and writes one `ShmRegisterData`, which is what it is given;
        // what becomes of the range it names is the caller's promise.
        let fd = unsafe { self.ioctl(IOC_SHM_REGISTER, (&raw mut *data).cast()) }?;
        // SAFETY: success is a descriptor that the kernel has just made for the caller alone.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// An ioctl whose argument has parameters behind it.
    fn call<T: Copy>(
        &self,
        opcode: Opcode,
        arg: &mut T,
        params: &mut [Param],
        buffers: &mut [UserBuffer<'_>],
    ) -> io::Result<()> {
        #[repr(C)]
        struct Call<T> {
            arg: T,
            params: [Param; MAX_PARAMS],
        }
        // The kernel takes the parameters to follow the argument without a gap.
        const { assert!(offset_of!(Call<T>, params) == size_of::<T>()) };

        if params.iter().any(names_an_address) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut call = Call { arg: *arg, params: [Param::default(); MAX_PARAMS] };
        call.params[..params.len()].copy_from_slice(params);
        for (param, buffer) in call.params[..params.len()].iter_mut().zip(buffers) {
            *param = buffer.lower().unwrap_or(*param);
        }
        let mut buf = BufData {
            buf_ptr: (&raw mut call) as u64,
            buf_len: (size_of::<T>() + size_of_val(params)) as u64,
        };
        // SAFETY: the kernel reads a `BufData` and, within `buf_len`, reads and writes `call`, both of
        // which are ours. No parameter makes it write anywhere else but into `buffers`: those for output
        // are borrowed mutably, and as to those for input, its driver and the TEE, whom the whole process
        // trusts, keep a buffer's direction.
        unsafe { self.ioctl(opcode, (&raw mut buf).cast()) }?;
        *arg = call.arg;
        params.copy_from_slice(&call.params[..params.len()]);
        Ok(())
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How many parameters, if the calls here can carry them.
fn count(params: &[Param]) -> io::Result<u32> {
    match u32::try_from(params.len()) {
        Ok(count) if params.len() <= MAX_PARAMS => Ok(count),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Whether a parameter carries an address of this process (`TEE_IOCTL_PARAM_ATTR_TYPE_UBUF_*`).
fn names_an_address(param: &Param) -> bool {
    matches!(param.attr & 0xff, 8..=10)
}

#[cfg(test)]
mod tests {
    use super::*;

    // /dev/null is a device that knows no TEE ioctl: it shows that a request reaches the kernel and
    // its refusal comes back.
    fn device() -> Device {
        Device::open("/dev/null".as_ref()).unwrap()
    }

    #[test]
    fn the_kernels_refusal_comes_back() {
        const ENOTTY: Option<i32> = Some(25);
        let device = device();
        assert_eq!(device.version().unwrap_err().raw_os_error(), ENOTTY);
        assert_eq!(device.close_session(1).unwrap_err().raw_os_error(), ENOTTY);
        let refused = device.invoke(&mut InvokeArg::default(), &mut [Param::default(); 4]).unwrap_err();
        assert_eq!(refused.raw_os_error(), ENOTTY);
        assert_eq!(device.shm_alloc(&mut ShmAllocData::default()).unwrap_err().raw_os_error(), ENOTTY);
    }

    #[test]
    fn buffers_are_lowered_to_where_they_are() {
        let mut bytes = [0; 8];
        let at = bytes.as_ptr() as u64;
        assert_eq!(UserBuffer::None.lower(), None);
        let lowered = [
            UserBuffer::Input(&bytes[..3]).lower(),
            UserBuffer::Output(&mut bytes).lower(),
            UserBuffer::Inout(&mut bytes[2..]).lower(),
        ];
        let due = [(8, at, 3), (9, at, 8), (10, at + 2, 6)];
        assert_eq!(lowered, due.map(|(attr, a, b)| Some(Param { attr, a, b, c: 0 })));
    }

    #[test]
    fn more_than_four_parameters_and_addresses_stay_here() {
        let mut arg = InvokeArg::default();
        let refused = device().invoke(&mut arg, &mut [Param::default(); 5]).unwrap_err();
        assert_eq!((refused.kind(), refused.raw_os_error()), (io::ErrorKind::InvalidInput, None));
        let refused = device().invoke(&mut arg, &mut [Param { attr: 9, ..Param::default() }]).unwrap_err();
        assert_eq!((refused.kind(), refused.raw_os_error()), (io::ErrorKind::InvalidInput, None));
    }
}
