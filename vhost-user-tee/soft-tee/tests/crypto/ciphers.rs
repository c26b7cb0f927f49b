// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Ciphers in the crypto check TA.

use super::*;

pub(crate) const AES_ECB: u32 = 0x1000_0010;
pub(crate) const AES_CBC: u32 = 0x1000_0110;
pub(crate) const AES_CTR: u32 = 0x1000_0210;
pub(crate) const AES_CTS: u32 = 0x1000_0310;
pub(crate) const AES_XTS: u32 = 0x1000_0410;
pub(crate) const DES_ECB: u32 = 0x1000_0011;
pub(crate) const DES_CBC: u32 = 0x1000_0111;
pub(crate) const DES3_ECB: u32 = 0x1000_0013;
pub(crate) const DES3_CBC: u32 = 0x1000_0113;
pub(crate) const SM4_ECB: u32 = 0x1000_0014;
pub(crate) const SM4_CBC: u32 = 0x1000_0114;
pub(crate) const SM4_CTR: u32 = 0x1000_0214;
pub(crate) const SM4_XTS: u32 = 0xF000_0414;

pub(crate) const EVERY: [u32; 13] = [
    AES_ECB, AES_CBC, AES_CTR, AES_CTS, AES_XTS, DES_ECB, DES_CBC, DES3_ECB, DES3_CBC, SM4_ECB, SM4_CBC,
    SM4_CTR, SM4_XTS,
];

pub(crate) fn is_xts(algorithm: u32) -> bool {
    matches!(algorithm, AES_XTS | SM4_XTS)
}

pub(crate) fn is_ecb(algorithm: u32) -> bool {
    matches!(algorithm, AES_ECB | DES_ECB | DES3_ECB | SM4_ECB)
}

/// Bytes that a block has.
pub(crate) fn block(algorithm: u32) -> usize {
    if matches!(algorithm & 0xFF, 0x11 | 0x13) {
        8
    } else {
        16
    }
}

/// The type of its keys, and the most bits of one.
pub(crate) fn key_type(algorithm: u32) -> (u32, u32) {
    match algorithm & 0xFF {
        0x10 => (AES, 256),
        0x11 => (DES, 64),
        0x13 => (DES3, 192),
        _ => (SM4, 128),
    }
}

/// Bytes that its longest key has; of XTS both.
pub(crate) fn key_len(algorithm: u32) -> usize {
    key_type(algorithm).1 as usize / 8 * if is_xts(algorithm) { 2 } else { 1 }
}

/// An operation to encrypt in slot 0, one to decrypt in slot 1. Of XTS the second half is the other key.
pub(crate) fn begin(ta: &Ta, algorithm: u32, key: &[u8]) {
    let (kind, max) = key_type(algorithm);
    if is_xts(algorithm) {
        let (first, second) = key.split_at(key.len() / 2);
        ta.key(0, kind, max, first);
        ta.key(1, kind, max, second);
        for (slot, mode) in [(0, ENCRYPT), (1, DECRYPT)] {
            ta.ok(Call::AllocateOperation, args(&[slot, algorithm, mode, 2 * max]));
            ta.ok(Call::SetKey2, args(&[slot, 0, 1]));
        }
    } else {
        ta.key(0, kind, max, key);
        ta.ok(Call::AllocateObject, args(&[1, kind, max]));
        for (slot, mode) in [(0, ENCRYPT), (1, DECRYPT)] {
            ta.operation(slot, algorithm, mode, max, 0);
        }
    }
}

pub(crate) fn end(ta: &Ta) {
    ta.free(&[0, 1], &[0, 1]);
}

pub(crate) fn init(ta: &Ta, slot: u32, algorithm: u32, iv: &[u8]) {
    let iv = if is_ecb(algorithm) { args(&[slot]).null() } else { args(&[slot]).bytes(iv) };
    ta.ok(Call::CipherInit, iv);
}

/// All in one call.
pub(crate) fn run(ta: &Ta, slot: u32, algorithm: u32, iv: &[u8], data: &[u8]) -> Vec<u8> {
    init(ta, slot, algorithm, iv);
    ta.call(Call::CipherFinal, args(&[slot]).bytes(data).u32(data.len() as u32)).bytes()
}
