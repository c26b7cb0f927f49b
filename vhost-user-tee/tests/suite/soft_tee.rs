// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The program with the software TEE and the probe TA: the whole way but the guest.

use std::time::Duration;

use nix::sys::signal::Signal;
use tee::gp;
use uuid::{uuid, Uuid};
use virtio_tee_frontend::client::{CallResult, Client, Param, Pending};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::Door;
use virtio_tee_spec::{
    VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT, VIRTIO_TEE_ATTR_MEMREF_INPUT as INPUT,
    VIRTIO_TEE_ATTR_MEMREF_OUTPUT as OUTPUT, VIRTIO_TEE_ORIGIN_TEE as TEE,
    VIRTIO_TEE_ORIGIN_TRUSTED_APP as TRUSTED_APP,
};

use crate::common;
use crate::daemon_process::{eventually, option, Daemon};
use crate::DOOR;

/// What the daemon's socket speaks.
const SPOKEN: Door = match DOOR {
    common::Door::VhostUser => Door::VhostUser,
    common::Door::VfioUser => Door::VfioUser,
    common::Door::InProcess => panic!("a daemon has a socket"),
};

// See integration/tas/probe/include/probe_ta.h.
const PROBE: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
const PROBE_SHARED: Uuid = uuid!("158c5fdd-5a4d-48db-892e-108b8581396a");
const NOP: u32 = 0;
const SWAP: u32 = 1;
const SLEEP: u32 = 3;
const PANIC: u32 = 5;
const SPIN: u32 = 7;
const TOUCH: u32 = 8;
const WATCH: u32 = 9;
const SHORT_BUFFER: u32 = 11;
const COUNT: u32 = 12;
const SUM: u32 = 15;

fn open(client: &mut Client, context: u64, ta: Uuid) -> u32 {
    let result = client.open_session(context, ta, &[]).unwrap();
    assert_eq!(result.ret, 0, "origin {}", result.origin);
    result.session
}

fn sleep(client: &mut Client, context: u64, session: u32, ms: u64, cancel_id: u32) -> Pending {
    client.start_invoke(1, context, session, SLEEP, cancel_id, &[Param::value_in(ms, 0)]).unwrap()
}

fn ended(result: &CallResult, ret: u32, origin: u32) {
    assert_eq!((result.ret, result.origin), (ret, origin));
}

#[test]
fn a_ta_is_called() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let session = open(&mut client, context, PROBE);
    let result = client.invoke(context, session, SWAP, &[Param::value_inout(3, 4)]).unwrap();
    assert_eq!((result.ret, result.params[0]), (0, (4, 3, 0)));

    let pages: Vec<_> = (0..4).map(|_| client.allocate(2 * PAGE).unwrap()).collect();
    let runs = [pages[3].run(), pages[0].run(), pages[2].run()];
    pages[0].write(0, &[1; 2 * PAGE as usize]).unwrap();
    let memory = client.register(context, &runs).unwrap();
    for param in [
        Param::transient(INPUT, &runs, 1, 6 * PAGE - 1),
        Param::registered(INPUT, memory, 1, 6 * PAGE - 1),
        Param::registered(INPUT, memory, 1, 6 * PAGE - 1),
    ] {
        let result = client.invoke(context, session, SUM, &[param, Param::value_out()]).unwrap();
        assert_eq!((result.ret, result.params[1].0), (0, 2 * PAGE));
    }
    let touch = [Param::registered(INOUT, memory, 0, 6 * PAGE), Param::value_inout(5 * PAGE, 0)];
    assert_eq!(client.invoke(context, session, TOUCH, &touch).unwrap().params[1].1, 1);
    assert_eq!(pages[2].read(PAGE, 1).unwrap(), [1]);
    client.unregister(context, memory).unwrap();

    let short = [Param::transient(OUTPUT, &[pages[1].run()], 0, 16), Param::value_in(64, 0)];
    let result = client.invoke(context, session, SHORT_BUFFER, &short).unwrap();
    ended(&result, gp::ERROR_SHORT_BUFFER, TRUSTED_APP);
    assert_eq!(result.params[0].1, 64);

    let result = client.open_session(context, Uuid::nil(), &[]).unwrap();
    ended(&result, gp::ERROR_ITEM_NOT_FOUND, TEE);
}

#[test]
fn guest_and_ta_see_the_same_pages_while_a_call_runs() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let session = open(&mut client, context, PROBE);
    let first = client.allocate(PAGE).unwrap();
    let second = client.allocate(PAGE).unwrap();
    for runs in [vec![first.run()], vec![second.run(), first.run()]] {
        let size = PAGE * runs.len() as u64;
        first.write(0, &[0; PAGE as usize]).unwrap();
        // The last page is `first` both times.
        let at = size - PAGE;
        let params = [Param::transient(INOUT, &runs, 0, size), Param::value_inout(at, at + 1)];
        let call = client.start_invoke(1, context, session, WATCH, 0, &params).unwrap();
        eventually("the TA has written", || first.read(1, 1).unwrap() == [1]);
        first.write(0, &[41]).unwrap();
        eventually("the TA has seen what was written", || first.read(1, 1).unwrap() == [42]);
        let result = client.finish(call).unwrap();
        assert_eq!((result.ret, result.params[1].0), (0, 41));
    }
}

#[test]
fn a_sleeper_delays_nobody_and_is_cancelled() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let sleeper = open(&mut client, context, PROBE);
    let others: Vec<_> = (0..10).map(|_| open(&mut client, context, PROBE)).collect();
    // Far longer than a hang.
    let sleeping = sleep(&mut client, context, sleeper, 3_600_000, 7);
    for n in 0..100 {
        client.invoke(context, others[n % others.len()], NOP, &[]).unwrap();
    }
    assert!(client.wait_for(&sleeping, Duration::ZERO).unwrap().is_none());
    client.cancel(context, sleeper, 7).unwrap();
    assert_eq!(client.finish(sleeping).unwrap().ret, gp::ERROR_CANCEL);

    // Closing the context ends it as well.
    let _sleeping = sleep(&mut client, context, sleeper, 3_600_000, 0);
    client.close_context(context).unwrap();
}

#[test]
fn a_ta_that_panics_is_dead_to_its_session() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let session = open(&mut client, context, PROBE);
    let other = open(&mut client, context, PROBE);
    let result = client.invoke(context, session, PANIC, &[Param::value_in(0xdead, 0)]).unwrap();
    assert_eq!(result.ret, gp::ERROR_TARGET_DEAD);
    assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, gp::ERROR_TARGET_DEAD);
    assert_eq!(client.invoke(context, other, NOP, &[]).unwrap().ret, 0);
    client.close_session(context, session).unwrap();
}

#[test]
fn two_vms_have_nothing_in_common() {
    let tas = soft_tee_testing::test_tas().to_str().unwrap().to_owned();
    let daemon = Daemon::start(|dir| {
        let config = dir.join("vms.toml");
        let vm = |name| {
            let option = option(SPOKEN);
            format!("[[vm]]\nname = \"{name}\"\n{option} = \"{}/{name}\"\n", dir.display())
        };
        std::fs::write(&config, vm("a") + &vm("b")).unwrap();
        vec![format!("--config={}", config.display()), format!("--ta-dir={tas}")]
    })
    .over(SPOKEN);
    let (mut a, mut b) = (daemon.connect("a"), daemon.connect("b"));
    let (in_a, in_b) = (a.open_context().unwrap(), b.open_context().unwrap());
    // A single instance that is kept alive: one for each VM.
    let (of_a, of_b) = (open(&mut a, in_a, PROBE_SHARED), open(&mut b, in_b, PROBE_SHARED));
    let count = |client: &mut Client, context, session| {
        client.invoke(context, session, COUNT, &[Param::value_out()]).unwrap().params[0].0
    };
    let first = count(&mut a, in_a, of_a);
    for _ in 0..10 {
        count(&mut b, in_b, of_b);
    }
    assert_eq!(count(&mut a, in_a, of_a), first + 1);
    assert!(b.invoke(in_a, of_a, COUNT, &[Param::value_out()]).is_err());

    // And no common fate.
    a.invoke(in_a, of_a, PANIC, &[Param::value_in(1, 0)]).unwrap();
    drop(a);
    assert_eq!(b.invoke(in_b, of_b, NOP, &[]).unwrap().ret, 0);
}

#[test]
fn a_vm_leaves_no_process_behind() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut first = daemon.connect("tee.sock");
    let context = first.open_context().unwrap();
    // The thread that starts TAs stays from the first one on.
    open(&mut first, context, PROBE);
    drop(first);
    eventually("it has ended", || daemon.children() == 0);
    let before = daemon.settled();
    for _ in 0..3 {
        let mut client = daemon.connect("tee.sock");
        let context = client.open_context().unwrap();
        for _ in 0..4 {
            let session = open(&mut client, context, PROBE);
            let _sleeping = sleep(&mut client, context, session, 3_600_000, 0);
        }
        open(&mut client, context, PROBE_SHARED);
        // One that heeds nothing.
        let session = open(&mut client, context, PROBE);
        let _spinning = client.start_invoke(1, context, session, SPIN, 0, &[]).unwrap();
        assert!(daemon.children() >= 6);
    }
    eventually("everything is as before", || daemon.holds() == before);
}

#[test]
fn a_signal_ends_tas_that_do_not_end() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let session = open(&mut client, context, PROBE);
    let _spinning = client.start_invoke(1, context, session, SPIN, 0, &[]).unwrap();
    // What is looked for is not there, but now everything that was made available is taken in.
    client.cancel(context, session, 1).unwrap_err();
    let (code, log) = daemon.stop(Signal::SIGTERM);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("disconnected after 1 contexts, 1 sessions, 2 calls"), "{log}");
}

#[test]
fn a_closed_context_ends_tas_that_do_not_end() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let (doomed, other) = (client.open_context().unwrap(), client.open_context().unwrap());
    let unharmed = open(&mut client, other, PROBE_SHARED);
    open(&mut client, doomed, PROBE_SHARED);
    let before = daemon.children();
    let session = open(&mut client, doomed, PROBE);
    let page = client.allocate(PAGE).unwrap();
    // It waits for longer than it is given, and does not look whether it is cancelled.
    let params = [Param::transient(INOUT, &[page.run()], 0, PAGE), Param::value_inout(0, 1)];
    let waiting = client.start_invoke(1, doomed, session, WATCH, 0, &params).unwrap();
    eventually("the TA waits", || page.read(1, 1).unwrap() == [1]);
    client.close_context(doomed).unwrap();
    ended(&client.finish(waiting).unwrap(), gp::ERROR_TARGET_DEAD, TEE);
    assert_eq!(daemon.children(), before);
    assert_eq!(client.invoke(other, unharmed, NOP, &[]).unwrap().ret, 0);
}

#[test]
fn a_reset_ends_tas_that_do_not_end() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let session = open(&mut client, context, PROBE);
    let before = daemon.children();
    let _spinning = client.start_invoke(1, context, session, SPIN, 0, &[]).unwrap();
    client.cancel(context, session, 1).unwrap_err();
    client.reset().unwrap();
    assert_eq!(daemon.children(), before - 1);
    let context = client.open_context().unwrap();
    let session = open(&mut client, context, PROBE);
    assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
}

#[test]
fn many_sessions_leak_nothing() {
    let daemon = Daemon::with_tas(SPOKEN);
    let mut client = daemon.connect("tee.sock");
    let context = client.open_context().unwrap();
    let round = |client: &mut Client| {
        let session = open(client, context, PROBE_SHARED);
        client.invoke(context, session, NOP, &[]).unwrap();
        client.close_session(context, session).unwrap();
    };
    round(&mut client);
    let before = daemon.settled();
    for _ in 0..2000 {
        round(&mut client);
    }
    let (descriptors, threads, children) = before;
    eventually("descriptors and processes are as before", || {
        let after = daemon.holds();
        // Threads that make calls stay, but are no more than calls may run at a time.
        (after.0, after.2) == (descriptors, children) && after.1 <= threads + 64
    });
}
