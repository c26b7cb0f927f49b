// SPDX-License-Identifier: GPL-2.0

//! Shared memory: REGISTER_MEM and UNREGISTER_MEM, and when to use them.
//!
//! Memory that is shared with the kernel is not known to the device yet. What a call uses for the
//! first time goes along with the call, as transient memory: a buffer for one call then costs no
//! request of its own. What is used again is registered, and later calls name it.

use core::mem::{self, offset_of};

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{new_spinlock, Arc, SpinLock},
};
use zerocopy::{byteorder::little_endian::U64, IntoBytes};

use super::{
    context::Context,
    device::{header, message, response, To},
    loan::Loan,
    probe::VirtioTee,
    request::{Aftermath, Request, RequestBuffer, Waiter},
};
#[cfg(linux_7_2)]
use crate::linux_7_2::{EPROTO, ESTALE};
use crate::{
    sync::{new_waitqueue, Manner, WaitQueue},
    tee::Shm,
    virtio::Buffer,
    wire,
};

/// The driver's part of a shared memory.
#[pin_data]
pub(crate) struct Memory {
    context: Arc<Context>,
    #[pin]
    state: SpinLock<State>,
    /// For those who cannot do without what another is registering.
    #[pin]
    settled: WaitQueue,
}

/// What the device knows of a memory.
enum State {
    /// Nothing; no call has used it.
    Fresh,
    /// Nothing; a call has used it as transient memory.
    Used,
    /// A client is about to register it.
    Registering,
    /// It is registered.
    Registered {
        /// The device's number for it.
        id: u64,
        /// What takes it back, made in advance so that it cannot fail for want of memory.
        unregister: RequestBuffer,
    },
    /// Nothing, and so it stays: it does not register.
    Unregistrable,
}

impl Memory {
    pub(super) fn new(context: Arc<Context>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            context,
            state <- new_spinlock!(State::Fresh),
            settled <- new_waitqueue!("virtio_tee::Memory"),
        })
    }

    /// The device is no longer to use the memory.
    pub(super) fn forget(&self) {
        let State::Registered { unregister, .. } = self.settle(State::Unregistrable) else {
            return;
        };
        let device = &self.context.device;
        match self.take_back(unregister) {
            // A device that has lost the context has lost the memory with it.
            Ok(()) | Err(ESTALE) => (),
            Err(ENODEV) => device.queues.await_reset(),
            // The memory counts as registered, and its pages are going to be somebody else's.
            Err(error) => {
                dev_err!(device.dev, "the device keeps memory back: {error:?}\n");
                device.queues.abandon();
            }
        }
    }

    /// Has the device end all access to the memory. With `ENODEV` it is being reset.
    fn take_back(&self, unregister: RequestBuffer) -> Result {
        if let Some(closed) = self.context.closed() {
            return closed;
        }
        // Kept to the end, since CLOSE_DEVICE follows the last of them.
        let answer = self
            .context
            .device
            .call_unkillably(To::Control, unregister)?;
        match response::<wire::ResponseHeader>(&answer) {
            // CLOSE_DEVICE may have overtaken it.
            Err(ESTALE) => self.context.closed().unwrap_or(Err(ESTALE)),
            other => other.map(|_| ()),
        }
    }

    /// What another client was doing is done. Returns the state before.
    fn settle(&self, state: State) -> State {
        let before = mem::replace(&mut *self.state.lock(), state);
        self.settled.wake_all();
        before
    }

    /// What a call has to do about the memory; `None` if another client is registering it.
    fn step(&self, must: bool, again: bool) -> Option<Step> {
        let mut state = self.state.lock();
        match &*state {
            State::Registered { id, .. } => Some(Step::Name(*id)),
            State::Fresh if !must => {
                *state = State::Used;
                Some(Step::TakeAlong)
            }
            State::Used if again => Some(Step::TakeAlong),
            State::Fresh | State::Used => {
                *state = State::Registering;
                Some(Step::Register)
            }
            State::Registering if must => None,
            State::Registering | State::Unregistrable => Some(Step::TakeAlong),
        }
    }
}

enum Step {
    Name(u64),
    TakeAlong,
    Register,
}

/// A call is going to use `shm`. Returns the number by which to name it, `None` if it has to go
/// along with the call.
///
/// It is registered if it has been used before, unless that was `again` by this call, or if it has
/// to be since it has more runs than the call can take. No lock is held while the device is asked:
/// calls that come meanwhile take it along.
pub(super) fn name_for_call(shm: &Shm<VirtioTee>, must: bool, again: bool) -> Result<Option<u64>> {
    let memory = shm.memory();
    match memory
        .settled
        .wait_killable(Manner::Apart, || memory.step(must, again))?
    {
        Step::Name(id) => return Ok(Some(id)),
        Step::TakeAlong => return Ok(None),
        Step::Register => (),
    }
    match register(shm) {
        Ok(()) => (),
        // Killed: if the device has the request, `registered` sees to it once it has answered.
        Err(EINTR) => return Err(EINTR),
        // That can be different next time.
        Err(ENOSPC | ENOMEM) => drop(memory.settle(State::Used)),
        Err(_) => drop(memory.settle(State::Unregistrable)),
    }
    match &*memory.state.lock() {
        State::Registered { id, .. } => Ok(Some(*id)),
        _ => Ok(None),
    }
}

/// Asks the device to register `shm`. Where this fails with anything but `EINTR`, it has not.
fn register(shm: &Shm<VirtioTee>) -> Result {
    let memory = shm.memory();
    let context = &memory.context;
    let limits = &context.device.limits;
    let segments = shm.segments();

    let quota = MemoryQuota::take(context, segments.len())?;
    let mut unregister = context.buffer(
        message(&wire::UnregisterMemReq {
            header: header(wire::VIRTIO_TEE_CMD_UNREGISTER_MEM, context.id),
            memory: 0.into(),
        })?,
        size_of::<wire::ResponseHeader>(),
        KVec::new(),
        Aftermath::Unregister(quota),
    )?;
    unregister.token_mut().waiter = Some(Waiter::new()?);

    let runs = segments.range(0, segments.len()).count();
    if runs > limits.runs {
        return Err(E2BIG);
    }
    let mut request = message(&wire::RegisterMemReq {
        header: header(wire::VIRTIO_TEE_CMD_REGISTER_MEM, context.id),
        num_runs: (runs as u32).into(),
        reserved: 0.into(),
    })?;
    request.reserve(runs * size_of::<wire::Run>(), GFP_KERNEL)?;
    for part in segments.range(0, segments.len()) {
        let run = wire::Run {
            addr: part.addr.into(),
            len: part.len.into(),
        };
        request.extend_from_slice(run.as_bytes(), GFP_KERNEL)?;
    }
    let mut memories = KVec::with_capacity(1, GFP_KERNEL)?;
    memories.push(Loan::whole(shm), GFP_KERNEL)?;

    let mut answer = context.call(
        To::Control,
        request,
        size_of::<wire::RegisterMemResp>(),
        memories,
        Aftermath::Register(unregister),
    )?;
    match mem::replace(&mut answer.token_mut().aftermath, Aftermath::None) {
        Aftermath::Register(unregister) => registered(&answer, unregister),
        _ => return Err(EIO),
    }
    Ok(())
}

/// The device has answered a REGISTER_MEM, or will not: takes note of what has become of it.
pub(super) fn registered(answer: &Buffer<Request>, mut unregister: RequestBuffer) {
    let Some(shm) = answer.token().memories.first().and_then(Loan::shm) else {
        return;
    };
    let memory = shm.memory();
    let id = response::<wire::RegisterMemResp>(answer).map(|response| response.memory.get());
    let state = match id {
        Ok(id) if id != 0 && id != wire::VIRTIO_TEE_MEMORY_NULL => {
            let at = offset_of!(wire::UnregisterMemReq, memory);
            if let Some(field) = unregister.request_mut().get_mut(at..at + size_of::<U64>()) {
                field.copy_from_slice(U64::new(id).as_bytes());
            }
            State::Registered { id, unregister }
        }
        // It is registered, but nobody knows how to take it back.
        Ok(_) | Err(EPROTO) => {
            answer.token().device.queues.abandon();
            State::Unregistrable
        }
        Err(_) => State::Unregistrable,
    };
    drop(memory.settle(state));
}

/// A place among the memories that the device registers, in a context. Given back when dropped.
pub(super) struct MemoryQuota {
    context: Arc<Context>,
    pages: u32,
}

impl MemoryQuota {
    /// `ENOSPC` where there is none.
    fn take(context: &Arc<Context>, bytes: u64) -> Result<Self> {
        let (device, start) = (&context.device, context.start);
        let limits = &device.limits;
        let pages = u32::try_from(bytes / PAGE_SIZE as u64).map_err(|_| ENOSPC)?;
        let most = u32::try_from(limits.memory_bytes / PAGE_SIZE as u64).unwrap_or(u32::MAX);
        if !device.memories.take(start, 1, limits.memories) {
            return Err(ENOSPC);
        }
        if !device.memory_pages.take(start, pages, most) {
            device.memories.give_back(start, 1);
            return Err(ENOSPC);
        }
        context.memory_added();
        Ok(Self {
            context: context.clone(),
            pages,
        })
    }
}

impl Drop for MemoryQuota {
    fn drop(&mut self) {
        let (device, start) = (&self.context.device, self.context.start);
        device.memories.give_back(start, 1);
        device.memory_pages.give_back(start, self.pages);
        self.context.memory_removed();
    }
}
