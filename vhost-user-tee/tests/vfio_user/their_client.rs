// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The same device driven by a client of others' making: crate `vfio_user`'s, which is
//! cloud-hypervisor's.

use std::any::Any;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_PCI_CONFIG_REGION_INDEX as CONFIG,
    VFIO_PCI_MSIX_IRQ_INDEX,
};
use vfio_user::Client;
use virtio_tee_frontend::client::Param;
use virtio_tee_frontend::link::{Doorbell, Link, Rings};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::vfio_user::pci::common;
use virtio_tee_frontend::{Error, Options};
use virtio_tee_spec::VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT;
use vm_memory::{GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap};
use vmm_sys_util::eventfd::EventFd;

use crate::common::fake_tee::{INCREMENT, SLEEP, SWAP};
use crate::common::{eventually, nothing_left, session, BackEnd};

/// Where the structures of virtio are in BAR 0, and MSI-X's control register in the configuration
/// space: as the device has them, which the other tests look up.
const DEVICE: u64 = 0x2000;
const NOTIFY: u64 = 0x3000;
const MSIX_CONTROL: u64 = 0x42;

/// Their client does not tell errors from answers; so what was done is read back.
struct Theirs(Arc<Mutex<Client>>);

impl Theirs {
    fn new(back_end: &BackEnd) -> Self {
        let client = Client::new(&back_end.socket()).unwrap();
        assert_eq!(client.region(0).unwrap().size, 0x4000);
        assert_eq!(client.region(CONFIG).unwrap().size, 4096);
        Self(Arc::new(Mutex::new(client)))
    }

    fn read<const N: usize>(&self, region: u32, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap().region_read(region, offset, &mut bytes).unwrap();
        bytes
    }

    fn write(&self, region: u32, offset: u64, bytes: &[u8]) {
        self.0.lock().unwrap().region_write(region, offset, bytes).unwrap();
    }

    fn set<const N: usize>(&self, register: u64, value: [u8; N]) {
        self.write(0, register, &value);
        assert_eq!(self.read(0, register), value, "register {register}");
    }

    fn take_vector(&self, vector: u32, fd: &EventFd) {
        let flags = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
        let fds = [fd.as_raw_fd()];
        self.0.lock().unwrap().set_irqs(VFIO_PCI_MSIX_IRQ_INDEX, flags, vector, 1, &fds).unwrap();
    }
}

impl Link for Theirs {
    fn offered_features(&self) -> u64 {
        let half = |select: u32| {
            self.set(common::DEVICE_FEATURE_SELECT, select.to_le_bytes());
            u64::from(u32::from_le_bytes(self.read(0, common::DEVICE_FEATURE)))
        };
        half(0) | half(1) << 32
    }

    fn negotiate(&mut self, features: u64) -> Result<(), Error> {
        // Memory and bus mastering, MSI-X.
        self.write(CONFIG, 4, &6_u16.to_le_bytes());
        self.write(CONFIG, MSIX_CONTROL, &(1_u16 << 15).to_le_bytes());
        let count = self.0.lock().unwrap().get_irq_info(VFIO_PCI_MSIX_IRQ_INDEX).unwrap().count;
        assert_eq!(u16::from_le_bytes(self.read(CONFIG, MSIX_CONTROL)), 1 << 15 | (count as u16 - 1));
        self.set(common::DEVICE_STATUS, [3]);
        for select in 0..2_u32 {
            self.set(common::DRIVER_FEATURE_SELECT, select.to_le_bytes());
            self.set(common::DRIVER_FEATURE, ((features >> (32 * select)) as u32).to_le_bytes());
        }
        self.set(common::DEVICE_STATUS, [0xb]);
        Ok(())
    }

    fn set_memory(&mut self, memory: &GuestMemoryMmap) -> Result<(), Error> {
        memory.iter().try_for_each(|region| self.plug(region))
    }

    fn plug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        let file = region.file_offset().unwrap();
        let (start, len) = (region.start_addr().0, region.len());
        self.0.lock().unwrap().dma_map(file.start(), start, len, file.file().as_raw_fd()).unwrap();
        Ok(())
    }

    fn unplug(&mut self, region: &GuestRegionMmap) -> Result<(), Error> {
        self.0.lock().unwrap().dma_unmap(region.start_addr().0, region.len()).unwrap();
        Ok(())
    }

    fn start_queue(&mut self, index: usize, rings: &Rings, call: &EventFd) -> Result<Doorbell, Error> {
        let queue = index as u16;
        self.set(common::QUEUE_SELECT, queue.to_le_bytes());
        self.set(common::QUEUE_SIZE, rings.size.to_le_bytes());
        self.set(common::QUEUE_DESC, rings.desc_table.to_le_bytes());
        self.set(common::QUEUE_DRIVER, rings.avail_ring.to_le_bytes());
        self.set(common::QUEUE_DEVICE, rings.used_ring.to_le_bytes());
        self.take_vector(u32::from(queue), call);
        self.set(common::QUEUE_MSIX_VECTOR, queue.to_le_bytes());
        self.set(common::QUEUE_ENABLE, 1_u16.to_le_bytes());
        let client = self.0.clone();
        Ok(Doorbell::new(move || {
            let at = NOTIFY + 4 * u64::from(queue);
            client.lock().unwrap().region_write(0, at, &queue.to_le_bytes()).unwrap();
            Ok(())
        }))
    }

    fn run(&mut self) -> Result<(), Error> {
        self.set(common::DEVICE_STATUS, [0xf]);
        Ok(())
    }

    fn stop_queue(&mut self, _index: usize) -> Result<u16, Error> {
        Err(Error::Missing("resets of queues here"))
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.0.lock().unwrap().reset().unwrap();
        assert_eq!(self.read(0, common::DEVICE_STATUS), [0]);
        Ok(())
    }

    fn read_config(&mut self, offset: u32, len: u32) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len as usize];
        self.0.lock().unwrap().region_read(0, DEVICE + u64::from(offset), &mut bytes).unwrap();
        Ok(bytes)
    }

    fn write_config(&mut self, _offset: u32, _bytes: &[u8]) -> Result<(), Error> {
        Err(Error::Missing("writes to the configuration here"))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.0.lock().unwrap().shutdown().unwrap();
    }
}

#[test]
fn it_drives_the_device() {
    const FAR: u64 = 0x5000_0000;
    let back_end = BackEnd::start();
    let memory = vec![(0x4000_0000, 16 << 20), (FAR, 1 << 20)];
    let options = Options { memory, ..Options::default() };
    for _ in 0..3 {
        let mut client = BackEnd::client(Theirs::new(&back_end), &options);
        assert_eq!(client.front_end().config().num_request_queues.get(), 2);
        for _ in 0..2 {
            let (context, session) = session(&mut client);
            let result = client.invoke(context, session, SWAP, &[Param::value_inout(1, 2)]).unwrap();
            assert_eq!(result.params, [(2, 1, 0)]);
            let memory = client.register(context, &[(FAR, PAGE)]).unwrap();
            let param = [Param::registered(INOUT, memory, 0, PAGE)];
            client.front_end().plug_region(1, false).unwrap();
            assert_eq!(client.invoke(context, session, INCREMENT, &param).unwrap().ret, 0);
            client.front_end().plug_region(1, true).unwrap();
            let _sleeping = client.start_invoke(2, context, session, SLEEP, 0, &[]).unwrap();
            eventually("the call sleeps", || back_end.tee.state.running() == 1);
            client.reset().unwrap();
            nothing_left(&back_end);
        }
        let mut bytes = [0];
        client.memory().read(FAR, &mut bytes).unwrap();
        assert_eq!(bytes, [2]);
    }
}
