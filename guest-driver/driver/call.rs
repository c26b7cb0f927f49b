// SPDX-License-Identifier: GPL-2.0

//! Sessions and calls: OPEN_SESSION, INVOKE_FUNC, CLOSE_SESSION and CANCEL_REQ.

use core::mem::{self, offset_of};

use kernel::{prelude::*, sync::ArcBorrow};
use zerocopy::{byteorder::little_endian::U32, FromZeros, Immutable, IntoBytes};

use super::{
    arguments::Arguments,
    context::{Context, InFlight},
    device::{header, message, response, To},
    loan::Loan,
    probe::VirtioTee,
    quota::{Kind, Quota},
    request::{Aftermath, Request, RequestBuffer, Waiter},
    session::Session,
    usage,
};
#[cfg(linux_7_2)]
use crate::linux_7_2::EPROTO;
use crate::{
    sync::Manner,
    tee::{Caller, Invocation, Params, SessionRequest, Verdict},
    virtio::{Buffer, Rejected, Token, Wait},
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
    let close = context.buffer(
        close_message(context.id, 0)?,
        size_of::<wire::ResponseHeader>(),
        KVec::new(),
        Aftermath::None,
    )?;
    let quota = Quota::take(&context.device, Kind::Session).ok_or(ENOMEM)?;
    let call = Call {
        context,
        caller: request.caller,
        session: wire::VIRTIO_TEE_SESSION_NONE,
        cancel_id,
    };
    let aftermath = Aftermath::OpenSession(close, quota);
    let Some((answer, mut buffer)) = call.make(&fixed, arguments, params, aftermath)? else {
        return Ok((NO_ANSWER, 0));
    };
    let session = answer.session.get();
    if answer.ret.get() == 0 {
        if session == 0 {
            return Ok((NO_ANSWER, 0));
        }
        let aftermath = mem::replace(&mut buffer.token_mut().aftermath, Aftermath::None);
        let Aftermath::OpenSession(close, quota) = aftermath else {
            return Err(EIO);
        };
        if let Err(session) = context.sessions.opened(Session::new(session, quota)) {
            close_abandoned(&buffer, close, session.quota);
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
    let cancel_id = match request.caller {
        Caller::User => name_in_session(request.cancel_id),
        Caller::Kernel => cancel_id(&context, request.cancel_id),
    };
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
        caller: request.caller,
        session: request.session,
        cancel_id,
    };
    let answer = call.make(&fixed, arguments, params, Aftermath::None)?;
    Ok(answer.map_or(NO_ANSWER, |(answer, _)| verdict(&answer)))
}

/// Closes a session; the TA is told.
pub(super) fn close_session(context: &Context, caller: Caller, session: u32) -> Result {
    context.check()?;
    let mut buffer = context.buffer(
        close_message(context.id, session)?,
        size_of::<wire::ResponseHeader>(),
        KVec::new(),
        Aftermath::None,
    )?;
    let waiter = Waiter::new()?;
    let request = buffer.token_mut();
    request.waiter = Some(waiter.clone());
    request.aftermath = Aftermath::CloseSession(context.sessions.closing(session)?);
    let submitted = context.device.submit(To::Tee, Wait::Killable, buffer);
    submitted.map_err(|Rejected { error, mut buffer }| {
        let aftermath = mem::replace(&mut buffer.token_mut().aftermath, Aftermath::None);
        if let Aftermath::CloseSession(session) = aftermath {
            // It is still there, to be closed again. The list has room, as it was on it, unless
            // others have taken that: then it goes with the context.
            let _ = context.sessions.opened(session);
        }
        error
    })?;
    let answer = waiter.wait_killable(manner(caller))?;
    response::<wire::ResponseHeader>(&answer).map(|_| ())
}

/// Asks for a call to be given up.
pub(super) fn cancel(context: &Context, session: u32, cancel_id: u32) -> Result {
    let cancel_id = match session {
        wire::VIRTIO_TEE_SESSION_NONE => cancel_id,
        _ => name_in_session(cancel_id),
    };
    let answer = context.call(
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
    let session = Session::new(session.get(), quota);
    close.token_mut().aftermath = Aftermath::CloseSession(session);
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

/// How to wait for what the TEE does.
fn manner(caller: Caller) -> Manner {
    match caller {
        Caller::User => Manner::Freezable,
        Caller::Kernel => Manner::Apart,
    }
}

/// The name of user space's call in an open session, so that it has one in any case. libteec gives
/// its calls none, and cancels what is under way in a session, which is all that OP-TEE looks at:
/// so calls without a name have one in common.
fn name_in_session(given: u32) -> u32 {
    match given {
        0 => UNNAMED,
        given => given,
    }
}

/// The name of a call that opens a session, or of a client within the kernel, so that it has one in
/// any case. The latter's cannot be cancelled but by this driver, when a task is killed in one:
/// that is to leave others' calls in the session alone.
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
    caller: Caller,
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

    /// Makes it: `fixed`, and what follows. Returns the answer, and the buffer that it is in.
    /// `None` if the device has gone, or its answer makes no sense.
    fn send<M: IntoBytes + Immutable>(
        &self,
        fixed: &M,
        arguments: Arguments,
        params: &mut Params<'_, VirtioTee>,
        aftermath: Aftermath,
    ) -> Result<Option<(wire::CallResp, RequestBuffer)>> {
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
        let mut buffer =
            self.context
                .buffer(request, response_len, arguments.memories, aftermath)?;
        buffer.token_mut().in_flight = Some(InFlight::new(self.context.into()));

        for loan in &buffer.token().memories {
            loan.sync_for_device();
        }
        let to = if self.context.sessions.is_system(self.session) {
            To::TeeUrgently
        } else {
            To::Tee
        };
        let answer = self
            .context
            .device
            .call_with(to, buffer, manner(self.caller), || self.give_up())?;
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

    /// The client has been killed: asks for the call to be cancelled, and does not wait for that.
    fn give_up(&self) {
        let cancel =
            cancel_message(self.context.id, self.session, self.cancel_id).and_then(|cancel| {
                self.context.buffer(
                    cancel,
                    size_of::<wire::ResponseHeader>(),
                    KVec::new(),
                    Aftermath::None,
                )
            });
        if let Ok(cancel) = cancel {
            self.context.device.post(To::Control, cancel);
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
