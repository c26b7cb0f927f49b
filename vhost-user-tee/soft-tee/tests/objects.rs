// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Transient objects, their attributes, and keys of operations, as a TA sees them (API 1.3.1, sections 5.5, 5.6 and
//! 6.2).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::*;
use tee::gp;

const ALL: u32 = u32::MAX;
const EXTRACTABLE: u32 = 1;
const USAGE_ENCRYPT: u32 = 2;
const INITIALIZED: u32 = 0x0002_0000;
const KEY_SET: u32 = 0x0004_0000;
const TWO_KEYS: u32 = 0x0008_0000;

const AES_CTR: u32 = 0x1000_0210;
const AES_XTS: u32 = 0x1000_0410;
const SHA256: u32 = 0x5000_0004;
/// `TEE_TYPE_HMAC_MD5` and so on, `TEE_ALG_HMAC_*`: in the order of their digests.
const HMAC_TYPE: u32 = 0xA000_0000;

fn info(ta: &Ta, slot: u32) -> Vec<u32> {
    let info = ta.ok(Call::ObjectInfo1, args(&[slot])).u32s();
    assert_eq!(ta.ok(Call::ObjectInfo, args(&[slot])).u32s(), info);
    info
}

#[test]
fn types_have_their_sizes() {
    let ta = Ta::new("sizes", Api::Now);
    let hmac = |digest| HMAC_TYPE | digest;
    for (kind, good, bad) in [
        (AES, &[128, 192, 256][..], &[0, 64, 127, 129, 224, 320, ALL][..]),
        (DES, &[56, 64], &[0, 63, 128]),
        (DES3, &[112, 128, 168, 192], &[64, 56, 111, 160, 256]),
        (SM4, &[128], &[64, 192, 256]),
        (GENERIC_SECRET, &[0, 8, 1024, 4096], &[4, 4104]),
        (hmac(1), &[64, 72, 512], &[56, 65, 520]),
        (hmac(2), &[80, 512], &[72, 520]),
        (hmac(3), &[112, 512], &[104, 520]),
        (hmac(4), &[192, 1024], &[184, 1032]),
        (hmac(5), &[256, 1024], &[248, 1032]),
        (hmac(6), &[256, 1024], &[248, 1032]),
        (hmac(7), &[80, 1024], &[72, 1032]),
        (hmac(8), &[192, 1024], &[184, 1032]),
        (hmac(9), &[256, 1024], &[248, 1032]),
        (hmac(0xA), &[256, 1024], &[248, 1032]),
        (hmac(0xB), &[256, 1024], &[248, 1032]),
        // TEE_TYPE_DATA, TEE_TYPE_CORRUPTED_OBJECT, TEE_TYPE_ILLEGAL_VALUE.
        (0xA000_00BF, &[], &[0, 8]),
        (0xA000_00BE, &[], &[0]),
        (0xEFFF_FFFF, &[], &[0]),
    ] {
        for size in good {
            ta.ok(Call::AllocateObject, args(&[0, kind, *size]));
            assert_eq!(info(&ta, 0), [kind, 0, *size, ALL, 0, 0, 0], "{kind:#x}");
            ta.free(&[], &[0]);
        }
        for size in bad {
            let result = ta.call(Call::AllocateObject, args(&[0, kind, *size])).result;
            assert_eq!(result, gp::ERROR_NOT_SUPPORTED, "{kind:#x} {size}");
        }
    }
}

#[test]
fn an_object_has_what_it_was_given() {
    for api in APIS {
        let ta = Ta::new("populate", api);
        let key: Vec<u8> = (0..16).collect();
        ta.key(0, AES, 256, &key);
        assert_eq!(info(&ta, 0), [AES, 128, 256, ALL, 0, 0, INITIALIZED]);
        let secret = |slot, room| ta.call(Call::BufferAttribute, args(&[slot, SECRET_VALUE, room]));
        for room in [16, 17, 100] {
            assert_eq!(secret(0, room).bytes(), key);
        }
        for room in [0, 15, NULL] {
            let mut short = secret(0, room);
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 16));
        }
        // TEE_ATTR_RSA_MODULUS, TEE_ATTR_ECC_CURVE.
        let other = ta.call(Call::BufferAttribute, args(&[0, 0xD000_0130, 100]));
        assert_eq!(other.result, gp::ERROR_ITEM_NOT_FOUND);
        let other = ta.call(Call::ValueAttribute, args(&[0, 0xF000_0441]));
        assert_eq!(other.result, gp::ERROR_ITEM_NOT_FOUND);

        // Of a copy the size is that of the content.
        ta.ok(Call::AllocateObject, args(&[1, AES, 192]));
        ta.ok(Call::CopyAttributes1, args(&[1, 0]));
        assert_eq!(info(&ta, 1), [AES, 128, 192, ALL, 0, 0, INITIALIZED]);
        assert_eq!(secret(1, 16).bytes(), key);

        ta.ok(Call::ResetObject, args(&[0]));
        assert_eq!(info(&ta, 0), [AES, 0, 256, ALL, 0, 0, 0]);
        ta.ok(Call::CopyAttributes, args(&[0, 1]));
        assert_eq!(secret(0, 16).bytes(), key);
        ta.ok(Call::CloseObject, args(&[0]));
        for call in [Call::CloseObject, Call::FreeObject, Call::ResetObject] {
            ta.ok(call, args(&[NONE]));
        }
    }
}

#[test]
fn usage_only_gets_less() {
    let ta = Ta::new("usage", Api::Now);
    ta.key(0, AES, 128, &[1; 16]);
    ta.ok(Call::Restrict1, args(&[0, EXTRACTABLE | USAGE_ENCRYPT]));
    ta.ok(Call::Restrict, args(&[0, !0x10]));
    assert_eq!(info(&ta, 0)[3], EXTRACTABLE | USAGE_ENCRYPT);
    // What both may be used for.
    ta.ok(Call::AllocateObject, args(&[1, AES, 128]));
    ta.ok(Call::Restrict1, args(&[1, USAGE_ENCRYPT | 4]));
    ta.ok(Call::CopyAttributes1, args(&[1, 0]));
    assert_eq!(info(&ta, 1)[3], USAGE_ENCRYPT);
    ta.ok(Call::ResetObject, args(&[1]));
    assert_eq!(info(&ta, 1)[3], ALL);
}

#[test]
fn values_that_no_key_has_are_told() {
    let ta = Ta::new("values", Api::Now);
    for (kind, max, len) in [
        (AES, 256, 0),
        (AES, 256, 8),
        (AES, 256, 20),
        (DES3, 192, 8),
        (SM4, 128, 8),
        (HMAC_TYPE | 4, 1024, 0),
        (HMAC_TYPE | 4, 1024, 23),
    ] {
        ta.ok(Call::AllocateObject, args(&[0, kind, max]));
        let result = ta.call(Call::Populate, args(&[0, 1, SECRET_VALUE]).bytes(&vec![0; len])).result;
        assert_eq!(result, gp::ERROR_BAD_PARAMETERS, "{kind:#x} {len}");
        assert_eq!(info(&ta, 0)[6], 0, "not initialized");
        ta.free(&[], &[0]);
    }
    ta.key(0, HMAC_TYPE | 4, 1024, &[0; 24]);
    assert_eq!(info(&ta, 0)[1], 192);
}

#[test]
fn generated_keys_are_random_and_have_their_size() {
    for api in APIS {
        let ta = Ta::new("generate", api);
        let hmac = [
            (HMAC_TYPE | 1, 512, 64, 8),
            (HMAC_TYPE | 2, 512, 80, 10),
            (HMAC_TYPE | 3, 512, 112, 14),
            (HMAC_TYPE | 4, 1024, 192, 24),
            (HMAC_TYPE | 5, 1024, 256, 32),
            (HMAC_TYPE | 6, 1024, 1024, 128),
            (HMAC_TYPE | 7, 1024, 1024, 128),
            (HMAC_TYPE | 8, 1024, 192, 24),
            (HMAC_TYPE | 9, 1024, 256, 32),
            (HMAC_TYPE | 0xA, 1024, 512, 64),
            (HMAC_TYPE | 0xB, 1024, 256, 32),
        ];
        let others = [
            (AES, 256, 128, 16),
            (AES, 256, 256, 32),
            (DES, 64, 64, 8),
            (DES3, 192, 192, 24),
            (DES3, 168, 168, 24),
            (DES3, 112, 112, 16),
            (SM4, 128, 128, 16),
            (GENERIC_SECRET, 4096, 4096, 512),
        ];
        for (kind, max, size, len) in hmac.into_iter().chain(others) {
            let keys: Vec<_> = (0..2)
                .map(|slot| {
                    ta.ok(Call::AllocateObject, args(&[slot, kind, max]));
                    ta.ok(Call::GenerateKey, args(&[slot, size, 0]));
                    assert_eq!(info(&ta, slot), [kind, size, max, ALL, 0, 0, INITIALIZED]);
                    ta.call(Call::BufferAttribute, args(&[slot, SECRET_VALUE, 600])).bytes()
                })
                .collect();
            assert_eq!((keys[0].len(), keys[1].len()), (len, len), "{kind:#x}");
            assert_ne!(keys[0], keys[1], "{kind:#x}");
            ta.free(&[], &[0, 1]);
        }
    }
}

#[test]
fn attributes_are_made_as_told() {
    for api in APIS {
        let mut ta = Ta::new("attributes", api);
        assert_eq!(ta.call(Call::InitRef, args(&[SECRET_VALUE]).bytes(b"abc")).bytes(), b"abc");
        let values = args(&[0xF000_0441, 0x1234_5678, 0x9abc_def0]);
        assert_eq!(ta.ok(Call::InitValue, values).u32s(), [0x1234_5678, 0x9abc_def0]);
        ta.panics(Call::InitRef, args(&[0xF000_0441]).bytes(b"abc"), api);
        ta.panics(Call::InitValue, args(&[SECRET_VALUE, 1, 2]), api);
    }
}

/// Makes slot 0 a key of 128 bits, slot 1 an empty AES object for 128 bits, slot 2 a secret, slot 3 an empty one.
fn four_objects(ta: &Ta) {
    ta.key(0, AES, 256, &[1; 16]);
    ta.ok(Call::AllocateObject, args(&[1, AES, 128]));
    ta.key(2, GENERIC_SECRET, 256, &[2; 16]);
    ta.ok(Call::AllocateObject, args(&[3, GENERIC_SECRET, 256]));
}

#[test]
fn wrong_calls_on_objects_end_the_ta() {
    let secret = |slot: u32, len| args(&[slot, 1, SECRET_VALUE]).bytes(&vec![0; len]);
    for api in APIS {
        let mut ta = Ta::new("wrong-objects", api);
        let wrong = [
            (Call::ObjectInfo1, args(&[WILD])),
            (Call::ObjectInfo, args(&[NONE])),
            (Call::FreeObject, args(&[WILD])),
            (Call::CloseObject, args(&[WILD])),
            (Call::ResetObject, args(&[WILD])),
            (Call::Restrict1, args(&[NONE, 0])),
            (Call::Restrict, args(&[WILD, 0])),
            // Initialized already; too large; nothing; twice; another attribute; a null pointer.
            (Call::Populate, secret(0, 16)),
            (Call::Populate, secret(1, 32)),
            (Call::Populate, args(&[1, 0])),
            (Call::Populate, args(&[1, 2, SECRET_VALUE]).bytes(&[0; 16]).u32(SECRET_VALUE).bytes(&[0; 16])),
            (Call::Populate, args(&[1, 1, 0xD000_0130]).bytes(&[0; 16])),
            (Call::Populate, args(&[1, 1, 0xF000_0441, 1, 2])),
            (Call::Populate, secret(WILD, 16)),
            // Initialized already; not a size; more than the object has room for; with an attribute.
            (Call::GenerateKey, args(&[0, 128, 0])),
            (Call::GenerateKey, args(&[1, 100, 0])),
            (Call::GenerateKey, args(&[1, 256, 0])),
            (Call::GenerateKey, args(&[1, 128, 1, SECRET_VALUE]).bytes(&[0; 16])),
            (Call::GenerateKey, args(&[NONE, 128, 0])),
            // From one that is not initialized; to one that is; of another type; to itself.
            (Call::CopyAttributes1, args(&[1, 3])),
            (Call::CopyAttributes1, args(&[0, 0])),
            (Call::CopyAttributes1, args(&[1, 2])),
            (Call::CopyAttributes, args(&[3, 0])),
            (Call::CopyAttributes1, args(&[1, WILD])),
            // Not initialized; a value, not a buffer; a buffer, not a value.
            (Call::BufferAttribute, args(&[1, SECRET_VALUE, 16])),
            (Call::BufferAttribute, args(&[0, 0xF000_0441, 16])),
            (Call::ValueAttribute, args(&[0, SECRET_VALUE])),
            (Call::ValueAttribute, args(&[1, 0xF000_0441])),
        ];
        for (call, args) in wrong {
            four_objects(&ta);
            ta.panics(call, args, api);
        }
        // Not extractable.
        four_objects(&ta);
        ta.ok(Call::Restrict1, args(&[0, !EXTRACTABLE]));
        ta.panics(Call::BufferAttribute, args(&[0, SECRET_VALUE, 16]), api);
        // Freed.
        ta.key(0, AES, 128, &[0; 16]);
        ta.ok(Call::FreeObject, args(&[0]));
        ta.panics(Call::ObjectInfo1, args(&[0]), api);
    }
}

#[test]
fn an_operation_tells_of_its_keys() {
    for api in APIS {
        let ta = Ta::new("operation-info", api);
        ta.key(0, AES, 256, &[1; 16]);
        ta.key(1, AES, 256, &[2; 16]);
        ta.ok(Call::AllocateOperation, args(&[0, AES_CTR, ENCRYPT, 256]));
        let info = |slot| ta.ok(Call::OperationInfo, args(&[slot])).u32s();
        let multiple = |slot| -> Vec<u32> {
            let bytes = ta.call(Call::OperationInfoMultiple, args(&[slot, 100])).bytes();
            bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
        };
        assert_eq!(info(0), [AES_CTR, 1, ENCRYPT, 0, 256, 0, USAGE_ENCRYPT, 0]);
        assert_eq!(multiple(0), [AES_CTR, 1, ENCRYPT, 0, 256, 0, 0, 1, 0, USAGE_ENCRYPT]);
        ta.ok(Call::SetKey, args(&[0, 0]));
        assert_eq!(info(0), [AES_CTR, 1, ENCRYPT, 0, 256, 128, USAGE_ENCRYPT, KEY_SET]);
        ta.ok(Call::CipherInit, args(&[0]).bytes(&[0; 16]));
        assert_eq!(info(0)[7], KEY_SET | INITIALIZED);
        assert_eq!(
            multiple(0),
            [AES_CTR, 1, ENCRYPT, 0, 256, KEY_SET | INITIALIZED, 1, 1, 128, USAGE_ENCRYPT]
        );
        ta.ok(Call::ResetOperation, args(&[0]));
        assert_eq!(info(0)[7], KEY_SET);
        ta.ok(Call::SetKey, args(&[0, NONE]));
        assert_eq!(info(0)[5..], [0, USAGE_ENCRYPT, 0]);

        ta.ok(Call::AllocateOperation, args(&[1, AES_XTS, DECRYPT, 512]));
        assert_eq!(multiple(1), [AES_XTS, 1, DECRYPT, 0, 512, TWO_KEYS, 0, 2, 0, 4, 0, 4]);
        ta.ok(Call::SetKey2, args(&[1, 0, 1]));
        assert_eq!(info(1), [AES_XTS, 1, DECRYPT, 0, 512, 0, 0, TWO_KEYS | KEY_SET]);
        assert_eq!(multiple(1)[5..], [TWO_KEYS | KEY_SET, 0, 2, 128, 4, 128, 4]);
        for room in [0, 32, 47] {
            let mut short = ta.call(Call::OperationInfoMultiple, args(&[1, room]));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 48));
        }
        ta.ok(Call::AllocateOperation, args(&[2, SHA256, DIGEST, 0]));
        let mut short = ta.call(Call::OperationInfoMultiple, args(&[2, 31]));
        assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 32));
        // Which OP-TEE says that it has, and has not: MD5 with SHA-1.
        let supported = ta.call(Call::IsSupported, args(&[0x5000_000F, 0]));
        assert_eq!(supported.result, gp::ERROR_NOT_SUPPORTED);
    }
}

#[test]
fn both_keys_of_xts_are_not_one_object() {
    for (api, expected) in [(Api::Now, 0xFFFF_000F), (Api::Gp11, gp::SUCCESS)] {
        let ta = Ta::new("xts-keys", api);
        ta.key(0, AES, 128, &[1; 16]);
        ta.ok(Call::AllocateOperation, args(&[0, AES_XTS, ENCRYPT, 256]));
        assert_eq!(ta.call(Call::SetKey2, args(&[0, 0, 0])).result, expected);
        // Two of one value: as in OP-TEE.
        ta.key(1, AES, 128, &[1; 16]);
        ta.ok(Call::SetKey2, args(&[0, 0, 1]));
        ta.ok(Call::SetKey2, args(&[0, NONE, NONE]));
    }
}

#[test]
fn a_key_that_does_not_fit_ends_the_ta() {
    for api in APIS {
        let mut ta = Ta::new("wrong-keys", api);
        let prepare = |ta: &Ta| {
            ta.key(0, AES, 256, &[1; 16]);
            ta.key(1, AES, 256, &[1; 32]);
            ta.key(2, SM4, 128, &[1; 16]);
            ta.ok(Call::AllocateObject, args(&[3, AES, 128]));
            ta.key(4, AES, 256, &[2; 16]);
            ta.ok(Call::Restrict1, args(&[4, !USAGE_ENCRYPT]));
            ta.ok(Call::AllocateOperation, args(&[0, AES_CTR, ENCRYPT, 128]));
            ta.ok(Call::AllocateOperation, args(&[1, AES_XTS, ENCRYPT, 512]));
            ta.ok(Call::AllocateOperation, args(&[2, SHA256, DIGEST, 0]));
        };
        for (call, wrong) in [
            // Too large; of another type; not initialized; not for this; no handle; of a digest; two and one.
            (Call::SetKey, &[0, 1][..]),
            (Call::SetKey, &[0, 2]),
            (Call::SetKey, &[0, 3]),
            (Call::SetKey, &[0, 4]),
            (Call::SetKey, &[0, WILD]),
            (Call::SetKey, &[WILD, 0]),
            (Call::SetKey, &[2, 0]),
            (Call::SetKey, &[1, 0]),
            (Call::SetKey2, &[0, 0, 4]),
            (Call::SetKey2, &[1, 0, 1]),
            (Call::SetKey2, &[1, 0, NONE]),
            (Call::SetKey2, &[1, NONE, 0]),
            (Call::SetKey2, &[1, 0, 4]),
            (Call::ResetOperation, &[0]),
            (Call::CopyOperation, &[0, 1]),
        ] {
            prepare(&ta);
            ta.panics(call, args(wrong), api);
        }
        // While it encrypts.
        prepare(&ta);
        ta.ok(Call::SetKey, args(&[0, 0]));
        ta.ok(Call::CipherInit, args(&[0]).bytes(&[0; 16]));
        ta.panics(Call::SetKey, args(&[0, 0]), api);
    }
}

#[test]
fn the_operation_has_a_copy_of_the_key() {
    let ta = Ta::new("copy", Api::Now);
    ta.key(0, AES, 128, &[7; 16]);
    ta.operation(0, AES_CTR, ENCRYPT, 128, 0);
    let run = || {
        ta.ok(Call::CipherInit, args(&[0]).bytes(&[0; 16]));
        ta.call(Call::CipherFinal, args(&[0]).bytes(&[0; 16]).u32(16)).bytes()
    };
    let before = run();
    ta.ok(Call::ResetObject, args(&[0]));
    assert_eq!(run(), before);
    ta.free(&[], &[0]);
    assert_eq!(run(), before);
}
