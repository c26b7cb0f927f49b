// SPDX-License-Identifier: GPL-2.0

//! Waiting and deferring, as far as the kernel crate does not have it.

mod wait;
mod workqueue;

pub(crate) use wait::{new_waitqueue, WaitQueue};
pub(crate) use workqueue::OwnedQueue;
