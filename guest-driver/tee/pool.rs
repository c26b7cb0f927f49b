// SPDX-License-Identifier: GPL-2.0

//! Memory that clients get of the driver, where addresses come from the DMA API.
//!
//! Other memory would be shared by way of bounce buffers, if the device cannot reach it: by copies,
//! that is, before and after each call.

use core::ptr;

use kernel::{device, page::PAGE_SIZE, prelude::*, sync::aref::ARef};

use super::{
    segments::{raw, Segment},
    Driver, Segments, Shm,
};
use crate::sys;

/// Gives `shm` at least `size` bytes of zeroed memory that `dma` reaches.
///
/// # Safety
///
/// `shm` must be valid and new, and `dma` bound until [`free`].
pub(super) unsafe fn alloc<T: Driver>(
    shm: *mut sys::tee_shm,
    size: usize,
    dma: &ARef<device::Device>,
    memory: impl PinInit<T::Memory, Error>,
) -> Result {
    if size == 0 {
        return Err(EINVAL);
    }
    let size = size.next_multiple_of(PAGE_SIZE);
    let mut addr = 0;
    // SAFETY: By this function's contract.
    let page = unsafe { sys::virtio_tee_helper_dma_alloc(raw(dma), size, &mut addr) };
    if page.is_null() {
        return Err(ENOMEM);
    }
    let segment = Segment {
        addr,
        len: size as u64,
    };
    // SAFETY: `page` is the first of what was just allocated; `shm` is valid and new.
    let attached = unsafe {
        (*shm).kaddr = sys::virtio_tee_helper_page_address(page);
        (*shm).paddr = sys::virtio_tee_helper_page_to_phys(page);
        (*shm).size = size;
        Segments::allocated(segment, dma.clone())
            .and_then(|segments| Shm::<T>::attach(shm, segments, memory))
    };
    if attached.is_err() {
        // SAFETY: Nobody has got it.
        unsafe { sys::virtio_tee_helper_dma_free(raw(dma), size, page, addr) };
    }
    attached
}

/// Takes the memory of `shm` back.
///
/// # Safety
///
/// [`alloc`] must have succeeded for `shm` and `dma`, and nobody use it any more.
pub(super) unsafe fn free<T: Driver>(
    shm: *mut sys::tee_shm,
    dma: &ARef<device::Device>,
    context: &T::Context,
) {
    // SAFETY: By this function's contract; `alloc` left one segment.
    unsafe {
        let addr = Shm::<T>::from_raw(shm).segments().start();
        Shm::<T>::detach(shm, context);
        let page = sys::virtio_tee_helper_virt_to_page((*shm).kaddr);
        sys::virtio_tee_helper_dma_free(raw(dma), (*shm).size, page, addr);
        (*shm).kaddr = ptr::null_mut();
    }
}
