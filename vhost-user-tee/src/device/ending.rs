// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Coming to an end with the calls of a queue, or of all.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tee::GiveUp;
use virtio_tee_spec as wire;

use super::{response, Device, Transport};

impl Device {
    /// Takes no more chains, on any queue. Calls in flight go on.
    pub fn stop_taking(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Takes no more chains, on any queue, and waits `grace` at most for calls in flight.
    pub fn drain(&self, grace: Duration) {
        self.stop_taking();
        let deadline = Instant::now() + grace;
        for queue in &self.queues {
            queue.wait_idle(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// The driver resets a queue, and will make no more chains available on it: waits for those that it has. Calls
    /// that take longer than `grace` are cancelled and, where that is not heeded within `grace`, abandoned, which
    /// ends their TA. One with memory that its TEE cannot end is outwaited: until it ends, the memory that it works on
    /// is not the driver's. Says whether the queue may be taken away; see [`Device::hurry`].
    ///
    /// Calls of other queues go on: also one that the closing of its session, asked for through this queue, waits for.
    /// A closing that waits for such a call, or that its TEE cannot end, is answered with `VIRTIO_TEE_S_IO`: it works
    /// on no memory of the driver's.
    pub fn stop_queue<T: Transport>(&self, index: usize, transport: &T, grace: Duration) -> bool {
        let own = index..index + 1;
        if self.wait_idle(&own, grace) || self.end(&own, &own, grace) {
            return true;
        }
        let waits =
            || self.warn(&format_args!("a reset of queue {index} waits for a call that its TEE cannot end"));
        let gone = self.partition.outwait_calls(&own, waits);
        if gone {
            self.answer_rest(index, transport, grace);
        }
        gone
    }

    /// The VMM stops the device with all its VM, queue after queue, and this is one of them; see
    /// [`Device::stop_queue`]. But where calls of this one take too long, those of all are asked to give up:
    /// they share the time that they have for it, or the VM would stand still once for each queue. And for what
    /// cannot be ended a VM is not to stand still: that is answered with `VIRTIO_TEE_S_IO`, and works on memory
    /// which its driver then takes for its own.
    pub fn pause_queue<T: Transport>(&self, index: usize, transport: &T, grace: Duration) {
        let own = index..index + 1;
        if self.wait_idle(&own, grace) || self.end(&own, &self.all(), grace) {
            return;
        }
        let left = self.answer_rest(index, transport, grace);
        if left > 0 {
            self.warn(&format_args!("queue {index} stopped with {left} calls that could not be ended"));
        }
    }

    /// Ends the calls of all queues, on which the driver will make no more chains available: cancels
    /// them and, where that is not heeded within `grace`, abandons them, which ends their TA. What not
    /// even that ends within `grace` is never answered.
    pub fn end_calls(&self, grace: Duration) {
        let all = self.all();
        if !self.wait_idle(&all, Duration::ZERO) && !self.end(&all, &all, grace) {
            let left = self.forget();
            self.warn(&format_args!("{left} calls that could not be ended"));
            // One that was just being put back when it was looked for.
            self.wait_idle(&all, grace);
        }
    }

    /// Waits for what a [reset](Device::reset) has left: calls that their TEE cannot end, and which go on on
    /// memory that they were given. Says whether none is left; see [`Device::hurry`].
    pub fn outwait_reset(&self) -> bool {
        self.partition.outwait_all(|| self.warn(&"a reset waits for a call that its TEE cannot end"))
    }

    /// From now on nobody waits for calls that their TEE cannot end, or again does; who waits stops.
    pub fn hurry(&self, hurried: bool) {
        self.partition.hurry(hurried);
    }

    fn all(&self) -> Range<usize> {
        0..self.queues.len()
    }

    /// Waits until `queues` hold no chain, `grace` at most. Says whether that came true.
    fn wait_idle(&self, queues: &Range<usize>, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        let left = || deadline.saturating_duration_since(Instant::now());
        self.queues.iter().take(queues.end).skip(queues.start).all(|queue| queue.wait_idle(left()))
    }

    /// Asks the calls of the queues `asked` to give up, for more if less does not do, until `queues` hold no chain,
    /// `grace` at most each time. Says whether that came true.
    fn end(&self, queues: &Range<usize>, asked: &Range<usize>, grace: Duration) -> bool {
        [GiveUp::Cancel, GiveUp::Abandon].into_iter().any(|what| {
            self.partition.ask_queues(asked, what);
            self.wait_idle(queues, grace)
        })
    }

    /// Answers what a queue still holds with `VIRTIO_TEE_S_IO`. Says how many chains that were.
    fn answer_rest<T: Transport>(&self, index: usize, transport: &T, grace: Duration) -> usize {
        let Some(queue) = self.queues.get(index) else {
            return 0;
        };
        let left = queue.answer_all(transport, index, &response::status(wire::VIRTIO_TEE_S_IO));
        // One that was just being put back when it was looked for.
        queue.wait_idle(grace);
        left
    }
}
