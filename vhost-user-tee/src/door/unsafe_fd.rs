// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Descriptors that arrive as numbers.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::sync::PoisonError;

use vmm_sys_util::event::{new_event_consumer_and_notifier, EventConsumer, EventFlag, EventNotifier};

/// Takes over a descriptor that whoever started this process left open for it. `None` if it is not
/// open. To be called at most once per number, before any other descriptor is opened.
pub fn inherited(fd: RawFd) -> Option<OwnedFd> {
    if fd < 0 {
        return None;
    }
    // SAFETY: the borrow ends within this function, and nothing closes the descriptor meanwhile: the
    // caller says that nothing else knows the number. Asking whether it is open is what it is for.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::io::fcntl_getfd(borrowed).ok()?;
    // SAFETY: it is open, and nothing else in this process owns it: it was open when the process
    // started, and the caller asks once per number.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The exit event of `vhost-user-backend`'s epoll thread, which that crate never closes: it keeps
/// only the number of the consuming end.
#[derive(Debug, Default)]
pub(super) struct ExitEvent {
    consumer: Mutex<Option<RawFd>>,
}

impl ExitEvent {
    /// Makes the event; the crate keeps both ends.
    pub(super) fn create(&self) -> std::io::Result<(EventConsumer, EventNotifier)> {
        let (consumer, notifier) = new_event_consumer_and_notifier(EventFlag::NONBLOCK | EventFlag::CLOEXEC)?;
        *self.consumer.lock().unwrap_or_else(PoisonError::into_inner) = Some(consumer.as_raw_fd());
        Ok((consumer, notifier))
    }

    /// Closes what is left of the event. Only to be called once the crate's `VhostUserDaemon` is
    /// dropped.
    pub(super) fn close(&self) {
        if let Some(fd) = self.consumer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // SAFETY: the crate turned the consumer into a bare number (`into_raw_fd`) to hand it to
            // epoll, and does not close it; its epoll thread has been joined when the daemon was
            // dropped. So it is open, and this is its only owner.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}
