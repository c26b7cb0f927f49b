// SPDX-License-Identifier: GPL-2.0

//! Contexts: OPEN_DEVICE and CLOSE_DEVICE.

use core::mem::{self, offset_of};

use kernel::{
    prelude::*,
    sync::{atomic::Relaxed, new_mutex, Arc, Mutex},
};
use zerocopy::{byteorder::little_endian::U64, IntoBytes};

use super::{
    device::{header, message, response, TeeDevice, To},
    loan::Loan,
    quota::{Kind, Quota},
    request::{Aftermath, Request, RequestBuffer},
    session::Sessions,
    usage::Listed,
};
#[cfg(linux_7_2)]
use crate::linux_7_2::ESTALE;
use crate::{
    sync::{new_spinlock_irq, new_waitqueue, Manner, SpinLockIrq, WaitQueue},
    virtio::Buffer,
    wire,
};

/// A client's context.
#[pin_data]
pub(crate) struct Context {
    pub(super) device: Arc<TeeDevice>,
    /// The device's number for it.
    pub(super) id: u64,
    /// The [`starts`](crate::virtio::Virtqueues::starts) that it is of.
    pub(super) start: u32,
    #[pin]
    end: Mutex<End>,
    #[pin]
    pub(super) sessions: Sessions,
    pub(super) usage: Listed,
    /// What the device answers to CLOSE_DEVICE.
    outcome: Arc<Outcome>,
}

/// How the context ends.
struct End {
    /// The CLOSE_DEVICE to come.
    close: Option<Close>,
    /// The client has gone.
    closing: bool,
    /// Memories that the device may have registered.
    memories: u32,
}

impl Context {
    /// Opens a context. `ENFILE` where there are as many as the device allows.
    pub(super) fn open(device: &Arc<TeeDevice>) -> Result<Arc<Self>> {
        let outcome = Outcome::new()?;
        let closing = Closing {
            outcome: outcome.clone(),
            _quota: Quota::take(device, Kind::Context).ok_or(ENFILE)?,
        };
        let close = device.buffer(
            message(&header(wire::VIRTIO_TEE_CMD_CLOSE_DEVICE, 0))?,
            size_of::<wire::ResponseHeader>(),
            KVec::new(),
            Aftermath::CloseContext(closing),
        )?;
        let mut answer = device.call(
            message(&header(wire::VIRTIO_TEE_CMD_OPEN_DEVICE, 0))?,
            size_of::<wire::OpenDeviceResp>(),
            Aftermath::OpenContext(close),
        )?;
        let (id, start) = context_of(&answer)?;
        let aftermath = mem::replace(&mut answer.token_mut().aftermath, Aftermath::None);
        let Aftermath::OpenContext(close) = aftermath else {
            return Err(EIO);
        };
        let close = Some(Close::new(device.clone(), close, (id, start)));
        let usage = Listed::new(device, id)?;
        Arc::pin_init(
            pin_init!(Self {
                device: device.clone(),
                id,
                start,
                end <- new_mutex!(End { close, closing: false, memories: 0 }),
                sessions <- Sessions::new(),
                usage,
                outcome,
            }),
            GFP_KERNEL,
        )
    }

    /// Makes the buffer of a request in this context. It is not submitted (`ESTALE`) once the
    /// device has been reset, by which it has forgotten the context.
    pub(super) fn buffer(
        &self,
        message: KVVec<u8>,
        response_len: usize,
        memories: KVec<Loan>,
        aftermath: Aftermath,
    ) -> Result<RequestBuffer> {
        let device = &self.device;
        let mut buffer = device.buffer(message, response_len, memories, aftermath)?;
        buffer.of_start(self.start);
        Ok(buffer)
    }

    /// Makes a request in this context and waits as [`TeeDevice::call_with`] does.
    pub(super) fn call(
        &self,
        to: To,
        message: KVVec<u8>,
        response_len: usize,
        memories: KVec<Loan>,
        aftermath: Aftermath,
    ) -> Result<RequestBuffer> {
        let buffer = self.buffer(message, response_len, memories, aftermath)?;
        self.device.call_with(to, buffer, Manner::Apart, || ())
    }

    /// `ESTALE` if the device has been reset since the context was opened: before all that a call
    /// takes.
    pub(super) fn check(&self) -> Result {
        if self.device.queues.starts() == self.start {
            Ok(())
        } else {
            Err(ESTALE)
        }
    }

    /// The client has gone: closes the context.
    ///
    /// CLOSE_DEVICE waits for the TEE, and pages are not to wait for that. So it comes last, when
    /// no memory is registered. But a call that the client has left behind keeps its memory until
    /// it ends, and what makes it end, if it heeds no cancellation, is CLOSE_DEVICE: with such
    /// calls it comes at once, and [gives back](Self::closed) all memory.
    pub(super) fn close(&self) {
        let mut end = self.end.lock();
        end.closing = true;
        let ready = self.ready(&mut end);
        drop(end);
        drop(ready);
    }

    /// Once CLOSE_DEVICE is under way, or just about to be, waits for the answer, by which the
    /// device has given all memory back. `None` before.
    pub(super) fn closed(&self) -> Option<Result> {
        let under_way = self.end.lock().close.is_none();
        under_way.then(|| self.outcome.wait())
    }

    /// A memory may be registered from now on.
    pub(super) fn memory_added(&self) {
        self.end.lock().memories += 1;
    }

    /// A memory is not registered, any more or after all. Can sleep.
    pub(super) fn memory_removed(&self) {
        let mut end = self.end.lock();
        end.memories -= 1;
        let ready = self.ready(&mut end);
        drop(end);
        drop(ready);
    }

    /// What is to be dropped, once the lock is released.
    fn ready(&self, end: &mut End) -> Option<Close> {
        // Once the client has gone, there are no new calls.
        if end.closing && (end.memories == 0 || self.usage.in_flight.load(Relaxed) > 0) {
            end.close.take()
        } else {
            None
        }
    }
}

/// Closes a context whose client has gone before it was open.
pub(super) fn close_abandoned(answer: &Buffer<Request>, close: RequestBuffer) {
    if let Ok(context) = context_of(answer) {
        drop(Close::new(answer.token().device.clone(), close, context));
    }
}

/// The device's number for a new context, and the start that it is of.
fn context_of(answer: &Buffer<Request>) -> Result<(u64, u32)> {
    let response: wire::OpenDeviceResp = response(answer)?;
    match response.context.get() {
        0 => Err(EIO),
        id => Ok((id, answer.start())),
    }
}

/// A context's CLOSE_DEVICE, made when it is dropped. The request is there in advance, so that this
/// cannot fail for want of memory.
struct Close {
    device: Arc<TeeDevice>,
    request: Option<RequestBuffer>,
}

impl Close {
    fn new(device: Arc<TeeDevice>, mut request: RequestBuffer, (id, start): (u64, u32)) -> Self {
        request.of_start(start);
        let at = offset_of!(wire::RequestHeader, context);
        if let Some(field) = request.request_mut().get_mut(at..at + size_of::<U64>()) {
            field.copy_from_slice(U64::new(id).as_bytes());
        }
        Self {
            device,
            request: Some(request),
        }
    }
}

impl Drop for Close {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.device.post_or_abandon(To::Closing, request);
        }
    }
}

/// A call in a context that the device may not have answered yet: until this is dropped.
pub(super) struct InFlight(Arc<Context>);

impl InFlight {
    pub(super) fn new(context: Arc<Context>) -> Self {
        context.usage.in_flight.fetch_add(1, Relaxed);
        Self(context)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.usage.in_flight.fetch_sub(1, Relaxed);
    }
}

/// What comes of a CLOSE_DEVICE: for all who wait to have memory back.
#[pin_data]
struct Outcome {
    #[pin]
    result: SpinLockIrq<Option<Result>>,
    #[pin]
    arrival: WaitQueue,
}

impl Outcome {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                result <- new_spinlock_irq!(None),
                arrival <- new_waitqueue!("virtio_tee::Outcome"),
            }),
            GFP_KERNEL,
        )
    }

    fn wait(&self) -> Result {
        self.arrival.wait(Manner::Apart, || *self.result.lock())
    }

    /// Only the first one counts.
    fn set(&self, result: Result) {
        self.result.lock().get_or_insert(result);
        self.arrival.wake_all();
    }
}

/// What a CLOSE_DEVICE ends.
pub(super) struct Closing {
    outcome: Arc<Outcome>,
    _quota: Quota,
}

impl Closing {
    /// The device has answered, or will not. Usable in any context: who waits for this can be in
    /// the way of all that is deferred.
    pub(super) fn answered(&self, answer: &Buffer<Request>) {
        self.outcome
            .set(response::<wire::ResponseHeader>(answer).map(|_| ()));
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // If there was no answer, the request has not been made: the device was reset, or is being.
        // Whoever posts it sees to that.
        self.outcome.set(Err(ENODEV));
    }
}
