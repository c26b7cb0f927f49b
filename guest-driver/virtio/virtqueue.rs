// SPDX-License-Identifier: GPL-2.0

//! The virtqueues of a device.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
};

use kernel::{
    bindings, device,
    device::Bound,
    error::to_result,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        new_mutex, new_spinlock_irq, Arc, ArcBorrow, Mutex, SpinLockIrq,
    },
    workqueue::{impl_has_work, new_work, Work, WorkItem},
};

use super::{Buffer, Device, Token};
use crate::{
    sync::{new_waitqueue, OwnedQueue, WaitQueue},
    sys,
};

/// How [`Virtqueues::submit`] waits for room in a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until there is some, or a fatal signal arrives.
    Killable,
    /// Until there is some.
    Uninterruptible,
}

/// A buffer that the device has not got.
pub(crate) struct Rejected<T: Token> {
    /// Why.
    pub(crate) error: Error,
    /// The buffer.
    pub(crate) buffer: Pin<KBox<Buffer<T>>>,
}

/// A device's virtqueues, and the workqueue for what their interrupts leave to do.
///
/// # Invariants
///
/// The device's `priv` points at this object until [`Virtqueues::release`], and each of `queues`
/// has the virtqueue of its index while `phase` is not `Stopped`.
#[pin_data(PinnedDrop)]
pub(crate) struct Virtqueues<T: Token> {
    device: ARef<Device>,
    names: KVec<CString>,
    queues: KVec<Pin<KBox<Queue<T>>>>,
    max_piece: usize,
    starts: Atomic<u32>,
    #[pin]
    phase: Mutex<Phase>,
    #[pin]
    failure: Work<Self>,
    workqueue: OwnedQueue,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There are no queues.
    Stopped,
    /// Requests go and responses come.
    Running,
    /// The device was reset; the queues still exist, empty.
    Halted,
}

#[pin_data]
struct Queue<T: Token> {
    #[pin]
    ring: SpinLockIrq<Ring<T>>,
    /// For those who found the ring full.
    #[pin]
    room: WaitQueue,
}

/// # Invariants
///
/// `vq`, where there is one, is a valid virtqueue that only the owner of this lock uses. The tokens
/// in it are `Pin<KBox<Buffer<T>>>` in raw form.
struct Ring<T: Token> {
    vq: Option<NonNull<sys::virtqueue>>,
    /// The device takes buffers.
    live: bool,
    in_flight: usize,
    _buffers: PhantomData<KBox<Buffer<T>>>,
}

// SAFETY: A virtqueue is not tied to a task.
unsafe impl<T: Token> Send for Ring<T> {}

enum Added<T: Token> {
    /// The device has it.
    Yes,
    /// The device has it, but cannot be told.
    Broken,
    /// There is no room now.
    Full(Pin<KBox<Buffer<T>>>),
    /// There is never going to be room.
    Failed(Error, Pin<KBox<Buffer<T>>>),
}

impl_has_work! {
    impl{T: Token} HasWork<Self> for Virtqueues<T> { self.failure }
}

impl<T: Token> WorkItem for Virtqueues<T> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.abandon();
    }
}

impl<T: Token> Virtqueues<T> {
    /// Makes the object for `names.len()` queues, which are named in that order. The queues
    /// themselves come with [`start`](Self::start).
    pub(crate) fn new(device: &Device<Bound>, names: KVec<CString>) -> Result<Arc<Self>> {
        let mut queues = KVec::with_capacity(names.len(), GFP_KERNEL)?;
        for _ in 0..names.len() {
            queues.push(KBox::pin_init(Queue::new(), GFP_KERNEL)?, GFP_KERNEL)?;
        }
        let workqueue = OwnedQueue::new(c"virtio_tee")?;
        let vdev = device.as_raw();
        // SAFETY: The device is valid.
        let max_piece = unsafe { sys::virtio_max_dma_size(vdev) };
        let this = Arc::pin_init(
            pin_init!(Self {
                device: device.into(),
                names,
                queues,
                max_piece: max_piece.min(u32::MAX as usize),
                starts: Atomic::new(0),
                phase <- new_mutex!(Phase::Stopped),
                failure <- new_work!("virtio::Virtqueues::failure"),
                workqueue,
            }),
            GFP_KERNEL,
        )?;
        // INVARIANT: This makes it so.
        // SAFETY: The device is bound to this driver, which has no other use of the field.
        unsafe { (*vdev).priv_ = Arc::as_ptr(&this).cast_mut().cast() };
        Ok(this)
    }

    /// The object of a device, if there is one.
    ///
    /// # Safety
    ///
    /// `vdev` must be valid, and bound to a driver whose tokens are `T`; nobody calls
    /// [`release`](Self::release) meanwhile.
    pub(super) unsafe fn of<'a>(vdev: *mut sys::virtio_device) -> Option<&'a Self> {
        // SAFETY: By this function's contract and the type's invariant: `drop` and `release` leave
        // null behind.
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
            // SAFETY: All objects of this type are in an `Arc`: `new` returns nothing else. Buffers
            // that come back can hold the last other reference.
            let this = Arc::from(unsafe { ArcBorrow::from_raw(this) });
            this.stop();
            // SAFETY: The device is still bound to this driver.
            unsafe { (*vdev).priv_ = ptr::null_mut() };
        }
    }

    /// The number of queues.
    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }

    /// How often the queues were started. A device knows nothing of what was before.
    pub(crate) fn starts(&self) -> u32 {
        self.starts.load(Relaxed)
    }

    /// Makes the queues and lets the device begin. The device must be bound, and not be running.
    pub(crate) fn start(&self) -> Result {
        let mut phase = self.phase.lock();
        if *phase != Phase::Stopped {
            return Err(EBUSY);
        }
        let count = self.queues.len();
        let mut vqs: KVec<*mut sys::virtqueue> =
            KVec::from_elem(ptr::null_mut(), count, GFP_KERNEL)?;
        let mut infos = KVec::with_capacity(count, GFP_KERNEL)?;
        for name in &self.names {
            infos.push(
                sys::virtqueue_info {
                    name: name.as_char_ptr(),
                    callback: Some(Self::callback),
                    ctx: false,
                },
                GFP_KERNEL,
            )?;
        }
        let vdev = self.device.as_raw();
        // SAFETY: The device is valid, and both arrays have `count` entries; the names live as
        // long as `self`.
        to_result(unsafe {
            sys::virtio_tee_helper_find_vqs(
                vdev,
                count as c_uint,
                vqs.as_mut_ptr(),
                infos.as_mut_ptr(),
            )
        })?;
        for (queue, vq) in self.queues.iter().zip(&vqs) {
            // INVARIANT: find_vqs() has made it, and it is used under this lock alone.
            let mut ring = queue.ring.lock();
            ring.vq = NonNull::new(*vq);
            ring.live = true;
        }
        self.starts.fetch_add(1, Relaxed);
        // SAFETY: The device is valid and has its queues.
        unsafe { sys::virtio_tee_helper_device_ready(vdev) };
        *phase = Phase::Running;
        Ok(())
    }

    /// Takes all buffers back from the device, and the queues down. Does nothing if that has
    /// happened already.
    pub(crate) fn stop(&self) {
        let mut phase = self.phase.lock();
        self.halt(&mut phase);
        if *phase == Phase::Halted {
            // SAFETY: The device has queues, which are empty; `halt` has taken them from `queues`.
            unsafe { sys::virtio_tee_helper_del_vqs(self.device.as_raw()) };
            *phase = Phase::Stopped;
        }
        drop(phase);
        self.workqueue.flush();
    }

    /// Gives up a device that does not follow the rules: it is reset, and has access to nothing once
    /// this returns. Does nothing if the queues are not running.
    pub(crate) fn abandon(&self) {
        let mut phase = self.phase.lock();
        if *phase == Phase::Running {
            dev_err!(
                self.device,
                "the device breaks the rules; it stays unusable until bound anew\n"
            );
        }
        self.halt(&mut phase);
    }

    /// Waits until a reset that is under way is complete. After `ENODEV` from
    /// [`submit`](Self::submit) the device has access to nothing once this returns.
    pub(crate) fn await_reset(&self) {
        drop(self.phase.lock());
    }

    /// Resets the device and takes all buffers back.
    fn halt(&self, phase: &mut Phase) {
        if *phase != Phase::Running {
            return;
        }
        for queue in &self.queues {
            queue.ring.lock().live = false;
        }
        // SAFETY: The device is valid, and no virtqueue is notified from here on. Afterwards no
        // callback runs any more.
        unsafe { sys::virtio_reset_device(self.device.as_raw()) };
        for queue in &self.queues {
            while let Some(buffer) = queue.detach() {
                T::used(buffer, &self.workqueue);
            }
            queue.room.wake_all();
        }
        *phase = Phase::Halted;
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

    /// Gives a buffer to the device, on the queue of that index.
    ///
    /// Waits for room, at most until a fatal signal arrives (`EINTR`). On failure the device has
    /// not seen the buffer, and the caller has it back.
    pub(crate) fn submit(
        &self,
        index: usize,
        buffer: Pin<KBox<Buffer<T>>>,
        wait: Wait,
    ) -> Result<(), Rejected<T>> {
        let Some(queue) = self.queues.get(index) else {
            return Err(Rejected {
                error: EINVAL,
                buffer,
            });
        };
        let mut waiting = Some(buffer);
        let mut attempt = || match queue.add(waiting.take()?) {
            Added::Yes => Some(Ok(())),
            Added::Broken => {
                self.fail();
                Some(Ok(()))
            }
            Added::Full(buffer) => {
                waiting = Some(buffer);
                None
            }
            Added::Failed(error, buffer) => {
                waiting = Some(buffer);
                Some(Err(error))
            }
        };
        let result = match wait {
            Wait::Killable => queue
                .room
                .wait_killable(&mut attempt)
                .and_then(|added| added),
            Wait::Uninterruptible => queue.room.wait(&mut attempt),
        };
        match (result, waiting) {
            (Err(error), Some(buffer)) => Err(Rejected { error, buffer }),
            _ => Ok(()),
        }
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
        let _ = self.workqueue.enqueue(Arc::from(this));
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
        let mut broken = false;
        while let Some(buffer) = queue.used(&mut broken) {
            T::used(buffer, &this.workqueue);
        }
        queue.room.wake_all();
        if broken {
            this.fail();
        }
    }
}

#[pinned_drop]
impl<T: Token> PinnedDrop for Virtqueues<T> {
    fn drop(self: Pin<&mut Self>) {
        // Where `Driver::probe` made and dropped it. Later, `release` has run.
        let vdev = self.device.as_raw();
        // SAFETY: The device is valid, and if `priv` is this object, bound to this driver.
        unsafe {
            if ptr::eq((*vdev).priv_.cast(), &*self) {
                self.stop();
                (*vdev).priv_ = ptr::null_mut();
            }
        }
    }
}

impl<T: Token> Queue<T> {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            ring <- new_spinlock_irq!(Ring {
                vq: None,
                live: false,
                in_flight: 0,
                _buffers: PhantomData,
            }),
            room <- new_waitqueue!("virtio::Queue::room"),
        })
    }

    fn add(&self, mut buffer: Pin<KBox<Buffer<T>>>) -> Added<T> {
        let mut ring = self.ring.lock();
        let (true, Some(vq)) = (ring.live, ring.vq) else {
            return Added::Failed(ENODEV, buffer);
        };
        let vq = vq.as_ptr();
        let mut tables = buffer.tables();
        // SAFETY: By the invariant of `Ring`.
        if buffer.entries() > unsafe { sys::virtqueue_get_vring_size(vq) } as usize {
            return Added::Failed(E2BIG, buffer);
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
                Added::Full(buffer)
            } else {
                Added::Failed(error, buffer)
            };
        }
        ring.in_flight += 1;
        // SAFETY: As above. The device is not reset before the lock is released.
        if unsafe { sys::virtqueue_kick(vq) } {
            Added::Yes
        } else {
            Added::Broken
        }
    }

    /// The next buffer that the device has used. If there is none, the device is going to notify.
    fn used(&self, broken: &mut bool) -> Option<Pin<KBox<Buffer<T>>>> {
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
    fn detach(&self) -> Option<Pin<KBox<Buffer<T>>>> {
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
