// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls of the crypto check TA (`integration/tas/crypto-check/include/crypto_check_ta.h`), each of which
//! is one of the API's functions, called inside the TA.

#[path = "../../../tas/crypto-check/calls.rs"]
mod calls;

use std::fmt::Display;

use uuid::{uuid, Uuid};

pub(super) use calls::*;

use super::script::{input, room, Script};

/// Built for API 1.3.1, and for 1.1.
pub(super) const APIS: [(&str, Uuid); 2] = [
    ("1.3.1", uuid!("a5a3d9a0-6e0e-4c4e-9a55-6f0f8d1f3b27")),
    ("1.1", uuid!("3f0a1d0e-52c7-4b7b-8a39-0f6b51c9e6d4")),
];
/// The first of these.
pub(super) const NOW: Uuid = APIS[0].1;

/// Room for what a call has to say.
const ROOM: usize = 512;

impl Args {
    /// What goes on with `more`.
    pub(super) fn and(mut self, more: &Self) -> Self {
        self.0.extend_from_slice(&more.0);
        self
    }

    /// Attributes that are buffers.
    pub(super) fn buffers(self, buffers: &[(u32, &[u8])]) -> Self {
        buffers.iter().fold(self.u32(buffers.len() as u32), |args, (id, bytes)| args.u32(*id).bytes(bytes))
    }

    /// Attributes that a script keeps.
    pub(super) fn kept(self, attributes: &[Kept]) -> Self {
        let borrowed: Vec<_> = attributes.iter().map(Kept::borrow).collect();
        self.attributes(&borrowed)
    }
}

/// An attribute that owns what it holds.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Buffer(u32, Vec<u8>),
    /// The second number is 0 of all that there are.
    Value(u32, u32),
}

impl Kept {
    /// A buffer of which this is the content in hexadecimal.
    pub(super) fn hex(id: u32, text: &str) -> Self {
        Self::Buffer(id, hex(text))
    }

    fn borrow(&self) -> Attribute<'_> {
        match self {
            Self::Buffer(id, bytes) => Attribute::Buffer(*id, bytes),
            Self::Value(id, a) => Attribute::Values(*id, *a, 0),
        }
    }
}

/// The bytes that a text in hexadecimal stands for.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    text.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |byte, half| byte << 4 | digit(*half))).collect()
}

impl Script {
    /// Calls a function in session 0, which is one with the crypto check TA.
    pub(super) fn call(&mut self, call: Call, note: impl Display, args: Args) {
        let what = format!("{call:?} {note}");
        self.invoke(what.trim_end(), 0, call as u32, vec![input(args.0), room(ROOM)]);
    }

    /// The same of a function that gets nothing but numbers.
    pub(super) fn numbers(&mut self, call: Call, values: &[u32]) {
        let note: Vec<String> = values.iter().map(|value| format!("{value:#x}")).collect();
        self.call(call, note.join(" "), args(values));
    }

    /// Allocates the object `slot` and gives it a secret value.
    pub(super) fn key(&mut self, slot: u32, kind: u32, max: u32, key: &[u8]) {
        self.numbers(Call::AllocateObject, &[slot, kind, max]);
        let attributes = args(&[slot]).buffers(&[(SECRET_VALUE, key)]);
        self.call(Call::Populate, format_args!("{slot} {} bytes", key.len()), attributes);
    }

    /// Allocates the object `slot` and makes it from attributes.
    pub(super) fn object(&mut self, slot: u32, (kind, bits): (u32, u32), attributes: &[Kept]) {
        self.numbers(Call::AllocateObject, &[slot, kind, bits]);
        self.call(Call::Populate, format_args!("{slot} {kind:#x}"), args(&[slot]).kept(attributes));
    }

    /// Whether the TA is still there.
    pub(super) fn is_there(&mut self) {
        self.numbers(Call::IsSupported, &[0x1000_0010, 0]);
    }
}
pub(super) const AES_ECB: u32 = 0x1000_0010;
pub(super) const AES_CBC: u32 = 0x1000_0110;
pub(super) const AES_CTR: u32 = 0x1000_0210;
pub(super) const AES_XTS: u32 = 0x1000_0410;
pub(super) const AES_CCM: u32 = 0x4000_0710;
pub(super) const AES_GCM: u32 = 0x4000_0810;
pub(super) const HMAC_SHA256: u32 = 0x3000_0004;
pub(super) const SHA256: u32 = 0x5000_0004;
pub(super) const AES_CBC_MAC: u32 = 0x3000_0110;
pub(super) const AES_CMAC: u32 = 0x3000_0610;

/// A cipher: algorithm, type of its keys, bytes of its key (of XTS both), bytes of a block.
pub(super) const CIPHERS: [(&str, u32, u32, usize, usize); 13] = [
    ("AES-ECB", AES_ECB, AES, 16, 16),
    ("AES-CBC", AES_CBC, AES, 24, 16),
    ("AES-CTR", AES_CTR, AES, 32, 16),
    ("AES-CTS", 0x1000_0310, AES, 16, 16),
    ("AES-XTS", AES_XTS, AES, 64, 16),
    ("DES-ECB", 0x1000_0011, 0xA000_0011, 8, 8),
    ("DES-CBC", 0x1000_0111, 0xA000_0011, 8, 8),
    ("DES3-ECB", 0x1000_0013, DES3, 24, 8),
    ("DES3-CBC", 0x1000_0113, DES3, 16, 8),
    ("SM4-ECB", 0x1000_0014, 0xA000_0014, 16, 16),
    ("SM4-CBC", 0x1000_0114, 0xA000_0014, 16, 16),
    ("SM4-CTR", 0x1000_0214, 0xA000_0014, 16, 16),
    ("SM4-XTS", 0xF000_0414, 0xA000_0014, 32, 16),
];

/// A MAC: algorithm, type of its keys, bytes of its key.
pub(super) const MACS: [(&str, u32, u32, usize); 18] = [
    ("HMAC-MD5", 0x3000_0001, 0xA000_0001, 16),
    ("HMAC-SHA1", 0x3000_0002, 0xA000_0002, 20),
    ("HMAC-SHA224", 0x3000_0003, 0xA000_0003, 24),
    ("HMAC-SHA256", HMAC_SHA256, 0xA000_0004, 32),
    ("HMAC-SHA384", 0x3000_0005, 0xA000_0005, 48),
    ("HMAC-SHA512", 0x3000_0006, 0xA000_0006, 64),
    ("HMAC-SM3", 0x3000_0007, 0xA000_0007, 32),
    ("HMAC-SHA3-224", 0x3000_0008, 0xA000_0008, 32),
    ("HMAC-SHA3-256", 0x3000_0009, 0xA000_0009, 32),
    ("HMAC-SHA3-384", 0x3000_000A, 0xA000_000A, 48),
    ("HMAC-SHA3-512", 0x3000_000B, 0xA000_000B, 64),
    ("AES-CBC-MAC", AES_CBC_MAC, AES, 16),
    ("AES-CBC-MAC-PKCS5", 0x3000_0510, AES, 24),
    ("AES-CMAC", AES_CMAC, AES, 32),
    ("DES-CBC-MAC", 0x3000_0111, 0xA000_0011, 8),
    ("DES-CBC-MAC-PKCS5", 0x3000_0511, 0xA000_0011, 8),
    ("DES3-CBC-MAC", 0x3000_0113, DES3, 24),
    ("DES3-CBC-MAC-PKCS5", 0x3000_0513, DES3, 24),
];

/// As many bytes, all different for long, the same ones each time.
pub(super) fn pattern(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(167).wrapping_add(seed).wrapping_add((i >> 8) as u8)).collect()
}
