// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Requests that need no queue to be looked at. What needs one is in `tests/`, over a whole device.

use proptest::prelude::*;
use virtio_tee_spec as wire;
use zerocopy::IntoBytes;

use crate::device::request::{max_answer_len, max_len, Parameter, Request};
use crate::partition::Limits;

const GEN_CAPS: u32 =
    wire::VIRTIO_TEE_CAP_GP | wire::VIRTIO_TEE_CAP_REG_MEM | wire::VIRTIO_TEE_CAP_MEMREF_NULL;

fn header(command: u32) -> wire::RequestHeader {
    wire::RequestHeader { command: command.into(), reserved: 0.into(), context: 1.into() }
}

fn status(bytes: &[u8], queue: u16, gen_caps: u32) -> u32 {
    Request::decode(bytes, queue, gen_caps, &Limits::default())
        .map(|_| ())
        .map_err(|e| e.status())
        .unwrap_err()
}

#[test]
fn capabilities_decide_what_is_taken() {
    let registered = wire::RegisterMemReq {
        header: header(wire::VIRTIO_TEE_CMD_REGISTER_MEM),
        num_runs: 1.into(),
        reserved: 0.into(),
    };
    let run = wire::Run { addr: 0.into(), len: 4096.into() };
    let bytes = [registered.as_bytes(), run.as_bytes()].concat();
    assert!(Request::decode(&bytes, 0, GEN_CAPS, &Limits::default()).is_ok());
    assert_eq!(status(&bytes, 0, wire::VIRTIO_TEE_CAP_GP), wire::VIRTIO_TEE_S_UNSUPP);

    let invoke = wire::InvokeFuncReq {
        header: header(wire::VIRTIO_TEE_CMD_INVOKE_FUNC),
        session: 1.into(),
        func: 0.into(),
        cancel_id: 0.into(),
        num_params: 1.into(),
        num_runs: 0.into(),
        reserved: 0.into(),
    };
    let null = wire::Param {
        attr: wire::VIRTIO_TEE_ATTR_MEMREF_INPUT.into(),
        num_runs: 0.into(),
        a: 0.into(),
        b: 1.into(),
        c: wire::VIRTIO_TEE_MEMORY_NULL.into(),
    };
    let bytes = [invoke.as_bytes(), null.as_bytes()].concat();
    assert!(Request::decode(&bytes, 1, GEN_CAPS, &Limits::default()).is_ok());
    assert_eq!(status(&bytes, 1, wire::VIRTIO_TEE_CAP_GP), wire::VIRTIO_TEE_S_INVAL);
}

/// A request of any kind, with counts that are often right.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let count = prop_oneof![0..6_u32, any::<u32>()];
    let words = prop::collection::vec(prop_oneof![0..9_u32, Just(0x105), Just(0x107), any::<u32>()], 0..80);
    (0..12_u32, count.clone(), count, words, 0..4_usize).prop_map(|(command, params, runs, words, cut)| {
        let mut bytes = header(command).as_bytes().to_vec();
        words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        for (offset, value) in [(28, params), (32, runs)] {
            if let Some(slot) = bytes.get_mut(offset..offset + 4) {
                slot.copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes.truncate(bytes.len() - cut);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_never_panics_and_keeps_within_limits(bytes in bytes(), queue in 0..3_u16) {
        let limits = Limits::default();
        match Request::decode(&bytes, queue, GEN_CAPS, &limits) {
            Ok(request) => {
                prop_assert!(bytes.len() <= max_len(&limits));
                let range = size_of::<wire::ResponseHeader>()..=max_answer_len(&limits);
                prop_assert!(range.contains(&request.answer_len()));
                if let Request::InvokeFunc { params, .. } | Request::OpenSession { params, .. } = request {
                    prop_assert!(params.len() <= limits.max_params as usize);
                    for param in params {
                        if let Parameter::Transient { runs, .. } = param {
                            prop_assert!(!runs.is_empty() && runs.len() <= limits.max_runs as usize);
                        }
                    }
                }
            }
            Err(refusal) => {
                let status = refusal.status();
                prop_assert!(status == wire::VIRTIO_TEE_S_UNSUPP || status == wire::VIRTIO_TEE_S_INVAL);
            }
        }
    }
}
