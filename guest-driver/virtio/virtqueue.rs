// SPDX-License-Identifier: GPL-2.0

//! The virtqueues of a device.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

use core::{
    marker::PhantomData,
    mem,
    ops::Range,
    ptr::{self, NonNull},
};

use kernel::{
    bindings,
    cpu::{nr_cpu_ids, CpuId},
    cpumask::CpumaskVar,
    device,
    device::Bound,
    error::to_result,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        new_mutex, new_spinlock_irq, Arc, ArcBorrow, Mutex, SpinLockIrq,
    },
    time::{delay::fsleep, Delta},
    workqueue::{impl_has_work, new_work, Work, WorkItem},
};

use super::{Buffer, Device, Token};
use crate::{
    sync::{new_waitqueue, OwnedQueue, WaitQueue},
    sys,
};

/// Where a buffer goes, and what it waits for.
#[derive(Clone, Copy)]
pub(crate) struct Submission {
    /// Any queue of this group will do.
    pub(crate) group: usize,
    /// Which of them to try first: a number that is the same for all that is done on a CPU.
    pub(crate) preferred: usize,
    /// How to wait for room.
    pub(crate) wait: Wait,
    /// The last places of a queue, an eighth of them, are for buffers that have this set.
    pub(crate) urgent: bool,
}

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

/// Who wants to know when the queues were started again.
pub(crate) trait Restarted: Send + Sync {
    /// They were: the device knows nothing of what was before.
    ///
    /// Other devices may still be asleep. Neither this nor what it waits for may wait for queues to be
    /// started or stopped.
    fn restarted(self: Arc<Self>);
}

/// How often a work looks whether the device's lock is free.
const LOCK_FREE_YET: Delta = Delta::from_millis(20);

/// Names of the two works.
const FAILURE: u64 = 0;
const RECOVERY: u64 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There are no queues.
    Stopped,
    /// Requests go and responses come.
    Running,
    /// The device was reset; the queues still exist, empty.
    Halted,
}

/// Queues that stand in for each other.
#[pin_data]
struct Group {
    /// Where among all queues they are.
    queues: Range<usize>,
    /// For those who found all of them full.
    #[pin]
    room: WaitQueue,
}

#[pin_data]
struct Queue<T: Token> {
    name: CString,
    /// Index of its group.
    group: usize,
    #[pin]
    ring: SpinLockIrq<Ring<T>>,
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
    counts: Counts,
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
            // It does not wait any more for the device's lock, which the caller may have.
            this.ending.store(true, Relaxed);
            this.recovery_queue.flush();
            // SAFETY: The device is still bound to this driver.
            unsafe { (*vdev).priv_ = ptr::null_mut() };
        }
    }

    /// The queues' names, how many buffers the device has in each, and what else there is to know.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&CStr, usize, Counts)> + '_ {
        self.queues.iter().map(|queue| {
            let ring = queue.ring.lock();
            (&*queue.name, ring.in_flight, ring.counts)
        })
    }

    /// Who is told from now on when the queues were started again. Returns when nobody is being told of the
    /// one before.
    pub(crate) fn when_restarted(&self, observer: Option<Arc<dyn Restarted>>) {
        let before = mem::replace(&mut *self.observer.lock(), observer);
        drop(before);
    }

    /// Starts the queues after they were stopped, and tells who wants to know.
    pub(super) fn restart(&self) -> Result {
        self.start()?;
        if let Some(observer) = &*self.observer.lock() {
            observer.clone().restarted();
        }
        Ok(())
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
        for queue in &self.queues {
            infos.push(
                sys::virtqueue_info {
                    name: queue.name.as_char_ptr(),
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
        self.spread_interrupts();
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
        }
        for group in &self.groups {
            group.room.wake_all();
        }
        *phase = Phase::Halted;
    }

    /// Has the device interrupt the CPUs whose buffers a queue carries. It works without.
    fn spread_interrupts(&self) {
        for group in self.groups.iter().filter(|group| group.queues.len() > 1) {
            let queues = self.queues.get(group.queues.clone()).unwrap_or_default();
            for (index, queue) in queues.iter().enumerate() {
                let Ok(mut mask) = CpumaskVar::new_zero(GFP_KERNEL) else {
                    return;
                };
                let cpus = (0..nr_cpu_ids()).skip(index).step_by(queues.len());
                for cpu in cpus.filter_map(CpuId::from_u32) {
                    mask.set(cpu);
                }
                let vq = queue.ring.lock().vq;
                if let Some(vq) = vq {
                    // SAFETY: The queue is valid, and stays: the caller holds the lock of `phase`.
                    unsafe { sys::virtio_tee_helper_set_affinity(vq.as_ptr(), mask.as_raw()) };
                }
            }
        }
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

    /// Gives a buffer to the device, on the first queue of a group that has room.
    ///
    /// Where all are full, waits, at most until a fatal signal arrives (`EINTR`). On failure the
    /// device has not seen the buffer, and the caller has it back.
    pub(crate) fn submit(
        &self,
        buffer: Pin<KBox<Buffer<T>>>,
        how: Submission,
    ) -> Result<(), Rejected<T>> {
        let group = self.groups.get(how.group);
        let found = group.and_then(|group| Some((group, self.queues.get(group.queues.clone())?)));
        let Some((group, queues)) = found.filter(|(_, queues)| !queues.is_empty()) else {
            return Err(Rejected {
                error: EINVAL,
                buffer,
            });
        };
        let (before, from) = queues.split_at(how.preferred % queues.len());
        let mut waiting = Some(buffer);
        let mut attempt = || {
            for queue in [from, before].into_iter().flatten() {
                match queue.add(waiting.take()?, how.urgent) {
                    Added::Yes => return Some(Ok(())),
                    Added::Broken => {
                        self.fail();
                        return Some(Ok(()));
                    }
                    Added::Full(buffer) => waiting = Some(buffer),
                    Added::Failed(error, buffer) => {
                        waiting = Some(buffer);
                        return Some(Err(error));
                    }
                }
            }
            None
        };
        let result = attempt().unwrap_or_else(|| {
            let result = match how.wait {
                Wait::Killable => group
                    .room
                    .wait_in_turn_killable(&mut attempt)
                    .and_then(|added| added),
                Wait::Uninterruptible => group.room.wait_in_turn(&mut attempt),
            };
            // There can be room for more than were woken, or they did not need it.
            group.room.wake(1);
            result
        });
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
        let _ = self.workqueue.enqueue::<_, FAILURE>(Arc::from(this));
    }

    /// The device's configuration or its status has changed. Usable in any context.
    pub(super) fn config_changed(&self) {
        // SAFETY: The device is valid.
        if unsafe { sys::virtio_tee_helper_needs_reset(self.device.as_raw()) } {
            // SAFETY: As in `fail`.
            let this = unsafe { ArcBorrow::from_raw(self) };
            // It is queued already, where that fails.
            let _ = self.recovery_queue.enqueue::<_, RECOVERY>(Arc::from(this));
        }
    }

    /// The device has asked to be reset: resets it, and starts over.
    fn recover(&self) {
        let vdev = self.device.as_raw();
        // Whoever unbinds the device has its lock, and waits for this.
        // SAFETY: The device is valid.
        while !unsafe { sys::virtio_tee_helper_trylock(vdev) } {
            if self.ending.load(Relaxed) {
                return;
            }
            fsleep(LOCK_FREE_YET);
        }
        // A device that sleeps cannot be asked, and is going to be reset in any case.
        let running = *self.phase.lock() == Phase::Running;
        // SAFETY: The device is valid; its lock keeps it from being unbound, or put to sleep, meanwhile.
        // If `priv` is this object, it is bound to this driver.
        let recovered = unsafe {
            let ours = ptr::eq((*vdev).priv_.cast(), self);
            let result = if ours && running && sys::virtio_tee_helper_needs_reset(vdev) {
                dev_warn!(
                    self.device,
                    "the device asks for a reset: all contexts are lost\n"
                );
                to_result(sys::virtio_device_reset_prepare(vdev))
                    .and_then(|()| to_result(sys::virtio_device_reset_done(vdev)))
            } else {
                Ok(())
            };
            sys::virtio_tee_helper_unlock(vdev);
            result
        };
        if let Err(error) = recovered {
            dev_err!(self.device, "the device does not start again: {error:?}\n");
        }
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
            group.room.wake(count);
        }
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

impl Group {
    fn new(queues: Range<usize>) -> impl PinInit<Self> {
        pin_init!(Self {
            queues,
            room <- new_waitqueue!("virtio::Group::room"),
        })
    }
}

impl<T: Token> Queue<T> {
    fn new(name: CString, group: usize) -> impl PinInit<Self> {
        pin_init!(Self {
            name,
            group,
            ring <- new_spinlock_irq!(Ring {
                vq: None,
                live: false,
                in_flight: 0,
                counts: Counts::default(),
                _buffers: PhantomData,
            }),
        })
    }

    fn add(&self, mut buffer: Pin<KBox<Buffer<T>>>, urgent: bool) -> Added<T> {
        let mut ring = self.ring.lock();
        let (true, Some(vq)) = (ring.live, ring.vq) else {
            return Added::Failed(ENODEV, buffer);
        };
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
