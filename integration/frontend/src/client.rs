// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A well-behaved driver.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;
use virtio_tee_spec as wire;
use zerocopy::{FromBytes, IntoBytes};

use crate::memory::{Memory, Pages};
use crate::ring::{Descriptor, Used, HANG};
use crate::{Error, FrontEnd, Options};

/// Queue of calls unless said otherwise.
const REQUESTS: usize = 1;
const CONTROL: usize = 0;

/// A parameter of a call, with the page runs of its memory if it is transient.
#[derive(Clone, Debug)]
pub struct Param {
    /// `VIRTIO_TEE_ATTR_*`.
    pub attr: u32,
    /// First value; offset of a memref.
    pub a: u64,
    /// Second value; size of a memref.
    pub b: u64,
    /// Third value; memory of a memref.
    pub c: u64,
    /// Address and length of each run.
    pub runs: Vec<(u64, u64)>,
}

impl Param {
    /// Not used.
    pub fn none() -> Self {
        Self { attr: wire::VIRTIO_TEE_ATTR_NONE, a: 0, b: 0, c: 0, runs: Vec::new() }
    }

    /// Values to the TA.
    pub fn value_in(a: u64, b: u64) -> Self {
        Self { attr: wire::VIRTIO_TEE_ATTR_VALUE_INPUT, a, b, ..Self::none() }
    }

    /// Values from the TA.
    pub fn value_out() -> Self {
        Self { attr: wire::VIRTIO_TEE_ATTR_VALUE_OUTPUT, ..Self::none() }
    }

    /// Values both ways.
    pub fn value_inout(a: u64, b: u64) -> Self {
        Self { attr: wire::VIRTIO_TEE_ATTR_VALUE_INOUT, a, b, ..Self::none() }
    }

    /// A part of a registered memory; `attr` is one of `VIRTIO_TEE_ATTR_MEMREF_*`.
    pub fn registered(attr: u32, memory: u64, offset: u64, size: u64) -> Self {
        Self { attr, a: offset, b: size, c: memory, runs: Vec::new() }
    }

    /// A part of memory for this call.
    pub fn transient(attr: u32, runs: &[(u64, u64)], offset: u64, size: u64) -> Self {
        Self { attr: attr | wire::VIRTIO_TEE_ATTR_TRANSIENT, a: offset, b: size, c: 0, runs: runs.to_vec() }
    }

    /// GP's NULL memref.
    pub fn null(attr: u32, size: u64) -> Self {
        Self::registered(attr, wire::VIRTIO_TEE_MEMORY_NULL, 0, size)
    }
}

/// What a call came back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// `TEEC_*`, or the TA's own.
    pub ret: u32,
    /// `TEEC_ORIGIN_*`.
    pub origin: u32,
    /// The session that it opened, or zero.
    pub session: u32,
    /// `a`, `b`, `c` of each parameter.
    pub params: Vec<(u64, u64, u64)>,
}

/// A request in flight.
#[derive(Debug)]
#[must_use = "its descriptors and memory are only free again after `Client::wait`"]
pub struct Pending {
    queue: usize,
    head: u16,
}

/// A driver with a device.
pub struct Client {
    front_end: FrontEnd,
    /// Memory of requests in flight, by queue and head.
    buffers: HashMap<(usize, u16), Buffers>,
    /// Answers that came while another was waited for.
    done: HashMap<(usize, u16), Vec<u8>>,
}

struct Buffers {
    pages: Pages,
    /// Where in the pages the answer is, and how long it may be.
    answer: (u64, u32),
}

impl Client {
    /// Connects with the default [`Options`].
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        Self::with_options(socket, &Options::default())
    }

    /// Connects.
    pub fn with_options(socket: &Path, options: &Options) -> Result<Self, Error> {
        Ok(Self::new(FrontEnd::connect(socket, options)?))
    }

    /// Takes over a device that runs.
    pub fn new(front_end: FrontEnd) -> Self {
        Self { front_end, buffers: HashMap::new(), done: HashMap::new() }
    }

    /// Resets the device, and starts it again. Requests in flight are forgotten.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.front_end.reset_device()?;
        self.buffers.clear();
        self.done.clear();
        Ok(())
    }

    /// The device beneath.
    pub fn front_end(&mut self) -> &mut FrontEnd {
        &mut self.front_end
    }

    /// The guest's memory.
    pub fn memory(&self) -> &Memory {
        self.front_end.memory()
    }

    /// Allocates pages to share.
    pub fn allocate(&self, len: u64) -> Result<Pages, Error> {
        self.memory().allocate(len)
    }

    /// Puts a request on a queue, without telling the device; see [`Client::kick`].
    pub fn enqueue(&mut self, queue: usize, request: &[u8], answer_len: u32) -> Result<Pending, Error> {
        // The answer lies behind the request, on a boundary, so that no byte is in both.
        let answer = (request.len() as u64).next_multiple_of(16);
        let pages = self.memory().allocate(answer + u64::from(answer_len))?;
        pages.write(0, request)?;
        let mut chain = Vec::with_capacity(2);
        if !request.is_empty() {
            chain.push(Descriptor::readable(pages.addr(), request.len() as u32));
        }
        if answer_len > 0 {
            chain.push(Descriptor::writable(pages.addr() + answer, answer_len));
        }
        let head = self.front_end.queues[queue].add(&chain)?;
        self.buffers.insert((queue, head), Buffers { pages, answer: (answer, answer_len) });
        Ok(Pending { queue, head })
    }

    /// Tells the device of what is on a queue.
    pub fn kick(&mut self, queue: usize) -> Result<bool, Error> {
        self.front_end.queues[queue].kick()
    }

    /// Makes a request.
    pub fn submit(&mut self, queue: usize, request: &[u8], answer_len: u32) -> Result<Pending, Error> {
        let pending = self.enqueue(queue, request, answer_len)?;
        self.kick(queue)?;
        Ok(pending)
    }

    /// Waits for a request's answer: the bytes that the device says it has written.
    pub fn wait(&mut self, pending: Pending) -> Result<Vec<u8>, Error> {
        self.wait_for(&pending, HANG)?.ok_or(Error::Hang)
    }

    /// The same, for `timeout` at most.
    pub fn wait_for(&mut self, pending: &Pending, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        let deadline = Instant::now() + timeout;
        let key = (pending.queue, pending.head);
        loop {
            if let Some(answer) = self.done.remove(&key) {
                return Ok(Some(answer));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.front_end.queues[pending.queue].wait_used(left)? {
                Some(used) => self.take(pending.queue, used)?,
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self, queue: usize, used: Used) -> Result<(), Error> {
        let key = (queue, used.head);
        if let Some(buffers) = self.buffers.remove(&key) {
            if used.len > buffers.answer.1 {
                return Err(Error::Short(used.len));
            }
            self.done.insert(key, buffers.pages.read(buffers.answer.0, used.len as usize)?);
        }
        Ok(())
    }

    /// Makes a request and takes its answer apart: the status must be OK.
    fn request<T: FromBytes>(&mut self, queue: usize, request: &[u8]) -> Result<T, Error> {
        let pending = self.submit(queue, request, size_of::<T>() as u32)?;
        let answer = self.wait(pending)?;
        accept(&answer)?;
        T::read_from_bytes(&answer).map_err(|_| Error::Short(answer.len() as u32))
    }

    /// OPEN_DEVICE.
    pub fn open_context(&mut self) -> Result<u64, Error> {
        let request = header(wire::VIRTIO_TEE_CMD_OPEN_DEVICE, 0);
        Ok(self.request::<wire::OpenDeviceResp>(CONTROL, request.as_bytes())?.context.get())
    }

    /// CLOSE_DEVICE.
    pub fn close_context(&mut self, context: u64) -> Result<(), Error> {
        let pending = self.start_close_context(context)?;
        let answer = self.wait(pending)?;
        accept(&answer)
    }

    /// CLOSE_DEVICE, without waiting.
    pub fn start_close_context(&mut self, context: u64) -> Result<Pending, Error> {
        let request = header(wire::VIRTIO_TEE_CMD_CLOSE_DEVICE, context);
        self.submit(CONTROL, request.as_bytes(), size_of::<wire::ResponseHeader>() as u32)
    }

    /// GET_VERSION.
    pub fn version(&mut self) -> Result<wire::GetVersionResp, Error> {
        self.request(CONTROL, header(wire::VIRTIO_TEE_CMD_GET_VERSION, 0).as_bytes())
    }

    /// REGISTER_MEM.
    pub fn register(&mut self, context: u64, runs: &[(u64, u64)]) -> Result<u64, Error> {
        let request = register_mem(context, runs);
        Ok(self.request::<wire::RegisterMemResp>(CONTROL, &request)?.memory.get())
    }

    /// UNREGISTER_MEM.
    pub fn unregister(&mut self, context: u64, memory: u64) -> Result<(), Error> {
        let header = header(wire::VIRTIO_TEE_CMD_UNREGISTER_MEM, context);
        let request = wire::UnregisterMemReq { header, memory: memory.into() };
        self.request::<wire::ResponseHeader>(CONTROL, request.as_bytes()).map(|_| ())
    }

    /// CANCEL_REQ.
    pub fn cancel(&mut self, context: u64, session: u32, cancel_id: u32) -> Result<(), Error> {
        let request = cancel_req(context, session, cancel_id);
        self.request::<wire::ResponseHeader>(CONTROL, request.as_bytes()).map(|_| ())
    }

    /// OPEN_SESSION.
    pub fn open_session(&mut self, context: u64, uuid: Uuid, params: &[Param]) -> Result<CallResult, Error> {
        let pending = self.start_open_session(REQUESTS, context, uuid, 0, params)?;
        self.finish(pending)
    }

    /// OPEN_SESSION, without waiting.
    pub fn start_open_session(
        &mut self,
        queue: usize,
        context: u64,
        uuid: Uuid,
        cancel_id: u32,
        params: &[Param],
    ) -> Result<Pending, Error> {
        let request = open_session(context, uuid, cancel_id, params);
        self.submit(queue, &request, call_answer_len(params))
    }

    /// INVOKE_FUNC.
    pub fn invoke(
        &mut self,
        context: u64,
        session: u32,
        func: u32,
        params: &[Param],
    ) -> Result<CallResult, Error> {
        let pending = self.start_invoke(REQUESTS, context, session, func, 0, params)?;
        self.finish(pending)
    }

    /// INVOKE_FUNC, without waiting.
    pub fn start_invoke(
        &mut self,
        queue: usize,
        context: u64,
        session: u32,
        func: u32,
        cancel_id: u32,
        params: &[Param],
    ) -> Result<Pending, Error> {
        let request = invoke_func(context, session, func, cancel_id, params);
        self.submit(queue, &request, call_answer_len(params))
    }

    /// Waits for a call.
    pub fn finish(&mut self, pending: Pending) -> Result<CallResult, Error> {
        let answer = self.wait(pending)?;
        call_result(&answer)
    }

    /// CLOSE_SESSION.
    pub fn close_session(&mut self, context: u64, session: u32) -> Result<(), Error> {
        let pending = self.start_close_session(REQUESTS, context, session)?;
        let answer = self.wait(pending)?;
        accept(&answer)
    }

    /// CLOSE_SESSION, without waiting.
    pub fn start_close_session(
        &mut self,
        queue: usize,
        context: u64,
        session: u32,
    ) -> Result<Pending, Error> {
        let request = close_session(context, session);
        self.submit(queue, request.as_bytes(), size_of::<wire::ResponseHeader>() as u32)
    }
}

/// The status of an answer; an error unless it is OK.
pub fn accept(answer: &[u8]) -> Result<(), Error> {
    let (header, _) =
        wire::ResponseHeader::read_from_prefix(answer).map_err(|_| Error::Short(answer.len() as u32))?;
    match header.status.get() {
        wire::VIRTIO_TEE_S_OK => Ok(()),
        status => Err(Error::Status(status)),
    }
}

/// Takes the answer of a call apart.
pub fn call_result(answer: &[u8]) -> Result<CallResult, Error> {
    accept(answer)?;
    let short = || Error::Short(answer.len() as u32);
    let (resp, rest) = wire::CallResp::read_from_prefix(answer).map_err(|_| short())?;
    let params = <[wire::ParamResult]>::ref_from_bytes_with_elems(rest, resp.num_params.get() as usize)
        .map_err(|_| short())?;
    Ok(CallResult {
        ret: resp.ret.get(),
        origin: resp.ret_origin.get(),
        session: resp.session.get(),
        params: params.iter().map(|p| (p.a.get(), p.b.get(), p.c.get())).collect(),
    })
}

/// Length of the answer to a call, in bytes.
pub fn call_answer_len(params: &[Param]) -> u32 {
    (size_of::<wire::CallResp>() + size_of::<wire::ParamResult>() * params.len()) as u32
}

/// The header of a request.
pub fn header(command: u32, context: u64) -> wire::RequestHeader {
    wire::RequestHeader { command: command.into(), reserved: 0.into(), context: context.into() }
}

/// The bytes of CANCEL_REQ.
pub fn cancel_req(context: u64, session: u32, cancel_id: u32) -> wire::CancelReq {
    wire::CancelReq {
        header: header(wire::VIRTIO_TEE_CMD_CANCEL_REQ, context),
        session: session.into(),
        cancel_id: cancel_id.into(),
    }
}

/// The bytes of CLOSE_SESSION.
pub fn close_session(context: u64, session: u32) -> wire::CloseSessionReq {
    wire::CloseSessionReq {
        header: header(wire::VIRTIO_TEE_CMD_CLOSE_SESSION, context),
        session: session.into(),
        reserved: 0.into(),
    }
}

/// The bytes of REGISTER_MEM.
pub fn register_mem(context: u64, runs: &[(u64, u64)]) -> Vec<u8> {
    let header = header(wire::VIRTIO_TEE_CMD_REGISTER_MEM, context);
    let request = wire::RegisterMemReq { header, num_runs: (runs.len() as u32).into(), reserved: 0.into() };
    let mut bytes = request.as_bytes().to_vec();
    append_runs(&mut bytes, runs);
    bytes
}

/// The bytes of OPEN_SESSION.
pub fn open_session(context: u64, uuid: Uuid, cancel_id: u32, params: &[Param]) -> Vec<u8> {
    let request = wire::OpenSessionReq {
        header: header(wire::VIRTIO_TEE_CMD_OPEN_SESSION, context),
        uuid: uuid.into_bytes(),
        client_uuid: [0; 16],
        client_login: wire::VIRTIO_TEE_LOGIN_PUBLIC.into(),
        cancel_id: cancel_id.into(),
        num_params: (params.len() as u32).into(),
        num_runs: num_runs(params).into(),
    };
    let mut bytes = request.as_bytes().to_vec();
    append_params(&mut bytes, params);
    bytes
}

/// The bytes of INVOKE_FUNC.
pub fn invoke_func(context: u64, session: u32, func: u32, cancel_id: u32, params: &[Param]) -> Vec<u8> {
    let request = wire::InvokeFuncReq {
        header: header(wire::VIRTIO_TEE_CMD_INVOKE_FUNC, context),
        session: session.into(),
        func: func.into(),
        cancel_id: cancel_id.into(),
        num_params: (params.len() as u32).into(),
        num_runs: num_runs(params).into(),
        reserved: 0.into(),
    };
    let mut bytes = request.as_bytes().to_vec();
    append_params(&mut bytes, params);
    bytes
}

fn num_runs(params: &[Param]) -> u32 {
    params.iter().map(|param| param.runs.len() as u32).sum()
}

fn append_params(bytes: &mut Vec<u8>, params: &[Param]) {
    for param in params {
        let wire = wire::Param {
            attr: param.attr.into(),
            num_runs: (param.runs.len() as u32).into(),
            a: param.a.into(),
            b: param.b.into(),
            c: param.c.into(),
        };
        bytes.extend_from_slice(wire.as_bytes());
    }
    for param in params {
        append_runs(bytes, &param.runs);
    }
}

fn append_runs(bytes: &mut Vec<u8>, runs: &[(u64, u64)]) {
    for (addr, len) in runs {
        bytes.extend_from_slice(wire::Run { addr: (*addr).into(), len: (*len).into() }.as_bytes());
    }
}
