// SPDX-License-Identifier: GPL-2.0

//! What there is once for each device.

use kernel::{
    cpu::CpuId,
    device,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{Atomic, Relaxed},
        Arc,
    },
    time::{delay::fsleep, Delta},
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{
    config::Limits,
    loan::Loan,
    quota::Counter,
    request::{Aftermath, Request, RequestBuffer, Waiter},
    status,
    usage::Usages,
};
#[cfg(linux_7_2)]
use crate::linux_7_2::{EPROTO, ESTALE};
use crate::{
    sync::Manner,
    virtio::{Buffer, Rejected, Submission, Token, Virtqueues, Wait},
    wire,
};

/// How often to try again to submit what has to be submitted, and how long to wait before: ten
/// seconds in all.
const SUBMISSIONS: u32 = 500;
const UNTIL_THE_NEXT: Delta = Delta::from_millis(20);

/// A virtio TEE device.
#[pin_data]
pub(super) struct TeeDevice {
    /// For messages.
    pub(super) dev: ARef<device::Device>,
    pub(super) queues: Arc<Virtqueues<Request>>,
    pub(super) limits: Limits,
    /// Contexts that count towards the limit.
    pub(super) contexts: Counter,
    /// Sessions that do.
    pub(super) sessions: Counter,
    /// Registered memories that do,
    pub(super) memories: Counter,
    /// and the pages in them.
    pub(super) memory_pages: Counter,
    #[pin]
    pub(super) usages: Usages,
    /// Where to look for a call's name next.
    next_cancel_id: Atomic<u32>,
}

impl TeeDevice {
    pub(super) fn new(
        dev: ARef<device::Device>,
        queues: Arc<Virtqueues<Request>>,
        limits: Limits,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                dev,
                queues,
                limits,
                contexts: Counter::new(),
                sessions: Counter::new(),
                memories: Counter::new(),
                memory_pages: Counter::new(),
                usages <- Usages::new(),
                next_cancel_id: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Asks for the TEE's revision.
    pub(super) fn revision(self: &Arc<Self>) -> Result<CString> {
        let answer = self.call(
            message(&header(wire::VIRTIO_TEE_CMD_GET_VERSION, 0))?,
            size_of::<wire::GetVersionResp>(),
            Aftermath::None,
        )?;
        let response: wire::GetVersionResp = response(&answer)?;
        let text = response
            .revision
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        // It is for people, and from a device that is not to be trusted with a terminal.
        let mut printable = KVec::with_capacity(text.len() + 1, GFP_KERNEL)?;
        for byte in text {
            let graphic = *byte == b' ' || byte.is_ascii_graphic();
            printable.push(if graphic { *byte } else { b'?' }, GFP_KERNEL)?;
        }
        let text = core::str::from_utf8(&printable).map_err(|_| EIO)?;
        CString::try_from_fmt(fmt!("{text}"))
    }

    /// A name for a call whose client has not given one, so that it can be cancelled.
    ///
    /// Clients' own names could be the same; then a call of theirs in the same session is cancelled
    /// as well, and only if they are killed.
    pub(super) fn new_cancel_id(&self) -> u32 {
        self.next_cancel_id.fetch_add(1, Relaxed) | 1 << 31
    }

    /// Makes the buffer of a request, for [`post`](Self::post) as it is.
    pub(super) fn buffer(
        self: &Arc<Self>,
        message: KVVec<u8>,
        response_len: usize,
        memories: KVec<Loan>,
        aftermath: Aftermath,
    ) -> Result<RequestBuffer> {
        let request = Request {
            device: self.clone(),
            waiter: None,
            memories,
            in_flight: None,
            aftermath,
        };
        self.queues.buffer(message, response_len, request)
    }

    /// Makes a request of the control queue, without memory, and waits as
    /// [`call_with`](Self::call_with) does.
    pub(super) fn call(
        self: &Arc<Self>,
        message: KVVec<u8>,
        response_len: usize,
        aftermath: Aftermath,
    ) -> Result<RequestBuffer> {
        let buffer = self.buffer(message, response_len, KVec::new(), aftermath)?;
        self.call_with(To::Control, buffer, Manner::Apart, || ())
    }

    /// Makes a request and waits for the response.
    ///
    /// `EINTR` if a fatal signal ends the wait, which it does unless the device has memory of a
    /// client within the kernel by then. The device may have the request even so; then, when it has
    /// answered, its aftermath is seen to. `killed` is called when such a signal arrives while the
    /// device has the request, whether that ends the wait or not.
    pub(super) fn call_with(
        &self,
        to: To,
        mut buffer: RequestBuffer,
        how: Manner,
        killed: impl FnOnce(),
    ) -> Result<RequestBuffer> {
        let waiter = Waiter::new()?;
        let request = buffer.token_mut();
        request.waiter = Some(waiter.clone());
        let kernels = request.memories.iter().any(Loan::is_kernels);
        if let Err(Rejected { error, buffer }) = self.submit(to, Wait::Killable, buffer) {
            Request::deferred(buffer);
            return Err(error);
        }
        if kernels {
            Ok(waiter.wait_on(killed))
        } else {
            waiter.wait_killable(how).inspect_err(|_| killed())
        }
    }

    /// Submits a request, whose buffer comes back where that fails.
    pub(super) fn submit(
        &self,
        to: To,
        wait: Wait,
        buffer: RequestBuffer,
    ) -> Result<(), Rejected<Request>> {
        self.queues.submit(buffer, to.submission(wait))
    }

    /// Makes a request that has a waiter and has to be made, and waits for the response, whatever
    /// signals arrive.
    pub(super) fn call_unkillably(&self, to: To, buffer: RequestBuffer) -> Result<RequestBuffer> {
        let waiter = buffer.token().waiter.clone().ok_or(EINVAL)?;
        match self.submit_patiently(to, buffer) {
            Ok(()) => Ok(waiter.wait()),
            Err(Rejected { error, buffer }) => {
                Request::deferred(buffer);
                Err(error)
            }
        }
    }

    /// Makes a request whose response nobody waits for. Can sleep.
    pub(super) fn post(&self, to: To, buffer: RequestBuffer) {
        if let Err(Rejected { buffer, .. }) = self.submit_patiently(to, buffer) {
            // What it was to end ends with its context, if that has not been lost in a reset.
            Request::deferred(buffer);
        }
    }

    /// Makes a request that ends what the device has of the guest's memory, whose response somebody
    /// may wait for. Where it cannot be made the device is reset, which ends that as well. Can
    /// sleep.
    pub(super) fn post_or_abandon(&self, to: To, buffer: RequestBuffer) {
        if let Err(Rejected { error, buffer }) = self.submit_patiently(to, buffer) {
            // Otherwise it is being reset, or was.
            if !matches!(error, ENODEV | ESTALE) {
                self.queues.abandon();
            }
            Request::deferred(buffer);
        }
    }

    /// Submits a request that has to be made. That memory for it cannot be mapped just now is no
    /// reason to give up: others that use bounce buffers give them back.
    fn submit_patiently(&self, to: To, mut buffer: RequestBuffer) -> Result<(), Rejected<Request>> {
        let mut tries = SUBMISSIONS;
        loop {
            match self.submit(to, Wait::Uninterruptible, buffer) {
                // The second is what packed rings say; or the device has failed, and goes shortly.
                Err(Rejected {
                    error: ENOMEM | EIO,
                    buffer: again,
                }) if tries > 0 => buffer = again,
                other => return other,
            }
            tries -= 1;
            fsleep(UNTIL_THE_NEXT);
        }
    }
}

/// Which queue a request goes to.
#[derive(Clone, Copy)]
pub(super) enum To {
    /// The control queue, where nothing waits for the TEE,
    Control,
    /// but this, which does not get the last places there, or it could be in the way of all else.
    Closing,
    /// A request queue: that of the CPU, if it has room.
    Tee,
    /// The same, also where other calls leave no room.
    TeeUrgently,
}

impl To {
    fn submission(self, wait: Wait) -> Submission {
        Submission {
            // The control queue is the device's first, all others are request queues.
            group: match self {
                To::Control | To::Closing => 0,
                To::Tee | To::TeeUrgently => 1,
            },
            preferred: CpuId::current().as_u32() as usize,
            wait,
            urgent: !matches!(self, To::Tee | To::Closing),
        }
    }
}

/// The header of a request.
pub(super) fn header(command: u32, context: u64) -> wire::RequestHeader {
    wire::RequestHeader {
        command: command.into(),
        reserved: 0.into(),
        context: context.into(),
    }
}

/// A request of nothing but a fixed part.
pub(super) fn message<M: IntoBytes + Immutable>(fixed: &M) -> Result<KVVec<u8>> {
    let mut message = KVVec::new();
    message.extend_from_slice(fixed.as_bytes(), GFP_KERNEL)?;
    Ok(message)
}

/// The fixed part of a response. `ENODEV` if there is none, since the device has gone; `EPROTO` if
/// it is shorter than it has to be.
pub(super) fn response<R: FromBytes + KnownLayout + Immutable>(
    answer: &Buffer<Request>,
) -> Result<R> {
    let bytes = answer.response().ok_or(ENODEV)?;
    let (header, _) = wire::ResponseHeader::read_from_prefix(bytes).map_err(|_| EPROTO)?;
    status::check(header.status.get())?;
    R::read_from_prefix(bytes)
        .map(|(response, _)| response)
        .map_err(|_| EPROTO)
}
