// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What Linux's `uapi/linux/tee.h` declares, under its names less the `tee_ioctl_` before them.

use rustix::ioctl::{opcode, Opcode};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `TEE_IOC_MAGIC`: the ioctls' group.
pub const MAGIC: u8 = 0xa4;
/// `TEE_MAX_ARG_SIZE`: most bytes of an argument with its parameters.
pub const MAX_ARG_SIZE: usize = 4096;

/// `TEE_GEN_CAP_GP`: a GlobalPlatform TEE.
pub const GEN_CAP_GP: u32 = 1 << 0;
/// `TEE_GEN_CAP_PRIVILEGED`: the device of the TEE's supplicant.
pub const GEN_CAP_PRIVILEGED: u32 = 1 << 1;
/// `TEE_GEN_CAP_REG_MEM`: clients' own memory can be registered.
pub const GEN_CAP_REG_MEM: u32 = 1 << 2;
/// `TEE_GEN_CAP_MEMREF_NULL`: memrefs without memory are carried.
pub const GEN_CAP_MEMREF_NULL: u32 = 1 << 3;
/// `TEE_MEMREF_NULL`: `Param::c` of a memref without memory.
pub const MEMREF_NULL: u64 = u64::MAX;

/// `TEE_IOCTL_PARAM_ATTR_TYPE_NONE`: not used.
pub const ATTR_NONE: u64 = 0;
/// `…_VALUE_INPUT`: values to the TA. Plus 1: from it; plus 2: both ways.
pub const ATTR_VALUE_INPUT: u64 = 1;
/// `…_MEMREF_INPUT`: memory for the TA to read. Plus 1: to write; plus 2: both.
pub const ATTR_MEMREF_INPUT: u64 = 5;
/// `…_UBUF_INPUT`: any memory of the process, for drivers that take it.
pub const ATTR_UBUF_INPUT: u64 = 8;
/// `…_OBJREF_INPUT`: an object of a Qualcomm TEE.
pub const ATTR_OBJREF_INPUT: u64 = 11;

/// `TEE_IOCTL_LOGIN_REE_KERNEL_MIN`: from here on (to 0xbfffffff) logins are not for user space.
pub const LOGIN_REE_KERNEL_MIN: u32 = 0x8000_0000;

macro_rules! uapi_struct {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    };
}

uapi_struct! {
    /// `struct tee_ioctl_version_data`.
    VersionData {
        /// `TEE_IMPL_ID_*`.
        impl_id: u32,
        /// Capabilities particular to `impl_id`.
        impl_caps: u32,
        /// `GEN_CAP_*`.
        gen_caps: u32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_shm_alloc_data`.
    ShmAllocData {
        /// In: bytes wanted; out: bytes there are.
        size: u64,
        /// Zero.
        flags: u32,
        /// Out: what memrefs call it.
        id: i32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_shm_register_data`.
    ShmRegisterData {
        /// Where the memory begins.
        addr: u64,
        /// Its bytes.
        length: u64,
        /// Zero.
        flags: u32,
        /// Out: what memrefs call it.
        id: i32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_shm_register_fd_data`.
    ShmRegisterFdData {
        /// Descriptor of a dma-buf.
        fd: i64,
        /// Out: its bytes.
        size: u64,
        /// Zero.
        flags: u32,
        /// Out: what memrefs call it.
        id: i32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_buf_data`: where an argument of variable length is.
    BufData {
        /// Address of `OpenSessionArg` or `InvokeArg`, with its parameters behind it.
        buf_ptr: u64,
        /// Bytes of both.
        buf_len: u64,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_param`.
    Param {
        /// `ATTR_*`.
        attr: u64,
        /// Value: the first. Memref: offset.
        a: u64,
        /// Value: the second. Memref: size; out: what the TA wrote or would have needed.
        b: u64,
        /// Value: the third. Memref: the memory's id.
        c: u64,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_open_session_arg`, without its parameters.
    OpenSessionArg {
        /// The TA, in the byte order of RFC 4122.
        uuid: [u8; 16],
        /// What the login method needs to know (a group's number, say).
        clnt_uuid: [u8; 16],
        /// `TEE_IOCTL_LOGIN_*`.
        clnt_login: u32,
        /// Name of this call for `CancelArg`.
        cancel_id: u32,
        /// Out: the session.
        session: u32,
        /// Out: GP result code.
        ret: u32,
        /// Out: who returned it.
        ret_origin: u32,
        /// How many `Param` follow.
        num_params: u32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_invoke_arg`, without its parameters.
    InvokeArg {
        /// Which function of the TA.
        func: u32,
        /// The session.
        session: u32,
        /// Name of this call for `CancelArg`.
        cancel_id: u32,
        /// Out: GP result code.
        ret: u32,
        /// Out: who returned it.
        ret_origin: u32,
        /// How many `Param` follow.
        num_params: u32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_cancel_arg`.
    CancelArg {
        /// Name of the call to cancel.
        cancel_id: u32,
        /// Its session; zero where it opens one.
        session: u32,
    }
}
uapi_struct! {
    /// `struct tee_ioctl_close_session_arg`.
    CloseSessionArg {
        /// The session.
        session: u32,
    }
}

/// `TEE_IOC_VERSION`.
pub const IOC_VERSION: Opcode = opcode::read::<VersionData>(MAGIC, 0);
/// `TEE_IOC_SHM_ALLOC`.
pub const IOC_SHM_ALLOC: Opcode = opcode::read_write::<ShmAllocData>(MAGIC, 1);
/// `TEE_IOC_OPEN_SESSION`.
pub const IOC_OPEN_SESSION: Opcode = opcode::read::<BufData>(MAGIC, 2);
/// `TEE_IOC_INVOKE`.
pub const IOC_INVOKE: Opcode = opcode::read::<BufData>(MAGIC, 3);
/// `TEE_IOC_CANCEL`.
pub const IOC_CANCEL: Opcode = opcode::read::<CancelArg>(MAGIC, 4);
/// `TEE_IOC_CLOSE_SESSION`.
pub const IOC_CLOSE_SESSION: Opcode = opcode::read::<CloseSessionArg>(MAGIC, 5);
/// `TEE_IOC_SUPPL_RECV`, for the TEE's supplicant.
pub const IOC_SUPPL_RECV: Opcode = opcode::read::<BufData>(MAGIC, 6);
/// `TEE_IOC_SUPPL_SEND`, for the TEE's supplicant.
pub const IOC_SUPPL_SEND: Opcode = opcode::read::<BufData>(MAGIC, 7);
/// `TEE_IOC_SHM_REGISTER_FD`.
pub const IOC_SHM_REGISTER_FD: Opcode = opcode::read_write::<ShmRegisterFdData>(MAGIC, 8);
/// `TEE_IOC_SHM_REGISTER`.
pub const IOC_SHM_REGISTER: Opcode = opcode::read_write::<ShmRegisterData>(MAGIC, 9);
/// `TEE_IOC_OBJECT_INVOKE`, for Qualcomm's TEE.
pub const IOC_OBJECT_INVOKE: Opcode = opcode::read::<BufData>(MAGIC, 10);

#[cfg(test)]
mod tests {
    use std::mem::{align_of, offset_of, size_of};

    use super::*;

    // The right-hand sides are what a C compiler says of Linux 7.3's uapi/linux/tee.h, on x86_64
    // and on arm64.

    #[test]
    fn ioctl_numbers_are_the_kernels() {
        assert_eq!(IOC_VERSION, 0x800c_a400);
        assert_eq!(IOC_SHM_ALLOC, 0xc010_a401);
        assert_eq!(IOC_OPEN_SESSION, 0x8010_a402);
        assert_eq!(IOC_INVOKE, 0x8010_a403);
        assert_eq!(IOC_CANCEL, 0x8008_a404);
        assert_eq!(IOC_CLOSE_SESSION, 0x8004_a405);
        assert_eq!(IOC_SUPPL_RECV, 0x8010_a406);
        assert_eq!(IOC_SUPPL_SEND, 0x8010_a407);
        assert_eq!(IOC_SHM_REGISTER_FD, 0xc018_a408);
        assert_eq!(IOC_SHM_REGISTER, 0xc018_a409);
        assert_eq!(IOC_OBJECT_INVOKE, 0x8010_a40a);
    }

    #[test]
    fn sizes_are_the_kernels() {
        assert_eq!(size_of::<VersionData>(), 12);
        assert_eq!(size_of::<ShmAllocData>(), 16);
        assert_eq!(size_of::<ShmRegisterData>(), 24);
        assert_eq!(size_of::<ShmRegisterFdData>(), 24);
        assert_eq!(size_of::<BufData>(), 16);
        assert_eq!(size_of::<Param>(), 32);
        assert_eq!(size_of::<OpenSessionArg>(), 56);
        assert_eq!(size_of::<InvokeArg>(), 24);
        assert_eq!(size_of::<CancelArg>(), 8);
        assert_eq!(size_of::<CloseSessionArg>(), 4);
        // The kernel's arrays of parameters are 8-aligned behind both.
        assert_eq!(size_of::<OpenSessionArg>() % align_of::<Param>(), 0);
        assert_eq!(size_of::<InvokeArg>() % align_of::<Param>(), 0);
    }

    #[test]
    fn offsets_are_the_kernels() {
        assert_eq!(offset_of!(OpenSessionArg, clnt_uuid), 16);
        assert_eq!(offset_of!(OpenSessionArg, clnt_login), 32);
        assert_eq!(offset_of!(OpenSessionArg, cancel_id), 36);
        assert_eq!(offset_of!(OpenSessionArg, session), 40);
        assert_eq!(offset_of!(OpenSessionArg, ret), 44);
        assert_eq!(offset_of!(OpenSessionArg, ret_origin), 48);
        assert_eq!(offset_of!(OpenSessionArg, num_params), 52);
        assert_eq!(offset_of!(InvokeArg, session), 4);
        assert_eq!(offset_of!(InvokeArg, cancel_id), 8);
        assert_eq!(offset_of!(InvokeArg, ret), 12);
        assert_eq!(offset_of!(InvokeArg, ret_origin), 16);
        assert_eq!(offset_of!(InvokeArg, num_params), 20);
        assert_eq!(offset_of!(Param, c), 24);
        assert_eq!(offset_of!(CancelArg, session), 4);
        assert_eq!(offset_of!(ShmAllocData, id), 12);
        assert_eq!(offset_of!(ShmRegisterData, id), 20);
        assert_eq!(offset_of!(ShmRegisterFdData, id), 20);
    }
}
