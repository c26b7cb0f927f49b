// SPDX-License-Identifier: GPL-2.0

//! TAs for the kernel's own drivers.
//!
//! A TEE with OP-TEE's API lists, by a pseudo TA of its own, those TAs that the kernel has drivers
//! for: a source of random numbers, say. They go on the TEE bus, where their drivers find them, as
//! those of the kernel's driver for OP-TEE do.
//!
//! What their drivers have open is lost when the device is reset, and they do not know. So all TAs
//! then leave the bus, with which their drivers close what is lost, and come anew.

use kernel::{
    prelude::*,
    str::CString,
    sync::{new_mutex, Arc, Mutex},
    time::{delay::fsleep, Delta},
    workqueue::{impl_has_work, new_work, Work, WorkItem},
};

use super::{device::TeeDevice, probe::VirtioTee};
#[cfg(linux_7_2)]
use crate::linux_7_2::EPROTO;
use crate::{
    sync::OwnedQueue,
    tee::{BusDevice, Client, Registration},
    virtio::Restarted,
    wire,
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

/// How often it is looked whether the system is awake again, where the device is so before the
/// others.
const AWAKE_YET: Delta = Delta::from_millis(20);

type Uuid = [u8; 16];

/// The TEE, and its TAs on the bus, until this is dropped.
pub(super) struct Announcement(Arc<Announcer>);

#[pin_data]
struct Announcer {
    device: Arc<TeeDevice>,
    #[pin]
    announced: Mutex<Option<Announced>>,
    #[pin]
    anew: Work<Self>,
    queue: OwnedQueue,
}

/// What there is until the device is unbound.
struct Announced {
    // In this order: the kernel's own clients go before the TEE.
    tas: KVec<BusDevice>,
    tee: Registration<VirtioTee>,
}

impl_has_work! {
    impl HasWork<Self> for Announcer { self.anew }
}

impl Announcement {
    /// Announces what the TEE lists. A TEE that has nothing, or does not list it, is as good a TEE.
    pub(super) fn new(device: Arc<TeeDevice>, tee: Registration<VirtioTee>) -> Result<Self> {
        let mut announced = Announced {
            tas: KVec::new(),
            tee,
        };
        announced.announce(&device);
        let announcer = Arc::pin_init(
            try_pin_init!(Announcer {
                device,
                announced <- new_mutex!(Some(announced)),
                anew <- new_work!("virtio_tee::Announcer::anew"),
                queue: OwnedQueue::new(c"virtio_tee_announcer")?,
            }? Error),
            GFP_KERNEL,
        )?;
        let queues = &announcer.device.queues;
        queues.when_restarted(Some(announcer.clone()));
        Ok(Self(announcer))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Nothing is queued after this.
        self.0.device.queues.when_restarted(None);
        let announced = self.0.announced.lock().take();
        drop(announced);
        // So that it is not the work that gives up its own queue.
        self.0.queue.flush();
    }
}

impl Restarted for Announcer {
    fn restarted(self: Arc<Self>) {
        let this = self.clone();
        // It is queued already, where that fails.
        let _ = self.queue.enqueue(this);
    }
}

impl WorkItem for Announcer {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        loop {
            match &mut *this.announced.lock() {
                // The device is being unbound.
                None => return,
                Some(announced) if announced.tee.sleeping() => (),
                Some(announced) => return announced.announce(&this.device),
            }
            fsleep(AWAKE_YET);
        }
    }
}

impl Announced {
    /// Takes all TAs off the bus, and puts those on it that the TEE lists now.
    fn announce(&mut self, device: &TeeDevice) {
        self.tas.clear();
        if device.limits.version.impl_id != wire::VIRTIO_TEE_IMPL_OPTEE {
            return;
        }
        let tas = list(&self.tee).unwrap_or_else(|error| {
            dev_warn!(
                device.dev,
                "no list of TAs for the kernel's own drivers: {error:?}\n"
            );
            KVec::new()
        });
        for (index, ta) in tas.iter().enumerate() {
            // Two of one name are a mistake to the driver core, which would complain at length.
            if tas.iter().take(index).any(|before| before == ta) {
                continue;
            }
            if let Err(error) = self.add(device, ta) {
                let number = u128::from_be_bytes(*ta);
                dev_warn!(
                    device.dev,
                    "TA {number:032x} is not for the kernel's own drivers: {error:?}\n"
                );
            }
        }
    }

    fn add(&mut self, device: &TeeDevice, ta: &Uuid) -> Result {
        let number = u128::from_be_bytes(*ta);
        // Unlike with the kernel's driver for OP-TEE, there can be several TEEs.
        let name = CString::try_from_fmt(fmt!(
            "{}-ta-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            device.dev.name(),
            number >> 96,
            number >> 80 & 0xffff,
            number >> 64 & 0xffff,
            number >> 48 & 0xffff,
            number & 0xffff_ffff_ffff
        ))?;
        self.tas
            .push(BusDevice::new(&self.tee, &name, *ta)?, GFP_KERNEL)?;
        Ok(())
    }
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
