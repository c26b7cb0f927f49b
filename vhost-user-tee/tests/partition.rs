// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A partition by itself: what no door can bring about.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

#[path = "common/fake_tee.rs"]
#[allow(dead_code, unreachable_pub)] // It is for the others as well.
mod fake_tee;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{mpsc, Arc, Mutex};
use std::time::{Duration, Instant};

use fake_tee::{FakeTee, State, GATED, GATED_TA, SLEEP, TA};
use tee::{gp, Context, Failure, GiveUp, OpenSession, Tee, Version};
use vhost_user_tee::partition::{self, Limits, Outcome, Partition, Tag};
use virtio_tee_frontend::ring::HANG;

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + HANG;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
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
    partition.open_session(context, request, Vec::new(), Tag::default(), Box::new(|_| ())).unwrap();
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

/// A partition on a fake TEE, which does what its state says.
fn partition() -> (Partition, Arc<State>) {
    let tee = Arc::new(FakeTee::new());
    let state = tee.state.clone();
    let make_tee = move || Ok(tee.clone() as Arc<dyn Tee>);
    (Partition::new(Arc::new(make_tee), Limits::default()).unwrap(), state)
}

fn session(partition: &Partition, context: u64) -> u32 {
    let (opened, opens) = mpsc::channel();
    let request = OpenSession { uuid: TA, login: gp::LOGIN_PUBLIC, client: uuid::Uuid::nil() };
    let done = Box::new(move |outcome: Result<Outcome, _>| opened.send(outcome.unwrap().result).unwrap());
    partition.open_session(context, request, Vec::new(), Tag::default(), done).unwrap();
    opens.recv_timeout(HANG).unwrap().unwrap()
}

fn invoke(partition: &Partition, context: u64, session: u32, func: u32) {
    partition.invoke(context, session, func, Vec::new(), Tag::default(), Box::new(|_| ())).unwrap();
}

#[test]
fn a_session_that_begins_to_close_in_a_closing_context_keeps_it_not_for_good() {
    let (partition, state) = partition();
    let context = partition.open_context().unwrap();
    let sessions = [session(&partition, context), session(&partition, context)];
    state.close_sleeps.store(true, SeqCst);
    invoke(&partition, context, sessions[0], SLEEP);
    invoke(&partition, context, sessions[1], GATED);
    eventually("the calls run", || state.running() == 2);
    partition.close_session(context, sessions[0], 1, Box::new(|()| ())).unwrap();
    let (closed, closes) = mpsc::channel();
    partition.close_context(context, Box::new(move |()| closed.send(()).unwrap())).unwrap();
    // The first call is cancelled, and its session closes while the context cannot yet.
    eventually("the first session is being closed", || state.closing.load(SeqCst) == 1);
    assert_eq!(state.running(), 1);
    state.open_gate(true);
    closes.recv_timeout(HANG).unwrap();
    assert_eq!(state.sessions.load(SeqCst), 0);
    assert_eq!(partition.shut_down(HANG), 0);
}

#[test]
fn a_closing_is_abandoned_with_the_queue_that_it_came_through() {
    let (partition, state) = partition();
    let context = partition.open_context().unwrap();
    let session = session(&partition, context);
    state.close_sleeps.store(true, SeqCst);
    let (closed, closes) = mpsc::channel();
    partition.close_session(context, session, 2, Box::new(move |()| closed.send(()).unwrap())).unwrap();
    eventually("the session is being closed", || state.closing.load(SeqCst) == 1);
    partition.ask_queues(&(0..2), GiveUp::Abandon);
    // It cannot be cancelled.
    partition.ask_queues(&(0..3), GiveUp::Cancel);
    assert!(closes.recv_timeout(Duration::from_millis(50)).is_err());
    partition.ask_queues(&(2..3), GiveUp::Abandon);
    closes.recv_timeout(HANG).unwrap();
    assert_eq!(partition.shut_down(HANG), 0);
}
