// SPDX-License-Identifier: GPL-2.0

//! Contexts: OPEN_DEVICE and CLOSE_DEVICE.

use core::mem::{self, offset_of};

use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        new_mutex, new_spinlock_irq, Arc, Mutex, SpinLockIrq,
    },
};
use zerocopy::{byteorder::little_endian::U64, IntoBytes};

use super::{
    device::{header, message, response, TeeDevice, CONTROL},
    request::{Aftermath, Request, RequestBuffer},
};
use crate::{
    sync::{new_waitqueue, WaitQueue},
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
    start: u32,
    #[pin]
    end: Mutex<End>,
    /// What the device answers to CLOSE_DEVICE.
    outcome: Arc<Outcome>,
}

/// How the context ends.
struct End {
    /// The CLOSE_DEVICE to come.
    close: Option<Close>,
    /// The client has gone.
    closing: bool,
    /// Calls that it has left behind, once it has gone.
    calls: u32,
    /// Memories that the device may have registered.
    memories: u32,
}

impl Context {
    /// Opens a context. `ENFILE` where there are as many as the device allows.
    pub(super) fn open(device: &Arc<TeeDevice>) -> Result<Arc<Self>> {
        let outcome = Outcome::new()?;
        let closing = Closing {
            outcome: outcome.clone(),
            _quota: ContextQuota::take(device)?,
        };
        let close = device.buffer(
            message(&header(wire::VIRTIO_TEE_CMD_CLOSE_DEVICE, 0))?,
            size_of::<wire::ResponseHeader>(),
            KVec::new(),
            Aftermath::CloseContext(closing),
        )?;
        let mut answer = device.call(
            CONTROL,
            message(&header(wire::VIRTIO_TEE_CMD_OPEN_DEVICE, 0))?,
            size_of::<wire::OpenDeviceResp>(),
            KVec::new(),
            Aftermath::OpenContext(close),
        )?;
        let id = context_of(&answer)?;
        let aftermath = mem::replace(&mut answer.token_mut().aftermath, Aftermath::None);
        let Aftermath::OpenContext(close) = aftermath else {
            return Err(EIO);
        };
        let start = device.queues.starts();
        let close = Some(Close::new(device.clone(), close, id));
        Arc::pin_init(
            pin_init!(Self {
                device: device.clone(),
                id,
                start,
                end <- new_mutex!(End { close, closing: false, calls: 0, memories: 0 }),
                outcome,
            }),
            GFP_KERNEL,
        )
    }

    /// `ESTALE` if the device has been reset since, by which it has forgotten the context.
    pub(super) fn check(&self) -> Result {
        if self.device.queues.starts() == self.start {
            Ok(())
        } else {
            Err(ESTALE)
        }
    }

    /// The client has gone: closes the context.
    ///
    /// CLOSE_DEVICE waits for the TEE, and pages are not to wait for that. So it comes last, when no
    /// memory is registered. But a call that the client has left behind keeps its memory until it
    /// ends, and what makes it end, if it heeds no cancellation, is CLOSE_DEVICE: with such calls it
    /// comes at once, and [gives back](Self::closed) all memory.
    pub(super) fn close(&self) {
        let mut end = self.end.lock();
        end.closing = true;
        let ready = end.ready();
        drop(end);
        drop(ready);
    }

    /// Once CLOSE_DEVICE is under way, or just about to be, waits for the answer, by which the device
    /// has given all memory back. `None` before.
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
        let ready = end.ready();
        drop(end);
        drop(ready);
    }
}

impl End {
    /// What is to be dropped, once the lock is released.
    fn ready(&mut self) -> Option<Close> {
        if self.closing && (self.calls > 0 || self.memories == 0) {
            self.close.take()
        } else {
            None
        }
    }
}

/// Closes a context whose client has gone before it was open.
pub(super) fn close_abandoned(answer: &Buffer<Request>, close: RequestBuffer) {
    if let Ok(id) = context_of(answer) {
        drop(Close::new(answer.token().device.clone(), close, id));
    }
}

fn context_of(answer: &Buffer<Request>) -> Result<u64> {
    let response: wire::OpenDeviceResp = response(answer)?;
    match response.context.get() {
        0 => Err(EIO),
        id => Ok(id),
    }
}

/// A context's CLOSE_DEVICE, made when it is dropped. The request is there in advance, so that this
/// cannot fail for want of memory.
struct Close {
    device: Arc<TeeDevice>,
    start: u32,
    request: Option<RequestBuffer>,
}

impl Close {
    fn new(device: Arc<TeeDevice>, mut request: RequestBuffer, id: u64) -> Self {
        let at = offset_of!(wire::RequestHeader, context);
        if let Some(field) = request.request_mut().get_mut(at..at + size_of::<U64>()) {
            field.copy_from_slice(U64::new(id).as_bytes());
        }
        Self {
            start: device.queues.starts(),
            device,
            request: Some(request),
        }
    }
}

impl Drop for Close {
    fn drop(&mut self) {
        match self.request.take() {
            Some(request) if self.device.queues.starts() == self.start => {
                self.device.post(CONTROL, request);
            }
            // The device has been reset since, by which it has forgotten the context.
            _ => (),
        }
    }
}

/// A call in a context that the device may not have answered yet: until this is dropped.
pub(super) struct InFlight(Arc<Context>);

impl InFlight {
    pub(super) fn new(context: Arc<Context>) -> Self {
        context.end.lock().calls += 1;
        Self(context)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.end.lock().calls -= 1;
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
        self.arrival.wait(|| *self.result.lock())
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
    _quota: ContextQuota,
}

impl Closing {
    /// The device has answered, or will not. Usable in any context: who waits for this can be in the
    /// way of all that is deferred.
    pub(super) fn answered(&self, answer: &Buffer<Request>) {
        self.outcome
            .set(response::<wire::ResponseHeader>(answer).map(|_| ()));
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // If there was no answer, the request has not been made: the device was reset, or is being.
        self.outcome.set(Err(ENODEV));
    }
}

/// A place among the contexts that the device allows. Given back when dropped.
struct ContextQuota(Arc<TeeDevice>);

impl ContextQuota {
    fn take(device: &Arc<TeeDevice>) -> Result<Self> {
        let before = device.contexts.fetch_add(1, Relaxed);
        let quota = Self(device.clone());
        if before >= device.limits.contexts {
            return Err(ENFILE);
        }
        Ok(quota)
    }
}

impl Drop for ContextQuota {
    fn drop(&mut self) {
        subtract(&self.0.contexts);
    }
}

/// Takes one from a counter.
pub(super) fn subtract(counter: &Atomic<u32>) {
    counter.fetch_sub(1, Relaxed);
}
