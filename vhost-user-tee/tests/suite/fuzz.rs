// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Requests and chains that a random number generator makes up: each comes back with something
//! defined, and another VM notices nothing.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use virtio_tee_frontend::client::{
    cancel_req, close_session, header, invoke_func, open_session, register_mem, Client, Param,
};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::ring::{Descriptor, HANG};
use virtio_tee_spec as wire;
use zerocopy::IntoBytes;

use crate::common::fake_tee::{NOP, TA};
use crate::common::BackEnd;

/// The same cases in every run.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// A change to a well-formed request.
#[derive(Clone, Debug)]
enum Change {
    Byte(usize, u8),
    Word(usize, u32),
    Cut(usize),
    Add(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let interesting = prop_oneof![
        Just(0_u32),
        Just(1),
        Just(2),
        Just(4),
        Just(5),
        Just(0x101),
        Just(0x107),
        Just(u32::MAX),
        any::<u32>()
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<usize>(), interesting).prop_map(|(at, word)| Change::Word(at, word)),
        any::<usize>().prop_map(Change::Cut),
        prop::collection::vec(any::<u8>(), 0..64).prop_map(Change::Add),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Byte(at, byte) if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] = *byte;
        }
        Change::Word(at, word) if bytes.len() >= 4 => {
            let at = at % (bytes.len() / 4) * 4;
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        Change::Cut(at) if !bytes.is_empty() => bytes.truncate(at % bytes.len()),
        Change::Add(more) => bytes.extend_from_slice(more),
        _ => {}
    }
}

struct Victim {
    client: Client,
    context: u64,
    session: u32,
    memory: u64,
    run: (u64, u64),
    _page: virtio_tee_frontend::memory::Pages,
}

impl Victim {
    fn new(back_end: &BackEnd) -> Self {
        let mut client = back_end.connect();
        let context = client.open_context().unwrap();
        let session = client.open_session(context, TA, &[]).unwrap().session;
        let page = client.allocate(4 * PAGE).unwrap();
        let memory = client.register(context, &[page.run()]).unwrap();
        Self { client, context, session, memory, run: page.run(), _page: page }
    }

    fn request(&self, kind: u8) -> Vec<u8> {
        let inout = wire::VIRTIO_TEE_ATTR_MEMREF_INOUT;
        let params = [
            Param::value_inout(1, 2),
            Param::transient(inout, &[self.run, (self.run.0, PAGE)], 5, PAGE),
            Param::registered(inout, self.memory, PAGE, PAGE),
            Param::null(inout, 3),
        ];
        match kind % 9 {
            0 => header(wire::VIRTIO_TEE_CMD_OPEN_DEVICE, 0).as_bytes().to_vec(),
            1 => header(wire::VIRTIO_TEE_CMD_GET_VERSION, 0).as_bytes().to_vec(),
            2 => cancel_req(self.context, self.session, 1).as_bytes().to_vec(),
            3 => register_mem(self.context, &[self.run, (self.run.0 + PAGE, PAGE)]),
            4 => open_session(self.context, TA, 1, &params),
            5 => close_session(self.context, self.session + 1).as_bytes().to_vec(),
            6 => header(wire::VIRTIO_TEE_CMD_CLOSE_DEVICE, self.context + 1).as_bytes().to_vec(),
            _ => invoke_func(self.context, self.session, NOP, 1, &params),
        }
    }
}

/// A status that the specification has, with the length that goes with it.
fn defined(room: u32, answer: &[u8]) -> Result<(), TestCaseError> {
    if room < 8 {
        prop_assert_eq!(answer.len(), 0);
        return Ok(());
    }
    prop_assert!(answer.len() >= 8, "{} bytes", answer.len());
    let status = u32::from_le_bytes([answer[0], answer[1], answer[2], answer[3]]);
    prop_assert!(status <= wire::VIRTIO_TEE_S_IO, "status {}", status);
    prop_assert_eq!(&answer[4..8], [0; 4]);
    if status != wire::VIRTIO_TEE_S_OK {
        prop_assert_eq!(answer.len(), 8);
    }
    Ok(())
}

#[test]
fn any_request_has_a_defined_answer() {
    let hostile = BackEnd::start();
    hostile.tee.state.sleepless.store(true, Ordering::SeqCst);
    let harmless = BackEnd::start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            let mut client = harmless.connect();
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) {
                let context = client.open_context().unwrap();
                let session = client.open_session(context, TA, &[]).unwrap().session;
                assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
                client.close_context(context).unwrap();
                rounds += 1;
            }
            rounds
        });
        let victim = RefCell::new(Some(Victim::new(&hostile)));
        let cases = (any::<u8>(), 0..3_usize, prop::collection::vec(change(), 0..4), 0..256_u32);
        let result = runner(6000).run(&cases, |(kind, queue, changes, room)| {
            let mut slot = victim.borrow_mut();
            let victim = slot.get_or_insert_with(|| Victim::new(&hostile));
            let mut request = victim.request(kind);
            changes.iter().for_each(|change| apply(&mut request, change));
            let pending = victim.client.submit(queue, &request, room);
            let Ok(pending) = pending else {
                // Neither request nor room for an answer: there is no such chain.
                prop_assert!(request.is_empty() && room == 0);
                return Ok(());
            };
            let answer = victim.client.wait(pending).map_err(|e| TestCaseError::fail(e.to_string()))?;
            defined(room, &answer)?;
            if victim.client.invoke(victim.context, victim.session, NOP, &[]).is_err() {
                // It hit upon closing what it lives on: anew, on a new connection.
                *slot = None;
            }
            Ok(())
        });
        over.store(true, Ordering::Relaxed);
        assert!(neighbour.join().unwrap() > 0);
        result.unwrap();
    });
}

#[test]
fn any_descriptor_table_comes_back() {
    let back_end = BackEnd::start();
    back_end.tee.state.sleepless.store(true, Ordering::SeqCst);
    let victim = Victim::new(&back_end);
    let request = victim.request(7);
    let pages = victim.client.allocate(16 * PAGE).unwrap();
    let victim = RefCell::new(victim);
    let places = [0, 0x4000_0000, pages.addr(), pages.addr() + PAGE, 0x4400_0000 - 8, u64::MAX - 4];
    let place = prop_oneof![prop::sample::select(places.to_vec()), any::<u64>()];
    let len = prop_oneof![Just(0), Just(16), Just(32), Just(request.len() as u32), 0..5000_u32, any::<u32>()];
    let descriptor = (place, len, 0..8_u16, prop_oneof![0..9_u16, any::<u16>()])
        .prop_map(|(addr, len, flags, next)| Descriptor { addr, len, flags, next });
    let table = prop::collection::vec(descriptor, 8);
    runner(4000)
        .run(&(table, 0..3_usize, 0..8_u16), |(table, queue, head)| {
            pages.write(0, &request).unwrap();
            let mut victim = victim.borrow_mut();
            let ring = &mut victim.client.front_end().queues[queue];
            for (index, descriptor) in table.iter().enumerate() {
                ring.write_descriptor(index as u16, *descriptor).unwrap();
            }
            ring.publish(head).unwrap();
            ring.kick().unwrap();
            let used = ring.wait_used(HANG).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let used = used.ok_or_else(|| TestCaseError::fail("hang"))?;
            prop_assert_eq!(used.head, head);
            Ok(())
        })
        .unwrap();
    drop((pages, victim));
    let mut again = Victim::new(&back_end);
    assert_eq!(again.client.invoke(again.context, again.session, NOP, &[]).unwrap().ret, 0);
}
