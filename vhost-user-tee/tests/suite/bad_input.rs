// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a faulty or hostile driver gets: a defined answer, and a device that serves on.

use vhost_user_tee::partition::Limits;
use virtio_bindings::bindings::virtio_ring::{VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};
use virtio_tee_frontend::client::{
    accept, cancel_req, close_session, header, invoke_func, open_session, register_mem, Client, Param,
};
use virtio_tee_frontend::memory::{Pages, PAGE};
use virtio_tee_frontend::ring::{Descriptor, Used, HANG};
use virtio_tee_frontend::Options;
use virtio_tee_spec as wire;
use wire::{
    VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT, VIRTIO_TEE_S_BAD_ADDRESS as BAD_ADDRESS,
    VIRTIO_TEE_S_BAD_CONTEXT as BAD_CONTEXT, VIRTIO_TEE_S_BAD_MEMORY as BAD_MEMORY,
    VIRTIO_TEE_S_BAD_SESSION as BAD_SESSION, VIRTIO_TEE_S_INVAL as INVAL, VIRTIO_TEE_S_LIMIT as LIMIT,
    VIRTIO_TEE_S_UNSUPP as UNSUPP,
};
use zerocopy::IntoBytes;

use crate::common::fake_tee::{GATED, INCREMENT, NOP, TA};
use crate::common::{eventually, session, status, BackEnd};

const NEXT: u16 = VRING_DESC_F_NEXT as u16;
const WRITE: u16 = VRING_DESC_F_WRITE as u16;
const INDIRECT: u16 = VRING_DESC_F_INDIRECT as u16;

/// Makes a request as it stands; the answer must be a status alone, which is returned.
fn refused(client: &mut Client, queue: usize, request: &[u8]) -> u32 {
    let pending = client.submit(queue, request, 1024).unwrap();
    let answer = client.wait(pending).unwrap();
    let status = status(accept(&answer));
    assert_eq!(answer.len(), size_of::<wire::ResponseHeader>());
    status
}

/// The device still does what it is there for.
fn serves(client: &mut Client, context: u64, session: u32) {
    assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
    client.version().unwrap();
}

#[test]
fn commands_on_queues_that_do_not_carry_them() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let control = [
        wire::VIRTIO_TEE_CMD_OPEN_DEVICE,
        wire::VIRTIO_TEE_CMD_CLOSE_DEVICE,
        wire::VIRTIO_TEE_CMD_GET_VERSION,
        wire::VIRTIO_TEE_CMD_CANCEL_REQ,
        wire::VIRTIO_TEE_CMD_REGISTER_MEM,
        wire::VIRTIO_TEE_CMD_UNREGISTER_MEM,
    ];
    let calls = [
        wire::VIRTIO_TEE_CMD_OPEN_SESSION,
        wire::VIRTIO_TEE_CMD_INVOKE_FUNC,
        wire::VIRTIO_TEE_CMD_CLOSE_SESSION,
    ];
    for (queue, commands) in [(0, &calls[..]), (1, &control[..]), (2, &control[..])] {
        for command in commands.iter().copied().chain([0, 10, 0x100, u32::MAX]) {
            assert_eq!(refused(&mut client, queue, header(command, context).as_bytes()), UNSUPP, "{command}");
        }
    }
    serves(&mut client, context, session);
}

/// One well-formed request of each kind, its queue, and the length of its answer.
fn requests(context: u64, session: u32, page: (u64, u64)) -> Vec<(usize, Vec<u8>, usize)> {
    let params = [Param::value_in(1, 2), Param::transient(INOUT, &[page], 0, 1)];
    let call = size_of::<wire::CallResp>() + 2 * size_of::<wire::ParamResult>();
    let status = size_of::<wire::ResponseHeader>();
    let unregister = wire::UnregisterMemReq {
        header: header(wire::VIRTIO_TEE_CMD_UNREGISTER_MEM, context),
        memory: 1.into(),
    };
    vec![
        (
            0,
            header(wire::VIRTIO_TEE_CMD_OPEN_DEVICE, 0).as_bytes().to_vec(),
            size_of::<wire::OpenDeviceResp>(),
        ),
        (0, header(wire::VIRTIO_TEE_CMD_CLOSE_DEVICE, context).as_bytes().to_vec(), status),
        (
            0,
            header(wire::VIRTIO_TEE_CMD_GET_VERSION, 0).as_bytes().to_vec(),
            size_of::<wire::GetVersionResp>(),
        ),
        (0, cancel_req(context, session, 1).as_bytes().to_vec(), status),
        (0, register_mem(context, &[page]), size_of::<wire::RegisterMemResp>()),
        (0, unregister.as_bytes().to_vec(), status),
        (1, open_session(context, TA, 1, &params), call),
        (1, invoke_func(context, session, NOP, 1, &params), call),
        (2, close_session(context, session).as_bytes().to_vec(), status),
    ]
}

#[test]
fn requests_of_any_other_length() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let page = client.allocate(1).unwrap();
    for (queue, request, _) in requests(context, session, page.run()) {
        for len in 0..request.len() {
            assert_eq!(refused(&mut client, queue, &request[..len]), INVAL, "{len} of {request:?}");
        }
        for more in [1, 4, 16, 32] {
            let mut longer = request.clone();
            longer.resize(request.len() + more, 0);
            assert_eq!(refused(&mut client, queue, &longer), INVAL, "{more} more than {request:?}");
        }
        let mut endless = request.clone();
        endless.resize(1 << 20, 0);
        assert_eq!(refused(&mut client, queue, &endless), INVAL);
    }
    serves(&mut client, context, session);
}

#[test]
fn answers_that_do_not_fit() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let page = client.allocate(1).unwrap();
    let state = &back_end.tee.state;
    use std::sync::atomic::Ordering::SeqCst;
    let before = (state.contexts.load(SeqCst), state.sessions.load(SeqCst), state.invokes.load(SeqCst));
    for (queue, request, answer_len) in requests(context, session, page.run()) {
        for room in 0..answer_len as u32 {
            let pending = client.submit(queue, &request, room).unwrap();
            let answer = client.wait(pending).unwrap();
            if room < 8 {
                assert!(answer.is_empty(), "room for {room}");
            } else {
                assert_eq!(answer.len(), 8);
                assert_eq!(status(accept(&answer)), INVAL, "room for {room}");
            }
        }
    }
    // None of them had an effect.
    assert_eq!(
        (state.contexts.load(SeqCst), state.sessions.load(SeqCst), state.invokes.load(SeqCst)),
        before
    );
    serves(&mut client, context, session);
}

/// Publishes `head` on a queue and waits for it to come back.
fn publish(client: &mut Client, queue: usize, head: u16) -> Used {
    let ring = &mut client.front_end().queues[queue];
    ring.publish(head).unwrap();
    ring.kick().unwrap();
    ring.wait_used(HANG).unwrap().unwrap()
}

/// A request, room for an answer, and descriptors of a queue for a test to use as it likes.
struct Malformed {
    pages: Pages,
    request_len: u32,
}

impl Malformed {
    fn new(client: &Client) -> Self {
        let pages = client.allocate(4 * PAGE).unwrap();
        let request = header(wire::VIRTIO_TEE_CMD_OPEN_DEVICE, 0);
        pages.write(0, request.as_bytes()).unwrap();
        Self { pages, request_len: request.as_bytes().len() as u32 }
    }

    fn request(&self) -> Descriptor {
        Descriptor::readable(self.pages.addr(), self.request_len)
    }

    fn answer(&self) -> Descriptor {
        Descriptor::writable(self.pages.addr() + PAGE, 64)
    }

    /// Puts `descriptors` at the front of the control queue's table, and publishes the first. The
    /// chain must come back with `status`, or with nothing where that is `None`.
    fn check(&self, client: &mut Client, what: &str, descriptors: &[Descriptor], expected: Option<u32>) {
        self.pages.write(PAGE, &[0xee; 64]).unwrap();
        for (index, descriptor) in descriptors.iter().enumerate() {
            client.front_end().queues[0].write_descriptor(index as u16, *descriptor).unwrap();
        }
        let used = publish(client, 0, 0);
        assert_eq!(used.head, 0, "{what}");
        let answer = self.pages.read(PAGE, 64).unwrap();
        match expected {
            Some(expected) => {
                assert_eq!(used.len, 8, "{what}");
                assert_eq!(status(accept(&answer)), expected, "{what}");
            }
            None => assert_eq!((used.len, answer), (0, vec![0xee; 64]), "{what}"),
        }
    }
}

fn linked(descriptor: Descriptor, next: u16) -> Descriptor {
    Descriptor { flags: descriptor.flags | NEXT, next, ..descriptor }
}

#[test]
fn descriptor_chains_that_are_none() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let size = client.front_end().queues[0].size();
    let it = Malformed::new(&client);
    let (request, answer) = (it.request(), it.answer());
    let table = it.pages.addr() + 2 * PAGE;
    let table_bytes = |descriptors: &[(u64, u32, u16, u16)]| {
        for (index, (addr, len, flags, next)) in descriptors.iter().enumerate() {
            let mut bytes = addr.to_le_bytes().to_vec();
            bytes.extend(len.to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            bytes.extend(next.to_le_bytes());
            it.pages.write(2 * PAGE + 16 * index as u64, &bytes).unwrap();
        }
    };
    let indirect = |addr, len| Descriptor { addr, len, flags: INDIRECT, next: 0 };

    it.check(&mut client, "a loop of one", &[linked(answer, 0)], Some(INVAL));
    it.check(&mut client, "a loop of two", &[linked(request, 1), linked(answer, 0)], Some(INVAL));
    it.check(&mut client, "a loop of nothing", &[linked(Descriptor::readable(0x4000_0000, 0), 0)], None);
    it.check(&mut client, "next outside", &[linked(request, 1), linked(answer, size)], Some(INVAL));
    it.check(&mut client, "next far outside", &[linked(request, 1), linked(answer, u16::MAX)], Some(INVAL));
    it.check(&mut client, "read after write", &[linked(answer, 1), request], Some(INVAL));
    it.check(&mut client, "no answer", &[request], None);
    it.check(&mut client, "no request", &[answer], Some(INVAL));
    it.check(&mut client, "nothing", &[Descriptor::default()], None);

    for (what, addr) in [
        ("below memory", 0x1000),
        ("above memory", 0x4000_0000 + (64 << 20)),
        ("half outside", 0x4000_0000 + (64 << 20) - 8),
        ("wrapping", u64::MAX - 7),
        ("at the end of the address space", u64::MAX),
    ] {
        let bad = Descriptor { addr, ..request };
        it.check(&mut client, what, &[linked(bad, 1), answer], Some(INVAL));
        let bad = Descriptor { addr, ..answer };
        it.check(&mut client, what, &[linked(request, 1), linked(answer, 2), bad], Some(INVAL));
    }
    let unreachable = Descriptor { addr: 0x1000, ..answer };
    it.check(&mut client, "an answer nowhere", &[linked(request, 1), unreachable], None);
    let endless = Descriptor { len: 1 << 31, ..request };
    it.check(&mut client, "2 GiB", &[linked(endless, 1), answer], Some(INVAL));
    // Longer than a chain may be (virtio 1.3, section 2.7.5): it ends before the answer's place.
    it.check(&mut client, "4 GiB", &[linked(endless, 1), linked(endless, 2), answer], None);

    it.check(&mut client, "an empty table", &[indirect(table, 0)], None);
    it.check(&mut client, "half a descriptor", &[indirect(table, 24)], None);
    it.check(&mut client, "a table nowhere", &[indirect(0x1000, 32)], None);
    it.check(&mut client, "a huge table", &[indirect(table, !15)], None);
    it.check(&mut client, "a table after a buffer", &[linked(answer, 1), indirect(0x1000, 32)], Some(INVAL));
    table_bytes(&[(answer.addr, 64, WRITE | NEXT, 1), (table, 32, INDIRECT, 0)]);
    it.check(&mut client, "a table in a table", &[indirect(table, 32)], Some(INVAL));
    table_bytes(&[(request.addr, 16, NEXT, 1), (answer.addr, 64, WRITE | NEXT, 0)]);
    it.check(&mut client, "a loop in a table", &[indirect(table, 32)], Some(INVAL));
    table_bytes(&[(request.addr, 16, NEXT, 1), (answer.addr, 64, WRITE | NEXT, 2)]);
    it.check(&mut client, "next outside a table", &[indirect(table, 32)], Some(INVAL));

    // Half a request, and a buffer for each byte of the answer.
    let mut many = vec![(request.addr, 8, NEXT, 1)];
    many.extend((0..63).map(|i| (answer.addr + u64::from(i), 1, WRITE | NEXT, i + 2)));
    many.push((answer.addr + 63, 1, WRITE, 0));
    table_bytes(&many);
    it.check(&mut client, "a table of many", &[indirect(table, 16 * 65)], Some(INVAL));

    // Nothing of all that opened a context.
    assert_eq!(back_end.tee.state.contexts.load(std::sync::atomic::Ordering::SeqCst), 1);
    serves(&mut client, context, session);
}

#[test]
fn available_rings_that_lie() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let it = Malformed::new(&client);
    let ring = &mut client.front_end().queues[0];
    // `session` has made one request on this queue.
    let (size, next) = (ring.size(), 1_u16);
    // A head that is no descriptor cannot come back; what follows is served.
    ring.publish(size).unwrap();
    ring.publish(u16::MAX).unwrap();
    it.check(
        &mut client,
        "after heads outside the table",
        &[linked(it.request(), 1), linked(it.answer(), 1)],
        Some(INVAL),
    );
    // More available than the ring holds.
    let ring = &mut client.front_end().queues[0];
    ring.set_avail_index(next.wrapping_add(3).wrapping_add(size + 1)).unwrap();
    ring.force_kick().unwrap();
    ring.set_avail_index(next.wrapping_add(2)).unwrap();
    ring.force_kick().unwrap();
    assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
    let ring = &mut client.front_end().queues[0];
    ring.set_avail_index(next.wrapping_add(3)).unwrap();
    serves(&mut client, context, session);
}

#[test]
fn available_rings_that_reach_out_of_memory() {
    let (start, len) = (0x4000_0000, 16 << 20);
    for event_idx in [true, false] {
        let back_end = BackEnd::start();
        let options = Options { memory: vec![(start, len)], event_idx, ..Options::default() };
        let mut client = back_end.connect_with(&options);
        let (context, session) = session(&mut client);
        // Flags and index are the last that there is of memory: nothing can be read of the entries.
        let avail_ring = start + len - 4;
        client.memory().write(avail_ring, &[0, 0, 1, 0]).unwrap();
        client.front_end().stop_queue(2).unwrap();
        client.front_end().start_queue_with(2, 0, avail_ring).unwrap();
        for _ in 0..3 {
            client.front_end().queues[2].force_kick().unwrap();
            // It is one thread that looks at all queues.
            serves(&mut client, context, session);
        }
    }
}

#[test]
fn more_in_flight_than_the_queue_holds() {
    let back_end = BackEnd::start();
    let options = Options { queue_size: 8, ..Options::default() };
    let mut client = back_end.connect_with(&options);
    let (context, session) = session(&mut client);
    let pages = client.allocate(2 * PAGE).unwrap();
    let request = invoke_func(context, session, GATED, 0, &[]);
    pages.write(0, &request).unwrap();
    // One chain, made available over and over though it never came back.
    let ring = &mut client.front_end().queues[1];
    let request = Descriptor::readable(pages.addr(), request.len() as u32);
    ring.write_descriptor(0, linked(request, 1)).unwrap();
    ring.write_descriptor(1, Descriptor::writable(pages.addr() + PAGE, 64)).unwrap();
    for _ in 0..8 {
        ring.publish(0).unwrap();
    }
    ring.kick().unwrap();
    eventually("the calls run", || back_end.tee.state.running() == 8);
    for _ in 0..100 {
        assert_eq!(publish(&mut client, 1, 0), Used { head: 0, len: 8 });
        assert_eq!(status(accept(&pages.read(PAGE, 8).unwrap())), LIMIT);
    }
    assert_eq!(back_end.tee.state.running(), 8);
    back_end.tee.state.open_gate(true);
    for _ in 0..8 {
        assert!(client.front_end().queues[1].wait_used(HANG).unwrap().is_some());
    }
}

#[test]
fn page_runs_that_are_no_memory() {
    let back_end = BackEnd::start();
    let regions = vec![(0x4000_0000, 16 << 20), (0x5000_0000, 1 << 20)];
    let mut client = back_end.connect_with(&Options { memory: regions, ..Options::default() });
    let (context, session) = session(&mut client);
    let pages = client.allocate(4 * PAGE).unwrap();
    let (addr, len) = pages.run();
    for run in [
        (addr + 1, len),
        (addr + 512, PAGE),
        (addr, len - 1),
        (addr, 1),
        (addr, 0),
        (0, PAGE),
        (0x4000_0000 - PAGE, PAGE),
        (0x4000_0000 - PAGE, 2 * PAGE),
        (0x4000_0000 + (16 << 20), PAGE),
        (0x4000_0000 + (16 << 20) - PAGE, 2 * PAGE),
        (0x5000_0000, 2 << 20),
        (0x5000_0000 - PAGE, 2 * PAGE),
        (u64::MAX - PAGE + 1, PAGE),
        (u64::MAX - PAGE + 1, 2 * PAGE),
        (addr, u64::MAX - PAGE + 1),
    ] {
        let expected = |status: u32| {
            // A run beyond the limit may be told that first.
            assert!(status == BAD_ADDRESS || (run.1 > 4 << 30 && status == LIMIT), "{run:x?}: {status}");
        };
        expected(status(client.register(context, &[run])));
        expected(status(client.register(context, &[(addr, PAGE), run])));
        let params = [Param::transient(INOUT, &[(addr, PAGE), run], 0, 1)];
        expected(status(client.invoke(context, session, INCREMENT, &params)));
        expected(status(client.open_session(context, TA, &params)));
    }
    // Sums that wrap.
    let huge = (addr, u64::MAX - PAGE + 1);
    assert_ne!(status(client.register(context, &[huge, huge])), wire::VIRTIO_TEE_S_OK);
    assert_eq!(status(client.register(context, &[])), INVAL);
    assert!(pages.read(0, len as usize).unwrap().iter().all(|byte| *byte == 0));
    serves(&mut client, context, session);
}

#[test]
fn parameters_that_make_no_sense() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, session) = session(&mut client);
    let pages = client.allocate(2 * PAGE).unwrap();
    let run = [pages.run()];
    let memory = client.register(context, &run).unwrap();
    let max = client.front_end().config().max_params.get() as usize;
    let size = 2 * PAGE;
    let with = |param: Param, change: &dyn Fn(&mut Param)| {
        let mut param = param;
        change(&mut param);
        param
    };
    let transient = || Param::transient(INOUT, &run, 0, size);
    let bad = [
        vec![Param::none(); max + 1],
        vec![Param { attr: 4, ..Param::none() }],
        vec![Param { attr: 8, ..Param::none() }],
        vec![Param { attr: 0xff, ..Param::none() }],
        vec![Param { attr: 0x201, ..Param::none() }],
        vec![Param { attr: 1 << 31, ..Param::none() }],
        vec![with(transient(), &|p| p.attr |= 0x1000)],
        // Runs where none belong, and the other way round.
        vec![with(transient(), &|p| p.attr = wire::VIRTIO_TEE_ATTR_TRANSIENT)],
        vec![with(transient(), &|p| p.attr = wire::VIRTIO_TEE_ATTR_VALUE_INOUT)],
        vec![with(transient(), &|p| {
            p.attr = wire::VIRTIO_TEE_ATTR_VALUE_INOUT | wire::VIRTIO_TEE_ATTR_TRANSIENT;
        })],
        vec![with(transient(), &|p| p.attr = INOUT)],
        vec![with(transient(), &|p| p.runs.clear())],
        vec![with(transient(), &|p| p.c = memory)],
        vec![with(transient(), &|p| p.c = wire::VIRTIO_TEE_MEMORY_NULL)],
        // Ranges.
        vec![Param::transient(INOUT, &run, 0, size + 1)],
        vec![Param::transient(INOUT, &run, 1, size)],
        vec![Param::transient(INOUT, &run, size + 1, 0)],
        vec![Param::transient(INOUT, &run, u64::MAX, 1)],
        vec![Param::transient(INOUT, &run, 1, u64::MAX)],
        vec![Param::transient(INOUT, &run, u64::MAX, u64::MAX)],
        vec![Param::registered(INOUT, memory, 0, size + 1)],
        vec![Param::registered(INOUT, memory, size, 1)],
        vec![Param::registered(INOUT, memory, u64::MAX, 2)],
        vec![Param::none(), Param::registered(INOUT, wire::VIRTIO_TEE_MEMORY_NULL, 1, 0)],
    ];
    for params in &bad {
        let result = client.invoke(context, session, NOP, params);
        assert_eq!(status(result), INVAL, "{params:x?}");
        assert_eq!(status(client.open_session(context, TA, params)), INVAL, "{params:x?}");
    }
    // Counts that the parameters do not add up to, of which some would wrap.
    for (num_params, num_runs) in
        [(1, 0), (1, 2), (0, 1), (2, 1), (u32::MAX, 1), (1, u32::MAX), (0x0800_0001, 0x1000_0001)]
    {
        let mut request = invoke_func(context, session, NOP, 0, &[transient()]);
        request[28..32].copy_from_slice(&u32::to_le_bytes(num_params));
        request[32..36].copy_from_slice(&u32::to_le_bytes(num_runs));
        assert_eq!(refused(&mut client, 1, &request), INVAL, "{num_params} {num_runs}");
    }
    let mut request = invoke_func(context, session, NOP, 0, &[transient()]);
    request[44..48].copy_from_slice(&2_u32.to_le_bytes());
    assert_eq!(refused(&mut client, 1, &request), INVAL);
    let before = back_end.tee.state.invokes.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(before, 0);

    // Reserved fields are not looked at.
    let mut request = invoke_func(context, session, NOP, 0, &[]);
    request[4..8].fill(0xff);
    request[36..40].fill(0xff);
    let pending = client.submit(1, &request, 24).unwrap();
    assert_eq!(client.finish(pending).unwrap().ret, 0);
    client.unregister(context, memory).unwrap();
}

#[test]
fn names_of_nothing_and_of_others() {
    let back_end = BackEnd::start();
    let other_vm = BackEnd::start();
    let mut client = back_end.connect();
    let mut neighbour = other_vm.connect();
    let (context, session1) = session(&mut client);
    let (second, _) = session(&mut client);
    let theirs = session(&mut neighbour).0;
    let page = client.allocate(1).unwrap();
    let session2 = client.open_session(context, TA, &[]).unwrap().session;
    let memory = client.register(context, &[page.run()]).unwrap();

    for bad in [0, 1, context + 1000, theirs, u64::MAX, context ^ 1 << 63] {
        assert_eq!(status(client.close_context(bad)), BAD_CONTEXT, "{bad:#x}");
        assert_eq!(status(client.register(bad, &[page.run()])), BAD_CONTEXT);
        assert_eq!(status(client.unregister(bad, memory)), BAD_CONTEXT);
        assert_eq!(status(client.cancel(bad, session1, 1)), BAD_CONTEXT);
        assert_eq!(status(client.open_session(bad, TA, &[])), BAD_CONTEXT);
        assert_eq!(status(client.invoke(bad, session1, NOP, &[])), BAD_CONTEXT);
        assert_eq!(status(client.close_session(bad, session1)), BAD_CONTEXT);
    }
    // `session2` is the second of its context: the other context has only a first.
    for bad in [(context, 0), (context, 99), (context, u32::MAX), (second, session2)] {
        assert_eq!(status(client.invoke(bad.0, bad.1, NOP, &[])), BAD_SESSION, "{bad:x?}");
        assert_eq!(status(client.close_session(bad.0, bad.1)), BAD_SESSION);
    }
    let param = |memory| [Param::registered(INOUT, memory, 0, 1)];
    for (context, session, memory) in
        [(context, session1, memory + 1), (context, session1, 0), (second, 1, memory)]
    {
        assert_eq!(status(client.invoke(context, session, NOP, &param(memory))), BAD_MEMORY);
        assert_eq!(status(client.unregister(context, memory)), BAD_MEMORY);
    }
    // All that is there still is.
    assert_eq!(client.invoke(context, session2, NOP, &param(memory)).unwrap().ret, 0);
    client.unregister(context, memory).unwrap();
    assert_eq!(status(client.invoke(context, session1, NOP, &param(memory))), BAD_MEMORY);
    client.close_session(context, session2).unwrap();
    assert_eq!(status(client.invoke(context, session2, NOP, &[])), BAD_SESSION);
    client.close_context(context).unwrap();
    assert_eq!(status(client.open_session(context, TA, &[])), BAD_CONTEXT);
    neighbour.open_session(theirs, TA, &[]).unwrap();
}

#[test]
fn names_from_before_a_reconnection() {
    let back_end = BackEnd::start();
    let mut client = back_end.connect();
    let (context, _) = session(&mut client);
    let page = client.allocate(1).unwrap();
    let memory = client.register(context, &[page.run()]).unwrap();
    drop(client);
    let mut client = back_end.connect();
    let (again, session) = session(&mut client);
    assert_ne!(again, context);
    assert_eq!(status(client.close_context(context)), BAD_CONTEXT);
    assert_eq!(status(client.unregister(again, memory)), BAD_MEMORY);
    serves(&mut client, again, session);
}

#[test]
fn errors_are_not_contagious() {
    // A hostile VM that has used up what it may has taken nothing from the other.
    let limits = Limits { max_calls: 2, max_contexts: 4, ..Limits::default() };
    let hostile = BackEnd::with_limits(limits);
    let harmless = BackEnd::start();
    let mut attacker = hostile.connect();
    let mut victim = harmless.connect();
    let (context, victim_session) = session(&mut victim);
    let (theirs, attacker_session) = session(&mut attacker);
    while attacker.open_context().is_ok() {}
    let stuck: Vec<_> =
        (0..20).map(|_| attacker.start_invoke(1, theirs, attacker_session, GATED, 0, &[]).unwrap()).collect();
    for _ in 0..50 {
        serves(&mut victim, context, victim_session);
        let other = victim.open_session(context, TA, &[]).unwrap().session;
        victim.close_session(context, other).unwrap();
    }
    hostile.tee.state.open_gate(true);
    for call in stuck {
        assert_eq!(attacker.finish(call).unwrap().ret, 0);
    }
}
