// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Authenticated encryption (API 1.3.1, section 6.6).

use super::crypto::*;
use super::script::Script;

const BOTH: [(&str, u32); 2] = [("CCM", AES_CCM), ("GCM", AES_GCM)];

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        // Of API 1.1 only other functions' types differ: one algorithm will do.
        for (name, algorithm) in BOTH.into_iter().filter(|(_, algorithm)| ta == NOW || *algorithm == AES_GCM)
        {
            scripts.push(parameters(api, ta, name, algorithm));
            scripts.push(messages(api, ta, name, algorithm));
            scripts.extend(wrong(api, ta, name, algorithm));
        }
    }
    scripts
}

/// An operation to encrypt in slot 0, one to decrypt in slot 1, with their key.
fn begin(script: &mut Script, algorithm: u32) {
    script.key(0, AES, 256, &pattern(31, 16));
    for (slot, mode) in [(0, ENCRYPT), (1, DECRYPT)] {
        script.numbers(Call::AllocateOperation, &[slot, algorithm, mode, 256]);
        script.numbers(Call::SetKey, &[slot, 0]);
    }
}

fn start(script: &mut Script, slot: u32, nonce: usize, tag: u32, aad: usize, payload: usize) {
    let init = args(&[slot]).bytes(&pattern(32, nonce)).u32(tag).u32(aad as u32).u32(payload as u32);
    let note = format!("{slot} nonce {nonce}, tag {tag}, AAD {aad}, payload {payload}");
    script.call(Call::AeInit, note, init);
}

fn reset(script: &mut Script, slot: u32) {
    script.call(Call::ResetOperation, slot, args(&[slot]));
}

/// Which lengths of nonces and tags there are.
fn parameters(api: &str, ta: uuid::Uuid, name: &str, algorithm: u32) -> Script {
    let mut script = Script::with(format_args!("AE {api}: {name} parameters"), ta);
    begin(&mut script, algorithm);
    for tag in [0, 8, 16, 24, 32, 48, 64, 80, 96, 100, 104, 112, 120, 128, 136, 256] {
        start(&mut script, 0, 12, tag, 0, 16);
        reset(&mut script, 0);
    }
    for nonce in if algorithm == AES_CCM { 7..14 } else { 1..20 } {
        start(&mut script, 0, nonce, 128, 0, 16);
        script.call(Call::AeEncrypt, "", args(&[0]).bytes(&pattern(33, 16)).u32(16).u32(16));
        reset(&mut script, 0);
    }
    script
}

/// Messages in pieces, with too little room and with a wrong tag.
fn messages(api: &str, ta: uuid::Uuid, name: &str, algorithm: u32) -> Script {
    let mut script = Script::with(format_args!("AE {api}: {name} messages"), ta);
    begin(&mut script, algorithm);
    for (aad, payload, pieces) in [
        (0, 0, &[][..]),
        (0, 16, &[]),
        (5, 40, &[16]),
        (20, 33, &[1, 15, 16]),
        (64, 100, &[64, 3]),
        (0, 48, &[48]),
    ] {
        for slot in [0, 1] {
            start(&mut script, slot, 12, 96, aad, payload);
            script.numbers(Call::OperationInfo, &[slot]);
            let (first, rest) = (pattern(34, aad / 2), pattern(35, aad - aad / 2));
            script.call(Call::AeUpdateAad, first.len(), args(&[slot]).bytes(&first));
            script.call(Call::AeUpdateAad, rest.len(), args(&[slot]).bytes(&rest));
            let mut left = payload;
            for len in pieces {
                left -= len;
                for room in [0, (len + 16) as u32] {
                    let update = args(&[slot]).bytes(&pattern(36, *len)).u32(room);
                    script.call(Call::AeUpdate, format_args!("{slot} {len} bytes, room {room}"), update);
                    // Where too little room is enough the piece is done.
                    if *len < 16 && algorithm == AES_CCM {
                        break;
                    }
                }
            }
            let last = pattern(37, left);
            for (room, tag_room) in
                [(0, 16), (left as u32 + 16, 0), (left as u32 + 16, 11), (left as u32 + 16, 16)]
            {
                let note = format!("{left} bytes, room {room}, {tag_room}");
                if slot == 0 {
                    script.call(Call::AeEncrypt, note, args(&[0]).bytes(&last).u32(room).u32(tag_room));
                } else {
                    let tag = pattern(38, tag_room as usize);
                    script.call(Call::AeDecrypt, note, args(&[1]).bytes(&last).u32(room).bytes(&tag));
                }
                script.numbers(Call::OperationInfo, &[slot]);
                // As far as that was the end, what follows begins anew.
                reset(&mut script, slot);
                start(&mut script, slot, 12, 96, 0, left);
            }
            reset(&mut script, slot);
        }
    }
    script
}

/// What does not go: a session for each.
fn wrong(api: &str, ta: uuid::Uuid, name: &str, algorithm: u32) -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |what: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("AE {api}: {name}, {what}"), ta);
        begin(&mut script, algorithm);
        steps(&mut script);
        script.numbers(Call::OperationInfo, &[0]);
        script.is_there();
        scripts.push(script);
    };
    let update = |slot| args(&[slot]).bytes(&[1; 16]).u32(32);
    let encrypt = |slot| args(&[slot]).bytes(&[1; 16]).u32(32).u32(16);
    let decrypt = |slot| args(&[slot]).bytes(&[1; 16]).u32(32).bytes(&[1; 16]);
    for (call, rest) in [
        (Call::AeUpdateAad, args(&[0]).bytes(&[1; 16])),
        (Call::AeUpdate, update(0)),
        (Call::AeEncrypt, encrypt(0)),
        (Call::AeDecrypt, decrypt(1)),
    ] {
        add(&format!("{call:?} before it is initialized"), &|script| script.call(call, "", rest.clone()));
    }
    for nonce in [0, 6, 14, 64] {
        add(&format!("a nonce of {nonce} bytes"), &|script| {
            start(script, 0, nonce, 128, 0, 16);
            script.call(Call::AeEncrypt, "", encrypt(0));
        });
    }
    add("encrypts where it is to decrypt", &|script| {
        start(script, 1, 12, 128, 0, 16);
        script.call(Call::AeEncrypt, "", encrypt(1));
    });
    add("decrypts where it is to encrypt", &|script| {
        start(script, 0, 12, 128, 0, 16);
        script.call(Call::AeDecrypt, "", decrypt(0));
    });
    add("initialized twice", &|script| {
        start(script, 0, 12, 128, 0, 32);
        script.call(Call::AeUpdate, "", update(0));
        start(script, 0, 12, 128, 0, 16);
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("encrypted twice", &|script| {
        start(script, 0, 12, 128, 0, 16);
        script.call(Call::AeEncrypt, "", encrypt(0));
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("AAD after the payload", &|script| {
        start(script, 0, 12, 128, 16, 32);
        script.call(Call::AeUpdate, "", update(0));
        script.call(Call::AeUpdateAad, "", args(&[0]).bytes(&[1; 16]));
    });
    add("more AAD than told", &|script| {
        start(script, 0, 12, 128, 8, 16);
        script.call(Call::AeUpdateAad, "", args(&[0]).bytes(&[1; 16]));
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("less AAD than told", &|script| {
        start(script, 0, 12, 128, 32, 16);
        script.call(Call::AeUpdateAad, "", args(&[0]).bytes(&[1; 16]));
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("more payload than told", &|script| {
        start(script, 0, 12, 128, 0, 8);
        script.call(Call::AeUpdate, "", update(0));
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("more payload than told, at the end", &|script| {
        start(script, 0, 12, 128, 0, 8);
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("less payload than told", &|script| {
        start(script, 0, 12, 128, 0, 64);
        script.call(Call::AeEncrypt, "", encrypt(0));
    });
    add("a null nonce", &|script| script.call(Call::AeInit, "null", args(&[0, NULL, 128, 0, 16])));
    add("a null tag to compare with", &|script| {
        start(script, 1, 12, 128, 0, 16);
        script.call(Call::AeDecrypt, "null", args(&[1]).bytes(&[1; 16]).u32(32).u32(NULL));
    });
    add("no key", &|script| {
        script.numbers(Call::AllocateOperation, &[2, algorithm, ENCRYPT, 256]);
        start(script, 2, 12, 128, 0, 16);
    });
    add("its copy goes on", &|script| {
        start(script, 0, 12, 128, 0, 32);
        script.call(Call::AeUpdate, "", update(0));
        script.numbers(Call::AllocateOperation, &[2, algorithm, ENCRYPT, 256]);
        script.numbers(Call::CopyOperation, &[2, 0]);
        for slot in [0, 2] {
            script.call(Call::AeEncrypt, slot, encrypt(slot));
        }
    });
    add("decrypts what it has encrypted", &|script| {
        // The tag is that of the message on both sides, or else nothing is decrypted.
        start(script, 0, 12, 128, 0, 0);
        script.call(Call::AeEncrypt, "nothing", args(&[0]).bytes(&[]).u32(0).u32(16));
        start(script, 1, 12, 128, 0, 0);
        script.call(Call::AeDecrypt, "nothing", args(&[1]).bytes(&[]).u32(0).bytes(&[0; 16]));
    });
    add("a cipher's functions", &|script| script.call(Call::CipherInit, "", args(&[0]).bytes(&[1; 16])));
    scripts
}
