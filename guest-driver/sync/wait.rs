// SPDX-License-Identifier: GPL-2.0

//! Wait queues.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use kernel::{
    bindings,
    prelude::*,
    sync::LockClassKey,
    task::{TASK_FREEZABLE, TASK_NORMAL, TASK_UNINTERRUPTIBLE},
    types::Opaque,
};

use core::{marker::PhantomPinned, ptr};

use crate::sys;

const TASK_KILLABLE: c_int = TASK_UNINTERRUPTIBLE | bindings::TASK_WAKEKILL as c_int;

/// How a task waits.
///
/// Those in turn cannot be frozen: a task that is keeps the wake that was another's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Until [`WaitQueue::wake_all`].
    Apart,
    /// The same; when the system goes to sleep, the task is frozen where it waits. It must have no
    /// locks, nor be waited for by who puts the system to sleep, as one that probes a driver is.
    Freezable,
    /// Also for [`WaitQueue::wake`], which wakes those that have waited longest.
    InTurn,
}

impl Manner {
    fn state(self, state: c_int) -> c_int {
        match self {
            Self::Freezable => state | TASK_FREEZABLE,
            Self::Apart | Self::InTurn => state,
        }
    }

    fn flags(self) -> c_int {
        match self {
            Self::InTurn => bindings::WQ_FLAG_EXCLUSIVE as c_int,
            Self::Apart | Self::Freezable => 0,
        }
    }
}

/// Creates a [`WaitQueue`] initialiser with a lock class of its own.
macro_rules! new_waitqueue {
    ($name:literal) => {
        $crate::sync::WaitQueue::new(::kernel::c_str!($name), ::kernel::static_lock_class!())
    };
}
pub(crate) use new_waitqueue;

/// Tasks that wait for a condition: `struct wait_queue_head`.
///
/// Unlike the kernel crate's `CondVar`, it has a wait that only a fatal signal ends, and it is not
/// tied to one lock.
#[pin_data]
pub(crate) struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: A `struct wait_queue_head` is not tied to a task.
unsafe impl Send for WaitQueue {}

// SAFETY: A `struct wait_queue_head` has a lock of its own.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// Creates an initialiser; see [`new_waitqueue`].
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid, and name and key live for ever.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
            _pin: PhantomPinned,
        })
    }

    /// Makes all waiters check their condition. Usable in any context.
    pub(crate) fn wake_all(&self) {
        // SAFETY: `head` was initialised when `self` was.
        unsafe { bindings::__wake_up(self.head.get(), TASK_NORMAL, 0, ptr::null_mut()) };
    }

    /// Makes `count` of those check their condition that wait in turn, the longest waiting ones.
    /// Takes no lock where nobody waits. Usable in any context.
    pub(crate) fn wake(&self, count: usize) {
        let count = c_int::try_from(count).unwrap_or(c_int::MAX);
        // To the C function, 0 is all of them.
        if count == 0 {
            return;
        }
        // SAFETY: `head` was initialised when `self` was.
        unsafe {
            if sys::virtio_tee_helper_wq_has_sleeper(self.head.get()) {
                bindings::__wake_up(self.head.get(), TASK_NORMAL, count, ptr::null_mut());
            }
        }
    }

    /// Waits until `condition` has a value. It is called on this task only, but must not sleep.
    pub(crate) fn wait<R>(&self, how: Manner, mut condition: impl FnMut() -> Option<R>) -> R {
        loop {
            // Without WAKEKILL in the state no signal ends the wait.
            if let Ok(value) = self.wait_in(TASK_UNINTERRUPTIBLE, how, &mut condition) {
                return value;
            }
        }
    }

    /// Waits until `condition` has a value, or a fatal signal ends the wait: `EINTR`.
    pub(crate) fn wait_killable<R>(
        &self,
        how: Manner,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R> {
        self.wait_in(TASK_KILLABLE, how, &mut condition)
    }

    fn wait_in<R>(
        &self,
        state: c_int,
        how: Manner,
        condition: &mut dyn FnMut() -> Option<R>,
    ) -> Result<R> {
        if let Some(value) = condition() {
            return Ok(value);
        }
        let entry = Opaque::<bindings::wait_queue_entry>::uninit();
        // SAFETY: `entry` is valid memory that does not move, and is off the queue again before
        // this function returns.
        unsafe { bindings::init_wait_entry(entry.get(), how.flags()) };
        let result = loop {
            // SAFETY: Queue and entry are initialised.
            let signal = unsafe {
                bindings::prepare_to_wait_event(self.head.get(), entry.get(), how.state(state))
            };
            if let Some(value) = condition() {
                break Ok(value);
            }
            if signal != 0 {
                break Err(EINTR);
            }
            // SAFETY: No lock is held that the caller does not hold.
            unsafe { bindings::schedule() };
        };
        // SAFETY: Queue and entry are initialised.
        unsafe { bindings::finish_wait(self.head.get(), entry.get()) };
        result
    }
}
