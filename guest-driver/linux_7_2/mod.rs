// SPDX-License-Identifier: GPL-2.0

//! What the kernel crate of Linux 7.2 lacks, by the names that it has in Linux 7.3.
//!
//! For modules out of the kernel's tree alone: see `Kbuild`. In a kernel tree none of this is
//! there, nor what is marked `cfg(linux_7_2)`: `scripts/patches` leaves it out.

mod errno;
mod lock;

use kernel::ThisModule;

pub(crate) use errno::{EOPNOTSUPP, EPROTO, ESTALE};
pub(crate) use lock::{new_spinlock_irq, SpinLockIrq};

/// Waits for an RCU grace period. Can sleep.
pub(crate) fn synchronize_rcu() {
    // SAFETY: It may be called where one may sleep.
    unsafe { kernel::bindings::synchronize_rcu() };
}

/// Makes a `MODULE_DEVICE_TABLE` without data beside the IDs.
macro_rules! module_device_table {
    ($bus:literal, $id:ty, $name:ident, @none, [$($value:expr),* $(,)?]) => {
        const IDS: ::kernel::device_id::IdArray<$id, (), { <[$id]>::len(&[$($value),*]) }> =
            ::kernel::device_id::IdArray::new_without_index([$(($value, ())),*]);
        ::kernel::module_device_table!($bus, $name, IDS);
    };
}
pub(crate) use module_device_table;

/// The module.
pub(crate) fn this_module() -> &'static ThisModule {
    &crate::THIS_MODULE
}
