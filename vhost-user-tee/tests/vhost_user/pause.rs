// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What only vhost-user has: queues that are paused and go on, resets without a message, and a whole
//! memory table anew.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tee::gp;
use vhost::vhost_user::message::VhostUserProtocolFeatures;
use virtio_bindings::bindings::virtio_config::VIRTIO_F_ACCESS_PLATFORM;
use virtio_tee_frontend::client::{Client, Param};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::vhost_user::VhostUser;
use virtio_tee_spec as wire;
use wire::VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT;

use crate::common::fake_tee::{GATED, INCREMENT, NOP, SLEEP, SWAP};
use crate::common::{eventually, nothing_left, session, status, BackEnd};

fn stop_all(client: &mut Client) -> Vec<u16> {
    (0..3).map(|queue| client.front_end().stop_queue(queue).unwrap()).collect()
}

#[test]
fn a_pause_drains_calls_and_keeps_the_rest() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let call = client.start_invoke(1, context, session, GATED, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    let state = back_end.tee.state.clone();
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        state.open_gate(true);
    });
    let bases = stop_all(&mut client);
    opener.join().unwrap();
    // It had its answer before the queue stood still.
    assert_eq!(back_end.tee.state.running(), 0);
    assert_eq!(bases, [1, 2, 0]);
    let waiting =
        client.submit(1, &virtio_tee_frontend::client::invoke_func(context, session, NOP, 0, &[]), 24);
    for (queue, base) in bases.into_iter().enumerate() {
        client.front_end().start_queue(queue, base).unwrap();
    }
    assert_eq!(client.finish(call).unwrap().ret, 0);
    assert_eq!(client.finish(waiting.unwrap()).unwrap().ret, 0);
    assert_eq!(
        client.invoke(context, session, SWAP, &[Param::value_inout(1, 2)]).unwrap().params[0],
        (2, 1, 0)
    );
    client.close_context(context).unwrap();
}

#[test]
fn a_pause_outwaits_no_call() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let sleeping = client.start_invoke(1, context, session, SLEEP, 0, &[]).unwrap();
    let stuck = client.start_invoke(2, context, session, GATED, 0, &[]).unwrap();
    eventually("the calls run", || back_end.tee.state.running() == 2);
    let bases = stop_all(&mut client);
    assert_eq!(back_end.tee.state.running(), 1);
    assert_eq!(client.finish(sleeping).unwrap().ret, gp::ERROR_CANCEL);
    assert_eq!(status(client.finish(stuck)), wire::VIRTIO_TEE_S_IO);
    for (queue, base) in bases.into_iter().enumerate() {
        client.front_end().start_queue(queue, base).unwrap();
    }
    // What the call returns in the end goes nowhere.
    back_end.tee.state.open_gate(true);
    eventually("the call ends", || back_end.tee.state.running() == 0);
    for _ in 0..100 {
        assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
    }
    client.close_session(context, session).unwrap();
    client.close_context(context).unwrap();
}

#[test]
fn a_pause_gives_the_calls_of_all_queues_the_same_time() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let calls = [1, 2].map(|queue| client.start_invoke(queue, context, session, SLEEP, 0, &[]).unwrap());
    eventually("the calls run", || back_end.tee.state.running() == 2);
    let bases = [0, 1].map(|queue| client.front_end().stop_queue(queue).unwrap());
    // The queue of one of them has not been stopped yet.
    eventually("both calls have given up", || back_end.tee.state.running() == 0);
    let last = client.front_end().stop_queue(2).unwrap();
    for call in calls {
        assert_eq!(client.finish(call).unwrap().ret, gp::ERROR_CANCEL);
    }
    for (queue, base) in bases.into_iter().chain([last]).enumerate() {
        client.front_end().start_queue(queue, base).unwrap();
    }
    assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
}

#[test]
fn a_reset_without_a_message_is_noticed() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, _) = session(&mut client);
    let page = client.allocate(1).unwrap();
    client.register(context, &[page.run()]).unwrap();
    // Most front ends stop the queues, and begin at zero again.
    stop_all(&mut client);
    client.front_end().restart().unwrap();
    assert_eq!(status(client.close_context(context)), wire::VIRTIO_TEE_S_BAD_CONTEXT);
    nothing_left(&back_end);
    assert_eq!(back_end.tee.state.released.load(SeqCst), 1);
    let (again, session) = session(&mut client);
    assert_ne!(again, context);
    assert_eq!(client.invoke(again, session, NOP, &[]).unwrap().ret, 0);
}

/// The VMM waits, with all its VM.
#[test]
fn a_reset_by_message_outwaits_no_call() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let _stuck = client.start_invoke(1, context, session1, GATED, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    client.reset().unwrap();
    assert_eq!(back_end.tee.state.running(), 1);
    let (again, session2) = session(&mut client);
    assert_eq!(client.invoke(again, session2, NOP, &[]).unwrap().ret, 0);
    // What it returns in the end goes nowhere.
    back_end.tee.state.open_gate(true);
    eventually("the call ends", || back_end.tee.state.running() == 0);
    assert_eq!(client.invoke(again, session2, NOP, &[]).unwrap().ret, 0);
    client.close_context(again).unwrap();
    nothing_left(&back_end);
}

#[test]
fn a_memory_table_may_come_anew() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let page = client.allocate(PAGE).unwrap();
    let registered = client.register(context, &[page.run()]).unwrap();
    for round in 1..=3_u8 {
        client.front_end().set_memory().unwrap();
        let param = Param::registered(INOUT, registered, 0, PAGE);
        assert_eq!(client.invoke(context, session, INCREMENT, &[param]).unwrap().ret, 0);
        let param = Param::transient(INOUT, &[page.run()], 0, PAGE);
        assert_eq!(client.invoke(context, session, INCREMENT, &[param]).unwrap().ret, 0);
        assert_eq!(page.read(PAGE - 1, 1).unwrap(), [2 * round]);
    }
}

#[test]
fn protocol_features_are_what_is_done() {
    type Feature = VhostUserProtocolFeatures;
    let offered = |access_platform| {
        let back_end = BackEnd::with(Default::default(), access_platform);
        let mut client = back_end.connect();
        let accepts = client.front_end().offered_features() & 1 << VIRTIO_F_ACCESS_PLATFORM != 0;
        assert_eq!(accepts, access_platform);
        client.front_end().link::<VhostUser>().unwrap().offered_protocol_features()
    };
    let always = Feature::CONFIG
        | Feature::MQ
        | Feature::REPLY_ACK
        | Feature::CONFIGURE_MEM_SLOTS
        | Feature::RESET_DEVICE;
    assert_eq!(offered(false), always);
    // QEMU takes no device with ACCESS_PLATFORM without it.
    assert_eq!(offered(true), always | Feature::BACKEND_REQ);
}
