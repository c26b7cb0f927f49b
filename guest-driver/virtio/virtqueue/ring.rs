// SPDX-License-Identifier: GPL-2.0

//! One virtqueue, and the buffers that the device has in it.

use core::{marker::PhantomData, ptr::NonNull};

use kernel::{bindings, error::to_result, prelude::*, str::CString, sync::rcu};

use super::super::{Buffer, Token};
#[cfg(linux_7_2)]
use crate::linux_7_2::ESTALE;
use crate::{
    sync::{new_spinlock_irq, SpinLockIrq},
    sys,
};

#[pin_data]
pub(super) struct Queue<T: Token> {
    pub(super) name: CString,
    /// Index of its group.
    pub(super) group: usize,
    #[pin]
    pub(super) ring: SpinLockIrq<Ring<T>>,
}

/// # Invariants
///
/// `vq`, where there is one, is a valid virtqueue that only the owner of this lock uses, but for
/// notifying the device. The tokens in it are `Pin<KBox<Buffer<T>>>` in raw form.
pub(super) struct Ring<T: Token> {
    pub(super) vq: Option<NonNull<sys::virtqueue>>,
    /// The device takes buffers. An RCU grace period after the end of that, nobody notifies it.
    pub(super) live: bool,
    /// Which start of the queues this is of, while it is live.
    pub(super) start: u32,
    pub(super) in_flight: usize,
    pub(super) counts: Counts,
    _buffers: PhantomData<KBox<Buffer<T>>>,
}

/// What a queue has been used for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Buffers that the device was given.
    pub(crate) submitted: u64,
    /// How often it was seen that there is no room.
    pub(crate) full: u64,
    /// Interrupts by the device.
    pub(crate) interrupts: u64,
}

// SAFETY: A virtqueue is not tied to a task.
unsafe impl<T: Token> Send for Ring<T> {}

pub(super) enum Added<T: Token> {
    /// The device has it.
    Yes,
    /// The device has it, but cannot be told.
    Broken,
    /// There is no room now.
    Full(Pin<KBox<Buffer<T>>>),
    /// There is never going to be room.
    Failed(Error, Pin<KBox<Buffer<T>>>),
}

impl<T: Token> Queue<T> {
    pub(super) fn new(name: CString, group: usize) -> impl PinInit<Self> {
        pin_init!(Self {
            name,
            group,
            ring <- new_spinlock_irq!(Ring {
                vq: None,
                live: false,
                start: 0,
                in_flight: 0,
                counts: Counts::default(),
                _buffers: PhantomData,
            }),
        })
    }

    pub(super) fn add(&self, mut buffer: Pin<KBox<Buffer<T>>>, urgent: bool) -> Added<T> {
        let _until_notified = rcu::read_lock();
        let mut ring = self.ring.lock();
        let (true, Some(vq)) = (ring.live, ring.vq) else {
            return Added::Failed(ENODEV, buffer);
        };
        if !buffer.enter(ring.start) {
            return Added::Failed(ESTALE, buffer);
        }
        let vq = vq.as_ptr();
        let mut tables = buffer.tables();
        // SAFETY: By the invariant of `Ring`.
        let (size, free) = unsafe { (sys::virtqueue_get_vring_size(vq), (*vq).num_free) };
        if buffer.entries() > size as usize {
            return Added::Failed(E2BIG, buffer);
        }
        if !urgent && ring.in_flight > 0 && free <= size / 8 {
            ring.counts.full += 1;
            return Added::Full(buffer);
        }
        // SAFETY: The box stays pinned: it is taken apart only to be put together from the pointer.
        let raw = KBox::into_raw(unsafe { Pin::into_inner_unchecked(buffer) });
        // SAFETY: By the invariant of `Ring` the virtqueue is valid, and this is its only user. The
        // tables describe memory that the buffer owns, which nobody has access to until the ring
        // returns `raw`.
        let added = unsafe {
            sys::virtqueue_add_sgs(
                vq,
                tables.as_mut_ptr(),
                1,
                1,
                raw.cast(),
                bindings::GFP_ATOMIC,
            )
        };
        if let Err(error) = to_result(added) {
            // SAFETY: The ring did not take it, so it is still ours, and as pinned as it was.
            let buffer = unsafe { Pin::new_unchecked(KBox::from_raw(raw)) };
            // It fits a ring of this size, so there is room for it once the others are back.
            return if error == ENOSPC && ring.in_flight > 0 {
                ring.counts.full += 1;
                Added::Full(buffer)
            } else {
                Added::Failed(error, buffer)
            };
        }
        ring.in_flight += 1;
        ring.counts.submitted += 1;
        // SAFETY: As above.
        let wanted = unsafe { sys::virtqueue_kick_prepare(vq) };
        // To notify a device is to leave a virtual machine, which takes long: no other CPU has to
        // wait for that.
        drop(ring);
        // SAFETY: The virtqueue was live, and whoever ends that lets the read-side section of this
        // function come to its end before the device is reset, and the virtqueue let go.
        if !wanted || unsafe { sys::virtqueue_notify(vq) } {
            Added::Yes
        } else {
            Added::Broken
        }
    }

    /// The next buffer that the device has used. If there is none, the device is going to notify.
    pub(super) fn used(&self, broken: &mut bool) -> Option<Pin<KBox<Buffer<T>>>> {
        let mut ring = self.ring.lock();
        let vq = ring.vq.filter(|_| ring.live)?.as_ptr();
        loop {
            let mut len = 0;
            // SAFETY: By the invariant of `Ring`.
            let raw = unsafe { sys::virtqueue_get_buf(vq, &mut len) };
            if !raw.is_null() {
                // SAFETY: By the invariant of `Ring`, what comes out is what `add` has put in.
                let mut buffer = unsafe { ring.take(raw) };
                buffer.set_written(len as usize);
                return Some(buffer);
            }
            // SAFETY: By the invariant of `Ring`.
            if unsafe { sys::virtqueue_is_broken(vq) } {
                *broken = true;
                return None;
            }
            // SAFETY: By the invariant of `Ring`.
            if unsafe { sys::virtqueue_enable_cb(vq) } {
                return None;
            }
        }
    }

    /// A buffer that the device has not used, and cannot any more: it has been reset. After the
    /// last one, the virtqueue is let go.
    pub(super) fn detach(&self) -> Option<Pin<KBox<Buffer<T>>>> {
        let mut ring = self.ring.lock();
        let vq = ring.vq?.as_ptr();
        // SAFETY: By the invariant of `Ring`; the device has been reset.
        let raw = unsafe { sys::virtqueue_detach_unused_buf(vq) };
        if raw.is_null() {
            ring.vq = None;
            return None;
        }
        // SAFETY: By the invariant of `Ring`, what comes out is what `add` has put in.
        Some(unsafe { ring.take(raw) })
    }
}

impl<T: Token> Ring<T> {
    /// Takes ownership of a buffer that the virtqueue has returned.
    ///
    /// # Safety
    ///
    /// `raw` must be what the virtqueue returned just now.
    unsafe fn take(&mut self, raw: *mut c_void) -> Pin<KBox<Buffer<T>>> {
        self.in_flight -= 1;
        // SAFETY: By this function's contract and the invariant of `Ring`, it came from a pinned
        // box, which nobody else owns.
        unsafe { Pin::new_unchecked(KBox::from_raw(raw.cast())) }
    }
}
