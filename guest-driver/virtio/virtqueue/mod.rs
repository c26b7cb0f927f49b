// SPDX-License-Identifier: GPL-2.0

//! The virtqueues of a device.
//!
//! - `ring`: one virtqueue, and the buffers that the device has in it.
//! - `submit`: which queue of a group a buffer goes to, and waiting for room.
//! - `phase`: start, stop, reset and recovery.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

mod phase;
mod ring;
mod submit;

use core::ptr;

use kernel::{
    device,
    device::Bound,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        new_mutex, Arc, ArcBorrow, Mutex,
    },
    workqueue::{impl_has_work, new_work, Work, WorkItem},
};

use phase::Phase;
use ring::{Counts, Queue};
use submit::Group;

use super::{Buffer, Device, Token};
#[cfg(linux_7_2)]
use crate::linux_7_2::EOPNOTSUPP;
use crate::{sync::OwnedQueue, sys};

pub(crate) use phase::Restarted;
pub(crate) use submit::{Rejected, Submission, Wait};

/// A device's virtqueues, and the workqueue for what their interrupts leave to do.
///
/// # Invariants
///
/// The device's `priv` is a reference to this object until [`Virtqueues::release`], and each of
/// `queues` has the virtqueue of its index while `phase` is not `Stopped`.
#[pin_data]
pub(crate) struct Virtqueues<T: Token> {
    device: ARef<Device>,
    queues: KVec<Pin<KBox<Queue<T>>>>,
    groups: KVec<Pin<KBox<Group>>>,
    max_piece: usize,
    starts: Atomic<u32>,
    #[pin]
    phase: Mutex<Phase>,
    #[pin]
    failure: Work<Self>,
    #[pin]
    recovery: Work<Self, RECOVERY>,
    /// The device is being unbound.
    ending: Atomic<bool>,
    #[pin]
    observer: Mutex<Option<Arc<dyn Restarted>>>,
    workqueue: OwnedQueue,
    /// Apart from the other, which recovering flushes.
    recovery_queue: OwnedQueue,
}

/// Names of the two works.
const FAILURE: u64 = 0;
const RECOVERY: u64 = 1;

impl_has_work! {
    impl{T: Token} HasWork<Self> for Virtqueues<T> { self.failure }
    impl{T: Token} HasWork<Self, RECOVERY> for Virtqueues<T> { self.recovery }
}

impl<T: Token> WorkItem for Virtqueues<T> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.abandon();
    }
}

impl<T: Token> WorkItem<RECOVERY> for Virtqueues<T> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.recover();
    }
}

impl<T: Token> Virtqueues<T> {
    /// Makes the object for queues of these names, in groups of which any queue will do. The queues
    /// themselves come with [`start`](Self::start).
    pub(crate) fn new(device: &Device<Bound>, names: KVec<KVec<CString>>) -> Result<Arc<Self>> {
        let mut queues = KVec::new();
        let mut groups = KVec::with_capacity(names.len(), GFP_KERNEL)?;
        for (group, names) in names.into_iter().enumerate() {
            let range = queues.len()..queues.len() + names.len();
            groups.push(KBox::pin_init(Group::new(range), GFP_KERNEL)?, GFP_KERNEL)?;
            for name in names {
                let queue = KBox::pin_init(Queue::new(name, group), GFP_KERNEL)?;
                queues.push(queue, GFP_KERNEL)?;
            }
        }
        let workqueue = OwnedQueue::new(c"virtio_tee")?;
        let recovery_queue = OwnedQueue::new(c"virtio_tee_recovery")?;
        let vdev = device.as_raw();
        // SAFETY: The device is valid.
        let max_piece = unsafe { sys::virtio_max_dma_size(vdev) };
        let this = Arc::pin_init(
            pin_init!(Self {
                device: device.into(),
                queues,
                groups,
                max_piece: max_piece.min(u32::MAX as usize),
                starts: Atomic::new(0),
                phase <- new_mutex!(Phase::Stopped),
                failure <- new_work!("virtio::Virtqueues::failure"),
                recovery <- new_work!("virtio::Virtqueues::recovery"),
                ending: Atomic::new(false),
                observer <- new_mutex!(None),
                workqueue,
                recovery_queue,
            }),
            GFP_KERNEL,
        )?;
        // INVARIANT: This makes it so.
        // SAFETY: The device is bound to this driver, which has no other use of the field.
        unsafe { (*vdev).priv_ = Arc::into_raw(this.clone()).cast_mut().cast() };
        Ok(this)
    }

    /// The object of a device, if there is one.
    ///
    /// # Safety
    ///
    /// `vdev` must be valid, and bound to a driver whose tokens are `T`; nobody calls
    /// [`release`](Self::release) meanwhile.
    pub(super) unsafe fn of<'a>(vdev: *mut sys::virtio_device) -> Option<&'a Self> {
        // SAFETY: By this function's contract and the type's invariant: `release` leaves null
        // behind.
        unsafe { (*vdev).priv_.cast::<Self>().as_ref() }
    }

    /// Stops the virtqueues of a device, if it has any, and parts them.
    ///
    /// # Safety
    ///
    /// As with [`of`](Self::of).
    pub(super) unsafe fn release(vdev: *mut sys::virtio_device) {
        // SAFETY: By this function's contract.
        if let Some(this) = unsafe { Self::of(vdev) } {
            this.stop();
            // It does not wait any more for the device's lock, which the caller may have.
            this.ending.store(true, Relaxed);
            this.recovery_queue.flush();
            // SAFETY: The device is still bound to this driver, and has no queues. It may have been
            // left failed, or half started, which whoever binds it next is not to find.
            unsafe { sys::virtio_reset_device(vdev) };
            // SAFETY: By the type's invariant this is a reference, which goes with its place.
            unsafe {
                drop(Arc::from_raw(this));
                (*vdev).priv_ = ptr::null_mut();
            }
        }
    }

    /// The queues' names, how many buffers the device has in each, and what else there is to know.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&CStr, usize, Counts)> + '_ {
        self.queues.iter().map(|queue| {
            let ring = queue.ring.lock();
            (&*queue.name, ring.in_flight, ring.counts)
        })
    }

    /// How often the queues were started. A device knows nothing of what was before.
    pub(crate) fn starts(&self) -> u32 {
        self.starts.load(Relaxed)
    }

    /// Makes a buffer for [`submit`](Self::submit): a request, and room for a response of
    /// `response_len` bytes.
    pub(crate) fn buffer(
        &self,
        request: KVVec<u8>,
        response_len: usize,
        token: T,
    ) -> Result<Pin<KBox<Buffer<T>>>> {
        Buffer::new(request, response_len, self.max_piece, token)
    }

    /// The device that maps memory for this one, if addresses have to come from the DMA API
    /// (VIRTIO_F_ACCESS_PLATFORM). The queues must be running. `EOPNOTSUPP` if the transport maps
    /// memory in a way of its own, as VDUSE does.
    pub(crate) fn dma_device(&self) -> Result<Option<ARef<device::Device>>> {
        // SAFETY: The device is valid, and the field does not change.
        if !unsafe { (*self.device.as_raw()).map }.is_null() {
            return Err(EOPNOTSUPP);
        }
        let queue = self.queues.first().ok_or(ENODEV)?;
        let ring = queue.ring.lock();
        let vq = ring.vq.ok_or(ENODEV)?.as_ptr();
        // SAFETY: By the invariant of `Ring`.
        let dev = unsafe { sys::virtqueue_dma_dev(vq) };
        if dev.is_null() {
            return Ok(None);
        }
        // SAFETY: The device exists at least as long as the virtqueue.
        Ok(Some(unsafe { device::Device::get_device(dev) }))
    }

    /// [Gives the device up](Self::abandon), as soon as that is possible. Usable in any context.
    fn fail(&self) {
        // SAFETY: All objects of this type are in an `Arc`: `new` returns nothing else.
        let this = unsafe { ArcBorrow::from_raw(self) };
        // It is queued already, where that fails.
        let _ = self.workqueue.enqueue::<_, FAILURE>(Arc::from(this));
    }

    /// What the virtio core calls when the device has used buffers.
    extern "C" fn callback(vq: *mut sys::virtqueue) {
        // SAFETY: The core calls this with a valid virtqueue of a device whose `priv` is, by the
        // invariant of `Virtqueues`, that object.
        let (this, index) = unsafe { (Self::of((*vq).vdev), (*vq).index as usize) };
        let Some((this, queue)) = this.and_then(|this| Some((this, this.queues.get(index)?)))
        else {
            return;
        };
        queue.ring.lock().counts.interrupts += 1;
        let mut broken = false;
        let mut count = 0;
        while let Some(buffer) = queue.used(&mut broken) {
            T::used(buffer, &this.workqueue);
            count += 1;
        }
        if let Some(group) = this.groups.get(queue.group) {
            group.wake(count);
        }
        if broken {
            this.fail();
        }
    }
}
