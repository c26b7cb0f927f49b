// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Persistent objects of the crypto check TA.

#![allow(dead_code)] // Each test program uses some of it.

use tee::gp;

use crate::crypto::*;

pub(crate) const PRIVATE: u32 = 1;
pub(crate) const PRIVATE_REE: u32 = 0x8000_0000;
pub(crate) const PRIVATE_RPMB: u32 = 0x8000_0100;

pub(crate) const DATA: u32 = 0xA000_00BF;
pub(crate) const PERSISTENT: u32 = 0x0001_0000;
pub(crate) const INITIALIZED: u32 = 0x0002_0000;
pub(crate) const ALL: u32 = u32::MAX;
pub(crate) const MAX_POSITION: u32 = u32::MAX;

pub(crate) const SET: u32 = 0;
pub(crate) const CUR: u32 = 1;
pub(crate) const END: u32 = 2;

pub(crate) fn create_args(slot: u32, storage: u32, id: &[u8], flags: u32, attributes: u32) -> Args {
    args(&[1, slot, storage]).bytes(id).u32(flags).u32(attributes)
}

/// Makes an object of data in a slot.
pub(crate) fn create(ta: &Ta, slot: u32, id: &[u8], flags: u32, data: &[u8]) -> u32 {
    let mut reply = ta.call(Call::Create, create_args(slot, PRIVATE, id, flags, NONE).bytes(data));
    assert_eq!(reply.u32() == 1, reply.result == gp::SUCCESS);
    reply.result
}

pub(crate) fn open_in(ta: &Ta, slot: u32, storage: u32, id: &[u8], flags: u32) -> u32 {
    let mut reply = ta.call(Call::Open, args(&[slot, storage]).bytes(id).u32(flags));
    assert_eq!(reply.u32() == 1, reply.result == gp::SUCCESS);
    reply.result
}

pub(crate) fn open(ta: &Ta, slot: u32, id: &[u8], flags: u32) -> u32 {
    open_in(ta, slot, PRIVATE, id, flags)
}

pub(crate) fn read(ta: &Ta, slot: u32, room: u32) -> Vec<u8> {
    ta.call(Call::Read, args(&[slot, room])).bytes()
}

pub(crate) fn seek(ta: &Ta, slot: u32, offset: i64, whence: u32) -> u32 {
    ta.call(Call::Seek, args(&[slot, offset as u32, (offset >> 32) as u32, whence])).result
}

/// Type, size, greatest size, usage, size of data, position, flags.
pub(crate) fn info(ta: &Ta, slot: u32) -> Vec<u32> {
    let info = ta.ok(Call::ObjectInfo1, args(&[slot])).u32s();
    assert_eq!(ta.ok(Call::ObjectInfo, args(&[slot])).u32s(), info);
    info
}

pub(crate) fn close(ta: &Ta, slot: u32) {
    ta.ok(Call::CloseObject, args(&[slot]));
}
