// SPDX-License-Identifier: GPL-2.0

//! Spin locks that keep interrupts off.

use core::ptr;

use kernel::{
    bindings,
    ffi::{c_char, c_int, c_ulong},
    sync::lock::{Backend, Lock},
};

/// Creates a [`SpinLockIrq`] initialiser with a lock class of its own.
macro_rules! new_spinlock_irq {
    ($inner:expr $(,)?) => {
        $crate::linux_7_2::SpinLockIrq::new(
            $inner,
            ::kernel::optional_name!(),
            ::kernel::static_lock_class!(),
        )
    };
}
pub(crate) use new_spinlock_irq;

/// A spin lock whose holder is not interrupted. Locks are released in the opposite order.
pub(crate) type SpinLockIrq<T> = Lock<T, SpinLockIrqBackend>;

/// A `spinlock_t` that is taken with interrupts off.
pub(crate) struct SpinLockIrqBackend;

// In helpers.c.
extern "C" {
    fn virtio_tee_helper_lock_irqsave(lock: *mut bindings::spinlock_t) -> c_ulong;
    fn virtio_tee_helper_trylock_irqsave(
        lock: *mut bindings::spinlock_t,
        flags: *mut c_ulong,
    ) -> c_int;
    fn virtio_tee_helper_unlock_irqrestore(lock: *mut bindings::spinlock_t, flags: c_ulong);
}

// SAFETY: The `spinlock_t` ensures mutual exclusion; `relock` is the default implementation.
unsafe impl Backend for SpinLockIrqBackend {
    type State = bindings::spinlock_t;
    /// Whether interrupts were on.
    type GuardState = c_ulong;

    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: By this function's contract `ptr` is valid for writes, and `name` and `key` for
        // reads for ever.
        unsafe { bindings::__spin_lock_init(ptr, name, key) }
    }

    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By this function's contract `ptr` is an initialised lock.
        unsafe { virtio_tee_helper_lock_irqsave(ptr) }
    }

    unsafe fn unlock(ptr: *mut Self::State, guard_state: &Self::GuardState) {
        // SAFETY: By this function's contract `ptr` is an initialised lock that the caller holds.
        unsafe { virtio_tee_helper_unlock_irqrestore(ptr, *guard_state) }
    }

    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        let mut flags = 0;
        // SAFETY: By this function's contract `ptr` is an initialised lock.
        let locked = unsafe { virtio_tee_helper_trylock_irqsave(ptr, ptr::from_mut(&mut flags)) };
        (locked != 0).then_some(flags)
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By this function's contract `ptr` is an initialised lock.
        unsafe { bindings::spin_assert_is_held(ptr) }
    }
}
