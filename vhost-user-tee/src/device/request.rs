// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Requests, decoded from a private copy.

use std::mem::size_of;

use tee::{Access, OpenSession};
use uuid::Uuid;
use virtio_tee_spec as wire;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::status::Refusal;
use crate::partition::Limits;

/// A request; tables still point into the copy.
#[derive(Debug)]
pub(super) enum Request<'a> {
    OpenDevice,
    CloseDevice { context: u64 },
    GetVersion,
    CancelReq { context: u64, session: u32, cancel_id: u32 },
    RegisterMem { context: u64, runs: &'a [wire::Run] },
    UnregisterMem { context: u64, memory: u64 },
    OpenSession { context: u64, request: OpenSession, cancel_id: u32, params: Vec<Parameter<'a>> },
    InvokeFunc { context: u64, session: u32, func: u32, cancel_id: u32, params: Vec<Parameter<'a>> },
    CloseSession { context: u64, session: u32 },
}

/// A parameter of a call.
#[derive(Debug)]
pub(super) enum Parameter<'a> {
    None,
    Value { access: Access, a: u64, b: u64, c: u64 },
    Null { access: Access, offset: u64, size: u64 },
    Registered { access: Access, memory: u64, offset: u64, size: u64 },
    Transient { access: Access, runs: &'a [wire::Run], offset: u64, size: u64 },
}

/// The length of the longest request that `limits` allow, in bytes.
pub(super) fn max_len(limits: &Limits) -> usize {
    size_of::<wire::OpenSessionReq>().max(size_of::<wire::InvokeFuncReq>())
        + limits.max_params as usize * size_of::<wire::Param>()
        + limits.max_runs as usize * size_of::<wire::Run>()
}

/// The length of the longest answer that `limits` allow, in bytes.
pub(super) fn max_answer_len(limits: &Limits) -> usize {
    let call = size_of::<wire::CallResp>() + limits.max_params as usize * size_of::<wire::ParamResult>();
    call.max(size_of::<wire::GetVersionResp>())
}

impl<'a> Request<'a> {
    /// Decodes what came in on queue `queue`. `gen_caps` are those of the configuration space.
    pub(super) fn decode(
        bytes: &'a [u8],
        queue: u16,
        gen_caps: u32,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let (header, _) = take::<wire::RequestHeader>(bytes)?;
        let command = header.command.get();
        let context = header.context.get();
        let unknown = Err(Refusal::Command { command, queue });
        let registers = gen_caps & wire::VIRTIO_TEE_CAP_REG_MEM != 0;
        if queue == wire::VIRTIO_TEE_QUEUE_CONTROL {
            match command {
                wire::VIRTIO_TEE_CMD_OPEN_DEVICE => {
                    whole::<wire::RequestHeader>(bytes)?;
                    Ok(Self::OpenDevice)
                }
                wire::VIRTIO_TEE_CMD_CLOSE_DEVICE => {
                    whole::<wire::RequestHeader>(bytes)?;
                    Ok(Self::CloseDevice { context })
                }
                wire::VIRTIO_TEE_CMD_GET_VERSION => {
                    whole::<wire::RequestHeader>(bytes)?;
                    Ok(Self::GetVersion)
                }
                wire::VIRTIO_TEE_CMD_CANCEL_REQ => {
                    let req = whole::<wire::CancelReq>(bytes)?;
                    let (session, cancel_id) = (req.session.get(), req.cancel_id.get());
                    Ok(Self::CancelReq { context, session, cancel_id })
                }
                wire::VIRTIO_TEE_CMD_REGISTER_MEM if registers => {
                    let (req, rest) = take::<wire::RegisterMemReq>(bytes)?;
                    let runs = tables(bytes, rest, 0, req.num_runs.get(), limits)?.1;
                    if runs.is_empty() {
                        return Err(Refusal::Runs(0));
                    }
                    Ok(Self::RegisterMem { context, runs })
                }
                wire::VIRTIO_TEE_CMD_UNREGISTER_MEM if registers => {
                    let req = whole::<wire::UnregisterMemReq>(bytes)?;
                    Ok(Self::UnregisterMem { context, memory: req.memory.get() })
                }
                _ => unknown,
            }
        } else {
            match command {
                wire::VIRTIO_TEE_CMD_OPEN_SESSION => {
                    let (req, rest) = take::<wire::OpenSessionReq>(bytes)?;
                    let (params, runs) =
                        tables(bytes, rest, req.num_params.get(), req.num_runs.get(), limits)?;
                    let request = OpenSession {
                        uuid: Uuid::from_bytes(req.uuid),
                        login: req.client_login.get(),
                        client: Uuid::from_bytes(req.client_uuid),
                    };
                    let params = parameters(params, runs, gen_caps)?;
                    Ok(Self::OpenSession { context, request, cancel_id: req.cancel_id.get(), params })
                }
                wire::VIRTIO_TEE_CMD_INVOKE_FUNC => {
                    let (req, rest) = take::<wire::InvokeFuncReq>(bytes)?;
                    let (params, runs) =
                        tables(bytes, rest, req.num_params.get(), req.num_runs.get(), limits)?;
                    Ok(Self::InvokeFunc {
                        context,
                        session: req.session.get(),
                        func: req.func.get(),
                        cancel_id: req.cancel_id.get(),
                        params: parameters(params, runs, gen_caps)?,
                    })
                }
                wire::VIRTIO_TEE_CMD_CLOSE_SESSION => {
                    let req = whole::<wire::CloseSessionReq>(bytes)?;
                    Ok(Self::CloseSession { context, session: req.session.get() })
                }
                _ => unknown,
            }
        }
    }

    /// The length of the answer, in bytes.
    pub(super) fn answer_len(&self) -> usize {
        match self {
            Self::OpenDevice => size_of::<wire::OpenDeviceResp>(),
            Self::GetVersion => size_of::<wire::GetVersionResp>(),
            Self::RegisterMem { .. } => size_of::<wire::RegisterMemResp>(),
            Self::OpenSession { params, .. } | Self::InvokeFunc { params, .. } => {
                size_of::<wire::CallResp>() + params.len() * size_of::<wire::ParamResult>()
            }
            Self::CloseDevice { .. }
            | Self::CancelReq { .. }
            | Self::UnregisterMem { .. }
            | Self::CloseSession { .. } => size_of::<wire::ResponseHeader>(),
        }
    }
}

/// The fixed part of a request, and what follows it.
fn take<T: FromBytes + KnownLayout + Immutable + Unaligned>(bytes: &[u8]) -> Result<(&T, &[u8]), Refusal> {
    T::ref_from_prefix(bytes).map_err(|_| Refusal::Length { len: bytes.len(), expected: size_of::<T>() })
}

/// A request that is its fixed part.
fn whole<T: FromBytes + KnownLayout + Immutable + Unaligned>(bytes: &[u8]) -> Result<&T, Refusal> {
    T::ref_from_bytes(bytes).map_err(|_| Refusal::Length { len: bytes.len(), expected: size_of::<T>() })
}

/// The tables that make up the rest of a request.
fn tables<'a>(
    bytes: &'a [u8],
    rest: &'a [u8],
    num_params: u32,
    num_runs: u32,
    limits: &Limits,
) -> Result<(&'a [wire::Param], &'a [wire::Run]), Refusal> {
    if num_params > limits.max_params {
        return Err(Refusal::Params(num_params));
    }
    if num_runs > limits.max_runs {
        return Err(Refusal::Runs(num_runs));
    }
    let fixed = bytes.len() - rest.len();
    // Within the limits, neither product nor sum overflows.
    let expected =
        fixed + num_params as usize * size_of::<wire::Param>() + num_runs as usize * size_of::<wire::Run>();
    let length = || Refusal::Length { len: bytes.len(), expected };
    let (params, rest) =
        <[wire::Param]>::ref_from_prefix_with_elems(rest, num_params as usize).map_err(|_| length())?;
    let runs = <[wire::Run]>::ref_from_bytes_with_elems(rest, num_runs as usize).map_err(|_| length())?;
    Ok((params, runs))
}

fn parameters<'a>(
    params: &[wire::Param],
    runs: &'a [wire::Run],
    gen_caps: u32,
) -> Result<Vec<Parameter<'a>>, Refusal> {
    let has_null = gen_caps & wire::VIRTIO_TEE_CAP_MEMREF_NULL != 0;
    let mut left = runs;
    let decoded = params
        .iter()
        .enumerate()
        .map(|(index, param)| {
            let (attr, num_runs) = (param.attr.get(), param.num_runs.get());
            let bad = Refusal::Param { index, attr, num_runs };
            let (a, b, c) = (param.a.get(), param.b.get(), param.c.get());
            let transient = attr & wire::VIRTIO_TEE_ATTR_TRANSIENT != 0;
            if transient == (num_runs == 0) {
                return Err(bad);
            }
            let kind = attr & !wire::VIRTIO_TEE_ATTR_TRANSIENT;
            let value = |access| Parameter::Value { access, a, b, c };
            let mut memref = |access| {
                if transient {
                    if c != 0 {
                        return None;
                    }
                    let (own, rest) = left.split_at_checked(num_runs as usize)?;
                    left = rest;
                    Some(Parameter::Transient { access, runs: own, offset: a, size: b })
                } else if c == wire::VIRTIO_TEE_MEMORY_NULL {
                    has_null.then_some(Parameter::Null { access, offset: a, size: b })
                } else {
                    Some(Parameter::Registered { access, memory: c, offset: a, size: b })
                }
            };
            match kind {
                wire::VIRTIO_TEE_ATTR_MEMREF_INPUT => memref(Access::Input).ok_or(bad),
                wire::VIRTIO_TEE_ATTR_MEMREF_OUTPUT => memref(Access::Output).ok_or(bad),
                wire::VIRTIO_TEE_ATTR_MEMREF_INOUT => memref(Access::InOut).ok_or(bad),
                _ if transient => Err(bad),
                wire::VIRTIO_TEE_ATTR_NONE => Ok(Parameter::None),
                wire::VIRTIO_TEE_ATTR_VALUE_INPUT => Ok(value(Access::Input)),
                // Not for the TA to see, whatever the driver left there.
                wire::VIRTIO_TEE_ATTR_VALUE_OUTPUT => {
                    Ok(Parameter::Value { access: Access::Output, a: 0, b: 0, c: 0 })
                }
                wire::VIRTIO_TEE_ATTR_VALUE_INOUT => Ok(value(Access::InOut)),
                _ => Err(bad),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    if left.is_empty() {
        Ok(decoded)
    } else {
        Err(Refusal::Runs(u32::try_from(runs.len()).unwrap_or(u32::MAX)))
    }
}
