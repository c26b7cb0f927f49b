// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which TAs are devices on the guest's TEE bus (`pta_device.h`): what Linux asks when its TEE driver starts, and
//! once more when the supplicant runs.

use ta_protocol::message::param_type::{MEMREF_OUTPUT, NONE};
use ta_protocol::ta_head::{FLAG_DEVICE_ENUM, FLAG_DEVICE_ENUM_SUPP, FLAG_DEVICE_ENUM_TEE_STORAGE_PRIVATE};
use tee::gp;
use uuid::{uuid, Uuid};

use super::{Call, PseudoTa};

/// The pseudo TA.
pub(super) struct Device {
    /// Pseudo TAs and their flags.
    pseudo_tas: Vec<(Uuid, u32)>,
}

impl Device {
    /// Knows these pseudo TAs, by their flags.
    pub(super) fn new(pseudo_tas: Vec<(Uuid, u32)>) -> Self {
        Self { pseudo_tas }
    }
}

impl PseudoTa for Device {
    fn uuid(&self) -> Uuid {
        uuid!("7011a688-ddde-4053-a5a9-7b3c4ddf13b8")
    }

    fn invoke(&self, command: u32, call: &mut Call<'_>) -> Result<(), u32> {
        let flag = match command {
            0 => FLAG_DEVICE_ENUM,
            1 => FLAG_DEVICE_ENUM_SUPP,
            2 => FLAG_DEVICE_ENUM_TEE_STORAGE_PRIVATE,
            _ => return Err(gp::ERROR_NOT_IMPLEMENTED),
        };
        call.expect([MEMREF_OUTPUT, NONE, NONE, NONE])?;
        if call.is_null(0) && call.size(0) > 0 {
            return Err(gp::ERROR_BAD_PARAMETERS);
        }
        let mut devices: Vec<Uuid> =
            self.pseudo_tas.iter().filter(|(_, flags)| flags & flag != 0).map(|(uuid, _)| *uuid).collect();
        let mut tas = call.instances().registry().with_flag(flag);
        // The same answer to the question for the size and to the one for the list.
        tas.sort_unstable();
        devices.extend(tas);
        // In the byte order of RFC 4122, as Linux's `uuid_t` has it.
        let octets: Vec<u8> = devices.iter().flat_map(|uuid| uuid.into_bytes()).collect();
        call.write(0, &octets)
    }
}
