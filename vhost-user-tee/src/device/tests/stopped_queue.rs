// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A notification that comes when its queue has been stopped.

use std::sync::{Arc, Mutex};

use tee::{Context, Failure, Tee, Version};
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use crate::device::{Device, Transport};
use crate::partition::{Limits, Partition};

const SIZE: u16 = 16;
const LEN: usize = 0x3000;

struct NoTee(Version);

impl Tee for NoTee {
    fn version(&self) -> &Version {
        &self.0
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        unreachable!("nobody asks for one")
    }
}

/// A queue that was running when it was looked at, and is not when its rings are.
#[derive(Clone)]
struct Stopped {
    memory: Arc<GuestMemoryMmap>,
    rings: Arc<Mutex<Queue>>,
}

impl Transport for Stopped {
    fn memory(&self) -> Arc<GuestMemoryMmap> {
        self.memory.clone()
    }

    fn with_rings<R>(&self, _queue: usize, f: impl FnOnce(&mut Queue) -> R) -> R {
        f(&mut self.rings.lock().unwrap())
    }

    fn is_running(&self, _queue: usize) -> bool {
        true
    }

    fn notify(&self, _queue: usize) {
        panic!("nothing was used");
    }
}

#[test]
fn its_rings_are_not_written_to() {
    let version = Version { impl_id: 1, impl_caps: 0, gen_caps: 1, revision: String::new() };
    let make_tee = Arc::new(move || Ok(Arc::new(NoTee(version.clone())) as Arc<dyn Tee>));
    let device = Device::new("test", Partition::new(make_tee, Limits::default()).unwrap(), 1, false);
    for event_idx in [false, true] {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), LEN)]).unwrap();
        memory.write_slice(&[0x5a; LEN], GuestAddress(0)).unwrap();
        let mut rings = Queue::new(SIZE).unwrap();
        rings.try_set_avail_ring_address(GuestAddress(0x1000)).unwrap();
        rings.try_set_used_ring_address(GuestAddress(0x2000)).unwrap();
        rings.set_event_idx(event_idx);
        let door = Stopped { memory: Arc::new(memory), rings: Arc::new(Mutex::new(rings)) };
        device.process(1, &door);
        let mut bytes = [0; LEN];
        door.memory.read_slice(&mut bytes, GuestAddress(0)).unwrap();
        assert_eq!(bytes, [0x5a; LEN]);
    }
    device.shut_down(std::time::Duration::from_secs(60));
}
