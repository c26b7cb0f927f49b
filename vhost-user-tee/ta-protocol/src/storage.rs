// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The services of secure storage, and of a TA's persistent time.
//!
//! | service | arguments | exchange | answer |
//! |---|---|---|---|
//! | [`OPEN`] | storage, length of the name, flags | name → meta | handle, size, length of meta |
//! | [`CREATE`] | storage, length of the name, flags, length of meta, of data | name, meta, data → | handle |
//! | [`STAGE`] | length | data → | |
//! | [`CLOSE`] | handle | | |
//! | [`DELETE`] | handle | | |
//! | [`RENAME`] | handle, length of the name | name → | |
//! | [`INFO`] | handle | → meta | size, length of meta |
//! | [`READ`] | handle, offset, length | → data | length |
//! | [`WRITE`] | handle, offset, length | data → | |
//! | [`SET_SIZE`] | handle, size | | |
//! | [`SET_META`] | handle, length of meta | meta → | |
//! | [`NEXT`] | storage, whether there is a cursor | cursor → cursor, name, meta | size, lengths of name and meta |
//! | [`GET_TIME`] | | | seconds, milliseconds |
//! | [`SET_TIME`] | seconds, milliseconds | | |
//!
//! All are [`ServiceRequest`](crate::message::ServiceRequest)s. Sizes and offsets are bytes of an object's data;
//! storages and flags are GP's (`TEE_STORAGE_*`, `TEE_DATA_FLAG_*`). An object's *meta* is whatever the runtime keeps
//! of it: type, attributes. The data of [`CREATE`] and [`WRITE`] follow what was staged before. Where an object is
//! corrupt it is removed, and its handle closed, as OP-TEE does.

/// Opens an object.
pub const OPEN: u32 = 0x200;
/// Makes an object, and opens it.
pub const CREATE: u32 = 0x201;
/// Hands over data of which more follow.
pub const STAGE: u32 = 0x202;
/// Closes an object.
pub const CLOSE: u32 = 0x203;
/// Removes an object, and closes it.
pub const DELETE: u32 = 0x204;
/// Gives an object another name.
pub const RENAME: u32 = 0x205;
/// Tells what an object is.
pub const INFO: u32 = 0x206;
/// Reads data.
pub const READ: u32 = 0x207;
/// Writes data.
pub const WRITE: u32 = 0x208;
/// Cuts data, or adds zeros.
pub const SET_SIZE: u32 = 0x209;
/// Replaces meta.
pub const SET_META: u32 = 0x20a;
/// Tells of the next object of a storage.
pub const NEXT: u32 = 0x20b;
/// Tells the TA's persistent time.
pub const GET_TIME: u32 = 0x20c;
/// Sets the TA's persistent time.
pub const SET_TIME: u32 = 0x20d;

/// Length of a cursor, in bytes.
pub const CURSOR_LEN: usize = 32;

/// GP's `TEE_DATA_FLAG_*`.
pub mod flag {
    /// Data may be read.
    pub const ACCESS_READ: u32 = 1;
    /// Data may be written.
    pub const ACCESS_WRITE: u32 = 2;
    /// The object may be renamed and removed; nobody else can open it.
    pub const ACCESS_WRITE_META: u32 = 4;
    /// Others may read meanwhile.
    pub const SHARE_READ: u32 = 0x10;
    /// Others may write meanwhile.
    pub const SHARE_WRITE: u32 = 0x20;
    /// An object of this name is replaced.
    pub const OVERWRITE: u32 = 0x400;
    /// All that an object is opened with.
    pub const OPEN: u32 = ACCESS_READ | ACCESS_WRITE | ACCESS_WRITE_META | SHARE_READ | SHARE_WRITE;
}
