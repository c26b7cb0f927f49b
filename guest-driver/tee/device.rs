// SPDX-License-Identifier: GPL-2.0

//! TEE devices.
//!
//! C header: [`include/linux/tee_core.h`](srctree/include/linux/tee_core.h)

use core::{marker::PhantomData, ptr::NonNull};

use kernel::{
    bindings, device,
    device::Bound,
    error::{from_err_ptr, to_result},
    prelude::*,
    sync::{aref::ARef, Arc},
    types::Opaque,
    ThisModule,
};

use super::{
    driver::{TeeData, Vtable},
    Driver,
};
use crate::sys;

/// A TEE that clients can use, from `new` to `drop`.
///
/// Dropping it waits until no client has a context open or memory shared: the TEE subsystem has no
/// other way to end. Calls that are under way must be made to return before.
///
/// # Invariants
///
/// `teedev` is a device that `tee_device_alloc()` made, and refers to the other fields.
pub(crate) struct Registration<T: Driver> {
    teedev: NonNull<sys::tee_device>,
    _parts: KBox<Parts<T>>,
    _driver: PhantomData<T>,
}

/// What a `struct tee_device` points at.
struct Parts<T: Driver> {
    desc: Opaque<sys::tee_desc>,
    pool: Opaque<sys::tee_shm_pool>,
    data: TeeData<T>,
}

// SAFETY: A TEE device can be unregistered by any task.
unsafe impl<T: Driver> Send for Registration<T> {}

// SAFETY: There is nothing to be done with a shared reference.
unsafe impl<T: Driver> Sync for Registration<T> {}

impl<T: Driver> Registration<T> {
    /// Makes the TEE known. Memory is mapped for `dma`, where that is given, which must stay bound
    /// as long as `parent` does.
    pub(crate) fn new(
        parent: &device::Device<Bound>,
        name: &'static CStr,
        module: &'static ThisModule,
        data: Arc<T::Data>,
        dma: Option<ARef<device::Device>>,
    ) -> Result<Self> {
        let parts = KBox::new(
            Parts {
                desc: Opaque::new(sys::tee_desc {
                    name: name.as_char_ptr(),
                    ops: Vtable::<T>::OPS,
                    owner: module.as_ptr(),
                    flags: 0,
                }),
                pool: Opaque::new(sys::tee_shm_pool {
                    ops: Vtable::<T>::POOL_OPS,
                    private_data: core::ptr::null_mut(),
                }),
                data: TeeData::<T> {
                    data,
                    dma,
                    // SAFETY: Always safe to call.
                    plain: unsafe { sys::virtio_tee_helper_dma_pages_are_plain() },
                },
            },
            GFP_KERNEL,
        )?;
        // SAFETY: All of `parts` stays where it is until after the device has been unregistered.
        let teedev = from_err_ptr(unsafe {
            sys::tee_device_alloc(
                parts.desc.get(),
                // CAST: `device::Device` is a transparent wrapper.
                core::ptr::from_ref(parent).cast_mut().cast(),
                parts.pool.get(),
                (&raw const parts.data).cast_mut().cast(),
            )
        })?;
        // INVARIANT: Just made. Dropping it is right also where registering fails.
        let this = Self {
            teedev: NonNull::new(teedev).ok_or(ENOMEM)?,
            _parts: parts,
            _driver: PhantomData,
        };
        // SAFETY: By the type's invariant.
        to_result(unsafe { sys::tee_device_register(this.teedev.as_ptr()) })?;
        Ok(this)
    }
}

impl<T: Driver> Registration<T> {
    pub(super) fn as_raw(&self) -> *mut sys::tee_device {
        self.teedev.as_ptr()
    }

    /// The device that the TEE is of. It stays bound as long as `self` exists.
    pub(super) fn parent(&self) -> *mut bindings::device {
        // SAFETY: By the type's invariant; `new` has set the parent.
        unsafe { (*self.teedev.as_ptr()).dev.parent }
    }

    /// The system goes to sleep, or is not yet back: no device may be added below the TEE's own
    /// parent.
    pub(crate) fn sleeping(&self) -> bool {
        // SAFETY: The parent exists as long as its child does.
        unsafe { sys::virtio_tee_helper_sleeping(self.parent()) }
    }
}

impl<T: Driver> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type's invariant. Nobody uses the device after this.
        unsafe { sys::tee_device_unregister(self.teedev.as_ptr()) };
    }
}
