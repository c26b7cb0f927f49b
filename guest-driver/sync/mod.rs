// SPDX-License-Identifier: GPL-2.0

//! Waiting and deferring, as far as the kernel crate does not have it.

mod wait;
mod workqueue;

#[cfg(linux_7_2)]
pub(crate) use crate::linux_7_2::{new_spinlock_irq, synchronize_rcu, SpinLockIrq};
#[cfg(not(linux_7_2))]
pub(crate) use kernel::sync::{new_spinlock_irq, rcu::synchronize_rcu, SpinLockIrq};
pub(crate) use wait::{new_waitqueue, Manner, WaitQueue};
pub(crate) use workqueue::OwnedQueue;
