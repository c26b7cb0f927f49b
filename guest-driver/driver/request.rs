// SPDX-License-Identifier: GPL-2.0

//! Requests on their way.

use core::mem;

use kernel::{prelude::*, sync::Arc, workqueue::Queue};

use super::{
    call,
    context::{self, Closing, InFlight},
    device::TeeDevice,
    loan::Loan,
    memory::{self, MemoryQuota},
    quota::Quota,
    session::Session,
};
use crate::{
    sync::{new_spinlock_irq, new_waitqueue, Manner, SpinLockIrq, WaitQueue},
    virtio::{Buffer, Token},
};

/// A request with its buffer.
pub(super) type RequestBuffer = Pin<KBox<Buffer<Request>>>;

/// What the driver keeps with a buffer.
pub(crate) struct Request {
    /// Keeps the device's state alive, whoever made the request.
    pub(super) device: Arc<TeeDevice>,
    /// Who waits for the response.
    pub(super) waiter: Option<Arc<Waiter>>,
    /// What the device may access until it has used the buffer.
    pub(super) memories: KVec<Loan>,
    /// That it is a call, if it is one.
    pub(super) in_flight: Option<InFlight>,
    /// What is left to do if nobody waits for the response any more.
    pub(super) aftermath: Aftermath,
}

/// What the response to a request that nobody waits for calls for.
pub(super) enum Aftermath {
    /// Nothing.
    None,
    /// OPEN_DEVICE: if there is a context, it is closed with this.
    OpenContext(RequestBuffer),
    /// CLOSE_DEVICE: that context no longer counts, and who waits for that is told.
    CloseContext(Closing),
    /// OPEN_SESSION: if there is a session, it is closed with this.
    OpenSession(RequestBuffer, Quota),
    /// CLOSE_SESSION: that session no longer counts.
    CloseSession(Session),
    /// REGISTER_MEM of the first of the request's memories: if it is registered, that is noted.
    Register(RequestBuffer),
    /// UNREGISTER_MEM: that memory no longer counts.
    Unregister(#[allow(dead_code, reason = "to be dropped")] MemoryQuota),
}

/// A client that waits for a response.
#[pin_data]
pub(super) struct Waiter {
    #[pin]
    place: SpinLockIrq<Place>,
    #[pin]
    arrival: WaitQueue,
}

/// Where response and client meet.
enum Place {
    /// The client waits.
    Waiting,
    /// The response is there.
    Answered(RequestBuffer),
    /// The client has taken the response, or has gone without.
    Left,
}

impl Waiter {
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                place <- new_spinlock_irq!(Place::Waiting),
                arrival <- new_waitqueue!("virtio_tee::Waiter"),
            }),
            GFP_KERNEL,
        )
    }

    /// Takes the response, if it is there.
    fn take(&self) -> Option<RequestBuffer> {
        let mut place = self.place.lock();
        match mem::replace(&mut *place, Place::Left) {
            Place::Answered(buffer) => Some(buffer),
            other => {
                *place = other;
                None
            }
        }
    }

    /// Waits for the response, or until a fatal signal arrives: then the request is left behind.
    pub(super) fn wait_killable(&self, how: Manner) -> Result<RequestBuffer> {
        let answer = self.arrival.wait_killable(how, || self.take());
        answer.or_else(
            |error| match mem::replace(&mut *self.place.lock(), Place::Left) {
                Place::Answered(buffer) => Ok(buffer),
                _ => Err(error),
            },
        )
    }

    /// Waits for the response.
    pub(super) fn wait(&self) -> RequestBuffer {
        self.arrival.wait(Manner::Apart, || self.take())
    }

    /// Waits for the response, and calls `killed` if a fatal signal arrives meanwhile.
    pub(super) fn wait_on(&self, killed: impl FnOnce()) -> RequestBuffer {
        let answer = self.arrival.wait_killable(Manner::Apart, || self.take());
        answer.unwrap_or_else(|_| {
            killed();
            self.wait()
        })
    }

    /// Hands the response over. The buffer comes back if nobody waits.
    fn answer(&self, buffer: RequestBuffer) -> Option<RequestBuffer> {
        let mut place = self.place.lock();
        if !matches!(*place, Place::Waiting) {
            return Some(buffer);
        }
        *place = Place::Answered(buffer);
        drop(place);
        self.arrival.wake_all();
        None
    }
}

impl Token for Request {
    fn used(buffer: RequestBuffer, queue: &Queue) {
        if let Aftermath::CloseContext(closing) = &buffer.token().aftermath {
            closing.answered(&buffer);
        }
        // The buffer goes to the client or to the workqueue, so that what it holds is dropped
        // there.
        let unwanted = match buffer.token().waiter.clone() {
            Some(waiter) => waiter.answer(buffer),
            None => Some(buffer),
        };
        if let Some(buffer) = unwanted {
            buffer.defer(queue);
        }
    }

    fn deferred(mut buffer: RequestBuffer) {
        match mem::replace(&mut buffer.token_mut().aftermath, Aftermath::None) {
            Aftermath::OpenContext(close) => context::close_abandoned(&buffer, close),
            Aftermath::OpenSession(close, quota) => call::close_abandoned(&buffer, close, quota),
            Aftermath::Register(unregister) => memory::registered(&buffer, unregister),
            Aftermath::None
            | Aftermath::CloseContext(_)
            | Aftermath::CloseSession(_)
            | Aftermath::Unregister(_) => (),
        }
    }
}
