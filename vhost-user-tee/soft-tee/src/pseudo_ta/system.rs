// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA asks of its TEE beyond the GP API (`pta_system.h`). For TAs only.
//!
//! Mapping and unmapping memory is done by the TA's own process, which does not ask here. Shared libraries of TAs are
//! not supported: the sandbox of a TA closes for good before its first entry point, and nothing can be loaded after.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use openssl::hash::{hash, MessageDigest};
use ta_protocol::message::param_type::{
    MEMREF_INOUT, MEMREF_INPUT, MEMREF_OUTPUT, NONE, VALUE_INPUT, VALUE_OUTPUT,
};
use tee::gp;
use uuid::{uuid, Uuid};

use super::{Call, PseudoTa};
use crate::instance::Instance;

const ADD_RNG_ENTROPY: u32 = 0;
const DERIVE_TA_UNIQUE_KEY: u32 = 1;
const DLOPEN: u32 = 10;
const DLSYM: u32 = 11;
const GET_TPM_EVENT_LOG: u32 = 12;
const SUPP_PLUGIN_INVOKE: u32 = 13;

/// `TA_DERIVED_KEY_MIN_SIZE`, in bytes.
const MIN_KEY: u64 = 16;
/// `TA_DERIVED_KEY_MAX_SIZE`, in bytes.
const MAX_KEY: u64 = 32;
/// `TA_DERIVED_EXTRA_DATA_MAX_SIZE`, in bytes.
const MAX_EXTRA: usize = 1024;

/// What the keys of TAs are derived under.
const KEY_LABEL: &str = "TA unique key";

const UUID_LEN: u64 = 16;

/// `RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE`: the flags with which a library may be loaded.
const DLOPEN_FLAGS: u32 = 0x1102;

/// The pseudo TA.
pub(super) struct System;

impl PseudoTa for System {
    fn uuid(&self) -> Uuid {
        uuid!("3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc")
    }

    fn open(&self, call: &mut Call<'_>) -> Result<Option<Arc<dyn PseudoTa>>, u32> {
        call.ta().map(|_| None).ok_or(gp::ERROR_ACCESS_DENIED)
    }

    fn invoke(&self, command: u32, call: &mut Call<'_>) -> Result<(), u32> {
        let ta = call.ta().ok_or(gp::ERROR_ACCESS_DENIED)?;
        match command {
            ADD_RNG_ENTROPY => add_entropy(call),
            DERIVE_TA_UNIQUE_KEY => derive_key(ta, call),
            DLOPEN => {
                call.expect([MEMREF_INPUT, VALUE_INPUT, NONE, NONE])?;
                expect_uuid(call)?;
                if call.value(1).0 != DLOPEN_FLAGS {
                    return Err(gp::ERROR_BAD_PARAMETERS);
                }
                Err(gp::ERROR_NOT_SUPPORTED)
            }
            DLSYM => {
                call.expect([MEMREF_INPUT, MEMREF_INPUT, VALUE_OUTPUT, NONE])?;
                expect_uuid(call)?;
                if call.is_null(1) || call.size(1) == 0 {
                    return Err(gp::ERROR_BAD_PARAMETERS);
                }
                Err(gp::ERROR_NOT_SUPPORTED)
            }
            // There is no TPM here that anything would have been measured into.
            GET_TPM_EVENT_LOG => {
                call.expect([MEMREF_OUTPUT, NONE, NONE, NONE])?;
                Err(gp::ERROR_NOT_SUPPORTED)
            }
            // Nor a supplicant that could have plug-ins.
            SUPP_PLUGIN_INVOKE => {
                call.expect([MEMREF_INPUT, VALUE_INPUT, MEMREF_INOUT, VALUE_OUTPUT])?;
                Err(gp::ERROR_NOT_SUPPORTED)
            }
            _ => Err(gp::ERROR_NOT_IMPLEMENTED),
        }
    }
}

fn expect_uuid(call: &Call<'_>) -> Result<(), u32> {
    if call.is_null(0) || call.size(0) != UUID_LEN {
        return Err(gp::ERROR_BAD_PARAMETERS);
    }
    Ok(())
}

/// Mixes the TA's bytes into the pool of the host's kernel, which does not take them for random: it is where all random
/// numbers of this TEE come from.
fn add_entropy(call: &Call<'_>) -> Result<(), u32> {
    call.expect([MEMREF_INPUT, NONE, NONE, NONE])?;
    if call.is_null(0) || call.size(0) == 0 {
        return Err(gp::ERROR_BAD_PARAMETERS);
    }
    let failed = |error: std::io::Error| {
        call.instances().errors().error(format_args!("/dev/urandom: {error}"));
        gp::ERROR_GENERIC
    };
    let mut pool = File::options().write(true).open("/dev/urandom").map_err(failed)?;
    call.read_pieces(0, |piece| pool.write_all(piece).map_err(failed))
}

/// A key that only this TA of this VM's TEE can have, and only with this extra data.
fn derive_key(ta: &Instance, call: &mut Call<'_>) -> Result<(), u32> {
    call.expect([MEMREF_INPUT, MEMREF_OUTPUT, NONE, NONE])?;
    if !(MIN_KEY..=MAX_KEY).contains(&call.size(1)) {
        return Err(gp::ERROR_BAD_PARAMETERS);
    }
    let extra = call.read(0, MAX_EXTRA)?;
    // Not where the guest could see it.
    if !call.is_private(1) {
        return Err(gp::ERROR_SECURITY);
    }
    let failed = |_| gp::ERROR_GENERIC;
    let extra = hash(MessageDigest::sha256(), &extra).map_err(failed)?;
    let context = [ta.uuid().as_bytes(), &extra[..]].concat();
    let key = call.instances().state().device_key();
    let key = key.derive(KEY_LABEL, &context, call.size(1) as usize).map_err(failed)?;
    call.write(1, &key)
}
