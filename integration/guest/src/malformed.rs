// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sending ioctls that no client library would send. The only `unsafe` of this program.

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{FromRawFd, OwnedFd};

use tee_client::raw::Device;
use tee_client::uapi::{
    BufData, Param, ShmRegisterData, ATTR_OBJREF_INPUT, ATTR_UBUF_INPUT, IOC_INVOKE, IOC_OBJECT_INVOKE,
    IOC_OPEN_SESSION, IOC_SHM_ALLOC, IOC_SHM_REGISTER, IOC_SHM_REGISTER_FD, IOC_SUPPL_RECV, IOC_SUPPL_SEND,
    MAX_ARG_SIZE,
};
use tee_client::Mapping;
use zerocopy::{Immutable, IntoBytes};

/// An address that belongs to the kernel, on x86_64 and on arm64.
pub(crate) const KERNEL_ADDRESS: u64 = 0xffff_8000_0000_0000;

/// Where an ioctl's argument is, or what it is.
pub(crate) enum Argument<'a> {
    /// At an address where this process has nothing: see [`nothing_at`].
    At(u64),
    /// A structure without an address in it; zeros follow.
    Plain(&'a [u8]),
    /// A description of an argument with parameters.
    Buffer {
        /// The argument.
        buffer: &'a Buffer<'a>,
        /// What is said to be its length.
        len: u64,
    },
    /// A description of an argument that is where this process has nothing.
    BufferAt {
        /// Where: see [`nothing_at`].
        address: u64,
        /// What is said to be its length.
        len: u64,
    },
}

/// Most bytes of an ioctl's argument proper: what an ioctl's number can say, 14 bits.
const MAX_ARGUMENT: usize = 1 << 14;

/// Whether an address is one where a process can have no memory.
fn nothing_at(address: u64) -> bool {
    // Linux maps nothing in the first page (vm.mmap_min_addr).
    !(4096..KERNEL_ADDRESS).contains(&address)
}

/// Makes an ioctl; a descriptor that it returns is closed.
///
/// # Errors
///
/// The kernel's; `InvalidInput` without an errno for a request that would let the kernel write where
/// this process has memory for something else.
pub(crate) fn ioctl(device: &Device, opcode: u32, argument: &Argument<'_>) -> io::Result<()> {
    let takes_address = [IOC_OPEN_SESSION, IOC_INVOKE, IOC_SUPPL_RECV, IOC_SUPPL_SEND, IOC_OBJECT_INVOKE];
    let mut memory = vec![0; MAX_ARGUMENT];
    let mut put = |bytes: &[u8]| {
        memory[..bytes.len()].copy_from_slice(bytes);
        memory.as_mut_ptr().cast::<c_void>()
    };
    let pointer = match argument {
        Argument::At(address) if nothing_at(*address) => *address as *mut c_void,
        Argument::Plain(bytes)
            if bytes.len() <= MAX_ARGUMENT
                && opcode != IOC_SHM_REGISTER
                && (!takes_address.contains(&opcode) || bytes.iter().all(|byte| *byte == 0)) =>
        {
            put(bytes)
        }
        Argument::Buffer { buffer, len } if takes_address.contains(&opcode) => {
            put(BufData { buf_ptr: buffer.mapping.address() as u64, buf_len: *len }.as_bytes())
        }
        Argument::BufferAt { address, len } if takes_address.contains(&opcode) && nothing_at(*address) => {
            put(BufData { buf_ptr: *address, buf_len: *len }.as_bytes())
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    // SAFETY: at `pointer` there is nothing that this process could write, or as much as any ioctl's
    // number can speak of. The argument holds no address, or one where there is nothing either, or
    // that of a `Buffer`, of which the kernel uses no more than TEE_MAX_ARG_SIZE bytes, and whose
    // parameters hold no other addresses than of a `Mapping`, which is for TAs to write.
    let returned = unsafe { device.ioctl(opcode, pointer) }?;
    close(opcode, returned);
    Ok(())
}

/// Makes a `TEE_IOC_SHM_REGISTER`, and at once closes the descriptor.
pub(crate) fn register(device: &Device, addr: u64, length: u64, flags: u32) -> io::Result<()> {
    let mut data = ShmRegisterData { addr, length, flags, id: 0 };
    // SAFETY: the kernel reads and writes one `ShmRegisterData`. No memref names the memory before it
    // is unregistered again, so that nobody writes there.
    let returned = unsafe { device.ioctl(IOC_SHM_REGISTER, (&raw mut data).cast()) }?;
    close(IOC_SHM_REGISTER, returned);
    Ok(())
}

/// Closes a descriptor that a successful ioctl has returned, if it is one that does.
fn close(opcode: u32, returned: i32) {
    if [IOC_SHM_ALLOC, IOC_SHM_REGISTER, IOC_SHM_REGISTER_FD].contains(&opcode) {
        // SAFETY: the descriptor was made by this call, and nobody else knows of it.
        drop(unsafe { OwnedFd::from_raw_fd(returned) });
    }
}

/// Memory for an argument with parameters behind it.
pub(crate) struct Buffer<'a> {
    mapping: Mapping,
    /// What its parameters may point into outlives it.
    _arena: PhantomData<&'a Mapping>,
}

impl<'a> Buffer<'a> {
    /// Puts an argument and its parameters into memory. User buffers among those are where nothing is.
    pub(crate) fn new(argument: &(impl IntoBytes + Immutable), params: &[Param]) -> io::Result<Self> {
        Self::pointing(argument, params, |_| false)
    }

    /// The same; user buffers may also be in `arena`, with all of their bytes, or begin there and be
    /// larger than any address.
    pub(crate) fn within(
        argument: &(impl IntoBytes + Immutable),
        params: &[Param],
        arena: &'a Mapping,
    ) -> io::Result<Self> {
        let start = arena.address() as u64;
        let end = start + arena.len() as u64;
        Self::pointing(argument, params, |param| {
            (start..end).contains(&param.a) && (param.b <= end - param.a || param.b >= KERNEL_ADDRESS)
        })
    }

    fn pointing(
        argument: &(impl IntoBytes + Immutable),
        params: &[Param],
        allowed: impl Fn(&Param) -> bool,
    ) -> io::Result<Self> {
        let is_ubuf = |param: &Param| (ATTR_UBUF_INPUT..ATTR_OBJREF_INPUT).contains(&(param.attr & 0xff));
        if params.iter().any(|param| is_ubuf(param) && !nothing_at(param.a) && !allowed(param)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (argument, params) = (argument.as_bytes(), params.as_bytes());
        let size = (argument.len() + params.len()).max(MAX_ARG_SIZE).next_multiple_of(1 << 16);
        let mapping = Mapping::anonymous(size).map_err(io::Error::other)?;
        mapping.write_at(0, argument);
        mapping.write_at(argument.len(), params);
        Ok(Self { mapping, _arena: PhantomData })
    }

    /// What the kernel has left at `offset`.
    pub(crate) fn word(&self, offset: usize) -> u32 {
        let mut bytes = [0; 4];
        self.mapping.read_at(offset, &mut bytes);
        u32::from_ne_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_reach_the_kernel() {
        const ENOTTY: Option<i32> = Some(25);
        let device = Device::open("/dev/null".as_ref()).unwrap();
        let errno = |opcode, argument| ioctl(&device, opcode, &argument).unwrap_err().raw_os_error();
        let buffer = Buffer::new(&[7_u32, 8], &[]).unwrap();
        assert_eq!(errno(IOC_SHM_ALLOC, Argument::At(0)), ENOTTY);
        assert_eq!(errno(IOC_SHM_ALLOC, Argument::At(KERNEL_ADDRESS)), ENOTTY);
        assert_eq!(errno(IOC_SHM_ALLOC, Argument::Plain(&[1, 2, 3])), ENOTTY);
        assert_eq!(errno(IOC_INVOKE, Argument::Plain(&[0; 16])), ENOTTY);
        assert_eq!(errno(IOC_INVOKE, Argument::Buffer { buffer: &buffer, len: u64::MAX }), ENOTTY);
        assert_eq!(errno(IOC_INVOKE, Argument::BufferAt { address: 0, len: 24 }), ENOTTY);
        assert_eq!(register(&device, 0, 0, 0).unwrap_err().raw_os_error(), ENOTTY);
        assert_eq!((buffer.word(0), buffer.word(4), buffer.word(8)), (7, 8, 0));
    }

    #[test]
    fn addresses_of_this_process_stay_here() {
        let device = Device::open("/dev/null".as_ref()).unwrap();
        let kept = |opcode, argument| {
            let error = ioctl(&device, opcode, &argument).unwrap_err();
            (error.kind(), error.raw_os_error()) == (io::ErrorKind::InvalidInput, None)
        };
        assert!(kept(IOC_INVOKE, Argument::At(4096)));
        assert!(kept(IOC_INVOKE, Argument::Plain(&[0, 1])));
        assert!(kept(IOC_INVOKE, Argument::BufferAt { address: 4096, len: 24 }));
        assert!(kept(IOC_SHM_REGISTER, Argument::Plain(&[0; 24])));
        let ubuf = Param { attr: ATTR_UBUF_INPUT, a: 4096, b: 1, c: 0 };
        assert!(Buffer::new(&0_u64, &[ubuf]).is_err());
        assert!(Buffer::new(&0_u64, &[Param { a: 0, ..ubuf }]).is_ok());
        let arena = Mapping::anonymous(4096).unwrap();
        let at = |offset, b| Param { a: arena.address() as u64 + offset, b, ..ubuf };
        let within = |param| Buffer::within(&0_u64, &[param], &arena).is_ok();
        assert!(within(at(0, 4096)) && within(at(4095, 1)) && within(at(1, u64::MAX)) && within(at(1, 0)));
        assert!(!within(at(0, 4097)) && !within(at(4096, 0)) && !within(at(4095, 2)));
    }
}
