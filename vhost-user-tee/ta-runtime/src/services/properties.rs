// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Properties of the TA and of the TEE (GP TEE Internal Core API 1.3.1, sections 4.4 and 4.7).

use std::sync::OnceLock;

use uuid::Uuid;

use super::instance::Identity;
use crate::process;

/// What a property is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// True or false.
    Bool(bool),
    /// 32 bits.
    U32(u32),
    /// 64 bits.
    U64(u64),
    /// A UUID.
    Uuid(Uuid),
    /// A client.
    Identity(Identity),
    /// Text; without the zero that ends it in C. May be other than UTF-8 in a TA's own.
    String(Vec<u8>),
    /// Bytes; decoded, where the TA has them in base64.
    Binary(Vec<u8>),
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    /// Name, without the zero that ends it in C.
    pub(crate) name: Vec<u8>,
    /// Value.
    pub(crate) value: Value,
}

/// The TA's properties, in the order in which its `ta_props` has them (`gpd.ta.*` and its own).
/// `gpd.ta.appID` is not among them: see [`instance::uuid`](super::instance::uuid).
pub(crate) fn ta() -> &'static [Property] {
    &process::this().ta().properties
}

/// What tells this VM's TEE from every other (`gpd.tee.deviceID`).
pub(crate) fn device_id() -> Uuid {
    process::this().device_id()
}

/// The TEE's properties: all of `gpd.tee.*` that this TEE has.
pub(crate) fn tee() -> &'static [Property] {
    static TEE: OnceLock<Vec<Property>> = OnceLock::new();
    TEE.get_or_init(|| {
        let string = |text: &str| Value::String(text.as_bytes().to_vec());
        // Clocks and storage under control of the host's software: level 100, as in OP-TEE.
        let host = Value::U32(100);
        [
            ("gpd.tee.apiversion", string("GPD-1.3.1")),
            // Major, minor, maintenance, reserved: a byte each.
            ("gpd.tee.internalCore.version", Value::U32(0x0103_0100)),
            ("gpd.tee.description", string(concat!("virtio-tee software TEE ", env!("CARGO_PKG_VERSION")))),
            ("gpd.tee.deviceID", Value::Uuid(device_id())),
            ("gpd.tee.systemTime.protectionLevel", host.clone()),
            ("gpd.tee.TAPersistentTime.protectionLevel", host),
            // OP-TEE's; there is room for more, see `crate::gp::big_int`.
            ("gpd.tee.arith.maxBigIntSize", Value::U32(2048)),
            // The curves of NIST (P-192 to P-521) and of the IETF (25519 and 448), but not Brainpool's.
            ("gpd.tee.cryptography.ecc", Value::Bool(true)),
            ("gpd.tee.cryptography.nist", Value::Bool(true)),
            ("gpd.tee.cryptography.bsi-r", Value::Bool(false)),
            ("gpd.tee.cryptography.bsi-t", Value::Bool(false)),
            ("gpd.tee.cryptography.ietf", Value::Bool(true)),
            ("gpd.tee.cryptography.octa", Value::Bool(false)),
            // Putting back the whole of a VM's storage is not noticed.
            ("gpd.tee.trustedStorage.antiRollback.protectionLevel", Value::U32(0)),
            ("gpd.tee.trustedos.implementation.version", string(env!("CARGO_PKG_VERSION"))),
            ("gpd.tee.trustedos.implementation.binaryversion", Value::U32(0)),
            ("gpd.tee.trustedos.manufacturer", string("virtio-tee")),
            // There is no firmware apart from it.
            ("gpd.tee.firmware.implementation.version", string(env!("CARGO_PKG_VERSION"))),
            ("gpd.tee.firmware.implementation.binaryversion", Value::U32(0)),
            ("gpd.tee.firmware.manufacturer", string("virtio-tee")),
        ]
        .into_iter()
        .map(|(name, value)| Property { name: name.as_bytes().to_vec(), value })
        .collect()
    })
}
