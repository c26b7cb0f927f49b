// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The calls of the program, and what their answers should be.

use std::time::{Duration, Instant};

use uuid::Uuid;
use virtio_tee_frontend::client::{CallResult, Client, Param};
use virtio_tee_frontend::memory::Pages;
use virtio_tee_spec as wire;

use crate::Failure;

// Commands of the probe: `integration/tas/probe/include/probe_ta.h`.
const NOP: u32 = 0;
const SWAP: u32 = 1;
const TOUCH: u32 = 8;
const WATCH: u32 = 9;
const SUM: u32 = 15;

/// Bytes of memory that stays registered.
const REGISTERED: u64 = 1 << 20;
/// Bytes of memory of one call: the one is copied by a daemon on the host's TEE, the other is not.
const TRANSIENT: [u64; 2] = [4096, 256 << 10];
/// One round in so many has a new session and a new registration besides.
const RARE: u64 = 20;

const INPUT: u32 = wire::VIRTIO_TEE_ATTR_MEMREF_INPUT;
const INOUT: u32 = wire::VIRTIO_TEE_ATTR_MEMREF_INOUT;

/// A context with one session.
struct Caller {
    client: Client,
    context: u64,
    session: u32,
}

/// Opens a session, and closes it.
pub(crate) fn open_and_close(client: Client, ta: Uuid) -> Result<(), Failure> {
    let caller = Caller::open(client, ta)?;
    println!("opened");
    caller.close()
}

/// Stays in a call, with registered memory, while `go_on`.
pub(crate) fn hold(client: Client, ta: Uuid, go_on: impl Fn() -> bool) -> Result<(), Failure> {
    let mut caller = Caller::open(client, ta)?;
    let (pages, memory) = caller.register(REGISTERED)?;
    // Once before, so that it is registered with the TEE too.
    caller.touch(&pages, memory, 0)?;
    let watched = pages.len() - 1;
    // The TA waits for byte 0, having set the last one.
    pages.write(0, &[0])?;
    let params = [Param::registered(INOUT, memory, 0, pages.len()), Param::value_inout(0, watched)];
    let pending = caller.client.start_invoke(1, caller.context, caller.session, WATCH, 0, &params)?;
    while pages.read(watched, 1)? != [1] {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("holding");
    while go_on() {
        std::thread::sleep(Duration::from_millis(10));
    }
    pages.write(0, &[1])?;
    let result = caller.client.finish(pending)?;
    println!("back with {:#010x}", result.ret);
    caller.close()
}

/// Calls of all kinds, while `go_on`.
pub(crate) fn hammer(
    client: Client,
    ta: Uuid,
    go_on: impl Fn() -> bool,
    one_session: bool,
) -> Result<(), Failure> {
    let mut caller = Caller::open(client, ta)?;
    let (pages, memory) = caller.register(REGISTERED)?;
    let transient: Vec<Pages> =
        TRANSIENT.iter().map(|len| caller.client.allocate(*len)).collect::<Result<_, _>>()?;
    let mut calls = 0;
    let mut rounds = 0;
    while go_on() {
        caller.swap(rounds)?;
        caller.touch(&pages, memory, rounds % pages.len())?;
        for pages in &transient {
            caller.sum(pages, rounds as u8)?;
        }
        calls += 4;
        if rounds == 0 {
            println!("hammering");
        }
        if rounds % RARE == 0 && !one_session {
            let (pages, memory) = caller.register(TRANSIENT[1])?;
            caller.touch(&pages, memory, 0)?;
            caller.client.unregister(caller.context, memory)?;
            let other = succeeded("open session", caller.client.open_session(caller.context, ta, &[])?)?;
            caller.client.close_session(caller.context, other.session)?;
            calls += 3;
        }
        rounds += 1;
    }
    println!("{calls} calls, every answer right");
    caller.client.unregister(caller.context, memory)?;
    caller.close()
}

/// Calls with `bytes` of memory of that call, both ways, of which the TA touches none; prints the median in ns.
pub(crate) fn transient(client: Client, ta: Uuid, bytes: u64, calls: u32) -> Result<(), Failure> {
    let mut caller = Caller::open(client, ta)?;
    let pages = caller.client.allocate(bytes)?;
    let params = [Param::transient(INOUT, &[pages.run()], 0, bytes)];
    let mut samples = Vec::new();
    // One that does not count fills caches.
    caller.invoke("nop", NOP, &params)?;
    for _ in 0..calls {
        let begun = Instant::now();
        caller.invoke("nop", NOP, &params)?;
        samples.push(begun.elapsed().as_nanos());
    }
    samples.sort_unstable();
    println!("{}", samples.get(samples.len() / 2).copied().unwrap_or_default());
    caller.close()
}

impl Caller {
    fn open(mut client: Client, ta: Uuid) -> Result<Self, Failure> {
        let context = client.open_context()?;
        let opened = succeeded("open session", client.open_session(context, ta, &[])?)?;
        Ok(Self { client, context, session: opened.session })
    }

    fn register(&mut self, len: u64) -> Result<(Pages, u64), Failure> {
        let pages = self.client.allocate(len)?;
        let memory = self.client.register(self.context, &[pages.run()])?;
        Ok((pages, memory))
    }

    fn invoke(&mut self, what: &'static str, func: u32, params: &[Param]) -> Result<CallResult, Failure> {
        succeeded(what, self.client.invoke(self.context, self.session, func, params)?)
    }

    /// Two values change places.
    fn swap(&mut self, value: u64) -> Result<(), Failure> {
        let (a, b) = (value & u64::from(u32::MAX), 1);
        let result = self.invoke("swap", SWAP, &[Param::value_inout(a, b)])?;
        due("swap", a, result.params[0].1)
    }

    /// The TA adds one to a byte of registered memory.
    fn touch(&mut self, pages: &Pages, memory: u64, at: u64) -> Result<(), Failure> {
        let before = pages.read(at, 1)?[0];
        let params = [Param::registered(INOUT, memory, 0, pages.len()), Param::value_inout(at, 0)];
        self.invoke("touch", TOUCH, &params)?;
        due("touch", u64::from(before.wrapping_add(1)), u64::from(pages.read(at, 1)?[0]))
    }

    /// The TA sums up the bytes of memory of one call.
    fn sum(&mut self, pages: &Pages, byte: u8) -> Result<(), Failure> {
        let len = pages.len();
        pages.write(0, &vec![byte; len as usize])?;
        let params = [Param::transient(INPUT, &[pages.run()], 0, len), Param::value_out()];
        let result = self.invoke("sum", SUM, &params)?;
        let (low, high, _) = result.params[1];
        due("sum", u64::from(byte) * len, low | high << 32)
    }

    fn close(mut self) -> Result<(), Failure> {
        self.client.close_session(self.context, self.session)?;
        Ok(self.client.close_context(self.context)?)
    }
}

fn succeeded(what: &'static str, result: CallResult) -> Result<CallResult, Failure> {
    match result.ret {
        0 => Ok(result),
        ret => Err(Failure::Returned { what, ret, origin: result.origin }),
    }
}

fn due(what: &'static str, due: u64, got: u64) -> Result<(), Failure> {
    if due == got {
        Ok(())
    } else {
        Err(Failure::Wrong { what, due, got })
    }
}
