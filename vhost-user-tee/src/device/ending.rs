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

    /// The driver takes a queue away, and will make no more chains available on it: waits for those that
    /// it has. Calls that take longer than `grace` are ended, each step of that within `grace` again; see
    /// [`Device::end_calls`]. Calls of other queues go on: also one that the closing of its session, asked
    /// for through this queue, waits for.
    pub fn stop_queue<T: Transport>(&self, index: usize, transport: &T, grace: Duration) {
        self.stop(index, index..index + 1, transport, grace);
    }

    /// The VMM stops the device with all its VM, queue after queue, and this is one of them; see
    /// [`Device::stop_queue`]. But where calls of this one take too long, those of all are asked to give up:
    /// they share the time that they have for it, or the VM would stand still once for each queue.
    pub fn pause_queue<T: Transport>(&self, index: usize, transport: &T, grace: Duration) {
        self.stop(index, 0..self.queues.len(), transport, grace);
    }

    fn stop<T: Transport>(&self, index: usize, asked: Range<usize>, transport: &T, grace: Duration) {
        if self.queues.get(index).is_some_and(|outstanding| !outstanding.wait_idle(grace)) {
            self.end(index..index + 1, &asked, transport, grace);
        }
    }

    /// Ends the calls of all queues, on which the driver will make no more chains available: cancels
    /// them and, where that is not heeded within `grace`, abandons them, which ends their TA. What not
    /// even that ends within `grace` is answered with `VIRTIO_TEE_S_IO`.
    pub fn end_calls<T: Transport>(&self, transport: &T, grace: Duration) {
        let all = 0..self.queues.len();
        self.end(all.clone(), &all, transport, grace);
    }

    /// Asks the calls of the queues `asked` to give up until `queues` have none.
    fn end<T: Transport>(&self, queues: Range<usize>, asked: &Range<usize>, transport: &T, grace: Duration) {
        let idle = |grace| {
            let deadline = Instant::now() + grace;
            let left = || deadline.saturating_duration_since(Instant::now());
            self.queues[queues.clone()].iter().all(|outstanding| outstanding.wait_idle(left()))
        };
        if idle(Duration::ZERO) {
            return;
        }
        for what in [GiveUp::Cancel, GiveUp::Abandon] {
            self.partition.ask_queues(asked, what);
            if idle(grace) {
                return;
            }
        }
        let answer = response::status(wire::VIRTIO_TEE_S_IO);
        for index in queues.clone() {
            let left = self.queues[index].answer_all(transport, index, &answer);
            if left > 0 {
                log::warn!("{}: queue {index} stopped with {left} calls that could not be ended", self.name);
            }
        }
        // One that was just being put back when it was looked for.
        idle(grace);
    }
}
