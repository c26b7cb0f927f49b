// SPDX-License-Identifier: GPL-2.0

//! TAs for the kernel's own drivers.
//!
//! A TEE with OP-TEE's API lists, by a pseudo TA of its own, those TAs that the kernel has drivers
//! for: a source of random numbers, say. They go on the TEE bus, where their drivers find them, as those
//! of the kernel's driver for OP-TEE do.

use kernel::{device::Bound, prelude::*, str::CString};

use super::probe::VirtioTee;
use crate::{
    tee::{BusDevice, Client, Registration},
    virtio, wire,
};

/// OP-TEE's pseudo TA that lists TAs, 7011a688-ddde-4053-a5a9-7b3c4ddf13b8.
const DEVICES: [u8; 16] = [
    0x70, 0x11, 0xa6, 0x88, 0xdd, 0xde, 0x40, 0x53, 0xa5, 0xa9, 0x7b, 0x3c, 0x4d, 0xdf, 0x13, 0xb8,
];
/// Its function that lists those that need nothing of this system.
const GET_DEVICES: u32 = 0;

/// GP TEE Client API 1.0, table 4-2: there are more bytes than there is room.
const TEEC_ERROR_SHORT_BUFFER: u32 = 0xffff_0010;

/// Most TAs that are put on the bus.
const MAX_TAS: usize = 256;

type Uuid = [u8; 16];

/// Puts the TAs on the bus, until the result is dropped. A TEE that has none, or does not list them, is as
/// good a TEE.
pub(super) fn announce(
    dev: &virtio::Device<Bound>,
    tee: &Registration<VirtioTee>,
    impl_id: u32,
) -> KVec<BusDevice> {
    let mut devices = KVec::new();
    if impl_id != wire::VIRTIO_TEE_IMPL_OPTEE {
        return devices;
    }
    let result = list(tee).and_then(|tas| tas.iter().try_for_each(|ta| add(dev, &mut devices, ta)));
    if let Err(error) = result {
        dev_warn!(dev, "TAs for the kernel's own drivers: {error:?}\n");
    }
    devices
}

fn add(dev: &virtio::Device<Bound>, devices: &mut KVec<BusDevice>, ta: &Uuid) -> Result {
    let number = u128::from_be_bytes(*ta);
    // Unlike with the kernel's driver for OP-TEE, there can be several TEEs.
    let name = CString::try_from_fmt(fmt!(
        "{}-ta-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        dev.as_ref().name(),
        number >> 96,
        number >> 80 & 0xffff,
        number >> 64 & 0xffff,
        number >> 48 & 0xffff,
        number & 0xffff_ffff_ffff
    ))?;
    devices.push(BusDevice::new(dev.as_ref(), &name, *ta)?, GFP_KERNEL)?;
    Ok(())
}

/// Asks the TEE for its list.
fn list(tee: &Registration<VirtioTee>) -> Result<KVec<Uuid>> {
    let client = Client::open(tee)?;
    let Ok(session) = client.open_session(DEVICES)? else {
        // It has no such pseudo TA.
        return Ok(KVec::new());
    };
    let (verdict, size) = session.read(GET_DEVICES, None, 0)?;
    match verdict {
        None => return Ok(KVec::new()),
        Some(verdict) if verdict.ret == TEEC_ERROR_SHORT_BUFFER => (),
        Some(_) => return Err(EIO),
    }
    let count = size / size_of::<Uuid>();
    if count == 0 || count > MAX_TAS {
        return Err(EPROTO);
    }
    let memory = client.allocate(count * size_of::<Uuid>())?;
    let (verdict, size) = session.read(GET_DEVICES, Some(&memory), count * size_of::<Uuid>())?;
    if verdict.is_some() {
        return Err(EIO);
    }
    let count = count.min(size / size_of::<Uuid>());
    let mut tas = KVec::from_elem([0; 16], count, GFP_KERNEL)?;
    if count > 0 {
        memory.copy_to(tas.as_flattened_mut())?;
    }
    Ok(tas)
}
