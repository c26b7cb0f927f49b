// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The header of a TA, as OP-TEE's `user_ta_header.h` lays it out.

use uuid::Uuid;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Name of the ELF section that holds the [`TaHead`].
pub const SECTION: &str = ".ta_head";

/// All sessions share one instance.
pub const FLAG_SINGLE_INSTANCE: u32 = 1 << 2;
/// The one instance takes several sessions at a time.
pub const FLAG_MULTI_SESSION: u32 = 1 << 3;
/// The one instance stays when its last session is closed.
pub const FLAG_INSTANCE_KEEP_ALIVE: u32 = 1 << 4;
/// It may use the functions for the cache.
pub const FLAG_CACHE_MAINTENANCE: u32 = 1 << 7;
/// It is a device on the guest's TEE bus.
pub const FLAG_DEVICE_ENUM: u32 = 1 << 9;
/// It is one once the guest's TEE supplicant runs.
pub const FLAG_DEVICE_ENUM_SUPP: u32 = 1 << 10;
/// A handle to an object that is found corrupt stays open.
pub const FLAG_DONT_CLOSE_HANDLE_ON_CORRUPT_OBJECT: u32 = 1 << 11;
/// It is one once there is storage.
pub const FLAG_DEVICE_ENUM_TEE_STORAGE_PRIVATE: u32 = 1 << 12;
/// A kept instance that has crashed is not replaced.
pub const FLAG_INSTANCE_KEEP_CRASHED: u32 = 1 << 13;

/// `struct ta_head`, in the byte order of the machine.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TaHead {
    /// `TEE_UUID::timeLow`.
    pub time_low: u32,
    /// `TEE_UUID::timeMid`.
    pub time_mid: u16,
    /// `TEE_UUID::timeHiAndVersion`.
    pub time_hi_and_version: u16,
    /// `TEE_UUID::clockSeqAndNode`.
    pub clock_seq_and_node: [u8; 8],
    /// Stack that the TA needs, in bytes.
    pub stack_size: u32,
    /// `FLAG_*`.
    pub flags: u32,
    /// Not used.
    pub depr_entry: u64,
}

impl TaHead {
    /// The TA's UUID.
    pub fn uuid(&self) -> Uuid {
        Uuid::from_fields(self.time_low, self.time_mid, self.time_hi_and_version, &self.clock_seq_and_node)
    }

    /// Whether all of `flags` are set.
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }
}
