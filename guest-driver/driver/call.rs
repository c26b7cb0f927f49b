// SPDX-License-Identifier: GPL-2.0

//! Sessions and calls: OPEN_SESSION, INVOKE_FUNC, CLOSE_SESSION and CANCEL_REQ.

use core::mem::{self, offset_of};

use kernel::{page::PAGE_SIZE, prelude::*, sync::ArcBorrow};
use zerocopy::{byteorder::little_endian::U32, FromZeros, Immutable, IntoBytes};

use super::{
    config::Limits,
    context::{Context, InFlight},
    device::{header, message, response, To},
    loan::Loan,
    memory,
    probe::VirtioTee,
    quota::{Kind, Quota},
    request::{Aftermath, Request, RequestBuffer, Waiter},
    usage,
};
use crate::{
    tee::{Access, Invocation, MemRef, Param, Params, SessionRequest, Verdict},
    virtio::{Buffer, Token},
    wire,
};

/// GP TEE Client API 1.0, table 4-2: communication with the TEE failed.
const TEEC_ERROR_COMMUNICATION: u32 = 0xffff_000e;

/// Neither the device nor the TEE is to blame for this not being answered: nobody is there.
const NO_ANSWER: Verdict = Verdict {
    ret: TEEC_ERROR_COMMUNICATION,
    origin: wire::VIRTIO_TEE_ORIGIN_COMMS,
};

/// The name of calls that their clients give none; not a small number, as clients' own are.
const UNNAMED: u32 = 1 << 30;

/// Opens a session and returns its number.
pub(super) fn open_session(
    context: ArcBorrow<'_, Context>,
    request: &SessionRequest,
    params: &mut Params<'_, VirtioTee>,
) -> Result<(Verdict, u32)> {
    let arguments = Arguments::new(&context, params)?;
    let cancel_id = cancel_id(&context, request.cancel_id);
    let fixed = wire::OpenSessionReq {
        header: header(wire::VIRTIO_TEE_CMD_OPEN_SESSION, context.id),
        uuid: request.uuid,
        client_uuid: request.client,
        client_login: request.login.into(),
        cancel_id: cancel_id.into(),
        num_params: arguments.num_params(),
        num_runs: arguments.num_runs(),
    };
    let device = &context.device;
    let close = device.buffer(
        close_message(context.id, 0)?,
        size_of::<wire::ResponseHeader>(),
        KVec::new(),
        Aftermath::None,
    )?;
    let quota = Quota::take(device, Kind::Session).ok_or(ENOMEM)?;
    let call = Call {
        context,
        session: wire::VIRTIO_TEE_SESSION_NONE,
        cancel_id,
    };
    let aftermath = Aftermath::OpenSession(close, quota);
    let Some((answer, mut buffer)) = call.make(&fixed, arguments, params, aftermath)? else {
        return Ok((NO_ANSWER, 0));
    };
    let session = answer.session.get();
    if answer.ret.get() == 0 && session == 0 {
        return Ok((NO_ANSWER, 0));
    }
    if answer.ret.get() == 0 {
        let aftermath = mem::replace(&mut buffer.token_mut().aftermath, Aftermath::None);
        let Aftermath::OpenSession(close, quota) = aftermath else {
            return Err(EIO);
        };
        if let Err(quota) = context.sessions.opened(session, quota) {
            close_abandoned(&buffer, close, quota);
            return Err(ENOMEM);
        }
    }
    Ok((verdict(&answer), session))
}

/// Calls a function of a TA.
pub(super) fn invoke(
    context: ArcBorrow<'_, Context>,
    request: &Invocation,
    params: &mut Params<'_, VirtioTee>,
) -> Result<Verdict> {
    let arguments = Arguments::new(&context, params)?;
    let cancel_id = name_in_session(request.cancel_id);
    let fixed = wire::InvokeFuncReq {
        header: header(wire::VIRTIO_TEE_CMD_INVOKE_FUNC, context.id),
        session: request.session.into(),
        func: request.func.into(),
        cancel_id: cancel_id.into(),
        num_params: arguments.num_params(),
        num_runs: arguments.num_runs(),
        reserved: 0.into(),
    };
    let call = Call {
        context,
        session: request.session,
        cancel_id,
    };
    let answer = call.make(&fixed, arguments, params, Aftermath::None)?;
    Ok(answer.map_or(NO_ANSWER, |(answer, _)| verdict(&answer)))
}

/// Closes a session; the TA is told.
pub(super) fn close_session(context: &Context, session: u32) -> Result {
    context.check()?;
    let device = &context.device;
    let mut buffer = device.buffer(
        close_message(context.id, session)?,
        size_of::<wire::ResponseHeader>(),
        KVec::new(),
        Aftermath::None,
    )?;
    let request = buffer.token_mut();
    request.waiter = Some(Waiter::new()?);
    // After all that takes memory: without it the session is still there, to be closed again.
    request.aftermath = Aftermath::CloseSession(context.sessions.closing(session)?);
    let answer = device.call_killably(To::Tee, buffer)?;
    response::<wire::ResponseHeader>(&answer).map(|_| ())
}

/// Asks for a call to be given up.
pub(super) fn cancel(context: &Context, session: u32, cancel_id: u32) -> Result {
    context.check()?;
    let cancel_id = match session {
        wire::VIRTIO_TEE_SESSION_NONE => cancel_id,
        _ => name_in_session(cancel_id),
    };
    let answer = context.device.call(
        To::Control,
        cancel_message(context.id, session, cancel_id)?,
        size_of::<wire::ResponseHeader>(),
        KVec::new(),
        Aftermath::None,
    )?;
    response::<wire::ResponseHeader>(&answer).map(|_| ())
}

/// Closes a session whose client has gone before it was open, with a CLOSE_SESSION that was made in
/// advance, so that it cannot fail for want of memory.
pub(super) fn close_abandoned(answer: &Buffer<Request>, mut close: RequestBuffer, quota: Quota) {
    let session = match response::<wire::CallResp>(answer) {
        Ok(call) if call.ret.get() == 0 && call.session.get() != 0 => call.session,
        _ => return,
    };
    let at = offset_of!(wire::CloseSessionReq, session);
    if let Some(field) = close.request_mut().get_mut(at..at + size_of::<U32>()) {
        field.copy_from_slice(session.as_bytes());
    }
    close.token_mut().aftermath = Aftermath::CloseSession(quota);
    let device = &answer.token().device;
    device.post(To::Tee, close);
}

fn close_message(context: u64, session: u32) -> Result<KVVec<u8>> {
    message(&wire::CloseSessionReq {
        header: header(wire::VIRTIO_TEE_CMD_CLOSE_SESSION, context),
        session: session.into(),
        reserved: 0.into(),
    })
}

fn cancel_message(context: u64, session: u32, cancel_id: u32) -> Result<KVVec<u8>> {
    message(&wire::CancelReq {
        header: header(wire::VIRTIO_TEE_CMD_CANCEL_REQ, context),
        session: session.into(),
        cancel_id: cancel_id.into(),
    })
}

/// The name of a call in an open session, so that it has one in any case. libteec gives its calls none, and
/// cancels what is under way in a session, which is all that OP-TEE looks at: so calls without a name have one
/// in common.
fn name_in_session(given: u32) -> u32 {
    match given {
        0 => UNNAMED,
        given => given,
    }
}

/// The name of a call that opens a session, so that it has one in any case.
fn cancel_id(context: &Context, given: u32) -> u32 {
    match given {
        0 => context.device.new_cancel_id(),
        given => given,
    }
}

fn verdict(answer: &wire::CallResp) -> Verdict {
    Verdict {
        ret: answer.ret.get(),
        origin: answer.ret_origin.get(),
    }
}

/// A call that is being made.
struct Call<'a> {
    context: ArcBorrow<'a, Context>,
    session: u32,
    cancel_id: u32,
}

impl Call<'_> {
    /// Makes it and counts it; see [`send`](Self::send).
    fn make<M: IntoBytes + Immutable>(
        &self,
        fixed: &M,
        arguments: Arguments,
        params: &mut Params<'_, VirtioTee>,
        aftermath: Aftermath,
    ) -> Result<Option<(wire::CallResp, RequestBuffer)>> {
        let usage = &self.context.usage;
        usage::add(&usage.calls, 1);
        usage::add(
            &usage.bytes,
            arguments.memories.iter().map(Loan::size).sum(),
        );
        let answer = self.send(fixed, arguments, params, aftermath);
        if !matches!(&answer, Ok(Some((call, _))) if call.ret.get() == 0) {
            usage::add(&usage.errors, 1);
        }
        answer
    }

    /// Makes it: `fixed`, and what follows. Returns the answer, and the buffer that it is in. `None`
    /// if the device has gone, or its answer makes no sense.
    fn send<M: IntoBytes + Immutable>(
        &self,
        fixed: &M,
        arguments: Arguments,
        params: &mut Params<'_, VirtioTee>,
        aftermath: Aftermath,
    ) -> Result<Option<(wire::CallResp, RequestBuffer)>> {
        let device = &self.context.device;
        let mut request = KVVec::with_capacity(
            size_of::<M>() + arguments.params.as_bytes().len() + arguments.runs.as_bytes().len(),
            GFP_KERNEL,
        )?;
        request.extend_from_slice(fixed.as_bytes(), GFP_KERNEL)?;
        request.extend_from_slice(arguments.params.as_bytes(), GFP_KERNEL)?;
        request.extend_from_slice(arguments.runs.as_bytes(), GFP_KERNEL)?;
        let mut results =
            KVec::from_elem(wire::ParamResult::new_zeroed(), params.len(), GFP_KERNEL)?;
        let response_len = size_of::<wire::CallResp>() + results.as_bytes().len();
        let mut buffer = device.buffer(request, response_len, arguments.memories, aftermath)?;
        buffer.token_mut().in_flight = Some(InFlight::new(self.context.into()));

        for loan in &buffer.token().memories {
            loan.sync_for_device();
        }
        let to = if self.context.sessions.is_system(self.session) {
            To::TeeUrgently
        } else {
            To::Tee
        };
        let answer = device.call_killably(to, buffer).inspect_err(|error| {
            if *error == EINTR {
                self.give_up();
            }
        })?;
        match read(&answer, &mut results, params) {
            Ok(call) => Ok(Some((call, answer))),
            Err(ENODEV | EPROTO) => {
                // A session that it may have opened nobody is going to close but this.
                Request::deferred(answer);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The client has been killed: asks for the call to be cancelled, and does not wait.
    fn give_up(&self) {
        let device = &self.context.device;
        let cancel =
            cancel_message(self.context.id, self.session, self.cancel_id).and_then(|cancel| {
                device.buffer(
                    cancel,
                    size_of::<wire::ResponseHeader>(),
                    KVec::new(),
                    Aftermath::None,
                )
            });
        if let Ok(cancel) = cancel {
            device.post(To::Control, cancel);
        }
    }
}

/// Reads the answer to a call, and sets what the parameters carry back. `EPROTO` if it does not
/// make sense. `results` is room for one of each parameter: the device could still change its own.
fn read(
    answer: &Buffer<Request>,
    results: &mut [wire::ParamResult],
    params: &mut Params<'_, VirtioTee>,
) -> Result<wire::CallResp> {
    let call: wire::CallResp = response(answer)?;
    let copy = results.as_mut_bytes();
    let from = size_of::<wire::CallResp>();
    let bytes = answer
        .response()
        .and_then(|bytes| bytes.get(from..from + copy.len()));
    copy.copy_from_slice(bytes.ok_or(EPROTO)?);
    if call.num_params.get() as usize != params.len() {
        return Err(EPROTO);
    }
    // A size that exceeds the buffer says how large it should have been. That is not success, and
    // a client within the kernel may rely on it.
    let mut sizes = results.iter().map(|result| result.b.get()).enumerate();
    let excess = sizes.any(|(index, size)| params.room(index).is_some_and(|room| size > room));
    if call.ret.get() == 0 && excess {
        return Err(EPROTO);
    }
    for loan in &answer.token().memories {
        loan.sync_for_cpu();
    }
    for (index, result) in results.iter().enumerate() {
        params.set_result(index, [result.a.get(), result.b.get(), result.c.get()]);
    }
    Ok(call)
}

/// Where a call finds memory.
enum Place {
    Registered { id: u64 },
    Transient { num_runs: u32, offset: u64 },
}

/// The parameters of a call, as the device wants them.
struct Arguments {
    params: KVec<wire::Param>,
    runs: KVVec<wire::Run>,
    memories: KVec<Loan>,
}

impl Arguments {
    fn new(context: &Context, params: &Params<'_, VirtioTee>) -> Result<Self> {
        context.check()?;
        let limits = &context.device.limits;
        if params.len() > limits.params {
            return Err(EINVAL);
        }
        let mut this = Self {
            params: KVec::with_capacity(params.len(), GFP_KERNEL)?,
            runs: KVVec::new(),
            memories: KVec::new(),
        };
        for param in params.iter() {
            let param = this.param(limits, &param)?;
            this.params.push(param, GFP_KERNEL)?;
        }
        Ok(this)
    }

    fn num_params(&self) -> U32 {
        // CAST: At most `Limits::params`, which was 32 bits.
        (self.params.len() as u32).into()
    }

    fn num_runs(&self) -> U32 {
        // CAST: At most `Limits::runs`, which was 32 bits.
        (self.runs.len() as u32).into()
    }

    fn param(&mut self, limits: &Limits, param: &Param<'_, VirtioTee>) -> Result<wire::Param> {
        let mut out = wire::Param {
            attr: attribute(param).into(),
            num_runs: 0.into(),
            a: 0.into(),
            b: 0.into(),
            c: 0.into(),
        };
        match param {
            Param::None => (),
            Param::Value {
                values: [a, b, c], ..
            } => {
                out.a = (*a).into();
                out.b = (*b).into();
                out.c = (*c).into();
            }
            // The subsystem has refused it to user space, but not to clients within the kernel.
            Param::MemRef { memory: None, .. } if !limits.takes_null() => return Err(EINVAL),
            Param::MemRef {
                memory: None, size, ..
            } => {
                out.b = (*size).into();
                out.c = wire::VIRTIO_TEE_MEMORY_NULL.into();
            }
            // No memory is larger than this, registered or not.
            Param::MemRef { size, .. } if *size > limits.memory_bytes => return Err(ENOMEM),
            Param::MemRef {
                access,
                memory: Some(memref),
                size,
            } => {
                let loan = match memref {
                    MemRef::Shared { shm, offset } => Loan::shared(shm, *access, *offset, *size),
                    MemRef::User(range) => Loan::user(range.hold()?, *access, *size),
                };
                out.b = (*size).into();
                match self.place(limits, &loan)? {
                    Place::Registered { id } => {
                        out.a = loan.start().into();
                        out.c = id.into();
                    }
                    Place::Transient { num_runs, offset } => {
                        out.attr = (out.attr.get() | wire::VIRTIO_TEE_ATTR_TRANSIENT).into();
                        out.num_runs = num_runs.into();
                        out.a = offset.into();
                    }
                }
                self.memories.push(loan, GFP_KERNEL)?;
            }
        }
        Ok(out)
    }

    /// Registers memory, or adds it to the runs. `E2BIG` if that are more runs than a request can have.
    fn place(&mut self, limits: &Limits, loan: &Loan) -> Result<Place> {
        if let Some(shm) = loan.shm() {
            if let Some(id) = memory::name_for_call(shm, false)? {
                return Ok(Place::Registered { id });
            }
        }
        let before = self.runs.len();
        match (self.take_along(limits, loan), loan.shm()) {
            (Ok(offset), _) => Ok(Place::Transient {
                // CAST: At most `Limits::runs`, which was 32 bits.
                num_runs: (self.runs.len() - before) as u32,
                offset,
            }),
            (Err(E2BIG), Some(shm)) => {
                self.runs.truncate(before);
                let id = memory::name_for_call(shm, true)?.ok_or(E2BIG)?;
                Ok(Place::Registered { id })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Adds the pages that hold the memory to the runs, and returns where in them its bytes begin.
    fn take_along(&mut self, limits: &Limits, loan: &Loan) -> Result<u64> {
        let page = PAGE_SIZE as u64;
        let (segments, start) = (loan.segments(), loan.start());
        // Nothing at the very end has a page of its own; it gets the last one.
        let first = (start / page * page).min(segments.len() - page);
        let len = (start + loan.size().max(1) - first).next_multiple_of(page);
        if len > limits.memory_bytes {
            return Err(ENOMEM);
        }
        for part in segments.range(first, len) {
            if self.runs.len() == limits.runs {
                return Err(E2BIG);
            }
            let run = wire::Run {
                addr: part.addr.into(),
                len: part.len.into(),
            };
            self.runs.push(run, GFP_KERNEL)?;
        }
        Ok(start - first)
    }
}

fn attribute(param: &Param<'_, VirtioTee>) -> u32 {
    match param {
        Param::None => wire::VIRTIO_TEE_ATTR_NONE,
        Param::Value {
            access: Access::Input,
            ..
        } => wire::VIRTIO_TEE_ATTR_VALUE_INPUT,
        Param::Value {
            access: Access::Output,
            ..
        } => wire::VIRTIO_TEE_ATTR_VALUE_OUTPUT,
        Param::Value {
            access: Access::InOut,
            ..
        } => wire::VIRTIO_TEE_ATTR_VALUE_INOUT,
        Param::MemRef {
            access: Access::Input,
            ..
        } => wire::VIRTIO_TEE_ATTR_MEMREF_INPUT,
        Param::MemRef {
            access: Access::Output,
            ..
        } => wire::VIRTIO_TEE_ATTR_MEMREF_OUTPUT,
        Param::MemRef {
            access: Access::InOut,
            ..
        } => wire::VIRTIO_TEE_ATTR_MEMREF_INOUT,
    }
}
