// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Random numbers (`pta_rng.h`): what Linux's `optee-rng` makes a hwrng of. They are the host's.

use ta_protocol::message::param_type::{MEMREF_INOUT, NONE, VALUE_OUTPUT};
use ta_protocol::ta_head::FLAG_DEVICE_ENUM;
use tee::gp;
use uuid::{uuid, Uuid};
use zeroize::Zeroizing;

use super::{Call, PseudoTa};

/// `PTA_CMD_GET_ENTROPY`.
const GET_ENTROPY: u32 = 0;
/// `PTA_CMD_GET_RNG_INFO`.
const GET_INFO: u32 = 1;

/// Most bytes at a time, which is what Linux asks for; more is `TEE_ERROR_NOT_SUPPORTED`, as the header has it.
const POOL: usize = 4096;

/// Bytes per second: how long Linux waits where it has got less than it asked for, which it never does here.
const RATE: u32 = 1 << 20;
/// Bits of entropy in 1024 bits, as far as Linux may believe a host: the most that there is.
const QUALITY: u32 = 1024;

/// The pseudo TA.
pub(super) struct Rng;

impl PseudoTa for Rng {
    fn uuid(&self) -> Uuid {
        uuid!("ab7a617c-b8e7-4d8f-8301-d09b61036b64")
    }

    fn flags(&self) -> u32 {
        FLAG_DEVICE_ENUM
    }

    fn invoke(&self, command: u32, call: &mut Call<'_>) -> Result<(), u32> {
        match command {
            GET_ENTROPY => {
                call.expect([MEMREF_INOUT, NONE, NONE, NONE])?;
                if call.is_null(0) {
                    return Err(gp::ERROR_BAD_PARAMETERS);
                }
                let len = usize::try_from(call.size(0)).ok().filter(|len| *len <= POOL);
                let mut bytes = Zeroizing::new(vec![0; len.ok_or(gp::ERROR_NOT_SUPPORTED)?]);
                openssl::rand::rand_bytes(&mut bytes).map_err(|_| gp::ERROR_GENERIC)?;
                call.write(0, &bytes)
            }
            GET_INFO => {
                call.expect([VALUE_OUTPUT, NONE, NONE, NONE])?;
                call.set_value(0, RATE, QUALITY);
                Ok(())
            }
            _ => Err(gp::ERROR_NOT_IMPLEMENTED),
        }
    }
}
