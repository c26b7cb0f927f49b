// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Taking chains off the rings.

use std::sync::atomic::Ordering;

use virtio_queue::{QueueOwnedT, QueueT};

use super::chain::Chain;
use super::outstanding::Outstanding;
use super::{request, Device, Transport};

/// Chains taken off a request queue before the control queue is looked at again.
const BATCH: usize = 32;

/// What a queue had to give.
enum Popped {
    Chain(Chain),
    /// It cannot be put back, having no valid head.
    Lost,
    Nothing,
}

impl Device {
    /// Takes in what the driver has made available on queue `index`. Never blocks; to be called from
    /// one thread.
    pub fn process<T: Transport>(&self, index: usize, transport: &T) {
        if index >= self.queues.len() {
            return;
        }
        self.kicks.fetch_add(1, Ordering::Relaxed);
        let mut pending = false;
        loop {
            let memory = transport.memory();
            transport
                .with_rings(index, |rings| rings.ready() && rings.disable_notification(&*memory).is_ok());
            let mut taken = self.take_in(index, transport, BATCH);
            let progress = taken > 0;
            while taken == BATCH {
                if index != 0 {
                    self.take_in(0, transport, BATCH);
                }
                taken = self.take_in(index, transport, BATCH);
            }
            // Chains that have come meanwhile are taken in. A ring that makes no sense is left alone,
            // but its driver may notify when it has set it right. One that was stopped meanwhile is not
            // written to.
            let more = transport.with_rings(index, |rings| {
                if !rings.ready() {
                    return false;
                }
                let pending = rings.enable_notification(&*memory).unwrap_or(false);
                pending && rings.iter(&*memory).is_ok()
            });
            if !more || !transport.is_running(index) || self.stopping.load(Ordering::Relaxed) {
                break;
            }
            if pending && !progress {
                self.fault(&"available ring has chains that cannot be taken");
                break;
            }
            pending = true;
        }
    }

    /// Serves up to `max` chains of a queue, and says how many there were.
    pub(super) fn take_in<T: Transport>(&self, index: usize, transport: &T, max: usize) -> usize {
        let Some(outstanding) = self.queues.get(index) else {
            return 0;
        };
        for taken in 0..max {
            if !transport.is_running(index) || self.stopping.load(Ordering::Relaxed) {
                return taken;
            }
            match self.pop(index, transport, outstanding) {
                Popped::Chain(chain) => self.serve(index, transport, outstanding, chain),
                Popped::Lost => {}
                Popped::Nothing => return taken,
            }
        }
        max
    }

    fn pop<T: Transport>(&self, index: usize, transport: &T, outstanding: &Outstanding) -> Popped {
        let memory = transport.memory();
        let popped = transport.with_rings(index, |rings| {
            if !rings.ready() {
                return Ok(None);
            }
            let size = rings.size();
            let Some(chain) = rings.iter(memory.clone())?.next() else {
                return Ok(None);
            };
            let valid = chain.head_index() < size;
            if valid {
                outstanding.begin();
            }
            Ok::<_, virtio_queue::Error>(Some(valid.then_some(chain)))
        });
        match popped {
            Ok(Some(Some(chain))) => {
                let limits = self.partition.limits();
                let (max_request, max_answer) = (request::max_len(limits), request::max_answer_len(limits));
                Popped::Chain(Chain::read(chain, memory, max_request, max_answer))
            }
            Ok(Some(None)) => {
                self.fault(&"available ring names a descriptor that the table does not have");
                Popped::Lost
            }
            Ok(None) => Popped::Nothing,
            Err(e) => {
                self.fault(&e);
                Popped::Nothing
            }
        }
    }
}
