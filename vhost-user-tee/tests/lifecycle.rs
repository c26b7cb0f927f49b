// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Disconnection, reset, pause, changes of memory, and the end of the daemon.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::slice::from_ref;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{mpsc, Arc, Mutex};
use std::time::Duration;

use common::fake_tee::{FakeTee, GATED, GATED_INCREMENT, GATED_TA, INCREMENT, NOP, SLEEP, SWAP, TA};
use common::{eventually, status, BackEnd};
use tee::{gp, Context, Failure, OpenSession, Tee, Version};
use vhost_user_tee::partition::{self, Limits, Partition};
use virtio_tee_frontend::client::{Client, Param};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::ring::HANG;
use virtio_tee_frontend::{Error, Options};
use virtio_tee_spec as wire;
use wire::VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT;

fn session(client: &mut Client) -> (u64, u32) {
    let context = client.open_context().unwrap();
    (context, client.open_session(context, TA, &[]).unwrap().session)
}

/// Nothing of a connection is left in the TEE.
fn nothing_left(back_end: &BackEnd) {
    let state = &back_end.tee.state;
    eventually("everything is freed", || {
        state.contexts.load(SeqCst) == 0 && state.sessions.load(SeqCst) == 0 && state.running() == 0
    });
}

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
fn a_reset_ends_everything() {
    for by_message in [true, false] {
        let back_end = BackEnd::start();
        let mut client = back_end.connect();
        let (context, _) = session(&mut client);
        let page = client.allocate(1).unwrap();
        client.register(context, &[page.run()]).unwrap();
        if by_message {
            client.front_end().reset_device().unwrap();
        }
        stop_all(&mut client);
        for queue in 0..3 {
            client.front_end().renew_queue(queue).unwrap();
            client.front_end().start_queue(queue, 0).unwrap();
        }
        assert_eq!(status(client.close_context(context)), wire::VIRTIO_TEE_S_BAD_CONTEXT);
        nothing_left(&back_end);
        assert_eq!(back_end.tee.state.released.load(SeqCst), 1);
        let (again, session) = session(&mut client);
        assert_ne!(again, context);
        assert_eq!(client.invoke(again, session, NOP, &[]).unwrap().ret, 0);
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
    // The whole table anew, as some front ends do it.
    client.front_end().set_mem_table().unwrap();
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
    let late = client.start_invoke(1, context, session, NOP, 0, &[]).unwrap();
    assert!(client.wait_for(&late, Duration::from_millis(50)).unwrap().is_none());
    nothing_left(&back_end);
    assert!(matches!(client.front_end().read_config(0, 4), Err(Error::Vhost(_) | Error::VhostUser(_))));
}

/// A TEE that tells when it is dropped, and waits then until it may be.
struct SlowToEnd {
    tee: FakeTee,
    ending: mpsc::Sender<()>,
    may_end: Mutex<mpsc::Receiver<()>>,
}

impl Tee for SlowToEnd {
    fn version(&self) -> &Version {
        self.tee.version()
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        self.tee.open_context()
    }
}

impl Drop for SlowToEnd {
    fn drop(&mut self) {
        self.ending.send(()).unwrap();
        self.may_end.lock().unwrap().recv_timeout(HANG).unwrap();
    }
}

#[test]
fn a_reset_that_finds_no_new_tee() {
    let (ending, ends) = mpsc::channel();
    let (let_end, may_end) = mpsc::channel();
    let tee = FakeTee::new();
    let state = tee.state.clone();
    let first = Mutex::new(Some(SlowToEnd { tee, ending, may_end: Mutex::new(may_end) }));
    let made = AtomicUsize::new(0);
    let make_tee = move || match made.fetch_add(1, SeqCst) {
        0 => Ok(Arc::new(first.lock().unwrap().take().unwrap()) as Arc<dyn Tee>),
        1 => Err("none, as asked to".into()),
        _ => Ok(Arc::new(FakeTee::new()) as Arc<dyn Tee>),
    };
    let partition = Partition::new(Arc::new(make_tee), Limits::default()).unwrap();
    let context = partition.open_context().unwrap();
    let request = OpenSession { uuid: GATED_TA, login: gp::LOGIN_PUBLIC, client: uuid::Uuid::nil() };
    partition.open_session(context, request, Vec::new(), 0, Box::new(|_| ())).unwrap();
    eventually("the call runs", || state.running() == 1);

    std::thread::scope(|scope| {
        let reset = scope.spawn(|| partition.reset(Duration::from_millis(10)));
        ends.recv_timeout(HANG).unwrap();
        // The TEE is being dropped, and nobody else waits for that.
        assert_eq!(partition.totals().contexts, 1);
        let_end.send(()).unwrap();
        assert!(reset.join().unwrap().is_err());
    });
    assert!(matches!(partition.open_context(), Err(partition::Error::Stopping)));
    state.open_gate(true);
    eventually("everything is freed", || state.contexts.load(SeqCst) == 0);
    partition.reset(HANG).unwrap();
    partition.open_context().unwrap();
    assert_eq!(partition.shut_down(HANG), 0);
}
