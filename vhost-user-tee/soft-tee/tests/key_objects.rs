// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Objects of several attributes, as a TA sees them (API 1.3.1, sections 5.5 and 5.6).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::Attribute::{Buffer, Values};
use crypto::*;
use tee::gp;

const RSA_PUBLIC_KEY: u32 = 0xA000_0030;
const RSA_KEYPAIR: u32 = 0xA100_0030;
const ECDSA_PUBLIC_KEY: u32 = 0xA000_0041;
const ECDSA_KEYPAIR: u32 = 0xA100_0041;
const ED25519_KEYPAIR: u32 = 0xA100_0043;
const HKDF_IKM: u32 = 0xA100_00C0;

const MODULUS: u32 = 0xD000_0130;
const PUBLIC_EXPONENT: u32 = 0xD000_0230;
const PRIVATE_EXPONENT: u32 = 0xC000_0330;
const PRIME1: u32 = 0xC000_0430;
const X: u32 = 0xD000_0141;
const Y: u32 = 0xD000_0241;
const PRIVATE: u32 = 0xC000_0341;
const CURVE: u32 = 0xF000_0441;

/// What an object is, how large, and how large it can be.
fn sizes(ta: &Ta, slot: u32) -> [u32; 3] {
    ta.ok(Call::ObjectInfo1, args(&[slot])).u32s()[..3].try_into().unwrap()
}

/// A pair on P-256 in slot 0. Nobody looks yet whether the point is on it.
fn pair(ta: &Ta) {
    let number = |id| Buffer(id, &[0, 0, 1, 2, 3]);
    ta.object(0, ECDSA_KEYPAIR, 521, &[number(X), number(Y), number(PRIVATE), Values(CURVE, 3, 9)]);
}

#[test]
fn types_have_their_sizes() {
    let ta = Ta::new("sizes", Api::Now);
    for (number, pair, public, good, bad) in [
        (0x30, true, true, &[256, 257, 4096][..], &[255, 4097][..]),
        (0x31, true, true, &[512, 1024, 3072], &[448, 513, 3136]),
        (0x32, true, false, &[256, 2048], &[255, 2049]),
        (0x41, true, true, &[192, 256, 521], &[191, 522]),
        (0x42, true, true, &[192, 256, 521], &[191, 522]),
        (0x43, true, true, &[256], &[255, 257]),
        (0x44, true, true, &[256], &[255, 257]),
        (0x45, true, true, &[256], &[255, 257]),
        (0x46, true, true, &[256], &[255, 257]),
        (0x47, true, true, &[256], &[255, 257]),
        (0x48, true, true, &[448], &[256, 456]),
        (0x49, true, true, &[448], &[256, 456]),
        (0xC0, true, false, &[0, 8, 4096], &[7, 4104]),
        (0xC1, true, false, &[0, 8, 4096], &[7, 4104]),
        (0xC2, true, false, &[0, 8, 4096], &[7, 4104]),
        (0x4A, false, true, &[0, 8, 4096], &[7, 4104]),
    ] {
        for (there, kind) in [(pair, 0xA100_0000 | number), (public, 0xA000_0000 | number)] {
            for (size, fits) in
                good.iter().map(|size| (size, true)).chain(bad.iter().map(|size| (size, false)))
            {
                let result = ta.call(Call::AllocateObject, args(&[0, kind, *size])).result;
                let expected = if there && fits { gp::SUCCESS } else { gp::ERROR_NOT_SUPPORTED };
                assert_eq!(result, expected, "{kind:#x} {size}");
                if result == gp::SUCCESS {
                    assert_eq!(sizes(&ta, 0), [kind, 0, *size]);
                    ta.free(&[], &[0]);
                }
            }
        }
    }
}

#[test]
fn attributes_are_given_out_as_numbers_and_values() {
    for api in APIS {
        let ta = Ta::new("attributes", api);
        pair(&ta);
        assert_eq!(sizes(&ta, 0), [ECDSA_KEYPAIR, 256, 521]);
        for id in [X, Y, PRIVATE] {
            assert_eq!(ta.buffer(0, id), [1, 2, 3], "{id:#x}");
        }
        assert_eq!(ta.ok(Call::ValueAttribute, args(&[0, CURVE])).u32s(), [3, 0]);
        let missing = ta.call(Call::BufferAttribute, args(&[0, MODULUS, 10]));
        assert_eq!(missing.result, gp::ERROR_ITEM_NOT_FOUND);
        let short = ta.call(Call::BufferAttribute, args(&[0, X, 2]));
        assert_eq!(short.result, gp::ERROR_SHORT_BUFFER);
        ta.object(1, HKDF_IKM, 4096, &[Buffer(0xC000_01C0, b"key")]);
        assert_eq!(ta.buffer(1, 0xC000_01C0), b"key");
        assert_eq!(sizes(&ta, 1), [HKDF_IKM, 24, 4096]);
    }
}

#[test]
fn a_public_key_is_copied_from_a_pair() {
    for api in APIS {
        let mut ta = Ta::new("copy", api);
        pair(&ta);
        ta.ok(Call::AllocateObject, args(&[1, ECDSA_PUBLIC_KEY, 256]));
        ta.ok(Call::CopyAttributes1, args(&[1, 0]));
        assert_eq!(sizes(&ta, 1), [ECDSA_PUBLIC_KEY, 256, 256]);
        assert_eq!((ta.buffer(1, X), ta.buffer(1, Y)), (vec![1, 2, 3], vec![1, 2, 3]));
        assert_eq!(ta.ok(Call::ValueAttribute, args(&[1, CURVE])).u32s(), [3, 0]);
        let private = ta.call(Call::BufferAttribute, args(&[1, PRIVATE, 10]));
        assert_eq!(private.result, gp::ERROR_ITEM_NOT_FOUND);
        // The other way round.
        ta.ok(Call::AllocateObject, args(&[2, ECDSA_KEYPAIR, 256]));
        ta.panics(Call::CopyAttributes1, args(&[2, 1]), api);
        // Of another type; too small.
        for (kind, max) in [(0xA000_0042, 256), (ECDSA_PUBLIC_KEY, 224)] {
            pair(&ta);
            ta.ok(Call::AllocateObject, args(&[1, kind, max]));
            ta.panics(Call::CopyAttributes, args(&[1, 0]), api);
        }
    }
}

#[test]
fn what_is_private_is_not_given_out_where_it_must_not() {
    let mut ta = Ta::new("private", Api::Now);
    pair(&ta);
    ta.ok(Call::Restrict1, args(&[0, !1]));
    assert_eq!(ta.buffer(0, X), [1, 2, 3]);
    assert_eq!(ta.ok(Call::ValueAttribute, args(&[0, CURVE])).u32s(), [3, 0]);
    ta.panics(Call::BufferAttribute, args(&[0, PRIVATE, 10]), Api::Now);
}

#[test]
fn an_object_is_made_of_what_its_type_has() {
    let number = [1; 32];
    let number = |id| Buffer(id, &number);
    for api in APIS {
        let mut ta = Ta::new("made", api);
        ta.object(0, RSA_PUBLIC_KEY, 256, &[number(MODULUS), number(PUBLIC_EXPONENT)]);
        assert_eq!(sizes(&ta, 0), [RSA_PUBLIC_KEY, 256, 256]);
        ta.ok(Call::AllocateObject, args(&[0, RSA_PUBLIC_KEY, 512]));
        // A modulus that is too short.
        let short = [Buffer(MODULUS, &[1; 31]), number(PUBLIC_EXPONENT)];
        assert_eq!(ta.call(Call::Populate, args(&[0]).attributes(&short)).result, gp::ERROR_BAD_PARAMETERS);
        assert_eq!(sizes(&ta, 0), [RSA_PUBLIC_KEY, 0, 512]);

        let pair = [number(MODULUS), number(PUBLIC_EXPONENT), number(PRIVATE_EXPONENT)];
        let key25519 = |private| [Buffer(0xD000_0743, &[1; 32]), Buffer(0xC000_0843, private)];
        let ecc = |curve| [number(X), number(Y), Values(CURVE, curve, 0)];
        for (kind, max, wrong) in [
            // Too few; too many; twice; of one size too large; some of the optional ones.
            (RSA_KEYPAIR, 256, &pair[..2]),
            (RSA_PUBLIC_KEY, 256, &pair),
            (RSA_PUBLIC_KEY, 256, &[number(MODULUS), number(MODULUS), number(PUBLIC_EXPONENT)]),
            (RSA_PUBLIC_KEY, 256, &[Buffer(MODULUS, &[1; 33]), number(PUBLIC_EXPONENT)]),
            (RSA_KEYPAIR, 256, &[&pair[..], &[number(PRIME1)]].concat()),
            // Of another length; on a curve that is too large, or none.
            (ED25519_KEYPAIR, 256, &key25519(&[1; 31])),
            (ECDSA_PUBLIC_KEY, 256, &ecc(4)),
            (ECDSA_PUBLIC_KEY, 256, &ecc(6)),
        ] {
            ta.ok(Call::AllocateObject, args(&[0, kind, max]));
            ta.panics(Call::Populate, args(&[0]).attributes(wrong), api);
        }
        ta.object(0, ED25519_KEYPAIR, 256, &key25519(&[1; 32]));
        assert_eq!(sizes(&ta, 0), [ED25519_KEYPAIR, 256, 256]);
    }
}
