// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What scripts do with persistent objects of the crypto check TA.

use std::fmt::Display;

use uuid::Uuid;

use super::crypto::*;
use super::script::{input, room, Script};

// `TEE_STORAGE_*`.
pub(super) const PRIVATE: u32 = 1;
pub(super) const PRIVATE_REE: u32 = 0x8000_0000;
pub(super) const PRIVATE_RPMB: u32 = 0x8000_0100;

// `TEE_DATA_FLAG_*`.
pub(super) const READ: u32 = 1;
pub(super) const WRITE: u32 = 2;
pub(super) const WRITE_META: u32 = 4;
pub(super) const SHARE_READ: u32 = 0x10;
pub(super) const SHARE_WRITE: u32 = 0x20;
pub(super) const OVERWRITE: u32 = 0x400;
/// All that an object can be opened with.
pub(super) const ALL_ACCESS: u32 = READ | WRITE | WRITE_META;

// `TEE_DATA_SEEK_*`.
pub(super) const SET: u32 = 0;
pub(super) const CUR: u32 = 1;
pub(super) const END: u32 = 2;

/// Room for what a call has to say: a list of all objects is long.
const ROOM: usize = 4096;

impl Script {
    /// A script that has opened session 0 with a TA, whose storage is empty.
    pub(super) fn with_empty_storage(name: impl Display, ta: Uuid) -> Self {
        let mut script = Self::with(name, ta);
        script.numbers(Call::Clear, &[PRIVATE]);
        script
    }

    /// Calls a function in any session with the crypto check TA.
    pub(super) fn call_in(&mut self, session: usize, call: Call, note: impl Display, args: Args) {
        let what = match session {
            0 => format!("{call:?} {note}"),
            session => format!("{call:?} {note} in session {session}"),
        };
        self.invoke(what, session, call as u32, vec![input(args.0), room(ROOM)]);
    }

    /// Makes an object of data in a slot.
    pub(super) fn create(&mut self, slot: u32, id: &[u8], flags: u32, data: &[u8]) {
        self.create_with(slot, id, flags, NONE, data);
    }

    /// Makes an object with the attributes of the one in another slot.
    pub(super) fn create_with(&mut self, slot: u32, id: &[u8], flags: u32, attributes: u32, data: &[u8]) {
        let note = format!("{slot} {}, flags {flags:#x}, {} bytes", named(id), data.len());
        self.call_in(0, Call::Create, note, create_args(slot, PRIVATE, id, flags, attributes).bytes(data));
    }

    /// Opens an object in a slot.
    pub(super) fn open_object(&mut self, slot: u32, id: &[u8], flags: u32) {
        self.open_in(0, slot, id, flags);
    }

    /// The same in any session.
    pub(super) fn open_in(&mut self, session: usize, slot: u32, id: &[u8], flags: u32) {
        let note = format!("{slot} {}, flags {flags:#x}", named(id));
        self.call_in(session, Call::Open, note, args(&[slot, PRIVATE]).bytes(id).u32(flags));
    }

    pub(super) fn close_object(&mut self, slot: u32) {
        self.numbers(Call::CloseObject, &[slot]);
    }

    pub(super) fn read(&mut self, slot: u32, room: u32) {
        self.numbers(Call::Read, &[slot, room]);
    }

    pub(super) fn write(&mut self, slot: u32, data: &[u8]) {
        self.call_in(0, Call::Write, format_args!("{slot} {} bytes", data.len()), args(&[slot]).bytes(data));
    }

    pub(super) fn seek(&mut self, slot: u32, offset: i64, whence: u32) {
        let args = args(&[slot, offset as u32, (offset >> 32) as u32, whence]);
        self.call_in(0, Call::Seek, format_args!("{slot} {offset} {whence}"), args);
    }

    pub(super) fn rename(&mut self, slot: u32, id: &[u8]) {
        let note = format!("{slot} to {}", named(id));
        self.call_in(0, Call::Rename, note, args(&[slot]).bytes(id));
    }

    /// What is known of an object, and its data from the beginning on.
    pub(super) fn look(&mut self, slot: u32) {
        self.numbers(Call::ObjectInfo1, &[slot]);
        self.seek(slot, 0, SET);
        self.read(slot, 200);
    }

    /// The same, while some of it is open.
    pub(super) fn list_open(&mut self, storage: u32) {
        self.call_in(0, Call::List, format_args!("{storage:#x}, while open"), args(&[storage]));
    }

    /// All there is in a storage.
    pub(super) fn list(&mut self, storage: u32) {
        self.call_in(0, Call::List, format_args!("{storage:#x}"), args(&[storage]));
    }
}

/// What makes an object, but for its data; a handle is wanted.
pub(super) fn create_args(slot: u32, storage: u32, id: &[u8], flags: u32, attributes: u32) -> Args {
    args(&[1, slot, storage]).bytes(id).u32(flags).u32(attributes)
}

/// A name that people can read.
fn named(id: &[u8]) -> String {
    match id {
        [first, ..] if id.len() > 20 => format!("{} bytes from {first:#x}", id.len()),
        _ => format!("\"{}\"", id.escape_ascii()),
    }
}
