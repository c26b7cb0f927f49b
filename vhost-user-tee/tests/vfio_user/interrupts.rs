// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How the driver hears of used buffers.

use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_DATA_EVENTFD,
    VFIO_IRQ_SET_DATA_NONE, VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
};
use virtio_tee_frontend::client::{accept, header, Client, Pending};
use virtio_tee_frontend::ring::Ring;
use virtio_tee_frontend::vfio_user::message::SetIrqs;
use virtio_tee_frontend::vfio_user::pci::common;
use virtio_tee_frontend::vfio_user::{Command, VfioUser};
use virtio_tee_frontend::Options;
use virtio_tee_spec as wire;
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};
use zerocopy::IntoBytes;

use crate::common::fake_tee::NOP;
use crate::common::{eventually, session, BackEnd};

/// PCI's registers (PCI 3.0, 6.2).
const COMMAND: u64 = 4;
const STATUS: u64 = 6;
const INTX_DISABLE: u16 = 1 << 10;
const MASTER_AND_MEMORY: u16 = 6;

fn link(client: &mut Client) -> &mut VfioUser {
    client.front_end().link().unwrap()
}

fn set_irqs(client: &mut Client, flags: u32, index: u32, start: u32, count: u32) {
    give_irqs(client, flags, index, start, count, &[]);
}

fn give_irqs(client: &mut Client, flags: u32, index: u32, start: u32, count: u32, fds: &[RawFd]) {
    let request = SetIrqs { argsz: size_of::<SetIrqs>() as u32, flags, index, start, count };
    let connection = link(client).pci().connection().clone();
    connection.request(Command::SetIrqs, request.as_bytes(), fds).unwrap();
}

/// How often each queue has interrupted.
fn calls(client: &mut Client) -> Vec<u64> {
    client.front_end().queues.iter_mut().map(Ring::calls).collect()
}

#[test]
fn every_queue_has_a_vector_of_its_own() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    // The driver asks to be told of each call, and they come one after the other.
    let mut expected = [1, 1, 0];
    for queue in [1, 2, 0, 2, 1, 0] {
        if queue == 0 {
            client.version().unwrap();
        } else {
            let call = client.start_invoke(queue, context, session, NOP, 0, &[]).unwrap();
            assert_eq!(client.finish(call).unwrap().ret, 0);
        }
        expected[queue] += 1;
        // The answer may have been seen before its interrupt was.
        eventually("one interrupt for each call", || calls(&mut client) == expected);
    }
    assert_eq!(link(&mut client).config_changes(), 0);
}

#[test]
fn vectors_are_the_drivers_to_assign() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    eventually("interrupts of what was before", || calls(&mut client) == [1, 1, 0]);
    let pci = link(&mut client).pci().clone();
    // Makes a call on queue 2, whose vector is `vector`, and says how often each ring was told.
    let told = |client: &mut Client, vector: u16| {
        pci.set_16(common::QUEUE_SELECT, 2).unwrap();
        pci.set_16(common::QUEUE_MSIX_VECTOR, vector).unwrap();
        let before = calls(client);
        let call = client.start_invoke(2, context, session, NOP, 0, &[]).unwrap();
        eventually("the call ends", || client.wait_for(&call, Duration::ZERO).unwrap().is_some());
        // Then whoever was to be told has been.
        client.front_end().stop_queue(2).unwrap();
        let after = calls(client);
        client.front_end().renew_queue(2).unwrap();
        client.front_end().start_queue(2, 0).unwrap();
        after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut client, 2), [0, 1, 0]);
    assert_eq!(told(&mut client, 1), [1, 0, 0]);
    assert_eq!(told(&mut client, 0), [0, 0, 0]);
    assert_eq!(link(&mut client).config_changes(), 1);
    assert_eq!(told(&mut client, 0xffff), [0, 0, 0]);
    assert_eq!(told(&mut client, 3), [0, 0, 1]);
    // Signals for a test, and a vector without a descriptor: as in QEMU while it is masked.
    let signal = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE;
    set_irqs(&mut client, signal, VFIO_PCI_MSIX_IRQ_INDEX, 3, 1);
    assert_eq!(client.front_end().queues[2].calls(), 1);
    set_irqs(&mut client, signal, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0);
    assert_eq!(told(&mut client, 3), [0, 0, 0]);
}

/// Without MSI-X there is a line for all queues.
struct Line {
    client: Client,
    line: EventFd,
}

impl Line {
    fn new(back_end: &BackEnd) -> Self {
        let line = EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK).unwrap();
        let mut link = VfioUser::connect(&back_end.socket()).unwrap();
        link.use_intx(line.try_clone().unwrap());
        Self { client: BackEnd::client(link, &Options::default()), line }
    }

    fn start(&mut self) -> Pending {
        let request = header(wire::VIRTIO_TEE_CMD_GET_VERSION, 0);
        let len = size_of::<wire::GetVersionResp>() as u32;
        self.client.submit(0, request.as_bytes(), len).unwrap()
    }

    /// Waits for a call, of which this end is not told.
    fn finish(&mut self, call: Pending) {
        let mut answer = None;
        eventually("the call ends", || {
            answer = self.client.wait_for(&call, Duration::ZERO).unwrap();
            answer.is_some()
        });
        accept(&answer.unwrap()).unwrap();
    }

    fn heard(&self) -> bool {
        self.line.read().is_ok()
    }

    fn wait(&self) {
        eventually("the line goes up", || self.heard());
    }

    fn unmask(&mut self) {
        let flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE;
        set_irqs(&mut self.client, flags, VFIO_PCI_INTX_IRQ_INDEX, 0, 1);
    }

    fn isr(&mut self) -> u8 {
        link(&mut self.client).pci().read_isr().unwrap()
    }

    fn set_command(&mut self, command: u16) {
        link(&mut self.client).pci().write_config(COMMAND, &command.to_le_bytes()).unwrap();
    }

    /// The interrupt bit of the status register.
    fn pending(&mut self) -> bool {
        let [status, _] = link(&mut self.client).pci().read_config(STATUS).unwrap();
        status & 8 != 0
    }
}

#[test]
fn without_msi_x_there_is_a_line() {
    let back_end = BackEnd::start();
    let mut line = Line::new(&back_end);
    assert!(!line.heard() && !line.pending());
    let call = line.start();
    line.wait();
    line.finish(call);
    assert!(line.pending());
    assert_eq!((line.isr(), line.isr()), (1, 0));
    assert!(!line.pending());
    line.unmask();
    assert!(!line.heard());

    // Not signalled again before it is unmasked, but then, for the driver has not heard of the second.
    let call = line.start();
    line.wait();
    line.finish(call);
    assert_eq!(line.isr(), 1);
    let call = line.start();
    line.finish(call);
    eventually("the second is pending", || line.pending());
    assert!(!line.heard());
    line.unmask();
    line.wait();
    // Up it stays: a driver that looks elsewhere is told until it reads the ISR status.
    line.unmask();
    line.wait();
    assert_eq!(line.isr(), 1);
    line.unmask();
    assert!(!line.heard());
}

#[test]
fn an_event_unmasks_the_line() {
    let back_end = BackEnd::start();
    let mut line = Line::new(&back_end);
    // What a VMM hands over whose kernel sees the end of an interrupt.
    let unmask = EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK).unwrap();
    let flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_EVENTFD;
    give_irqs(&mut line.client, flags, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &[unmask.as_raw_fd()]);
    let call = line.start();
    line.wait();
    line.finish(call);
    // The driver has not looked yet: it is told again, each time.
    for _ in 0..3 {
        assert!(!line.heard());
        unmask.write(1).unwrap();
        line.wait();
    }
    assert_eq!(line.isr(), 1);
    unmask.write(1).unwrap();
    // Messages are heard as before.
    let call = line.start();
    line.wait();
    line.finish(call);
    assert_eq!(line.isr(), 1);
}

#[test]
fn a_line_that_is_disabled_is_pending() {
    let back_end = BackEnd::start();
    let mut line = Line::new(&back_end);
    line.set_command(MASTER_AND_MEMORY | INTX_DISABLE);
    let call = line.start();
    line.finish(call);
    eventually("it is pending", || line.pending());
    assert!(!line.heard());
    line.set_command(MASTER_AND_MEMORY);
    line.wait();
    assert_eq!(line.isr(), 1);
}

#[test]
fn every_queue_uses_the_line() {
    let back_end = BackEnd::start();
    let mut line = Line::new(&back_end);
    for queue in 0..3 {
        let refused = header(99, 0);
        let call = line.client.submit(queue, refused.as_bytes(), 64).unwrap();
        line.wait();
        eventually("the call ends", || line.client.wait_for(&call, Duration::ZERO).unwrap().is_some());
        assert_eq!(line.isr(), 1);
        line.unmask();
    }
}
