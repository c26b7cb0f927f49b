// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Answers, encoded.

use tee::{Access, Origin, Param, Version};
use virtio_tee_spec as wire;
use zerocopy::IntoBytes;

use crate::partition::Outcome;

fn header(status: u32) -> wire::ResponseHeader {
    wire::ResponseHeader { status: status.into(), reserved: 0.into() }
}

/// An answer that is a status only.
pub(super) fn status(status: u32) -> Vec<u8> {
    header(status).as_bytes().to_vec()
}

/// The answer to OPEN_DEVICE.
pub(super) fn open_device(context: u64) -> Vec<u8> {
    wire::OpenDeviceResp { header: header(wire::VIRTIO_TEE_S_OK), context: context.into() }
        .as_bytes()
        .to_vec()
}

/// The answer to REGISTER_MEM.
pub(super) fn register_mem(memory: u64) -> Vec<u8> {
    wire::RegisterMemResp { header: header(wire::VIRTIO_TEE_S_OK), memory: memory.into() }.as_bytes().to_vec()
}

/// The answer to GET_VERSION.
pub(super) fn get_version(version: &Version) -> Vec<u8> {
    let mut revision = [0; wire::VIRTIO_TEE_REVISION_LEN];
    // Cut where a character begins, with a zero left at the end.
    let mut len = version.revision.len().min(revision.len() - 1);
    while !version.revision.is_char_boundary(len) {
        len -= 1;
    }
    revision[..len].copy_from_slice(&version.revision.as_bytes()[..len]);
    wire::GetVersionResp {
        header: header(wire::VIRTIO_TEE_S_OK),
        impl_id: version.impl_id.into(),
        impl_caps: version.impl_caps.into(),
        gen_caps: version.gen_caps.into(),
        reserved: 0.into(),
        revision,
    }
    .as_bytes()
    .to_vec()
}

/// The answer to OPEN_SESSION and INVOKE_FUNC.
pub(super) fn call(outcome: &Outcome) -> Vec<u8> {
    let (ret, origin, session) = match outcome.result {
        Ok(session) => (tee::gp::SUCCESS, Origin::TrustedApp, session),
        Err(failure) => (failure.ret, failure.origin, 0),
    };
    let mut bytes = wire::CallResp {
        header: header(wire::VIRTIO_TEE_S_OK),
        ret: ret.into(),
        ret_origin: (origin as u32).into(),
        session: session.into(),
        num_params: u32::try_from(outcome.params.len()).unwrap_or(u32::MAX).into(),
    }
    .as_bytes()
    .to_vec();
    for param in &outcome.params {
        bytes.extend_from_slice(result(param).as_bytes());
    }
    bytes
}

fn result(param: &Param) -> wire::ParamResult {
    let (a, b, c) = match *param {
        Param::Value { access: Access::Output | Access::InOut, a, b, c } => (a, b, c),
        Param::MemRef { access: Access::Output | Access::InOut, size, .. } => (0, size, 0),
        _ => (0, 0, 0),
    };
    wire::ParamResult { a: a.into(), b: b.into(), c: c.into() }
}
