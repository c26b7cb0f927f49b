// SPDX-License-Identifier: GPL-2.0

//! Virtio devices.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

use core::{marker::PhantomData, mem::offset_of, ptr::NonNull};

use kernel::{bindings, device, sync::aref::AlwaysRefCounted, types::Opaque};
use zerocopy::{FromBytes, IntoBytes};

use crate::sys;

/// A `struct virtio_device`.
///
/// # Invariants
///
/// It is one that the virtio core made.
#[repr(transparent)]
pub(crate) struct Device<Ctx: device::DeviceContext = device::Normal>(
    Opaque<sys::virtio_device>,
    PhantomData<Ctx>,
);

impl<Ctx: device::DeviceContext> Device<Ctx> {
    pub(super) fn as_raw(&self) -> *mut sys::virtio_device {
        self.0.get()
    }
}

impl Device<device::Bound> {
    /// Reads the configuration space from its beginning on, bytes as they are.
    pub(crate) fn read_config<T: FromBytes + IntoBytes>(&self) -> T {
        let mut config = T::new_zeroed();
        let bytes = config.as_mut_bytes();
        // SAFETY: The device is valid, `bytes` is that long.
        unsafe {
            sys::virtio_tee_helper_cread_bytes(
                self.as_raw(),
                0,
                bytes.as_mut_ptr().cast(),
                bytes.len(),
            );
        }
        config
    }

    /// Whether a feature bit was negotiated that belongs to the transport.
    pub(crate) fn has_feature(&self, bit: u32) -> bool {
        // SAFETY: The device is valid.
        unsafe { sys::virtio_tee_helper_has_feature(self.as_raw(), bit) }
    }
}

// SAFETY: A transparent wrapper of `struct virtio_device`, which has its device at that offset.
unsafe impl<Ctx: device::DeviceContext> device::AsBusDevice<Ctx> for Device<Ctx> {
    const OFFSET: usize = offset_of!(sys::virtio_device, dev);
}

impl<Ctx: device::DeviceContext> AsRef<device::Device<Ctx>> for Device<Ctx> {
    fn as_ref(&self) -> &device::Device<Ctx> {
        // SAFETY: By the type's invariant the pointer is to a valid device.
        let dev = unsafe { &raw mut (*self.as_raw()).dev };
        // SAFETY: As above; the context of the two is the same.
        unsafe { device::Device::from_raw(dev) }
    }
}

// SAFETY: A transparent wrapper of a type that does not depend on the context.
kernel::impl_device_context_deref!(unsafe { Device });
kernel::impl_device_context_into_aref!(Device);

// SAFETY: A `struct virtio_device` is reference counted by its `struct device`.
unsafe impl AlwaysRefCounted for Device {
    fn inc_ref(&self) {
        // SAFETY: A shared reference exists, so the count is not zero.
        unsafe { bindings::get_device(&raw mut (*self.as_raw()).dev) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        let vdev: *mut sys::virtio_device = obj.cast().as_ptr();
        // SAFETY: The caller gives up a count that it has.
        unsafe { bindings::put_device(&raw mut (*vdev).dev) };
    }
}

// SAFETY: A device can be released from any thread.
unsafe impl Send for Device {}

// SAFETY: What is accessible without a context is synchronised by the C side.
unsafe impl Sync for Device {}
