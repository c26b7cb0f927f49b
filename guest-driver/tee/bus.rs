// SPDX-License-Identifier: GPL-2.0

//! The bus on which the kernel's own drivers find TAs.
//!
//! C header: [`include/linux/tee_drv.h`](srctree/include/linux/tee_drv.h)

use core::{mem::offset_of, ptr::NonNull};

use kernel::{bindings, error::to_result, prelude::*};

use super::{Driver, Registration};
use crate::sys;

/// A TA on the bus, until this is dropped: `struct tee_client_device`.
///
/// # Invariants
///
/// It is registered, and was allocated as a `KBox`, which its release function takes back.
pub(crate) struct BusDevice(NonNull<sys::tee_client_device>);

// SAFETY: A device can be unregistered by any task.
unsafe impl Send for BusDevice {}

// SAFETY: There is nothing to be done with a shared reference.
unsafe impl Sync for BusDevice {}

impl BusDevice {
    /// Puts a TA of a TEE on the bus, as a child of the TEE's own parent. Drivers that know it bind
    /// to it at once.
    ///
    /// `EEXIST` where there is one of that name.
    pub(crate) fn new<T: Driver>(tee: &Registration<T>, name: &CStr, ta: [u8; 16]) -> Result<Self> {
        let mut tcdev = KBox::new(sys::tee_client_device::default(), GFP_KERNEL)?;
        tcdev.id.uuid.b = ta;
        tcdev.dev.bus = &raw const sys::tee_bus_type;
        tcdev.dev.release = Some(Self::release);
        // It takes a reference to it.
        tcdev.dev.parent = tee.parent();
        let tcdev = KBox::into_raw(tcdev);
        // SAFETY: The device is new, zeroed but for these fields, and stays where it is. If this
        // fails, it is given up as device_register() wants it: by a reference, as is its name.
        unsafe {
            let dev = &raw mut (*tcdev).dev;
            bindings::device_initialize(dev);
            let added = to_result(bindings::dev_set_name(
                dev,
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            ))
            .and_then(|()| to_result(bindings::device_add(dev)));
            if let Err(error) = added {
                bindings::put_device(dev);
                return Err(error);
            }
        }
        // INVARIANT: It is registered now.
        Ok(Self(NonNull::new(tcdev).ok_or(ENOMEM)?))
    }

    /// Nobody refers to a device any more.
    extern "C" fn release(dev: *mut bindings::device) {
        // SAFETY: By the type's invariant, it is the device of one that was allocated so.
        drop(unsafe {
            KBox::from_raw(
                dev.byte_sub(offset_of!(sys::tee_client_device, dev))
                    .cast::<sys::tee_client_device>(),
            )
        });
    }
}

impl Drop for BusDevice {
    fn drop(&mut self) {
        // SAFETY: By the type's invariant. A driver that is bound to it is unbound before.
        unsafe { bindings::device_unregister(&raw mut (*self.0.as_ptr()).dev) };
    }
}
