// SPDX-License-Identifier: GPL-2.0

//! Shared memory.
//!
//! C headers: [`include/linux/tee_drv.h`](srctree/include/linux/tee_drv.h),
//! [`include/linux/tee_core.h`](srctree/include/linux/tee_core.h)

use core::{marker::PhantomData, ptr::NonNull};

use kernel::{bindings, prelude::*, sync::aref::AlwaysRefCounted, types::Opaque};

use super::{Driver, Segments};
use crate::sys;

/// A `struct tee_shm` of one of the driver's contexts.
///
/// # Invariants
///
/// Its `sec_world_id` is a `Pin<KBox<State<T>>>` in raw form, which [`Shm::attach`] put there.
#[repr(transparent)]
pub(crate) struct Shm<T: Driver>(Opaque<sys::tee_shm>, PhantomData<T>);

/// What the driver has of a shared memory.
#[pin_data]
struct State<T: Driver> {
    segments: Segments,
    #[pin]
    memory: T::Memory,
}

// SAFETY: A `struct tee_shm` is not tied to a task, and neither is `T::Memory`, which is `Send`.
unsafe impl<T: Driver> Send for Shm<T> {}

// SAFETY: What is accessible does not change as long as there are references, or is `Sync`.
unsafe impl<T: Driver> Sync for Shm<T> {}

impl<T: Driver> Shm<T> {
    /// # Safety
    ///
    /// `shm` must be valid for `'a`, and one that [`Shm::attach`] was called for.
    pub(super) unsafe fn from_raw<'a>(shm: *mut sys::tee_shm) -> &'a Self {
        // SAFETY: A transparent wrapper; the rest is this function's contract.
        unsafe { &*shm.cast() }
    }

    /// Gives the driver's part to a shared memory that is being made.
    ///
    /// # Safety
    ///
    /// `shm` must be valid, and `segments` its pages.
    pub(super) unsafe fn attach(
        shm: *mut sys::tee_shm,
        segments: Segments,
        memory: impl PinInit<T::Memory, Error>,
    ) -> Result {
        let state = KBox::try_pin_init(
            try_pin_init!(State::<T> { segments, memory <- memory }),
            GFP_KERNEL,
        )?;
        // SAFETY: The box stays pinned: nothing but `detach` takes it back, to drop it.
        let state = KBox::into_raw(unsafe { Pin::into_inner_unchecked(state) });
        // INVARIANT: This is the one.
        // SAFETY: By this function's contract nobody else uses `shm` yet.
        unsafe { (*shm).sec_world_id = state as usize as u64 };
        Ok(())
    }

    /// Takes the driver's part away again, before the pages go.
    ///
    /// # Safety
    ///
    /// `shm` must be valid, with no reference left but the caller's, and not be used as a `Shm`
    /// after this.
    pub(super) unsafe fn detach(shm: *mut sys::tee_shm, context: &T::Context) {
        // SAFETY: By this function's contract, and the type's invariant.
        let this = unsafe { Self::from_raw(shm) };
        T::forget(context, this);
        let state: *const State<T> = this.state();
        // SAFETY: It came from `into_raw` in `attach`; nobody has a reference to it any more.
        drop(unsafe { KBox::from_raw(state.cast_mut()) });
        // SAFETY: By this function's contract.
        unsafe { (*shm).sec_world_id = 0 };
    }

    fn state(&self) -> &State<T> {
        // SAFETY: By the type's invariant; it stays until the last reference is gone.
        unsafe { &*((*self.0.get()).sec_world_id as usize as *const State<T>) }
    }

    /// What the driver added.
    pub(crate) fn memory(&self) -> &T::Memory {
        &self.state().memory
    }

    /// Its pages.
    pub(crate) fn segments(&self) -> &Segments {
        &self.state().segments
    }

    /// Whether it is of a client within the kernel. Such memory the subsystem gives no number; if
    /// the client has registered it, its pages are the client's, which may free them as soon as a
    /// call has returned.
    pub(crate) fn is_kernels(&self) -> bool {
        // SAFETY: The field does not change.
        unsafe { (*self.0.get()).id < 0 }
    }

    /// Where in its pages it begins, in bytes.
    pub(crate) fn page_offset(&self) -> u64 {
        // SAFETY: The field does not change.
        unsafe { (*self.0.get()).offset }.into()
    }
}

// SAFETY: A `struct tee_shm` is reference counted, and freed when the count reaches zero.
unsafe impl<T: Driver> AlwaysRefCounted for Shm<T> {
    fn inc_ref(&self) {
        // SAFETY: A shared reference exists, so the count is not zero.
        unsafe { bindings::refcount_inc(&raw mut (*self.0.get()).refcount) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller gives up a count that it has.
        unsafe { sys::tee_shm_put(obj.cast().as_ptr()) };
    }
}
