// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Serving one chain: what its request asks for is begun, and answered when it is done.

use std::mem::size_of;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use virtio_queue::QueueT;
use virtio_tee_spec as wire;
use vm_memory::GuestMemoryMmap;

use super::chain::Chain;
use super::outstanding::{put_back, Outstanding, Reply};
use super::request::{Parameter, Request};
use super::status::Refusal;
use super::{memory, response, Device, Transport};
use crate::partition::{Argument, Buffer, Done, Error, Outcome, Tag};

/// Page runs of calls in flight, in units of `Limits::max_runs`: what bounds the memory that a guest
/// can have the daemon hold.
const RUNS_IN_FLIGHT: usize = 8;

impl Device {
    pub(super) fn serve<T: Transport>(
        &self,
        index: usize,
        transport: &T,
        outstanding: &Arc<Outstanding>,
        chain: Chain,
    ) {
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
        let tag = |cancel_id| Tag { queue: index, cancel_id };
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
                self.partition.open_session(context, request, arguments, tag(cancel_id), done)?;
            }
            Request::InvokeFunc { context, session, func, cancel_id, params } => {
                let (arguments, runs) = self.arguments(memory, params)?;
                let done = answer_call(reply, runs);
                self.partition.invoke(context, session, func, arguments, tag(cancel_id), done)?;
            }
            Request::CloseSession { context, session } => {
                self.partition.close_session(context, session, index, acknowledge(reply))?;
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
