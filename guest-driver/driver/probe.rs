// SPDX-License-Identifier: GPL-2.0

//! From a virtio device to a TEE, and back.

use kernel::{
    cpu::nr_cpu_ids,
    device::{Bound, Core},
    prelude::*,
    str::CString,
    sync::Arc,
};

use pin_init::pin_init_scope;

use super::{
    announce::Announcement, config::Limits, debug::Debug, device::TeeDevice, request::Request,
};
use crate::{
    module_parameters, tee, this_module,
    virtio::{self, Virtqueues},
    wire,
};

/// The driver.
pub(crate) struct VirtioTee;

/// What the TEE subsystem has of a device.
pub(crate) struct Tee {
    pub(super) device: Arc<TeeDevice>,
    pub(super) revision: CString,
}

impl virtio::Driver for VirtioTee {
    type Data = Attached;
    type Token = Request;

    fn ids() -> [u32; 2] {
        let other = module_parameters::device_id.value();
        #[cfg(linux_7_2)]
        let other = *other;
        [wire::VIRTIO_ID_TEE, other]
    }

    fn probe(dev: &virtio::Device<Core<'_>>) -> impl PinInit<Attached, Error> {
        pin_init_scope(|| {
            let (device, registration) = bring_up(dev)?;
            let announcement = Announcement::new(device.clone(), registration)?;
            Ok(try_pin_init!(Attached {
                _announcement: announcement,
                _debug <- Debug::new(device),
            }? Error))
        })
    }
}

/// What there is of a device while it is bound.
#[pin_data]
pub(crate) struct Attached {
    _announcement: Announcement,
    #[pin]
    _debug: Debug,
}

fn bring_up(dev: &virtio::Device<Bound>) -> Result<(Arc<TeeDevice>, tee::Registration<VirtioTee>)> {
    let limits = Limits::read(dev)?;
    // More queues than CPUs would not be used, as each CPU has one to make its calls on.
    let request_queues = limits.request_queues.min(nr_cpu_ids() as usize);
    let mut control = KVec::with_capacity(1, GFP_KERNEL)?;
    control.push(CString::try_from_fmt(fmt!("control"))?, GFP_KERNEL)?;
    let mut requests = KVec::with_capacity(request_queues, GFP_KERNEL)?;
    for index in 0..request_queues {
        requests.push(CString::try_from_fmt(fmt!("request.{index}"))?, GFP_KERNEL)?;
    }
    let mut groups = KVec::with_capacity(2, GFP_KERNEL)?;
    groups.push(control, GFP_KERNEL)?;
    groups.push(requests, GFP_KERNEL)?;
    let queues = Virtqueues::new(dev, groups)?;
    queues.start()?;
    let dma = queues.dma_device()?;
    let dma_note = if dma.is_some() {
        ", by the DMA API"
    } else {
        ""
    };

    let device = TeeDevice::new(dev.as_ref().into(), queues, limits)?;
    let revision = device.revision()?;
    let tee = Arc::new(Tee { device, revision }, GFP_KERNEL)?;
    let registration =
        tee::Registration::new(dev.as_ref(), c"virtio-tee", this_module(), tee.clone(), dma)?;
    let version = tee.device.limits.version;
    dev_info!(
        dev,
        "{}: implementation {}, capabilities {:#x}, {:#x}; {} request queues{dma_note}\n",
        &*tee.revision,
        version.impl_id,
        version.gen_caps,
        version.impl_caps,
        request_queues
    );
    Ok((tee.device.clone(), registration))
}
