// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a call costs in messages, and in interrupts.

use virtio_tee_frontend::client::{call_result, invoke_func, Client};
use virtio_tee_frontend::ring::Ring;
use virtio_tee_frontend::vfio_user::connection::Messages;
use virtio_tee_frontend::vfio_user::VfioUser;
use virtio_tee_frontend::Options;
use virtio_tee_spec::CallResp;

use crate::common::fake_tee::NOP;
use crate::common::{session, BackEnd};

const CALLS: u64 = 1000;
const BATCH: u64 = 50;

/// Messages that wait for an answer, those that do not, interrupts.
fn counts(client: &mut Client) -> (u64, u64, u64) {
    let link: &mut VfioUser = client.front_end().link().unwrap();
    let Messages { answered, posted } = link.pci().connection().messages();
    let interrupts = client.front_end().queues.iter_mut().map(Ring::calls).sum();
    (answered, posted, interrupts)
}

fn difference(before: (u64, u64, u64), after: (u64, u64, u64)) -> (u64, u64, u64) {
    (after.0 - before.0, after.1 - before.1, after.2 - before.2)
}

#[test]
fn a_call_costs_one_posted_write_and_one_interrupt_at_most() {
    for event_idx in [true, false] {
        let back_end = BackEnd::start();
        let mut client = back_end.connect_with(&Options { event_idx, ..Options::default() });
        let (context, session) = session(&mut client);

        let before = counts(&mut client);
        for _ in 0..CALLS {
            assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
        }
        let (answered, posted, interrupts) = difference(before, counts(&mut client));
        println!(
            "EVENT_IDX {event_idx}, one by one: {posted} writes, {interrupts} interrupts for {CALLS} calls"
        );
        assert_eq!(answered, 0);
        assert!(posted <= CALLS && interrupts <= CALLS);

        // Made available together, they are told of together.
        let before = counts(&mut client);
        let request = invoke_func(context, session, NOP, 0, &[]);
        for _ in 0..CALLS / BATCH {
            let calls: Vec<_> = (0..BATCH)
                .map(|_| client.enqueue(1, &request, size_of::<CallResp>() as u32).unwrap())
                .collect();
            client.kick(1).unwrap();
            for call in calls {
                assert_eq!(call_result(&client.wait(call).unwrap()).unwrap().ret, 0);
            }
        }
        let (answered, posted, interrupts) = difference(before, counts(&mut client));
        println!(
            "EVENT_IDX {event_idx}, by {BATCH}: {posted} writes, {interrupts} interrupts for {CALLS} calls"
        );
        assert_eq!(answered, 0);
        assert!(posted <= CALLS / BATCH && interrupts <= CALLS);
    }
}
