// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The virtio TEE device, however it is attached.
//!
//! ```text
//!   Transport ─▶ chain ─▶ request ──▶ memory ──▶ Partition
//!   (the door)   copied   decoded    addresses    │
//!                once     checked    → files      │ any thread, any order
//!   Transport ◀─ outstanding ◀─ response ◀────────┘
//! ```
//!
//! The guest is hostile: a request is copied once, and only the copy is looked at. Whatever it holds,
//! the answer is defined (`status.rs`), and costs the log a few lines a minute at most.
//!
//! A door implements [`Transport`], offers the driver [`Device::features`] and what
//! [`Device::read_config`] reads, calls [`Device::process`] when the driver has made chains available,
//! [`Device::stop_queue`] before it takes a queue away, [`Device::reset`] when the driver has reset the
//! device, and [`Device::shut_down`] in the end.

mod chain;
mod config_space;
mod memory;
mod outstanding;
mod request;
mod response;
mod status;
#[cfg(test)]
mod tests;
mod transport;

use std::mem::size_of;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chain::Chain;
pub use memory::page_size;
use outstanding::{put_back, Outstanding, Reply};
use request::{Parameter, Request};
use status::Refusal;
use tee::GiveUp;
pub use transport::Transport;
use virtio_bindings::bindings::virtio_config::{VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_VERSION_1};
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_queue::{QueueOwnedT, QueueT};
use virtio_tee_spec as wire;
use vm_memory::GuestMemoryMmap;

use crate::partition::{Argument, Buffer, Done, Error, Outcome, Partition};
use crate::rate_limit::RateLimit;

/// Page runs of calls in flight, in units of `Limits::max_runs`: what bounds the memory that a guest
/// can have the daemon hold.
const RUNS_IN_FLIGHT: usize = 8;
/// Chains taken off a request queue before the control queue is looked at again.
const BATCH: usize = 32;
/// Lines in the log about a guest's faults, per minute.
const FAULTS_LOGGED: u32 = 10;

/// One VM's device.
pub struct Device {
    name: String,
    config: wire::Config,
    access_platform: bool,
    partition: Partition,
    kicks: AtomicU64,
    queues: Vec<Arc<Outstanding>>,
    runs_in_flight: Arc<AtomicUsize>,
    stopping: AtomicBool,
    faults: RateLimit,
}

/// What a queue had to give.
enum Popped {
    Chain(Chain),
    /// It cannot be put back, having no valid head.
    Lost,
    Nothing,
}

impl Device {
    /// Makes the device of the VM `name`, with `request_queues` queues beside the control queue.
    ///
    /// With `access_platform` the driver is offered to use addresses of the DMA API, which a
    /// confidential guest needs: its shared memory is bounced or unencrypted by that API.
    pub fn new(name: &str, partition: Partition, request_queues: u16, access_platform: bool) -> Self {
        Self {
            name: name.to_owned(),
            config: config_space::describe(partition.version(), partition.limits(), request_queues),
            access_platform,
            partition,
            kicks: AtomicU64::new(0),
            queues: (0..=request_queues).map(|_| Arc::default()).collect(),
            runs_in_flight: Arc::default(),
            stopping: AtomicBool::new(false),
            faults: RateLimit::new(FAULTS_LOGGED, Duration::from_secs(60)),
        }
    }

    /// All queues, the control queue included.
    pub fn num_queues(&self) -> usize {
        self.queues.len()
    }

    /// Virtio features to offer; the door may add those of its transport.
    pub fn features(&self) -> u64 {
        1 << VIRTIO_F_VERSION_1
            | 1 << VIRTIO_RING_F_INDIRECT_DESC
            | 1 << VIRTIO_RING_F_EVENT_IDX
            | u64::from(self.access_platform) << VIRTIO_F_ACCESS_PLATFORM
    }

    /// How often the driver has notified the device, and the device the driver.
    pub fn notifications(&self) -> (u64, u64) {
        let to_driver = self.queues.iter().map(|outstanding| outstanding.notifications()).sum();
        (self.kicks.load(Ordering::Relaxed), to_driver)
    }

    /// What lies behind the device.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Reads `size` bytes of configuration space at `offset`: always that many.
    pub fn read_config(&self, offset: u32, size: u32) -> Vec<u8> {
        config_space::read(&self.config, offset, size)
    }

    /// Takes in what the driver has made available on queue `index`. Never blocks; to be called from
    /// one thread.
    pub fn process<T: Transport>(&self, index: usize, transport: &T) {
        if index >= self.queues.len() {
            return;
        }
        self.kicks.fetch_add(1, Ordering::Relaxed);
        let mut pending = false;
        loop {
            let memory = transport.memory();
            transport
                .with_rings(index, |rings| rings.ready() && rings.disable_notification(&*memory).is_ok());
            let mut taken = self.take_in(index, transport, BATCH);
            let progress = taken > 0;
            while taken == BATCH {
                if index != 0 {
                    self.take_in(0, transport, BATCH);
                }
                taken = self.take_in(index, transport, BATCH);
            }
            // Chains that have come meanwhile are taken in. A ring that makes no sense is left alone,
            // but its driver may notify when it has set it right.
            let more = transport.with_rings(index, |rings| {
                let pending = rings.enable_notification(&*memory).unwrap_or(false);
                pending && rings.iter(&*memory).is_ok()
            });
            if !more || !transport.is_running(index) || self.stopping.load(Ordering::Relaxed) {
                break;
            }
            if pending && !progress {
                self.fault(&"available ring has chains that cannot be taken");
                break;
            }
            pending = true;
        }
    }

    /// Takes no more chains, on any queue. Calls in flight go on.
    pub fn stop_taking(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Takes no more chains, on any queue, and waits `grace` at most for calls in flight.
    pub fn drain(&self, grace: Duration) {
        self.stop_taking();
        let deadline = Instant::now() + grace;
        for queue in &self.queues {
            queue.wait_idle(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Waits for the chains of a queue that the driver will make no more available on. Calls that
    /// take longer than `grace` are ended, each step of that within `grace` again; see
    /// [`Device::end_calls`].
    pub fn stop_queue<T: Transport>(&self, index: usize, transport: &T, grace: Duration) {
        if self.queues.get(index).is_some_and(|outstanding| !outstanding.wait_idle(grace)) {
            self.end(index..index + 1, transport, grace);
        }
    }

    /// Ends the calls of all queues, on which the driver will make no more chains available: cancels
    /// them and, where that is not heeded within `grace`, abandons them, which ends their TA. What not
    /// even that ends within `grace` is answered with `VIRTIO_TEE_S_IO`.
    pub fn end_calls<T: Transport>(&self, transport: &T, grace: Duration) {
        self.end(0..self.queues.len(), transport, grace);
    }

    fn end<T: Transport>(&self, queues: Range<usize>, transport: &T, grace: Duration) {
        let idle = |grace| {
            let deadline = Instant::now() + grace;
            let left = || deadline.saturating_duration_since(Instant::now());
            self.queues[queues.clone()].iter().all(|outstanding| outstanding.wait_idle(left()))
        };
        if idle(Duration::ZERO) {
            return;
        }
        for what in [GiveUp::Cancel, GiveUp::Abandon] {
            self.partition.ask_all(what);
            if idle(grace) {
                return;
            }
        }
        let answer = response::status(wire::VIRTIO_TEE_S_IO);
        for index in queues.clone() {
            let left = self.queues[index].answer_all(transport, index, &answer);
            if left > 0 {
                log::warn!("{}: queue {index} stopped with {left} calls that could not be ended", self.name);
            }
        }
        // One that was just being put back when it was looked for.
        idle(grace);
    }

    /// The driver has reset the device: nothing it had is left. Waits for that; see
    /// [`Partition::reset`].
    pub fn reset(&self, grace: Duration) {
        for outstanding in &self.queues {
            outstanding.forget();
        }
        if let Err(e) = self.partition.reset(grace) {
            log::error!("{}: after a reset: {e}", self.name);
        }
    }

    /// Frees everything; see [`Partition::shut_down`].
    pub fn shut_down(&self, grace: Duration) -> usize {
        self.stopping.store(true, Ordering::Relaxed);
        self.partition.shut_down(grace)
    }

    /// Serves up to `max` chains of a queue, and says how many there were.
    fn take_in<T: Transport>(&self, index: usize, transport: &T, max: usize) -> usize {
        let Some(outstanding) = self.queues.get(index) else {
            return 0;
        };
        for taken in 0..max {
            if !transport.is_running(index) || self.stopping.load(Ordering::Relaxed) {
                return taken;
            }
            match self.pop(index, transport, outstanding) {
                Popped::Chain(chain) => self.serve(index, transport, outstanding, chain),
                Popped::Lost => {}
                Popped::Nothing => return taken,
            }
        }
        max
    }

    fn pop<T: Transport>(&self, index: usize, transport: &T, outstanding: &Outstanding) -> Popped {
        let memory = transport.memory();
        let popped = transport.with_rings(index, |rings| {
            if !rings.ready() {
                return Ok(None);
            }
            let size = rings.size();
            let Some(chain) = rings.iter(memory.clone())?.next() else {
                return Ok(None);
            };
            let valid = chain.head_index() < size;
            if valid {
                outstanding.begin();
            }
            Ok::<_, virtio_queue::Error>(Some(valid.then_some(chain)))
        });
        match popped {
            Ok(Some(Some(chain))) => {
                let limits = self.partition.limits();
                let (max_request, max_answer) = (request::max_len(limits), request::max_answer_len(limits));
                Popped::Chain(Chain::read(chain, memory, max_request, max_answer))
            }
            Ok(Some(None)) => {
                self.fault(&"available ring names a descriptor that the table does not have");
                Popped::Lost
            }
            Ok(None) => Popped::Nothing,
            Err(e) => {
                self.fault(&e);
                Popped::Nothing
            }
        }
    }

    fn serve<T: Transport>(&self, index: usize, transport: &T, outstanding: &Arc<Outstanding>, chain: Chain) {
        let Chain { head, request, defect, answer, memory } = chain;
        let room = answer.len();
        if room < size_of::<wire::ResponseHeader>() as u64 {
            self.fault(&format_args!("no room for an answer: {room} bytes"));
            return put_back(transport, index, outstanding, head, 0);
        }
        let reply = Reply::new(transport.clone(), index, outstanding.clone(), head, answer);
        let begun = match defect {
            Some(defect) => Err(Refusal::Chain(defect)),
            None => self.begin(index, transport, &request, room, &memory, &reply),
        };
        if let Err(refusal) = begun {
            if refusal.is_fault() {
                self.fault(&refusal);
            }
            reply.send(&response::status(refusal.status()));
        }
    }

    /// Begins what a request asks for; the answer follows, or has been sent.
    fn begin<T: Transport>(
        &self,
        index: usize,
        transport: &T,
        bytes: &[u8],
        room: u64,
        memory: &GuestMemoryMmap,
        reply: &Reply<T>,
    ) -> Result<(), Refusal> {
        if reply.queue_depth() > usize::from(transport.with_rings(index, |rings| rings.size())) {
            return Err(Refusal::Limit("requests in flight on a queue"));
        }
        let limits = self.partition.limits();
        let request = Request::decode(bytes, queue_number(index), self.config.gen_caps.get(), limits)?;
        let needed = request.answer_len();
        if room < needed as u64 {
            return Err(Refusal::Room { room, needed });
        }
        match request {
            Request::OpenDevice => reply.send(&response::open_device(self.partition.open_context()?)),
            Request::GetVersion => reply.send(&response::get_version(self.partition.version())),
            Request::CloseDevice { context } => self.partition.close_context(context, acknowledge(reply))?,
            Request::CancelReq { context, session, cancel_id } => {
                self.cancel(transport, context, session, cancel_id)?;
                reply.send(&response::status(wire::VIRTIO_TEE_S_OK));
            }
            Request::RegisterMem { context, runs } => {
                let runs = memory::translate(memory, runs, limits.max_memory_bytes)?;
                reply.send(&response::register_mem(self.partition.register_memory(context, runs)?));
            }
            Request::UnregisterMem { context, memory } => {
                self.partition.unregister_memory(context, memory, acknowledge(reply))?;
            }
            Request::OpenSession { context, request, cancel_id, params } => {
                let (arguments, runs) = self.arguments(memory, params)?;
                let done = answer_call(reply, runs);
                self.partition.open_session(context, request, arguments, cancel_id, done)?;
            }
            Request::InvokeFunc { context, session, func, cancel_id, params } => {
                let (arguments, runs) = self.arguments(memory, params)?;
                let done = answer_call(reply, runs);
                self.partition.invoke(context, session, func, arguments, cancel_id, done)?;
            }
            Request::CloseSession { context, session } => {
                self.partition.close_session(context, session, acknowledge(reply))?;
            }
        }
        Ok(())
    }

    /// Cancels a call. The driver may have made it available just before, so the request queues are
    /// taken in first: then it is found unless it has completed.
    fn cancel<T: Transport>(
        &self,
        transport: &T,
        context: u64,
        session: u32,
        cancel_id: u32,
    ) -> Result<(), Error> {
        for index in 1..self.queues.len() {
            self.take_in(index, transport, usize::from(transport.with_rings(index, |rings| rings.size())));
        }
        self.partition.cancel(context, session, cancel_id)
    }

    /// Translates the addresses of a call's parameters.
    fn arguments(
        &self,
        memory: &GuestMemoryMmap,
        params: Vec<Parameter<'_>>,
    ) -> Result<(Vec<Argument>, RunsInFlight), Refusal> {
        let limits = self.partition.limits();
        let mut held = RunsInFlight { total: self.runs_in_flight.clone(), runs: 0 };
        let arguments = params
            .into_iter()
            .map(|param| {
                Ok(match param {
                    Parameter::None => Argument::None,
                    Parameter::Value { access, a, b, c } => Argument::Value { access, a, b, c },
                    Parameter::Null { access, offset, size } => {
                        Argument::MemRef { access, buffer: Buffer::Null, offset, size }
                    }
                    Parameter::Registered { access, memory, offset, size } => {
                        Argument::MemRef { access, buffer: Buffer::Registered(memory), offset, size }
                    }
                    Parameter::Transient { access, runs, offset, size } => {
                        held.add(runs.len(), RUNS_IN_FLIGHT * limits.max_runs as usize)?;
                        let runs = memory::translate(memory, runs, limits.max_memory_bytes)?;
                        Argument::MemRef { access, buffer: Buffer::Transient(runs), offset, size }
                    }
                })
            })
            .collect::<Result<_, Refusal>>()?;
        Ok((arguments, held))
    }

    /// Tells the log what the guest did wrong, within limits.
    fn fault(&self, what: &dyn std::fmt::Display) {
        match self.faults.admit() {
            Some(0) => log::warn!("{}: guest error: {what}", self.name),
            Some(more) => log::warn!("{}: guest error: {what} (and {more} not logged)", self.name),
            None => {}
        }
    }
}

/// Page runs that a call in flight holds.
struct RunsInFlight {
    total: Arc<AtomicUsize>,
    runs: usize,
}

impl RunsInFlight {
    fn add(&mut self, runs: usize, max: usize) -> Result<(), Refusal> {
        self.runs += runs;
        if self.total.fetch_add(runs, Ordering::Relaxed) + runs > max {
            return Err(Refusal::Limit("page runs in flight"));
        }
        Ok(())
    }
}

impl Drop for RunsInFlight {
    fn drop(&mut self) {
        self.total.fetch_sub(self.runs, Ordering::Relaxed);
    }
}

fn queue_number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn acknowledge<T: Transport>(reply: &Reply<T>) -> Done<()> {
    let reply = reply.clone();
    Box::new(move |()| reply.send(&response::status(wire::VIRTIO_TEE_S_OK)))
}

fn answer_call<T: Transport>(reply: &Reply<T>, runs: RunsInFlight) -> Done<Result<Outcome, Error>> {
    let reply = reply.clone();
    Box::new(move |result| {
        let bytes = match result {
            Ok(outcome) => {
                let bytes = response::call(&outcome);
                // The files of transient memory are let go of before the guest hears of it.
                drop(outcome);
                bytes
            }
            Err(error) => {
                if matches!(error, Error::Panicked) {
                    log::error!("a call was lost: {error}");
                }
                response::status(Refusal::from(error).status())
            }
        };
        drop(runs);
        reply.send(&bytes);
    })
}
