// SPDX-License-Identifier: GPL-2.0

//! Contexts: OPEN_DEVICE and CLOSE_DEVICE.

use core::mem::{self, offset_of};

use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        new_mutex, Arc, Mutex,
    },
};
use zerocopy::{byteorder::little_endian::U64, IntoBytes};

use super::{
    device::{header, message, response, TeeDevice, CONTROL},
    request::{Aftermath, Request, RequestBuffer},
};
use crate::{virtio::Buffer, wire};

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
}

/// How the context ends.
struct End {
    /// The CLOSE_DEVICE to come.
    close: Option<Close>,
    /// The client has gone.
    closing: bool,
    /// Memories that the device may have registered. CLOSE_DEVICE waits for calls, which can take
    /// any time, and pages are not to wait for that: so it comes last.
    memories: u32,
}

impl Context {
    /// Opens a context. `ENFILE` where there are as many as the device allows.
    pub(super) fn open(device: &Arc<TeeDevice>) -> Result<Arc<Self>> {
        let close = device.buffer(
            message(&header(wire::VIRTIO_TEE_CMD_CLOSE_DEVICE, 0))?,
            size_of::<wire::ResponseHeader>(),
            KVec::new(),
            Aftermath::CloseContext(ContextQuota::take(device)?),
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
                end <- new_mutex!(End { close, closing: false, memories: 0 }),
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

    /// The client has gone: closes the context as soon as no memory is registered.
    pub(super) fn close(&self) {
        let mut end = self.end.lock();
        end.closing = true;
        let ready = end.ready();
        drop(end);
        drop(ready);
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
        if self.closing && self.memories == 0 {
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

/// A place among the contexts that the device allows. Given back when dropped.
pub(super) struct ContextQuota(Arc<TeeDevice>);

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
