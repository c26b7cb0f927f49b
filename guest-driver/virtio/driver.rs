// SPDX-License-Identifier: GPL-2.0

//! Virtio drivers.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

use core::mem::offset_of;

use kernel::{
    device, device_id::RawDeviceId, driver, error::from_result, error::to_result, prelude::*,
    types::Opaque, ThisModule,
};

use super::{Device, Token, Virtqueues};
use crate::sys;

/// A driver of virtio devices.
pub(crate) trait Driver {
    /// The driver's data of a device.
    type Data: Send + 'static;

    /// The token of the driver's buffers.
    type Token: Token;

    /// Virtio device IDs that the driver takes, besides `MODULE_DEVICE_TABLE`.
    fn ids() -> [u32; MAX_IDS];

    /// A device is there that the driver takes.
    ///
    /// The [`Virtqueues`] that this makes are stopped when the device is unbound, before the data
    /// is dropped, and when this fails. They are stopped when the system goes to sleep or the
    /// device is reset, and started again after that.
    fn probe(dev: &Device<device::Core<'_>>) -> impl PinInit<Self::Data, Error>;
}

/// Most IDs of a driver; zero stands for none.
pub(crate) const MAX_IDS: usize = 2;

/// An entry of a driver's `MODULE_DEVICE_TABLE`.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct DeviceId(#[allow(dead_code, reason = "read by modpost")] RawId);

type RawId = [u32; 2];

// SAFETY: Layout-compatible with `struct virtio_device_id`: two `__u32`.
unsafe impl RawDeviceId for DeviceId {
    type RawType = RawId;
}

impl DeviceId {
    /// Any vendor's device of that ID.
    pub(crate) const fn new(device: u32) -> Self {
        Self([device, sys::VIRTIO_DEV_ANY_ID])
    }
}

/// What the virtio core takes: the driver, and the table of IDs that it points at.
#[repr(C)]
#[derive(Default)]
pub(crate) struct RawDriver {
    driver: sys::virtio_driver,
    ids: [sys::virtio_device_id; MAX_IDS + 1],
}

/// Registers a [`Driver`] with the virtio core.
pub(crate) struct Adapter<T: Driver>(T);

// SAFETY: `RawDriver` is `repr(C)` and has a `struct device_driver` at that offset; the data that
// `probe_callback` sets is `T::Data`.
unsafe impl<T: Driver> driver::DriverLayout for Adapter<T> {
    type DriverType = RawDriver;
    type DriverData<'bound> = T::Data;
    const DEVICE_DRIVER_OFFSET: usize =
        offset_of!(RawDriver, driver) + offset_of!(sys::virtio_driver, driver);
}

// SAFETY: `unregister` undoes `register`.
unsafe impl<T: Driver> driver::RegistrationOps for Adapter<T> {
    unsafe fn register(
        reg: &Opaque<RawDriver>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        let raw = reg.get();
        let mut ids = <[sys::virtio_device_id; MAX_IDS + 1]>::default();
        for (entry, id) in ids
            .iter_mut()
            .zip(T::ids().into_iter().filter(|id| *id != 0))
        {
            *entry = sys::virtio_device_id {
                device: id,
                vendor: sys::VIRTIO_DEV_ANY_ID,
            };
        }
        // SAFETY: `raw` is valid and not in use yet; the table stays where it is as long as the
        // driver is registered, by this function's contract.
        unsafe {
            (*raw).ids = ids;
            let driver = &raw mut (*raw).driver;
            (*driver).driver.name = name.as_char_ptr();
            (*driver).id_table = (&raw const (*raw).ids).cast();
            (*driver).probe = Some(Self::probe_callback);
            (*driver).remove = Some(Self::remove_callback);
            (*driver).config_changed = Some(Self::config_changed_callback);
            (*driver).reset_prepare = Some(Self::stop_callback);
            (*driver).reset_done = Some(Self::start_callback);
            #[cfg(CONFIG_PM_SLEEP)]
            {
                (*driver).freeze = Some(Self::stop_callback);
                (*driver).restore = Some(Self::start_callback);
            }
        }
        // SAFETY: `raw` is a filled-in driver.
        to_result(unsafe { sys::__register_virtio_driver(&raw mut (*raw).driver, module.as_ptr()) })
    }

    unsafe fn unregister(reg: &Opaque<RawDriver>) {
        // SAFETY: By this function's contract the driver is registered.
        unsafe { sys::unregister_virtio_driver(&raw mut (*reg.get()).driver) };
    }
}

impl<T: Driver> Adapter<T> {
    extern "C" fn probe_callback(vdev: *mut sys::virtio_device) -> c_int {
        // SAFETY: The core calls this with a valid device, which is being bound to this driver.
        let dev = unsafe { &*vdev.cast::<Device<device::CoreInternal<'_>>>() };
        from_result(|| {
            let probed = dev.as_ref().set_drvdata(T::probe(dev));
            if probed.is_err() {
                // SAFETY: The device is being bound to this driver, and to no avail.
                unsafe { Virtqueues::<T::Token>::release(vdev) };
            }
            probed.map(|()| 0)
        })
    }

    extern "C" fn remove_callback(vdev: *mut sys::virtio_device) {
        // SAFETY: The core calls this with a device that is bound to this driver, for the last
        // time.
        unsafe { Virtqueues::<T::Token>::release(vdev) };
    }

    extern "C" fn config_changed_callback(vdev: *mut sys::virtio_device) {
        // SAFETY: The core calls this with a device that is bound to this driver.
        if let Some(queues) = unsafe { Virtqueues::<T::Token>::of(vdev) } {
            queues.config_changed();
        }
    }

    /// The system goes to sleep, or the device is about to be reset.
    extern "C" fn stop_callback(vdev: *mut sys::virtio_device) -> c_int {
        // SAFETY: The core calls this with a device that is bound to this driver.
        if let Some(queues) = unsafe { Virtqueues::<T::Token>::of(vdev) } {
            queues.stop();
        }
        0
    }

    /// The device has been reset.
    extern "C" fn start_callback(vdev: *mut sys::virtio_device) -> c_int {
        // SAFETY: The core calls this with a device that is bound to this driver.
        let queues = unsafe { Virtqueues::<T::Token>::of(vdev) };
        from_result(|| queues.map_or(Ok(()), Virtqueues::restart).map(|()| 0))
    }
}
