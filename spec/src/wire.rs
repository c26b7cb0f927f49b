// SPDX-License-Identifier: BSD-3-Clause
//! Constants and structures of the virtio TEE device.
//!
//! Everything is little-endian and naturally aligned; reserved fields are zero when sent and
//! ignored when received, unless said otherwise. Each `Foo` here is `struct virtio_tee_foo` in the
//! specification's text.
//!
//! This file is also a module of the Linux guest driver: it must name nothing but `core`,
//! `zerocopy` and `zerocopy_derive`.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Device ID of the TEE device.
pub const VIRTIO_ID_TEE: u32 = 46;

/// Index of the control queue.
pub const VIRTIO_TEE_QUEUE_CONTROL: u16 = 0;
/// Index of the first request queue; `Config::num_request_queues` of them follow each other.
pub const VIRTIO_TEE_QUEUE_REQUEST: u16 = 1;

// Commands of the control queue: none waits for the TEE.

/// Makes a context: `RequestHeader` → `OpenDeviceResp`.
pub const VIRTIO_TEE_CMD_OPEN_DEVICE: u32 = 1;
/// Ends a context with all it holds: `RequestHeader` → `ResponseHeader`.
pub const VIRTIO_TEE_CMD_CLOSE_DEVICE: u32 = 2;
/// What the TEE is: `RequestHeader` → `GetVersionResp`.
pub const VIRTIO_TEE_CMD_GET_VERSION: u32 = 3;
/// Opens a session with a TA: `OpenSessionReq` → `CallResp`. Request queues only.
pub const VIRTIO_TEE_CMD_OPEN_SESSION: u32 = 4;
/// Closes a session: `CloseSessionReq` → `ResponseHeader`. Request queues only.
pub const VIRTIO_TEE_CMD_CLOSE_SESSION: u32 = 5;
/// Calls a function of a TA: `InvokeFuncReq` → `CallResp`. Request queues only.
pub const VIRTIO_TEE_CMD_INVOKE_FUNC: u32 = 6;
/// Asks the TEE to give up a call: `CancelReq` → `ResponseHeader`.
pub const VIRTIO_TEE_CMD_CANCEL_REQ: u32 = 7;
/// Gives the device memory to use in many calls: `RegisterMemReq` → `RegisterMemResp`.
pub const VIRTIO_TEE_CMD_REGISTER_MEM: u32 = 8;
/// Takes registered memory back: `UnregisterMemReq` → `ResponseHeader`.
pub const VIRTIO_TEE_CMD_UNREGISTER_MEM: u32 = 9;

// Transport status: was the request understood and carried to the TEE. What the TEE made of it
// is apart, in `CallResp::ret`.

/// The request was carried out.
pub const VIRTIO_TEE_S_OK: u32 = 0;
/// The command is unknown, or not for this queue.
pub const VIRTIO_TEE_S_UNSUPP: u32 = 1;
/// The request is malformed: too short or long, too many parameters or runs, a bad attribute, a
/// range outside its memory.
pub const VIRTIO_TEE_S_INVAL: u32 = 2;
/// No such context.
pub const VIRTIO_TEE_S_BAD_CONTEXT: u32 = 3;
/// No such session in this context.
pub const VIRTIO_TEE_S_BAD_SESSION: u32 = 4;
/// No such registered memory in this context.
pub const VIRTIO_TEE_S_BAD_MEMORY: u32 = 5;
/// A page run is empty, not aligned to `Config::page_size`, or not memory that the device can
/// reach.
pub const VIRTIO_TEE_S_BAD_ADDRESS: u32 = 6;
/// A limit on contexts, sessions, memories, bytes of memory or runs in flight is reached.
pub const VIRTIO_TEE_S_LIMIT: u32 = 7;
/// The memory is used by a call that has not completed.
pub const VIRTIO_TEE_S_BUSY: u32 = 8;
/// CANCEL_REQ found no such call: it has completed, or was never made.
pub const VIRTIO_TEE_S_NOT_FOUND: u32 = 9;
/// The device failed through no fault of the request's.
pub const VIRTIO_TEE_S_IO: u32 = 10;

// Parameter attributes, with the values of the Linux TEE subsystem (`TEE_IOCTL_PARAM_ATTR_TYPE_*`).

/// The parameter is not used.
pub const VIRTIO_TEE_ATTR_NONE: u32 = 0;
/// Three values, driver to TA.
pub const VIRTIO_TEE_ATTR_VALUE_INPUT: u32 = 1;
/// Three values, TA to driver.
pub const VIRTIO_TEE_ATTR_VALUE_OUTPUT: u32 = 2;
/// Three values, both ways.
pub const VIRTIO_TEE_ATTR_VALUE_INOUT: u32 = 3;
/// Shared memory that the TA reads.
pub const VIRTIO_TEE_ATTR_MEMREF_INPUT: u32 = 5;
/// Shared memory that the TA writes.
pub const VIRTIO_TEE_ATTR_MEMREF_OUTPUT: u32 = 6;
/// Shared memory that the TA reads and writes.
pub const VIRTIO_TEE_ATTR_MEMREF_INOUT: u32 = 7;
/// The bits of `Param::attr` that hold one of the types above.
pub const VIRTIO_TEE_ATTR_TYPE_MASK: u32 = 0xff;
/// With a memref: the memory is the next `Param::num_runs` runs of this request.
pub const VIRTIO_TEE_ATTR_TRANSIENT: u32 = 0x100;

/// `Param::c` of a memref without memory (GP's NULL memref); its `a` is zero.
pub const VIRTIO_TEE_MEMORY_NULL: u64 = u64::MAX;

/// `CancelReq::session` to cancel an OPEN_SESSION; no session has this number.
pub const VIRTIO_TEE_SESSION_NONE: u32 = 0;

// Which TEE lies behind the device: `Config::impl_id`. The values of Linux `TEE_IMPL_ID_*`.

/// OP-TEE, or a TEE with its interface.
pub const VIRTIO_TEE_IMPL_OPTEE: u32 = 1;
/// AMD-TEE.
pub const VIRTIO_TEE_IMPL_AMDTEE: u32 = 2;
/// Arm's Trusted Services.
pub const VIRTIO_TEE_IMPL_TSTEE: u32 = 3;
/// Qualcomm TEE.
pub const VIRTIO_TEE_IMPL_QTEE: u32 = 4;

// What the TEE can do: bits of `Config::gen_caps`. The values of Linux `TEE_GEN_CAP_*`; the bits
// that are missing here (PRIVILEGED, OBJREF) make no sense on this device.

/// It follows the GlobalPlatform TEE Client API.
pub const VIRTIO_TEE_CAP_GP: u32 = 0x1;
/// It takes REGISTER_MEM.
pub const VIRTIO_TEE_CAP_REG_MEM: u32 = 0x4;
/// It takes `VIRTIO_TEE_MEMORY_NULL`.
pub const VIRTIO_TEE_CAP_MEMREF_NULL: u32 = 0x8;

// How a client was identified: `OpenSessionReq::client_login`. The values of GP's `TEEC_LOGIN_*`.

/// Not at all.
pub const VIRTIO_TEE_LOGIN_PUBLIC: u32 = 0;
/// By its user.
pub const VIRTIO_TEE_LOGIN_USER: u32 = 1;
/// By its group.
pub const VIRTIO_TEE_LOGIN_GROUP: u32 = 2;
/// By the application that it is.
pub const VIRTIO_TEE_LOGIN_APPLICATION: u32 = 4;
/// By its application and user.
pub const VIRTIO_TEE_LOGIN_USER_APPLICATION: u32 = 5;
/// By its application and group.
pub const VIRTIO_TEE_LOGIN_GROUP_APPLICATION: u32 = 6;
/// The client is the guest's operating system itself.
pub const VIRTIO_TEE_LOGIN_REE_KERNEL: u32 = 0x8000_0000;

// Who made `CallResp::ret`. The values of GP's `TEEC_ORIGIN_*`.

/// The client's own API. A device does not return it; drivers use it.
pub const VIRTIO_TEE_ORIGIN_API: u32 = 1;
/// What lies between driver and TEE.
pub const VIRTIO_TEE_ORIGIN_COMMS: u32 = 2;
/// The TEE.
pub const VIRTIO_TEE_ORIGIN_TEE: u32 = 3;
/// The TA.
pub const VIRTIO_TEE_ORIGIN_TRUSTED_APP: u32 = 4;

/// Bytes of `GetVersionResp::revision`.
pub const VIRTIO_TEE_REVISION_LEN: usize = 64;

/// Declares a structure of the wire: plain bytes, no padding, any alignment.
macro_rules! wire_struct {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    };
}

wire_struct! {
    /// Device configuration space; read-only to the driver.
    Config {
        /// Which TEE this is: `VIRTIO_TEE_IMPL_*`.
        impl_id: U32,
        /// Capabilities particular to `impl_id`.
        impl_caps: U32,
        /// Generic capabilities: `VIRTIO_TEE_CAP_*`.
        gen_caps: U32,
        /// Number of request queues, at least 1.
        num_request_queues: U32,
        /// Granule of shared memory in bytes, a power of two, at least 4096.
        page_size: U32,
        /// Most parameters of a call, at least 4.
        max_params: U32,
        /// Most page runs in one request, over all its parameters.
        max_runs: U32,
        /// Most contexts at a time.
        max_contexts: U32,
        /// Most sessions at a time, over all contexts.
        max_sessions: U32,
        /// Most registered memories at a time, over all contexts.
        max_memories: U32,
        /// Most bytes registered at a time, over all contexts; also the most of any one memory.
        max_memory_bytes: U64,
    }
}

wire_struct! {
    /// Begins every request.
    RequestHeader {
        /// `VIRTIO_TEE_CMD_*`.
        command: U32,
        /// Zero.
        reserved: U32,
        /// The context, from `OpenDeviceResp`; zero for OPEN_DEVICE and GET_VERSION.
        context: U64,
    }
}

wire_struct! {
    /// Begins every response, and is all of it where `status` is not OK.
    ResponseHeader {
        /// `VIRTIO_TEE_S_*`.
        status: U32,
        /// Zero.
        reserved: U32,
    }
}

wire_struct! {
    /// Answer to OPEN_DEVICE.
    OpenDeviceResp {
        /// Status.
        header: ResponseHeader,
        /// The new context; never zero, never given out twice.
        context: U64,
    }
}

wire_struct! {
    /// Answer to GET_VERSION; the first three repeat the configuration space.
    GetVersionResp {
        /// Status.
        header: ResponseHeader,
        /// See `Config`.
        impl_id: U32,
        /// See `Config`.
        impl_caps: U32,
        /// See `Config`.
        gen_caps: U32,
        /// Zero.
        reserved: U32,
        /// The TEE's revision for people to read: UTF-8, padded with zeros, at least one.
        revision: [u8; VIRTIO_TEE_REVISION_LEN],
    }
}

wire_struct! {
    /// OPEN_SESSION; `num_params` × `Param` and `num_runs` × `Run` follow.
    OpenSessionReq {
        /// Command and context.
        header: RequestHeader,
        /// UUID of the TA, in the byte order of RFC 4122.
        uuid: [u8; 16],
        /// UUID of the client, as the driver found it; zero with the public login.
        client_uuid: [u8; 16],
        /// How the client was identified: `VIRTIO_TEE_LOGIN_*`.
        client_login: U32,
        /// Name of this call for CANCEL_REQ; zero for one that will not be cancelled.
        cancel_id: U32,
        /// How many `Param` follow.
        num_params: U32,
        /// How many `Run` follow the parameters.
        num_runs: U32,
    }
}

wire_struct! {
    /// INVOKE_FUNC; `num_params` × `Param` and `num_runs` × `Run` follow.
    InvokeFuncReq {
        /// Command and context.
        header: RequestHeader,
        /// The session, from `CallResp`.
        session: U32,
        /// Which function of the TA.
        func: U32,
        /// Name of this call for CANCEL_REQ; zero for one that will not be cancelled.
        cancel_id: U32,
        /// How many `Param` follow.
        num_params: U32,
        /// How many `Run` follow the parameters.
        num_runs: U32,
        /// Zero.
        reserved: U32,
    }
}

wire_struct! {
    /// Answer to OPEN_SESSION and INVOKE_FUNC; `num_params` × `ParamResult` follow.
    CallResp {
        /// Status of the transport. Where it is not OK, the rest is not written.
        header: ResponseHeader,
        /// What the TEE or the TA returned: a result code of the GP TEE Client API.
        ret: U32,
        /// Who returned it: `VIRTIO_TEE_ORIGIN_*`.
        ret_origin: U32,
        /// OPEN_SESSION with a `ret` of zero: the new session, never zero. Else zero.
        session: U32,
        /// How many `ParamResult` follow: as many as the request had parameters.
        num_params: U32,
    }
}

wire_struct! {
    /// CLOSE_SESSION.
    CloseSessionReq {
        /// Command and context.
        header: RequestHeader,
        /// The session to close.
        session: U32,
        /// Zero.
        reserved: U32,
    }
}

wire_struct! {
    /// CANCEL_REQ.
    CancelReq {
        /// Command and context.
        header: RequestHeader,
        /// Session of the call to cancel; `VIRTIO_TEE_SESSION_NONE` for an OPEN_SESSION.
        session: U32,
        /// `cancel_id` of the call to cancel.
        cancel_id: U32,
    }
}

wire_struct! {
    /// REGISTER_MEM; `num_runs` × `Run` follow. The memory is their concatenation.
    RegisterMemReq {
        /// Command and context.
        header: RequestHeader,
        /// How many `Run` follow, at least 1.
        num_runs: U32,
        /// Zero.
        reserved: U32,
    }
}

wire_struct! {
    /// Answer to REGISTER_MEM.
    RegisterMemResp {
        /// Status.
        header: ResponseHeader,
        /// The new memory; never zero, never `VIRTIO_TEE_MEMORY_NULL`, never given out twice.
        memory: U64,
    }
}

wire_struct! {
    /// UNREGISTER_MEM.
    UnregisterMemReq {
        /// Command and context.
        header: RequestHeader,
        /// The memory to forget.
        memory: U64,
    }
}

wire_struct! {
    /// One parameter of a call.
    Param {
        /// `VIRTIO_TEE_ATTR_*`.
        attr: U32,
        /// With TRANSIENT: how many runs, next in the request's table, are the memory. Else zero.
        num_runs: U32,
        /// Value: the first. Memref: offset of the buffer in its memory, in bytes.
        a: U64,
        /// Value: the second. Memref: size of the buffer in bytes.
        b: U64,
        /// Value: the third. Memref: the registered memory, or `VIRTIO_TEE_MEMORY_NULL`; zero with
        /// TRANSIENT.
        c: U64,
    }
}

wire_struct! {
    /// What a call made of one parameter; zero where it was input only or not used.
    ParamResult {
        /// Value: the first. Memref: zero.
        a: U64,
        /// Value: the second. Memref: the size that the TA wrote, or would have needed.
        b: U64,
        /// Value: the third. Memref: zero.
        c: U64,
    }
}

wire_struct! {
    /// Physically contiguous shared memory, as the device addresses it.
    Run {
        /// Where it begins, a multiple of `Config::page_size`.
        addr: U64,
        /// How long it is in bytes, a multiple of `Config::page_size`, not zero.
        len: U64,
    }
}
