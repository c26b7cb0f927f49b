// SPDX-License-Identifier: GPL-2.0

//! From start to stop: the device's reset, its failure and its recovery.

use core::{mem, ptr, ptr::NonNull};

use kernel::{
    cpu::{nr_cpu_ids, CpuId},
    cpumask::CpumaskVar,
    error::to_result,
    prelude::*,
    sync::{atomic::Relaxed, Arc, ArcBorrow},
    time::{delay::fsleep, Delta},
};

use super::{super::Token, Virtqueues, RECOVERY};
use crate::{sync::synchronize_rcu, sys};

/// How often a work looks whether the device's lock is free.
const LOCK_FREE_YET: Delta = Delta::from_millis(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// There are no queues.
    Stopped,
    /// Requests go and responses come.
    Running,
    /// The device was reset; the queues still exist, empty.
    Halted,
}

/// Who wants to know when the queues were started again.
pub(crate) trait Restarted: Send + Sync {
    /// They were: the device knows nothing of what was before.
    ///
    /// Other devices may still be asleep. Neither this nor what it waits for may wait for queues to
    /// be started or stopped.
    fn restarted(self: Arc<Self>);
}

impl<T: Token> Virtqueues<T> {
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
            queue.ring.lock().vq = NonNull::new(*vq);
        }
        self.spread_interrupts();
        // Before anything is submitted anew: what is from before has to be told from it.
        let start = self.starts.fetch_add(1, Relaxed).wrapping_add(1);
        // SAFETY: The device is valid and has its queues.
        unsafe { sys::virtio_tee_helper_device_ready(vdev) };
        for queue in &self.queues {
            let mut ring = queue.ring.lock();
            ring.start = start;
            ring.live = true;
        }
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

    /// Gives up a device that does not follow the rules: it is reset, and has access to nothing
    /// once this returns. Does nothing if the queues are not running.
    pub(crate) fn abandon(&self) {
        let mut phase = self.phase.lock();
        if *phase == Phase::Running {
            dev_err!(
                self.device,
                "the device breaks the rules; it stays unusable until reset or bound anew\n"
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
        // Who has given the device a buffer may still be about to notify it.
        synchronize_rcu();
        // SAFETY: The device is valid, and no virtqueue is notified from here on. Afterwards no
        // callback runs any more.
        unsafe { sys::virtio_reset_device(self.device.as_raw()) };
        for queue in &self.queues {
            while let Some(buffer) = queue.detach() {
                T::used(buffer, &self.workqueue);
            }
        }
        for group in &self.groups {
            group.wake_all();
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

    /// The device's configuration or its status has changed. Usable in any context, which asking
    /// for the status is not with every transport.
    pub(in crate::virtio) fn config_changed(&self) {
        // SAFETY: As in `fail`.
        let this = unsafe { ArcBorrow::from_raw(self) };
        // It is queued already, where that fails.
        let _ = self.recovery_queue.enqueue::<_, RECOVERY>(Arc::from(this));
    }

    /// Who is told from now on when the queues were started again. Returns when nobody is being
    /// told of the one before.
    pub(crate) fn when_restarted(&self, observer: Option<Arc<dyn Restarted>>) {
        let before = mem::replace(&mut *self.observer.lock(), observer);
        drop(before);
    }

    /// Starts the queues after they were stopped, and tells who wants to know.
    pub(in crate::virtio) fn restart(&self) -> Result {
        self.start()?;
        if let Some(observer) = &*self.observer.lock() {
            observer.clone().restarted();
        }
        Ok(())
    }

    /// Where the device asks to be reset, resets it, and starts over.
    pub(super) fn recover(&self) {
        let vdev = self.device.as_raw();
        // Whoever unbinds the device has these locks, and waits for this.
        // SAFETY: The device is valid.
        while !unsafe { sys::virtio_tee_helper_trylock(vdev) } {
            if self.ending.load(Relaxed) {
                return;
            }
            fsleep(LOCK_FREE_YET);
        }
        // A device that sleeps cannot be asked, and is going to be reset in any case.
        let running = *self.phase.lock() == Phase::Running;
        // SAFETY: The device is valid; its lock and its parent's keep it from being unbound, reset
        // or put to sleep meanwhile. If `priv` is this object, it is bound to this driver.
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
}
