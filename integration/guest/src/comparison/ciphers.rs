// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Ciphers (API 1.3.1, section 6.4): in any pieces, in any room, and in the wrong order.

use super::crypto::*;
use super::script::Script;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        // Of API 1.1 only other functions' types differ: one cipher will do.
        for cipher in CIPHERS.into_iter().filter(|(_, algorithm, ..)| ta == NOW || *algorithm == AES_CBC) {
            scripts.push(pieces(api, ta, cipher));
            // They are refused alike by ciphers that are alike.
            if cipher.2 == AES {
                scripts.extend(wrong(api, ta, cipher));
            }
        }
    }
    scripts
}

type Cipher = (&'static str, u32, u32, usize, usize);

/// An operation to encrypt in slot 0, one to decrypt in slot 1, with their keys.
fn begin(script: &mut Script, (name, algorithm, kind, len, _): Cipher) {
    let two = name.ends_with("XTS");
    let each = if two { len / 2 } else { len };
    let max = match kind {
        AES => 256,
        DES3 => 192,
        _ => 8 * each as u32,
    };
    script.key(0, kind, max, &pattern(11, each));
    if two {
        script.key(1, kind, max, &pattern(12, each));
    }
    for (slot, mode) in [(0, ENCRYPT), (1, DECRYPT)] {
        let size = if two { 2 * max } else { max };
        script.call(Call::AllocateOperation, name, args(&[slot, algorithm, mode, size]));
        if two {
            script.numbers(Call::SetKey2, &[slot, 0, 1]);
        } else {
            script.numbers(Call::SetKey, &[slot, 0]);
        }
    }
}

fn iv(script: &mut Script, slot: u32, name: &str, len: usize) {
    let iv = pattern(13, if name.ends_with("ECB") { 0 } else { len });
    script.call(Call::CipherInit, format_args!("{slot} {} bytes", iv.len()), args(&[slot]).bytes(&iv));
}

/// Messages of all lengths in pieces, with too little room first.
fn pieces(api: &str, ta: uuid::Uuid, cipher: Cipher) -> Script {
    let (name, .., block) = cipher;
    let mut script = Script::with(format_args!("ciphers {api}: {name} in pieces"), ta);
    begin(&mut script, cipher);
    for slot in [0, 1] {
        for split in [
            &[0][..],
            &[block],
            &[2 * block],
            &[1, block - 1, block],
            &[block + 3, 5, 2 * block - 8],
            &[3 * block],
        ] {
            // Stealing takes more than one block, and so much is needed of XTS as well.
            if split.iter().sum::<usize>() <= block && (name.ends_with("CTS") || name.ends_with("XTS")) {
                continue;
            }
            iv(&mut script, slot, name, block);
            let (last, first) = split.split_last().unwrap_or((&0, &[]));
            for len in first {
                let data = pattern(14, *len);
                let room = (len + block) as u32;
                for room in [0, room, room | IN_PLACE] {
                    let note = format!("{slot} {len} bytes, room {room:#x}");
                    script.call(Call::CipherUpdate, note, args(&[slot]).bytes(&data).u32(room));
                    if room == IN_PLACE {
                        break;
                    }
                }
            }
            let data = pattern(15, *last);
            let rooms = [0, (last + block) as u32];
            // Too little room ends nothing; where there is nothing left to say it would be enough.
            for room in if *last == 0 { &rooms[1..] } else { &rooms } {
                let note = format!("{slot} {last} bytes, room {room:#x}");
                script.call(Call::CipherFinal, note, args(&[slot]).bytes(&data).u32(*room));
                script.numbers(Call::OperationInfo, &[slot]);
            }
            script.numbers(Call::ResetOperation, &[slot]);
        }
    }
    script
}

/// What a cipher does not take: a session for each.
fn wrong(api: &str, ta: uuid::Uuid, cipher: Cipher) -> Vec<Script> {
    let (name, algorithm, .., block) = cipher;
    let mut scripts = Vec::new();
    let mut add = |what: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("ciphers {api}: {name}, {what}"), ta);
        begin(&mut script, cipher);
        steps(&mut script);
        script.numbers(Call::OperationInfo, &[0]);
        script.is_there();
        scripts.push(script);
    };
    let data = pattern(16, block);
    let update = |slot| args(&[slot]).bytes(&pattern(16, block)).u32(64);
    for len in [0, block - 1, block + 1] {
        add(&format!("an IV of {len} bytes"), &|script| {
            script.call(Call::CipherInit, len, args(&[0]).bytes(&pattern(13, len)));
            script.call(Call::CipherFinal, "", update(0));
        });
    }
    add("a null IV", &|script| {
        script.call(Call::CipherInit, "null", args(&[0, NULL]));
        script.call(Call::CipherFinal, "", update(0));
    });
    for len in [1, block + 1] {
        add(&format!("{len} bytes at the end"), &|script| {
            iv(script, 0, name, block);
            script.call(Call::CipherFinal, len, args(&[0]).bytes(&pattern(16, len)).u32(64));
        });
        add(&format!("{len} bytes, then the end"), &|script| {
            iv(script, 0, name, block);
            script.call(Call::CipherUpdate, len, args(&[0]).bytes(&pattern(16, len)).u32(64));
            script.call(Call::CipherFinal, "", args(&[0]).bytes(&[]).u32(64));
        });
    }
    if name == "AES-CTS" {
        add("one block, too little room", &|script| {
            iv(script, 0, name, block);
            for room in [0, block - 1] {
                let message = args(&[0]).bytes(&data).u32(room as u32);
                script.call(Call::CipherFinal, format_args!("room {room}"), message);
            }
        });
    }
    // The rest is the same for all ciphers.
    if algorithm != AES_CBC && algorithm != AES_CTR {
        return scripts;
    }
    add("updated before it is initialized", &|script| script.call(Call::CipherUpdate, "", update(0)));
    add("ended before it is initialized", &|script| script.call(Call::CipherFinal, "", update(0)));
    add("updated after its end", &|script| {
        iv(script, 0, name, block);
        script.call(Call::CipherFinal, "", update(0));
        script.call(Call::CipherUpdate, "", update(0));
    });
    add("initialized twice", &|script| {
        iv(script, 0, name, block);
        script.call(Call::CipherUpdate, "", update(0));
        iv(script, 0, name, block);
        script.call(Call::CipherFinal, "", update(0));
    });
    add("no key", &|script| {
        script.numbers(Call::AllocateOperation, &[2, algorithm, ENCRYPT, 256]);
        script.call(Call::CipherInit, "", args(&[2]).bytes(&data));
    });
    add("its key taken away", &|script| {
        iv(script, 0, name, block);
        script.call(Call::ResetOperation, 0, args(&[0]));
        script.numbers(Call::SetKey, &[0, NONE]);
        iv(script, 0, name, block);
    });
    add("a null source", &|script| {
        iv(script, 0, name, block);
        script.call(Call::CipherUpdate, "", args(&[0, NULL, 64]));
        script.call(Call::CipherFinal, "", args(&[0, NULL, 64]));
    });
    add("a null destination", &|script| {
        iv(script, 0, name, block);
        script.call(Call::CipherUpdate, "", args(&[0]).bytes(&data).u32(NULL));
        script.call(Call::CipherFinal, "", args(&[0]).bytes(&data).u32(NULL));
    });
    add("its copy goes on", &|script| {
        iv(script, 0, name, block);
        script.call(Call::CipherUpdate, "", args(&[0]).bytes(&pattern(1, block + 1)).u32(64));
        script.call(Call::AllocateOperation, "", args(&[2, algorithm, ENCRYPT, 256]));
        script.numbers(Call::CopyOperation, &[2, 0]);
        for slot in [0, 2] {
            script.call(Call::CipherFinal, slot, args(&[slot]).bytes(&pattern(2, block - 1)).u32(64));
        }
    });
    add("a MAC's functions", &|script| script.call(Call::MacInit, "", args(&[0]).bytes(&data)));
    add("an AE's functions", &|script| {
        script.call(Call::AeInit, "", args(&[0]).bytes(&data).u32(128).u32(0).u32(0));
    });
    scripts
}
