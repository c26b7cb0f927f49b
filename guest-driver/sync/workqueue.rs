// SPDX-License-Identifier: GPL-2.0

//! Workqueues of one's own.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::{ops::Deref, ptr::NonNull};

use kernel::{bindings, prelude::*, workqueue::Queue};

use crate::sys;

/// A workqueue that is destroyed when dropped, once its work has run.
///
/// A module needs one for work that outlives the call that queued it: on the system's queues,
/// nothing would keep the module's code until the last work has returned. It must not be dropped
/// by work that runs on it.
pub(crate) struct OwnedQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: A workqueue may be used and destroyed by any task.
unsafe impl Send for OwnedQueue {}

// SAFETY: All operations on a workqueue are safe against each other.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Makes an unbound queue.
    pub(crate) fn new(name: &CStr) -> Result<Self> {
        // SAFETY: `name` is a C string; the workqueue keeps a copy.
        let queue = unsafe { sys::virtio_tee_helper_alloc_workqueue(name.as_char_ptr()) };
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// Waits until all work that is queued now has run.
    pub(crate) fn flush(&self) {
        // SAFETY: The queue lives as long as `self`.
        unsafe { sys::virtio_tee_helper_flush_workqueue(self.0.as_ptr()) };
    }
}

impl Deref for OwnedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: The queue lives as long as `self`, which the reference borrows.
        unsafe { Queue::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: `self` owned the queue; nobody can queue work any more.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}
