// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Disconnection, reset, changes of memory, and the end of the daemon.

use std::slice::from_ref;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use virtio_tee_frontend::client::{invoke_func, Client, Param};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::Options;
use virtio_tee_spec as wire;
use wire::VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT;

use crate::common::fake_tee::{GATED, GATED_INCREMENT, INCREMENT, NOP, SLEEP, SLOW_TA};
use crate::common::{eventually, nothing_left, session, status, BackEnd};

#[test]
fn a_vm_that_disconnects_leaves_nothing_and_may_come_back() {
    let back_end = BackEnd::start();
    for round in 1..=20 {
        let mut client = back_end.connect();
        for _ in 0..3 {
            let (context, session) = session(&mut client);
            let page = client.allocate(1).unwrap();
            client.register(context, &[page.run()]).unwrap();
            let _sleeping = client.start_invoke(1, context, session, SLEEP, 0, &[]).unwrap();
        }
        eventually("the calls sleep", || back_end.tee.state.running() == 3);
        drop(client);
        nothing_left(&back_end);
        assert_eq!(back_end.tee.state.released.load(SeqCst), 3 * round);
    }
}

#[test]
fn a_call_that_does_not_end_keeps_no_vm_out() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    let _stuck = client.start_invoke(1, context, session1, GATED, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    drop(client);
    // Accepted once the grace is over.
    let mut client = back_end.connect();
    let (context, session2) = session(&mut client);
    assert_eq!(client.invoke(context, session2, NOP, &[]).unwrap().ret, 0);
    assert_eq!(back_end.tee.state.running(), 1);
    back_end.tee.state.open_gate(true);
    drop(client);
    nothing_left(&back_end);
}

#[test]
fn a_reset_ends_everything() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    for round in 1..=3 {
        let (context, session1) = session(&mut client);
        let page = client.allocate(1).unwrap();
        client.register(context, &[page.run()]).unwrap();
        let _sleeping = client.start_invoke(1, context, session1, SLEEP, 0, &[]).unwrap();
        let _opening = client.start_open_session(2, context, SLOW_TA, 0, &[]).unwrap();
        eventually("the calls run", || back_end.tee.state.running() == 2);
        client.reset().unwrap();
        nothing_left(&back_end);
        assert_eq!(back_end.tee.state.released.load(SeqCst), round);
        assert_eq!(status(client.close_context(context)), wire::VIRTIO_TEE_S_BAD_CONTEXT);
        let (again, session2) = session(&mut client);
        assert_ne!(again, context);
        assert_eq!(client.invoke(again, session2, NOP, &[]).unwrap().ret, 0);
        client.close_context(again).unwrap();
    }
}

#[test]
fn memory_may_come_and_go_while_calls_run() {
    let back_end = BackEnd::start();
    let far = 0x5000_0000;
    let memory = vec![(0x4000_0000, 16 << 20), (far, 1 << 20)];
    let mut client = back_end.connect_with(&Options { memory, ..Options::default() });
    let (context, session) = session(&mut client);
    let registered = client.register(context, &[(far + PAGE, PAGE)]).unwrap();
    let transient = Param::transient(INOUT, &[(far, PAGE)], 0, PAGE);
    let call = client.start_invoke(1, context, session, GATED_INCREMENT, 0, from_ref(&transient)).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);

    client.front_end().plug_region(1, false).unwrap();
    let refused = client.invoke(context, session, INCREMENT, from_ref(&transient));
    assert_eq!(status(refused), wire::VIRTIO_TEE_S_BAD_ADDRESS);
    let param = Param::registered(INOUT, registered, 0, PAGE);
    assert_eq!(client.invoke(context, session, INCREMENT, from_ref(&param)).unwrap().ret, 0);
    back_end.tee.state.open_gate(true);
    assert_eq!(client.finish(call).unwrap().ret, 0);
    let byte = |client: &Client, addr| {
        let mut byte = [0];
        client.memory().read(addr, &mut byte).unwrap();
        byte[0]
    };
    assert_eq!((byte(&client, far), byte(&client, far + PAGE)), (1, 1));

    client.front_end().plug_region(1, true).unwrap();
    assert_eq!(client.invoke(context, session, INCREMENT, &[transient]).unwrap().ret, 0);
    assert_eq!(client.invoke(context, session, INCREMENT, &[param]).unwrap().ret, 0);
    assert_eq!((byte(&client, far), byte(&client, far + PAGE)), (2, 2));
    client.unregister(context, registered).unwrap();
}

#[test]
fn the_end_waits_for_calls_and_takes_no_more() {
    let mut back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let call = client.start_invoke(1, context, session, GATED, 0, &[]).unwrap();
    eventually("the call runs", || back_end.tee.state.running() == 1);
    let state = back_end.tee.state.clone();
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        state.open_gate(true);
    });
    back_end.stop(Duration::from_secs(60));
    opener.join().unwrap();
    assert_eq!(client.finish(call).unwrap().ret, 0);
    let request = invoke_func(context, session, NOP, 0, &[]);
    let late = client.enqueue(1, &request, size_of::<wire::CallResp>() as u32).unwrap();
    // Where it is a message, there is nobody to take it.
    let _ = client.kick(1);
    assert!(client.wait_for(&late, Duration::from_millis(50)).unwrap().is_none());
    nothing_left(&back_end);
    client.front_end().read_config(0, 4).unwrap_err();
}
