// SPDX-License-Identifier: GPL-2.0

//! What clients use, for people to see.

use kernel::{
    current,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        new_mutex, Arc, Mutex,
    },
};

use super::device::TeeDevice;

/// What a context has been used for.
pub(super) struct Usage {
    /// The device's number for the context.
    pub(super) id: u64,
    /// The process that opened it, or the kernel's thread.
    pub(super) pid: i32,
    /// Calls that were made.
    pub(super) calls: Atomic<u64>,
    /// Calls of these that came to nothing, or that TEE or TA refused.
    pub(super) errors: Atomic<u64>,
    /// Bytes of memory that these were given.
    pub(super) bytes: Atomic<u64>,
    /// Calls that the device may not have answered yet.
    pub(super) in_flight: Atomic<u32>,
}

/// The usages of all contexts of a device.
#[pin_data]
pub(super) struct Usages {
    #[pin]
    list: Mutex<KVec<Arc<Usage>>>,
}

/// A usage, among those of its device until this is dropped.
pub(super) struct Listed {
    device: Arc<TeeDevice>,
    usage: Arc<Usage>,
}

impl Usages {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_mutex!(KVec::new()),
        })
    }

    /// Calls `f` with each, in the order in which the contexts were opened.
    pub(super) fn for_each<E>(&self, f: impl FnMut(&Arc<Usage>) -> Result<(), E>) -> Result<(), E> {
        self.list.lock().iter().try_for_each(f)
    }
}

impl Listed {
    /// The usage of a new context, which the calling task has opened.
    pub(super) fn new(device: &Arc<TeeDevice>, id: u64) -> Result<Self> {
        let usage = Arc::new(
            Usage {
                id,
                pid: current!().pid(),
                calls: Atomic::new(0),
                errors: Atomic::new(0),
                bytes: Atomic::new(0),
                in_flight: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        let mut list = device.usages.list.lock();
        list.push(usage.clone(), GFP_KERNEL)?;
        drop(list);
        Ok(Self {
            device: device.clone(),
            usage,
        })
    }
}

impl core::ops::Deref for Listed {
    type Target = Usage;

    fn deref(&self) -> &Usage {
        &self.usage
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut list = self.device.usages.list.lock();
        list.retain(|usage| !Arc::ptr_eq(usage, &self.usage));
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &Atomic<u64>, count: u64) {
    counter.fetch_add(count, Relaxed);
}
