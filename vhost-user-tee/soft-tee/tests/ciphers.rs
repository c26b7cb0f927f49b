// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Symmetric ciphers, as a TA sees them (API 1.3.1, section 6.4). Known answers are in `cipher_vectors.rs`.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::ciphers::*;
use crypto::*;
use tee::gp;

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
        // As in OP-TEE too little room is told first.
        for (algorithm, len) in [(AES_CTS, 16), (AES_XTS, 15), (SM4_XTS, 1)] {
            begin(&ta, algorithm, &(0..key_len(algorithm) as u8).collect::<Vec<u8>>());
            init(&ta, 0, algorithm, &vec![0; block(algorithm)]);
            let few = args(&[0]).bytes(&vec![0; len]).u32(len as u32 - 1);
            let mut short = ta.call(Call::CipherFinal, few);
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, len), "{algorithm:#x}");
        }
        // No key; ended.
        ta.ok(Call::AllocateOperation, args(&[0, AES_CBC, ENCRYPT, 128]));
        ta.panics(Call::CipherInit, iv(0, 16), api);
        begin(&ta, AES_CBC, &[0; 16]);
        run(&ta, 0, AES_CBC, &[0; 16], &[0; 16]);
        ta.panics(Call::CipherUpdate, data(0, 16), api);
    }
}
