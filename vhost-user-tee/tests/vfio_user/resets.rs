// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Resets of a queue, of the device and of the function, with calls in flight. While they go on the
//! registers can be read, and say so.

use std::time::{Duration, Instant};

use tee::gp;
use virtio_tee_frontend::client::{Client, Param, Pending};
use virtio_tee_frontend::memory::{Pages, PAGE};
use virtio_tee_frontend::vfio_user::pci::common;
use virtio_tee_frontend::vfio_user::{Command, VfioUser};
use virtio_tee_spec::{self as wire, VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT};

use crate::common::fake_tee::{GATED, NOP, SLEEP};
use crate::common::{eventually, nothing_left, session, status, BackEnd};

/// More than all the time that a reset gives calls which might still end.
const LONGER_THAN_GRACE: Duration = Duration::from_secs(6);
/// The same of a reset of a queue.
const LONGER_THAN_QUEUE_GRACE: Duration = Duration::from_secs(17);

/// Holds a condition against time.
fn stays(what: &str, time: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(condition(), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn link(client: &mut Client) -> &mut VfioUser {
    client.front_end().link().unwrap()
}

/// The driver may start the queue again.
fn restart_queue(client: &mut Client, queue: usize) {
    client.front_end().renew_queue(queue).unwrap();
    client.front_end().start_queue(queue, 0).unwrap();
}

fn nop(client: &mut Client, queue: usize, context: u64, session: u32) {
    let call = client.start_invoke(queue, context, session, NOP, 0, &[]).unwrap();
    assert_eq!(client.finish(call).unwrap().ret, 0);
}

/// A call that nothing ends but the gate, with memory.
fn stuck(client: &mut Client, context: u64, session: u32) -> (Pending, Pages) {
    let page = client.allocate(PAGE).unwrap();
    let params = [Param::transient(INOUT, &[page.run()], 0, PAGE)];
    (client.start_invoke(1, context, session, GATED, 0, &params).unwrap(), page)
}

fn is_resetting(client: &mut Client, queue: u16) -> bool {
    let pci = link(client).pci();
    pci.set_16(common::QUEUE_SELECT, queue).unwrap();
    match (pci.read_16(common::QUEUE_RESET).unwrap(), pci.read_16(common::QUEUE_ENABLE).unwrap()) {
        (1, 1) => true,
        (0, 0) => false,
        other => panic!("queue_reset and queue_enable are {other:?}"),
    }
}

#[test]
fn a_queue_reset_waits_for_calls_and_keeps_the_rest() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    for _ in 0..3 {
        let call = client.start_invoke(1, context, session, GATED, 0, &[]).unwrap();
        eventually("the call runs", || back_end.tee.state.running() == 1);
        link(&mut client).begin_queue_reset(1).unwrap();
        assert!(is_resetting(&mut client, 1));
        // Asked for again, and kicked, meanwhile.
        link(&mut client).begin_queue_reset(1).unwrap();
        client.front_end().queues[1].force_kick().unwrap();
        // Other queues are not concerned.
        nop(&mut client, 2, context, session);
        client.version().unwrap();
        assert!(is_resetting(&mut client, 1));
        back_end.tee.state.open_gate(true);
        link(&mut client).wait_queue_reset(1).unwrap();
        assert!(!is_resetting(&mut client, 1));
        // The call had its answer before.
        assert_eq!(client.finish(call).unwrap().ret, 0);
        restart_queue(&mut client, 1);
        nop(&mut client, 1, context, session);
        back_end.tee.state.open_gate(false);
    }
    client.close_context(context).unwrap();
    nothing_left(&back_end);
}

/// Its memory is not the driver's before.
#[test]
fn a_queue_reset_is_not_over_before_its_calls() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let sleeping = client.start_invoke(1, context, session, SLEEP, 0, &[]).unwrap();
    let (stuck, _page) = stuck(&mut client, context, session);
    let other = client.start_invoke(2, context, session, GATED, 0, &[]).unwrap();
    eventually("the calls run", || back_end.tee.state.running() == 3);
    link(&mut client).begin_queue_reset(1).unwrap();
    eventually("what heeds it is cancelled", || back_end.tee.state.running() == 2);
    client.wait(sleeping).unwrap();
    stays("the queue is being reset", LONGER_THAN_QUEUE_GRACE, || is_resetting(&mut client, 1));
    back_end.tee.state.open_gate(true);
    link(&mut client).wait_queue_reset(1).unwrap();
    // What it returned in the end is the answer.
    assert_eq!(client.finish(stuck).unwrap().ret, 0);
    assert_eq!(client.finish(other).unwrap().ret, 0);
    restart_queue(&mut client, 1);
    nop(&mut client, 1, context, session);
}

/// There is nothing of the driver's that it could still write to.
#[test]
fn a_call_without_memory_keeps_no_reset_waiting() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let call = client.start_invoke(1, context, session1, GATED, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    link(&mut client).begin_queue_reset(1).unwrap();
    link(&mut client).wait_queue_reset(1).unwrap();
    assert_eq!(status(client.finish(call)), wire::VIRTIO_TEE_S_IO);
    restart_queue(&mut client, 1);
    let _call = client.start_invoke(1, context, session1, GATED, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 2);
    client.reset().unwrap();
    assert_eq!(back_end.tee.state.running(), 2);
    let (again, session2) = session(&mut client);
    nop(&mut client, 1, again, session2);
    back_end.tee.state.open_gate(true);
    client.close_context(again).unwrap();
    nothing_left(&back_end);
}

#[test]
fn a_queue_reset_ends_no_call_of_another() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let own = client.start_invoke(1, context, session, SLEEP, 1, &[]).unwrap();
    let other = client.start_invoke(2, context, session, SLEEP, 2, &[]).unwrap();
    eventually("the calls run", || back_end.tee.state.running() == 2);
    client.front_end().stop_queue(1).unwrap();
    assert_eq!(client.finish(own).unwrap().ret, gp::ERROR_CANCEL);
    // Nobody has asked it to give up: it can be cancelled still.
    assert_eq!(back_end.tee.state.running(), 1);
    client.cancel(context, session, 2).unwrap();
    assert_eq!(client.finish(other).unwrap().ret, gp::ERROR_CANCEL);
    restart_queue(&mut client, 1);
    nop(&mut client, 1, context, session);
}

/// And keeps nobody waiting meanwhile.
#[test]
fn a_device_reset_is_not_over_before_its_calls() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let (_stuck, _page) = stuck(&mut client, context, session1);
    eventually("the call runs", || back_end.tee.state.running() == 1);
    link(&mut client).begin_reset().unwrap();
    stays("the device is being reset", Duration::from_secs(1), || {
        let pci = link(&mut client).pci();
        assert_eq!(pci.read_16(common::NUM_QUEUES).unwrap(), 3);
        pci.read_config::<4>(0).unwrap();
        // Nothing can be set up or notified meanwhile.
        pci.write(common::DEVICE_STATUS, &[1]).unwrap();
        pci.write(common::DEVICE_STATUS, &[0]).unwrap();
        client.front_end().queues[1].force_kick().unwrap();
        link(&mut client).pci().status().unwrap() != 0
    });
    stays("the device is being reset", LONGER_THAN_GRACE, || link(&mut client).pci().status().unwrap() != 0);
    back_end.tee.state.open_gate(true);
    link(&mut client).wait_reset().unwrap();
    assert_eq!(back_end.tee.state.running(), 0);
    client.front_end().restart().unwrap();
    assert_eq!(status(client.close_context(context)), wire::VIRTIO_TEE_S_BAD_CONTEXT);
    let (again, session2) = session(&mut client);
    nop(&mut client, 1, again, session2);
}

#[test]
fn a_device_reset_overtakes_a_queue_reset() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let _sleeping = client.start_invoke(1, context, session1, SLEEP, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    link(&mut client).begin_queue_reset(1).unwrap();
    client.reset().unwrap();
    nothing_left(&back_end);
    let (context, session2) = session(&mut client);
    nop(&mut client, 1, context, session2);
    nop(&mut client, 2, context, session2);
}

/// A function that has been reset is as it was when it was switched on; its memory stays mapped.
fn as_switched_on(client: &mut Client) {
    let pci = link(client).pci();
    assert_eq!(pci.status().unwrap(), 0);
    pci.set_16(common::QUEUE_SELECT, 1).unwrap();
    assert_eq!(pci.read_16(common::QUEUE_ENABLE).unwrap(), 0);
    assert_eq!(pci.read_16(common::QUEUE_SIZE).unwrap(), 1024);
    pci.enable().unwrap();
    client.front_end().restart().unwrap();
    let (context, session) = session(client);
    nop(client, 1, context, session);
}

#[test]
fn a_function_level_reset_ends_everything() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    for _ in 0..3 {
        let (context, session1) = session(&mut client);
        let _sleeping = client.start_invoke(1, context, session1, SLEEP, 0, &[]).unwrap();
        eventually("the call runs", || back_end.tee.state.running() == 1);
        let pci = link(&mut client).pci().clone();
        pci.initiate_flr().unwrap();
        // The command register is among what is reset.
        eventually("the reset is over", || pci.read_config::<2>(4).unwrap() == [0; 2]);
        nothing_left(&back_end);
        as_switched_on(&mut client);
    }
}

#[test]
fn resets_that_are_asked_for_again_and_again_are_one() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    // One that takes its time to be reset.
    let (_stuck, _page) = stuck(&mut client, context, session1);
    eventually("the call runs", || back_end.tee.state.running() == 1);
    let pci = link(&mut client).pci().clone();
    for _ in 0..1000 {
        link(&mut client).begin_queue_reset(1).unwrap();
        pci.write(common::DEVICE_STATUS, &[0]).unwrap();
        pci.initiate_flr().unwrap();
    }
    // Other tests of this process have a few, this one a thread for each kind.
    let resets = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| ["test reset", "test queue", "test funct"].iter().any(|kind| name.starts_with(kind)))
        .count();
    assert!(resets < 100, "{resets} threads");
    back_end.tee.state.open_gate(true);
    eventually("the reset is over", || pci.read_config::<2>(4).unwrap() == [0; 2]);
    as_switched_on(&mut client);
}

#[test]
fn a_reset_by_message_ends_everything() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    for _ in 0..3 {
        let (context, session1) = session(&mut client);
        let _sleeping = client.start_invoke(1, context, session1, SLEEP, 0, &[]).unwrap();
        eventually("the call runs", || back_end.tee.state.running() == 1);
        let connection = link(&mut client).pci().connection().clone();
        assert!(connection.request(Command::DeviceReset, &[], &[]).unwrap().is_empty());
        // Over with the answer.
        assert_eq!(back_end.tee.state.running(), 0);
        nothing_left(&back_end);
        as_switched_on(&mut client);
    }
}

/// The VMM waits, with all its VM; QEMU not for long.
#[test]
fn a_reset_by_message_outwaits_no_call() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let (_stuck, _page) = stuck(&mut client, context, session1);
    eventually("the call runs", || back_end.tee.state.running() == 1);
    let connection = link(&mut client).pci().connection().clone();
    assert!(connection.request(Command::DeviceReset, &[], &[]).unwrap().is_empty());
    assert_eq!(back_end.tee.state.running(), 1);
    as_switched_on(&mut client);

    // Nor the driver's resets, which the VMM's overtakes.
    let pci = link(&mut client).pci().clone();
    link(&mut client).begin_queue_reset(1).unwrap();
    link(&mut client).begin_reset().unwrap();
    pci.initiate_flr().unwrap();
    stays("the function is being reset", Duration::from_secs(1), || {
        pci.read_config::<2>(4).unwrap() != [0; 2]
    });
    connection.request(Command::DeviceReset, &[], &[]).unwrap();
    assert_eq!(back_end.tee.state.running(), 1);
    as_switched_on(&mut client);

    // The next of the driver's outwaits it again.
    link(&mut client).begin_reset().unwrap();
    stays("the device is being reset", LONGER_THAN_GRACE, || link(&mut client).pci().status().unwrap() != 0);
    back_end.tee.state.open_gate(true);
    link(&mut client).wait_reset().unwrap();
    nothing_left(&back_end);
}

/// Nor does the daemon.
#[test]
fn a_vm_that_waits_for_its_calls_in_a_reset_may_leave() {
    let mut back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let (_stuck, _page) = stuck(&mut client, context, session1);
    eventually("the call runs", || back_end.tee.state.running() == 1);
    link(&mut client).begin_reset().unwrap();
    stays("the device is being reset", LONGER_THAN_GRACE, || link(&mut client).pci().status().unwrap() != 0);
    drop(client);
    let mut client = back_end.connect();
    let (context, session2) = session(&mut client);
    nop(&mut client, 1, context, session2);
    let (_stuck, _page) = stuck(&mut client, context, session2);
    eventually("the call runs", || back_end.tee.state.running() == 2);
    link(&mut client).begin_reset().unwrap();
    back_end.stop(Duration::ZERO);
    assert_eq!(back_end.tee.state.running(), 2);
    back_end.tee.state.open_gate(true);
    nothing_left(&back_end);
}

#[test]
fn a_vm_that_leaves_in_a_reset_may_come_back() {
    let back_end = BackEnd::start();
    for by_queue in [true, false] {
        let mut client = back_end.connect();
        let (context, session1) = session(&mut client);
        let _sleeping = client.start_invoke(1, context, session1, SLEEP, 0, &[]).unwrap();
        eventually("the call runs", || back_end.tee.state.running() == 1);
        if by_queue {
            link(&mut client).begin_queue_reset(1).unwrap();
        } else {
            link(&mut client).begin_reset().unwrap();
        }
        drop(client);
        let mut client = back_end.connect();
        let (context, session2) = session(&mut client);
        nop(&mut client, 1, context, session2);
        drop(client);
        nothing_left(&back_end);
    }
}
