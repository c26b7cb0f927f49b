// SPDX-License-Identifier: GPL-2.0

//! Which queue of a group a buffer goes to, and waiting for room.

use core::ops::Range;

use kernel::{prelude::*, sync::rcu};

use super::{
    super::{Buffer, Token},
    ring::Added,
    Virtqueues,
};
use crate::sync::{new_waitqueue, Manner, WaitQueue};

/// Where a buffer goes, and what it waits for.
#[derive(Clone, Copy)]
pub(crate) struct Submission {
    /// Any queue of this group will do.
    pub(crate) group: usize,
    /// Which of them to try first: a number that is the same for all that is done on a CPU.
    pub(crate) preferred: usize,
    /// How to wait for room.
    pub(crate) wait: Wait,
    /// The last places of a queue, an eighth of them, are for buffers that have this set.
    pub(crate) urgent: bool,
}

/// How [`Virtqueues::submit`] waits for room in a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until there is some, or a fatal signal arrives.
    Killable,
    /// Until there is some.
    Uninterruptible,
}

/// A buffer that the device has not got.
pub(crate) struct Rejected<T: Token> {
    /// Why.
    pub(crate) error: Error,
    /// The buffer.
    pub(crate) buffer: Pin<KBox<Buffer<T>>>,
}

/// Queues that stand in for each other.
#[pin_data]
pub(super) struct Group {
    /// Where among all queues they are.
    pub(super) queues: Range<usize>,
    /// For those who found all of them full.
    #[pin]
    room: WaitQueue,
    /// For those of them who may have the last places: apart, or who cannot use one would have been
    /// woken for it.
    #[pin]
    last_room: WaitQueue,
}

impl Group {
    pub(super) fn new(queues: Range<usize>) -> impl PinInit<Self> {
        pin_init!(Self {
            queues,
            room <- new_waitqueue!("virtio::Group::room"),
            last_room <- new_waitqueue!("virtio::Group::last_room"),
        })
    }

    /// There is room for `count` more.
    pub(super) fn wake(&self, count: usize) {
        self.last_room.wake(count);
        self.room.wake(count);
    }

    /// There is going to be none.
    pub(super) fn wake_all(&self) {
        self.last_room.wake_all();
        self.room.wake_all();
    }
}

impl<T: Token> Virtqueues<T> {
    /// Gives a buffer to the device, on the first queue of a group that has room.
    ///
    /// Where all are full, waits, at most until a fatal signal arrives (`EINTR`). `ESTALE` if the
    /// buffer is of a [start](Buffer::of_start) before this one. On failure the device has not seen
    /// the buffer, and the caller has it back.
    pub(crate) fn submit(
        &self,
        buffer: Pin<KBox<Buffer<T>>>,
        how: Submission,
    ) -> Result<(), Rejected<T>> {
        let group = self.groups.get(how.group);
        let found = group.and_then(|group| Some((group, self.queues.get(group.queues.clone())?)));
        let Some((group, queues)) = found.filter(|(_, queues)| !queues.is_empty()) else {
            return Err(Rejected {
                error: EINVAL,
                buffer,
            });
        };
        let (before, from) = queues.split_at(how.preferred % queues.len());
        let mut waiting = Some(buffer);
        let mut attempt = || {
            // The queues are not stopped, nor started anew, before a failure is told of.
            let _until_told = rcu::read_lock();
            for queue in [from, before].into_iter().flatten() {
                match queue.add(waiting.take()?, how.urgent) {
                    Added::Yes => return Some(Ok(())),
                    Added::Broken => {
                        self.fail();
                        return Some(Ok(()));
                    }
                    Added::Full(buffer) => waiting = Some(buffer),
                    Added::Failed(error, buffer) => {
                        waiting = Some(buffer);
                        return Some(Err(error));
                    }
                }
            }
            None
        };
        let result = attempt().unwrap_or_else(|| {
            let room = if how.urgent {
                &group.last_room
            } else {
                &group.room
            };
            let result = match how.wait {
                Wait::Killable => room
                    .wait_killable(Manner::InTurn, &mut attempt)
                    .and_then(|added| added),
                Wait::Uninterruptible => room.wait(Manner::InTurn, &mut attempt),
            };
            // There can be room for more than were woken, or they did not need it.
            group.wake(1);
            result
        });
        match (result, waiting) {
            (Err(error), Some(buffer)) => Err(Rejected { error, buffer }),
            _ => Ok(()),
        }
    }
}
