// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a well-behaved driver gets from the device.

use std::slice::from_ref;
use std::time::Duration;

use tee::{gp, Tee};
use uuid::Uuid;
use vhost_user_tee::partition::Limits;
use virtio_tee_frontend::client::{call_result, Client, Param, Pending};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::Options;
use virtio_tee_spec as wire;
use wire::{
    VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT, VIRTIO_TEE_ATTR_MEMREF_INPUT as INPUT,
    VIRTIO_TEE_ATTR_MEMREF_OUTPUT as OUTPUT, VIRTIO_TEE_ORIGIN_TEE as TEE,
    VIRTIO_TEE_ORIGIN_TRUSTED_APP as TRUSTED_APP,
};

use crate::common::fake_tee::{
    FakeTee, GATED, GATED_TA, INCREMENT, LEAK, NOP, NULL, PANIC, RETURN, SHORT_BUFFER, SLEEP, SLOW_TA, SWAP,
    TA,
};
use crate::common::{eventually, session, status, BackEnd};

fn start(client: &mut Client, context: u64, session: u32, func: u32, cancel_id: u32) -> Pending {
    client.start_invoke(1, context, session, func, cancel_id, &[]).unwrap()
}

#[test]
fn the_device_describes_itself() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let limits = Limits::default();
    let config = *client.front_end().config();
    let version = back_end.tee.version().clone();
    assert_eq!(config.impl_id.get(), version.impl_id);
    assert_eq!(config.gen_caps.get(), version.gen_caps);
    assert_eq!(config.num_request_queues.get(), 2);
    assert!(config.page_size.get() >= 4096 && config.page_size.get().is_power_of_two());
    assert_eq!(config.max_params.get(), limits.max_params);
    assert_eq!(config.max_memory_bytes.get(), limits.max_memory_bytes);

    let answer = client.version().unwrap();
    assert_eq!((answer.impl_id.get(), answer.gen_caps.get()), (version.impl_id, version.gen_caps));
    let end = answer.revision.iter().position(|byte| *byte == 0).unwrap();
    let revision = std::str::from_utf8(&answer.revision[..end]).unwrap();
    assert!(version.revision.starts_with(revision) && revision.len() > 60, "{revision}");

    // Anywhere, any size, read or written.
    assert_eq!(client.front_end().read_config(48, 8).unwrap(), [0; 8]);
    assert_eq!(client.front_end().read_config(44, 8).unwrap()[4..], [0; 4]);
    client.front_end().write_config(0, &[0xff; 8]).unwrap();
    assert_eq!(client.front_end().read_config(0, 4).unwrap(), version.impl_id.to_le_bytes());
}

#[test]
fn values_go_both_ways() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let params = [Param::value_inout(1, u64::MAX), Param::value_in(7, 8), Param::none()];
    let result = client.invoke(context, session, SWAP, &params).unwrap();
    assert_eq!(result.params, [(u64::MAX, 1, 0), (0, 0, 0), (0, 0, 0)]);
    assert_eq!((result.ret, result.origin, result.session), (0, TRUSTED_APP, 0));

    // What a driver leaves in an output does not reach the TA.
    let leaky = Param { a: 0xdead, b: 0xbeef, c: 1, ..Param::value_out() };
    let result = client.invoke(context, session, LEAK, &[leaky]).unwrap();
    assert_eq!(result.params, [(0, 0, 0)]);

    let result = client.invoke(context, session, RETURN, &[Param::value_in(0x1234_5678, 0)]).unwrap();
    assert_eq!((result.ret, result.origin), (0x1234_5678, TRUSTED_APP));
}

#[test]
fn memory_is_shared_not_copied() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    // Scattered, in another order than that of the addresses, with two neighbours that merge.
    let pages: Vec<_> = (0..8).map(|_| client.allocate(1).unwrap()).collect();
    let order = [6, 0, 1, 4];
    let runs: Vec<_> = order.iter().map(|i| pages[*i].run()).collect();
    for (n, i) in order.iter().enumerate() {
        pages[*i].write(0, &[n as u8; PAGE as usize]).unwrap();
    }
    let (offset, size) = (PAGE - 1, 2 * PAGE + 2);
    let memory = client.register(context, &runs).unwrap();
    for param in [
        Param::transient(INOUT, &runs, offset, size),
        Param::registered(INOUT, memory, offset, size),
        Param::registered(INOUT, memory, offset, size),
    ] {
        let result = client.invoke(context, session, INCREMENT, &[param, Param::value_out()]).unwrap();
        assert_eq!((result.ret, result.params[0]), (0, (0, size, 0)));
        assert_eq!(result.params[1], (3, 4 * PAGE, 0));
    }
    let content: Vec<u8> = order.iter().flat_map(|i| pages[*i].read(0, PAGE as usize).unwrap()).collect();
    let (offset, end) = (offset as usize, (offset + size) as usize);
    for (at, byte) in content.iter().enumerate() {
        let before = (at / PAGE as usize) as u8;
        let expected = if (offset..end).contains(&at) { before + 3 } else { before };
        assert_eq!(*byte, expected, "byte {at}");
    }
    // The others are as they were.
    assert!(pages[2].read(0, PAGE as usize).unwrap().iter().all(|byte| *byte == 0));

    client.unregister(context, memory).unwrap();
    assert_eq!(status(client.unregister(context, memory)), wire::VIRTIO_TEE_S_BAD_MEMORY);
}

#[test]
fn a_run_may_span_regions() {
    let back_end = BackEnd::start();
    let regions = vec![(0x4000_0000, 16 << 20), (0x4100_0000, 4 << 20), (0x4140_0000, 4 << 20)];
    let mut client = back_end.connect_with(&Options { memory: regions, ..Options::default() });
    let (context, session) = session(&mut client);
    let param =
        Param::transient(INOUT, &[(0x4100_0000 - PAGE, (4 << 20) + 2 * PAGE)], 0, (4 << 20) + 2 * PAGE);
    let result = client.invoke(context, session, INCREMENT, &[param, Param::value_out()]).unwrap();
    assert_eq!(result.params[1].0, 3);
    for addr in [0x4100_0000 - PAGE, 0x4100_0000, 0x4140_0000 + PAGE - 1] {
        let mut byte = [0];
        client.memory().read(addr, &mut byte).unwrap();
        assert_eq!(byte, [1], "{addr:#x}");
    }
}

#[test]
fn sizes_and_null_memrefs_come_back() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let page = client.allocate(1).unwrap();
    for attr in [OUTPUT, INOUT] {
        let param = Param::transient(attr, &[page.run()], 0, 16);
        let result = client.invoke(context, session, SHORT_BUFFER, &[param]).unwrap();
        assert_eq!((result.ret, result.params[0]), (gp::ERROR_SHORT_BUFFER, (0, 12345, 0)));
    }
    let param = Param::transient(INPUT, &[page.run()], 0, 16);
    let result = client.invoke(context, session, SHORT_BUFFER, &[param]).unwrap();
    assert_eq!(result.params[0], (0, 0, 0));

    // Any size, also one that no memory has.
    let params = [Param::null(OUTPUT, u64::MAX), Param::value_out()];
    let result = client.invoke(context, session, NULL, &params).unwrap();
    assert_eq!(result.params, [(0, u64::MAX, 0), (1, u64::MAX, 0)]);
    // A memref of no bytes is not the NULL memref, even at the very end.
    let params = [Param::transient(OUTPUT, &[page.run()], PAGE, 0), Param::value_out()];
    let result = client.invoke(context, session, NULL, &params).unwrap();
    assert_eq!(result.params, [(0, 0, 0), (0, 0, 0)]);
}

#[test]
fn a_4_kib_memref_costs_one_kick_and_one_interrupt() {
    for event_idx in [true, false] {
        let back_end = BackEnd::start();
        let mut client = back_end.connect_with(&Options { event_idx, ..Options::default() });
        let (context, session) = session(&mut client);
        let page = client.allocate(PAGE).unwrap();
        let count = |client: &mut Client| -> Vec<(u64, u64)> {
            client.front_end().queues.iter_mut().map(|ring| (ring.kicks(), ring.calls())).collect()
        };
        let before = count(&mut client);
        for n in 1..=10 {
            let param = Param::transient(INOUT, &[page.run()], 0, PAGE);
            assert_eq!(client.invoke(context, session, INCREMENT, &[param]).unwrap().ret, 0);
            let after = count(&mut client);
            assert_eq!((after[0], after[2]), (before[0], before[2]));
            // At most: a side that is looking already need not be told.
            let (kicks, calls) = (after[1].0 - before[1].0, after[1].1 - before[1].1);
            assert!(kicks <= n && calls <= n, "{kicks} and {calls} of {n}, EVENT_IDX {event_idx}");
        }
    }
}

#[test]
fn a_sleeping_call_delays_nobody() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, sleeper) = session(&mut client);
    let sleeping = start(&mut client, context, sleeper, SLEEP, 1);
    eventually("the call sleeps", || back_end.tee.state.running() == 1);
    // In other sessions, in its own, on its own queue.
    for _ in 0..100 {
        let other = client.open_session(context, TA, &[]).unwrap().session;
        let result = client.invoke(context, other, SWAP, &[Param::value_inout(1, 2)]).unwrap();
        assert_eq!(result.params, [(2, 1, 0)]);
        client.close_session(context, other).unwrap();
    }
    client.invoke(context, sleeper, NOP, &[]).unwrap();
    assert_eq!(back_end.tee.state.running(), 1);
    client.cancel(context, sleeper, 1).unwrap();
    let result = client.finish(sleeping).unwrap();
    assert_eq!((result.ret, result.origin), (gp::ERROR_CANCEL, TRUSTED_APP));
    assert_eq!(status(client.cancel(context, sleeper, 1)), wire::VIRTIO_TEE_S_NOT_FOUND);
}

#[test]
fn calls_wait_in_order_and_can_be_cancelled_there() {
    let limits = Limits { max_calls: 1, ..Limits::default() };
    let back_end = BackEnd::with_limits(limits);
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let running = start(&mut client, context, session, SLEEP, 1);
    let queued = start(&mut client, context, session, SLEEP, 2);
    let last = start(&mut client, context, session, NOP, 3);
    eventually("the first call sleeps", || back_end.tee.state.running() == 1);

    // The one that waits ends at once, without the TEE having seen it.
    client.cancel(context, session, 2).unwrap();
    let result = client.finish(queued).unwrap();
    assert_eq!((result.ret, result.origin), (gp::ERROR_CANCEL, TEE));
    assert_eq!(back_end.tee.state.invokes.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(client.wait_for(&last, Duration::from_millis(50)).unwrap().is_none());

    // The control queue does not wait for calls.
    let other = client.open_context().unwrap();
    let page = client.allocate(1).unwrap();
    let memory = client.register(other, &[page.run()]).unwrap();
    client.unregister(other, memory).unwrap();
    client.close_context(other).unwrap();

    client.cancel(context, session, 1).unwrap();
    assert_eq!(client.finish(running).unwrap().ret, gp::ERROR_CANCEL);
    assert_eq!(client.finish(last).unwrap().ret, 0);
    assert_eq!(back_end.tee.state.most_running.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn a_cancellation_finds_what_was_made_available_before_it() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    for round in 1..=50 {
        // The call is in its queue, which nobody has kicked.
        let request = virtio_tee_frontend::client::invoke_func(context, session, SLEEP, round, &[]);
        let call = client.enqueue(1, &request, size_of::<wire::CallResp>() as u32).unwrap();
        client.cancel(context, session, round).unwrap();
        let answer = client.wait(call).unwrap();
        assert_eq!(call_result(&answer).unwrap().ret, gp::ERROR_CANCEL);
    }
    assert_eq!(status(client.cancel(context, session, 0)), wire::VIRTIO_TEE_S_NOT_FOUND);
    assert_eq!(status(client.cancel(context, session, 999)), wire::VIRTIO_TEE_S_NOT_FOUND);
}

#[test]
fn opening_a_session_can_be_cancelled() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let context = client.open_context().unwrap();
    let opening = client.start_open_session(2, context, SLOW_TA, 5, &[]).unwrap();
    eventually("the session is being opened", || back_end.tee.state.running() == 1);
    client.cancel(context, wire::VIRTIO_TEE_SESSION_NONE, 5).unwrap();
    let result = client.finish(opening).unwrap();
    assert_eq!((result.ret, result.session), (gp::ERROR_CANCEL, 0));

    let result = client.open_session(context, Uuid::nil(), &[]).unwrap();
    assert_eq!((result.ret, result.origin, result.session), (gp::ERROR_ITEM_NOT_FOUND, TEE, 0));
    let result = client.open_session(context, TA, &[Param::value_in(0xffff_0001, 0)]).unwrap();
    assert_eq!((result.ret, result.origin, result.session), (0xffff_0001, TRUSTED_APP, 0));
}

#[test]
fn closing_a_session_waits_for_its_calls() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let gated = start(&mut client, context, session, GATED, 0);
    eventually("the call runs", || back_end.tee.state.running() == 1);
    let closing = client.start_close_session(1, context, session).unwrap();
    assert!(client.wait_for(&closing, Duration::from_millis(50)).unwrap().is_none());
    assert_eq!(status(client.invoke(context, session, NOP, &[])), wire::VIRTIO_TEE_S_BAD_SESSION);
    assert_eq!(status(client.close_session(context, session)), wire::VIRTIO_TEE_S_BAD_SESSION);
    back_end.tee.state.open_gate(true);
    assert_eq!(client.finish(gated).unwrap().ret, 0);
    virtio_tee_frontend::client::accept(&client.wait(closing).unwrap()).unwrap();
    assert_eq!(back_end.tee.state.sessions.load(std::sync::atomic::Ordering::SeqCst), 0);
    // Its number is not given out again.
    let next = client.open_session(context, TA, &[]).unwrap().session;
    assert_ne!(next, session);
}

#[test]
fn closing_a_context_ends_all_it_holds() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    for _ in 0..3 {
        client.open_session(context, TA, &[]).unwrap();
    }
    let pages = client.allocate(8 * PAGE).unwrap();
    let memory = client.register(context, &[pages.run()]).unwrap();
    let param = [Param::registered(INOUT, memory, 0, PAGE)];
    let sleeping = client.start_invoke(1, context, session, SLEEP, 0, &param).unwrap();
    let opening = client.start_open_session(2, context, GATED_TA, 0, &[]).unwrap();
    eventually("both calls run", || back_end.tee.state.running() == 2);

    let closing = client.start_close_context(context).unwrap();
    // Cancelled, although its cancel_id is zero.
    assert_eq!(client.finish(sleeping).unwrap().ret, gp::ERROR_CANCEL);
    assert!(client.wait_for(&closing, Duration::from_millis(50)).unwrap().is_none());
    assert_eq!(status(client.open_session(context, TA, &[])), wire::VIRTIO_TEE_S_BAD_CONTEXT);
    assert_eq!(status(client.close_context(context)), wire::VIRTIO_TEE_S_BAD_CONTEXT);
    let other = client.open_context().unwrap();
    client.close_context(other).unwrap();

    // A session that opens all the same is closed with the others.
    back_end.tee.state.open_gate(true);
    assert_eq!(status(client.finish(opening)), wire::VIRTIO_TEE_S_BAD_CONTEXT);
    virtio_tee_frontend::client::accept(&client.wait(closing).unwrap()).unwrap();
    let state = &back_end.tee.state;
    use std::sync::atomic::Ordering::SeqCst;
    assert_eq!((state.sessions.load(SeqCst), state.contexts.load(SeqCst)), (0, 0));
    assert_eq!(state.released.load(SeqCst), 1);
}

#[test]
fn memory_in_use_stays() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let page = client.allocate(1).unwrap();
    let memory = client.register(context, &[page.run()]).unwrap();
    let param = [Param::registered(INPUT, memory, 0, 1), Param::registered(INOUT, memory, 0, 1)];
    let sleeping = client.start_invoke(1, context, session, SLEEP, 1, &param).unwrap();
    eventually("the call sleeps", || back_end.tee.state.running() == 1);
    assert_eq!(status(client.unregister(context, memory)), wire::VIRTIO_TEE_S_BUSY);
    client.cancel(context, session, 1).unwrap();
    client.finish(sleeping).unwrap();
    // Free as soon as the call has been answered.
    client.unregister(context, memory).unwrap();
}

#[test]
fn limits_hold() {
    let limits = Limits {
        max_runs: 2,
        max_contexts: 2,
        max_sessions: 3,
        max_memories: 2,
        max_memory_bytes: 4 * PAGE,
        ..Limits::default()
    };
    let back_end = BackEnd::with_limits(limits);
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let other = client.open_context().unwrap();
    assert_eq!(status(client.open_context()), wire::VIRTIO_TEE_S_LIMIT);
    client.open_session(other, TA, &[]).unwrap();
    // One that is being opened counts, one that did not open does not.
    let opening = client.start_open_session(2, context, SLOW_TA, 1, &[]).unwrap();
    eventually("the session is being opened", || back_end.tee.state.running() == 1);
    assert_eq!(status(client.open_session(context, TA, &[])), wire::VIRTIO_TEE_S_LIMIT);
    client.cancel(context, 0, 1).unwrap();
    client.finish(opening).unwrap();
    client.open_session(context, Uuid::nil(), &[]).unwrap();
    client.open_session(context, TA, &[]).unwrap();
    assert_eq!(status(client.open_session(context, TA, &[])), wire::VIRTIO_TEE_S_LIMIT);
    client.close_session(context, session).unwrap();
    client.open_session(context, TA, &[]).unwrap();

    let pages = client.allocate(8 * PAGE).unwrap();
    let (addr, _) = pages.run();
    assert_eq!(status(client.register(context, &[(addr, 5 * PAGE)])), wire::VIRTIO_TEE_S_LIMIT);
    assert_eq!(status(client.register(context, &[(addr, PAGE); 3])), wire::VIRTIO_TEE_S_INVAL);
    let memory = client.register(context, &[(addr, 3 * PAGE)]).unwrap();
    assert_eq!(status(client.register(other, &[(addr, 2 * PAGE)])), wire::VIRTIO_TEE_S_LIMIT);
    client.register(other, &[(addr, PAGE)]).unwrap();
    client.unregister(context, memory).unwrap();
    client.register(context, &[(addr, PAGE)]).unwrap();
    assert_eq!(status(client.register(context, &[(addr, PAGE)])), wire::VIRTIO_TEE_S_LIMIT);

    client.close_context(other).unwrap();
    let (_, session) =
        (client.open_context().unwrap(), client.open_session(context, TA, &[]).unwrap().session);
    client.register(context, &[(addr, PAGE)]).unwrap();
    // Transient memory does not count, but is bounded.
    let param = Param::transient(INOUT, &[(addr, 5 * PAGE)], 0, PAGE);
    assert_eq!(status(client.invoke(context, session, INCREMENT, &[param])), wire::VIRTIO_TEE_S_LIMIT);
    let param = Param::transient(INOUT, &[(addr, 2 * PAGE), (addr + 2 * PAGE, 2 * PAGE)], 0, PAGE);
    assert_eq!(client.invoke(context, session, INCREMENT, &[param]).unwrap().ret, 0);
}

#[test]
fn runs_of_calls_in_flight_are_bounded() {
    let limits = Limits { max_runs: 4, max_calls: 1, ..Limits::default() };
    let back_end = BackEnd::with_limits(limits);
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let pages = client.allocate(PAGE).unwrap();
    let param = Param::transient(INOUT, &[pages.run(); 4], 0, PAGE);
    let sleeping: Vec<_> = (1..=8)
        .map(|id| client.start_invoke(1, context, session, SLEEP, id, from_ref(&param)).unwrap())
        .collect();
    assert_eq!(status(client.invoke(context, session, NOP, from_ref(&param))), wire::VIRTIO_TEE_S_LIMIT);
    for (id, call) in (1..=8).zip(sleeping) {
        client.cancel(context, session, id).unwrap();
        assert_eq!(client.finish(call).unwrap().ret, gp::ERROR_CANCEL);
    }
    assert_eq!(client.invoke(context, session, NOP, &[param]).unwrap().ret, 0);
}

#[test]
fn a_panic_of_the_tee_is_one_lost_call() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    assert_eq!(status(client.invoke(context, session, PANIC, &[])), wire::VIRTIO_TEE_S_IO);
    assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
    client.close_session(context, session).unwrap();
    client.close_context(context).unwrap();

    back_end.tee.state.faulty.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(status(client.open_context()), wire::VIRTIO_TEE_S_IO);
    back_end.tee.state.faulty.store(false, std::sync::atomic::Ordering::SeqCst);
    client.open_context().unwrap();
}

#[test]
fn indirect_tables_and_any_framing_serve() {
    use virtio_tee_frontend::ring::{Descriptor, HANG};
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let request =
        virtio_tee_frontend::client::invoke_func(context, session, SWAP, 0, &[Param::value_inout(3, 4)]);
    let pages = client.allocate(2 * PAGE).unwrap();
    pages.write(0, &request).unwrap();
    let answer_len = size_of::<wire::CallResp>() as u32 + 24;
    // Byte by byte both ways, with buffers of no length in between.
    let mut chain = Vec::new();
    for at in 0..request.len() as u64 {
        chain.push(Descriptor::readable(pages.addr() + at, 1));
        chain.push(Descriptor::readable(pages.addr() + at, 0));
    }
    for at in 0..u64::from(answer_len) + 5 {
        chain.push(Descriptor::writable(pages.addr() + PAGE + at, 1));
        chain.push(Descriptor::writable(0, 0));
    }
    pages.write(PAGE + u64::from(answer_len), &[0xee; 5]).unwrap();
    let ring = &mut client.front_end().queues[1];
    let head = ring.add_indirect(&chain).unwrap();
    ring.kick().unwrap();
    let used = ring.wait_used(HANG).unwrap().unwrap();
    assert_eq!((used.head, used.len), (head, answer_len));
    let answer = pages.read(PAGE, answer_len as usize + 5).unwrap();
    assert_eq!(call_result(&answer[..answer_len as usize]).unwrap().params, [(4, 3, 0)]);
    assert_eq!(answer[answer_len as usize..], [0xee; 5]);
}

#[test]
fn a_subset_of_the_queues_serves() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect_with(&Options { request_queues: Some(1), ..Options::default() });
    let (context, session) = session(&mut client);
    let sleeping = start(&mut client, context, session, SLEEP, 1);
    client.cancel(context, session, 1).unwrap();
    assert_eq!(client.finish(sleeping).unwrap().ret, gp::ERROR_CANCEL);
}

#[test]
fn access_platform_is_offered_where_asked_for() {
    use virtio_bindings::bindings::virtio_config::VIRTIO_F_ACCESS_PLATFORM;
    let bit = 1_u64 << VIRTIO_F_ACCESS_PLATFORM;
    let back_end = BackEnd::start();
    assert_eq!(back_end.connect().front_end().offered_features() & bit, 0);
    let back_end = BackEnd::with(Limits::default(), true);
    let mut client = back_end.connect_with(&Options { features: bit, ..Options::default() });
    assert_ne!(client.front_end().offered_features() & bit, 0);
    session(&mut client);
}

#[test]
fn the_fake_tee_is_one() {
    // What the other tests count is counted.
    let tee = FakeTee::new();
    let context = tee.open_context().unwrap();
    assert_eq!(tee.state.contexts.load(std::sync::atomic::Ordering::SeqCst), 1);
    drop(context);
    assert_eq!(tee.state.contexts.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn closings_that_wait_keep_nothing_else_waiting() {
    const CLOSINGS: usize = 40;
    let back_end = BackEnd::with_limits(Limits { max_calls: CLOSINGS as u32 / 2, ..Limits::default() });
    let mut client = back_end.connect();
    let (context, session1) = session(&mut client);
    back_end.tee.state.close_gated.store(true, std::sync::atomic::Ordering::SeqCst);
    let closings: Vec<_> = (0..CLOSINGS)
        .map(|index| {
            let (context, session) = session(&mut client);
            if index % 2 == 0 {
                client.start_close_context(context).unwrap()
            } else {
                client.start_close_session(2, context, session).unwrap()
            }
        })
        .collect();
    // As many as may be at a time, the rest behind them.
    eventually("closings wait", || back_end.tee.state.running() == CLOSINGS as i64 / 2);

    let other = client.open_context().unwrap();
    let page = client.allocate(1).unwrap();
    let memory = client.register(other, &[page.run()]).unwrap();
    client.unregister(other, memory).unwrap();
    client.close_context(other).unwrap();
    assert_eq!(client.invoke(context, session1, NOP, &[]).unwrap().ret, 0);

    back_end.tee.state.open_gate(true);
    for closing in closings {
        assert_eq!(client.wait(closing).unwrap().len(), size_of::<wire::ResponseHeader>());
    }
}
