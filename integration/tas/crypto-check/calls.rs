// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The crypto check TA as its clients in Rust call it (`include/crypto_check_ta.h`): its commands, and what they are
//! given. Part of the software TEE's tests and of the comparison with OP-TEE.

#![allow(dead_code)] // Each client uses some of it.

/// No handle, and one that was never given out.
pub(crate) const NONE: u32 = 0xFFFF_FFFF;
pub(crate) const WILD: u32 = 0xFFFF_FFFE;
/// Of room: output begins where the input lies; a null pointer.
pub(crate) const IN_PLACE: u32 = 0x8000_0000;
pub(crate) const NULL: u32 = 0xFFFF_FFFF;

pub(crate) const ENCRYPT: u32 = 0;
pub(crate) const DECRYPT: u32 = 1;
pub(crate) const SIGN: u32 = 2;
pub(crate) const VERIFY: u32 = 3;
pub(crate) const MAC: u32 = 4;
pub(crate) const DIGEST: u32 = 5;
pub(crate) const DERIVE: u32 = 6;

pub(crate) const SECRET_VALUE: u32 = 0xC000_0000;

pub(crate) const AES: u32 = 0xA000_0010;
pub(crate) const DES: u32 = 0xA000_0011;
pub(crate) const DES3: u32 = 0xA000_0013;
pub(crate) const SM4: u32 = 0xA000_0014;
pub(crate) const GENERIC_SECRET: u32 = 0xA000_0000;

/// The commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Call {
    AllocateObject = 1,
    FreeObject = 2,
    CloseObject = 3,
    ResetObject = 4,
    Populate = 5,
    CopyAttributes = 6,
    CopyAttributes1 = 7,
    GenerateKey = 8,
    Restrict = 9,
    Restrict1 = 10,
    ObjectInfo = 11,
    ObjectInfo1 = 12,
    BufferAttribute = 13,
    ValueAttribute = 14,
    InitRef = 15,
    InitValue = 16,
    AllocateOperation = 20,
    FreeOperation = 21,
    ResetOperation = 22,
    CopyOperation = 23,
    SetKey = 24,
    SetKey2 = 25,
    OperationInfo = 26,
    OperationInfoMultiple = 27,
    IsSupported = 28,
    CipherInit = 30,
    CipherUpdate = 31,
    CipherFinal = 32,
    MacInit = 40,
    MacUpdate = 41,
    MacCompute = 42,
    MacCompare = 43,
    AeInit = 50,
    AeUpdateAad = 51,
    AeUpdate = 52,
    AeEncrypt = 53,
    AeDecrypt = 54,
    Encrypt = 60,
    Decrypt = 61,
    Sign = 62,
    Verify = 63,
    Derive = 70,
    Open = 80,
    Create = 81,
    Delete = 82,
    Delete1 = 83,
    Rename = 84,
    Read = 85,
    Write = 86,
    Truncate = 87,
    Seek = 88,
    AllocateEnumerator = 89,
    FreeEnumerator = 90,
    ResetEnumerator = 91,
    StartEnumerator = 92,
    Next = 93,
    GetTime = 94,
    SetTime = 95,
    CreatePattern = 96,
    WritePattern = 97,
    ReadPattern = 98,
    List = 99,
    Clear = 100,
    LeaveInShared = 101,
}

/// What a function is given.
#[derive(Clone, Default)]
pub(crate) struct Args(pub(crate) Vec<u8>);

impl Args {
    /// A slot, a number, or room for output.
    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn null(self) -> Self {
        self.u32(NULL)
    }

    pub(crate) fn attributes(self, attributes: &[Attribute<'_>]) -> Self {
        attributes.iter().fold(self.u32(attributes.len() as u32), |args, attribute| match *attribute {
            Attribute::Buffer(id, bytes) => args.u32(id).bytes(bytes),
            Attribute::Values(id, a, b) => args.u32(id).u32(a).u32(b),
        })
    }
}

/// An attribute of an object or a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute<'a> {
    Buffer(u32, &'a [u8]),
    Values(u32, u32, u32),
}

/// Numbers alone.
pub(crate) fn args(values: &[u32]) -> Args {
    values.iter().fold(Args::default(), |args, value| args.u32(*value))
}
