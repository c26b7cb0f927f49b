// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Operations (API 1.3.1, section 6.2): which there are, their keys, and calls that they do not take.

use super::crypto::*;
use super::header::symmetric_algorithms;
use super::script::Script;

const SIZES: [u32; 12] = [0, 56, 64, 128, 168, 192, 256, 384, 512, 521, 2048, 4096];
/// Elements: none, those of the curves, and others.
const ELEMENTS: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 0x100, 0x300, 0x301, 0x400, 0xFFFF_FFFF];

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = vec![modes(), supported(), info()];
    scripts.extend(sizes());
    scripts.extend(keys());
    scripts.extend(wrong_handles());
    scripts
}

/// Each algorithm in each mode, with a size of key that suits many.
fn modes() -> Script {
    let mut script = Script::with("operations: modes", NOW);
    for (name, algorithm) in symmetric_algorithms().into_iter().chain([("none", 0), ("SM4_XTS", 0xF000_0414)])
    {
        for mode in [0, 1, 2, 3, 4, 5, 6, 7, 0xFFFF_FFFF] {
            for size in [0, 256] {
                let note = format!("{name} mode {mode} size {size}");
                script.call(Call::AllocateOperation, note, args(&[0, algorithm, mode, size]));
            }
        }
        // What was made is not freed by the ones that fail.
        script.numbers(Call::FreeOperation, &[0]);
        script.numbers(Call::AllocateOperation, &[0, SHA256, DIGEST, 0]);
    }
    script
}

/// Each algorithm with each size of key. A session for each, at the end of which all that was made is freed.
fn sizes() -> Vec<Script> {
    let ciphers = CIPHERS.iter().map(|&(name, algorithm, ..)| (name, algorithm, ENCRYPT));
    let macs = MACS.iter().map(|&(name, algorithm, ..)| (name, algorithm, MAC));
    let others = [("AES-CCM", AES_CCM, DECRYPT), ("AES-GCM", AES_GCM, ENCRYPT), ("SHA256", SHA256, DIGEST)];
    let scripts = ciphers.chain(macs).chain(others).map(|(name, algorithm, mode)| {
        let mut script = Script::with(format_args!("operations: sizes of {name}"), NOW);
        for size in SIZES {
            script.call(
                Call::AllocateOperation,
                format_args!("size {size}"),
                args(&[0, algorithm, mode, size]),
            );
        }
        script
    });
    scripts.collect()
}

fn supported() -> Script {
    let mut script = Script::with("operations: IsAlgorithmSupported", NOW);
    for (name, algorithm) in symmetric_algorithms().into_iter().chain([("none", 0), ("SM4_XTS", 0xF000_0414)])
    {
        for element in ELEMENTS {
            script.call(Call::IsSupported, format_args!("{name} {element:#x}"), args(&[algorithm, element]));
        }
    }
    script
}

/// What operations say of themselves, without a key and with one.
fn info() -> Script {
    let mut script = Script::with("operations: info", NOW);
    let both = |script: &mut Script| {
        script.numbers(Call::OperationInfo, &[0]);
        for room in [40, 48, 64, 100] {
            script.numbers(Call::OperationInfoMultiple, &[0, room]);
        }
    };
    for (name, algorithm, kind, len, _) in CIPHERS {
        let twice = name.ends_with("XTS");
        let each = if twice { len / 2 } else { len };
        let max = if kind == AES { 256 } else { (8 * each as u32).max(if kind == DES3 { 192 } else { 0 }) };
        let size = if twice { 2 * max } else { max };
        script.call(Call::AllocateOperation, name, args(&[0, algorithm, ENCRYPT, size]));
        both(&mut script);
        script.key(0, kind, max, &pattern(1, each));
        if twice {
            script.key(1, kind, max, &pattern(2, each));
            script.numbers(Call::SetKey2, &[0, 0, 1]);
            script.numbers(Call::FreeObject, &[1]);
        } else {
            script.numbers(Call::SetKey, &[0, 0]);
        }
        both(&mut script);
        script.numbers(Call::ResetOperation, &[0]);
        both(&mut script);
        script.numbers(Call::FreeObject, &[0]);
        script.numbers(Call::FreeOperation, &[0]);
    }
    for (name, algorithm, mode) in
        [("SHA256", SHA256, DIGEST), ("HMAC-SHA256", HMAC_SHA256, MAC), ("GCM", AES_GCM, ENCRYPT)]
    {
        script.call(
            Call::AllocateOperation,
            name,
            args(&[0, algorithm, mode, if mode == DIGEST { 0 } else { 256 }]),
        );
        both(&mut script);
        script.numbers(Call::FreeOperation, &[0]);
    }
    script
}

/// Keys that operations take, and that they do not: a session for each.
fn keys() -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |name: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("keys: {name}"), NOW);
        script.numbers(Call::AllocateOperation, &[0, AES_CBC, ENCRYPT, 128]);
        script.key(0, AES, 256, &pattern(7, 16));
        steps(&mut script);
        script.numbers(Call::OperationInfo, &[0]);
        script.is_there();
        scripts.push(script);
    };
    for room in [0, 28, 32, 39] {
        add(&format!("information with room {room}"), &|script| {
            script.numbers(Call::OperationInfoMultiple, &[0, room]);
        });
    }
    add("fits", &|script| script.numbers(Call::SetKey, &[0, 0]));
    add("another type", &|script| {
        script.key(1, DES3, 192, &pattern(7, 24));
        script.numbers(Call::SetKey, &[0, 1]);
    });
    add("longer than the operation's", &|script| {
        script.key(1, AES, 256, &pattern(7, 32));
        script.numbers(Call::SetKey, &[0, 1]);
    });
    add("empty", &|script| {
        script.numbers(Call::AllocateObject, &[1, AES, 128]);
        script.numbers(Call::SetKey, &[0, 1]);
    });
    for usage in [2, 4, 0, 6] {
        add(&format!("for usage {usage}"), &|script| {
            script.numbers(Call::Restrict1, &[0, usage]);
            script.numbers(Call::SetKey, &[0, 0]);
        });
    }
    add("taken away", &|script| {
        script.numbers(Call::SetKey, &[0, 0]);
        script.numbers(Call::SetKey, &[0, NONE]);
    });
    add("taken away where there is none", &|script| script.numbers(Call::SetKey, &[0, NONE]));
    add("a wild one", &|script| script.numbers(Call::SetKey, &[0, WILD]));
    add("set twice", &|script| {
        script.numbers(Call::SetKey, &[0, 0]);
        script.numbers(Call::SetKey, &[0, 0]);
    });
    add("set while it works", &|script| {
        script.numbers(Call::SetKey, &[0, 0]);
        script.call(Call::CipherInit, "", args(&[0]).bytes(&[1; 16]));
        script.numbers(Call::SetKey, &[0, 0]);
    });
    add("of a digest", &|script| {
        script.numbers(Call::AllocateOperation, &[1, SHA256, DIGEST, 0]);
        script.numbers(Call::SetKey, &[1, 0]);
    });
    add("no operation", &|script| script.numbers(Call::SetKey, &[NONE, 0]));
    add("two for one", &|script| {
        script.key(1, AES, 256, &pattern(8, 16));
        script.numbers(Call::SetKey2, &[0, 0, 1]);
    });
    let xts = |script: &mut Script| script.numbers(Call::AllocateOperation, &[1, AES_XTS, ENCRYPT, 512]);
    add("one for two", &|script| {
        xts(script);
        script.numbers(Call::SetKey, &[1, 0]);
    });
    add("two that fit", &|script| {
        xts(script);
        script.key(1, AES, 256, &pattern(8, 16));
        script.numbers(Call::SetKey2, &[1, 0, 1]);
        script.numbers(Call::OperationInfo, &[1]);
        script.numbers(Call::SetKey2, &[1, NONE, NONE]);
        script.numbers(Call::OperationInfo, &[1]);
    });
    add("two that are one", &|script| {
        xts(script);
        script.numbers(Call::SetKey2, &[1, 0, 0]);
    });
    add("two of the same value", &|script| {
        xts(script);
        script.key(1, AES, 256, &pattern(7, 16));
        script.numbers(Call::SetKey2, &[1, 0, 1]);
    });
    add("two of different lengths", &|script| {
        xts(script);
        script.key(1, AES, 256, &pattern(7, 32));
        script.numbers(Call::SetKey2, &[1, 0, 1]);
    });
    for (slots, name) in [([1, 0, NONE], "the second missing"), ([1, NONE, 0], "the first missing")] {
        add(name, &|script| {
            xts(script);
            script.numbers(Call::SetKey2, &slots);
        });
    }
    add("copied", &|script| {
        script.numbers(Call::SetKey, &[0, 0]);
        script.numbers(Call::AllocateOperation, &[1, AES_CBC, ENCRYPT, 128]);
        script.numbers(Call::CopyOperation, &[1, 0]);
        script.numbers(Call::OperationInfo, &[1]);
    });
    for (name, algorithm, mode, size) in [
        ("another algorithm", AES_CTR, ENCRYPT, 128),
        ("another mode", AES_CBC, DECRYPT, 128),
        ("a smaller one", AES_CBC, ENCRYPT, 128),
        ("a larger one", AES_CBC, ENCRYPT, 256),
    ] {
        add(&format!("copied to {name}"), &|script| {
            script.numbers(Call::AllocateOperation, &[2, AES_CBC, ENCRYPT, 256]);
            script.key(1, AES, 256, &pattern(7, 32));
            script.numbers(Call::SetKey, &[2, 1]);
            script.numbers(Call::AllocateOperation, &[1, algorithm, mode, size]);
            script.numbers(Call::CopyOperation, &[1, 2]);
            script.numbers(Call::OperationInfo, &[1]);
        });
    }
    add("copied to itself", &|script| script.numbers(Call::CopyOperation, &[0, 0]));
    scripts
}

/// Functions of operations without one, and with a handle that was never given out or is freed.
fn wrong_handles() -> Vec<Script> {
    let calls = [
        (Call::FreeOperation, args(&[])),
        (Call::ResetOperation, args(&[])),
        (Call::CopyOperation, args(&[0])),
        (Call::OperationInfo, args(&[])),
        (Call::OperationInfoMultiple, args(&[100])),
        (Call::CipherInit, args(&[]).bytes(&[1; 16])),
        (Call::CipherUpdate, args(&[]).bytes(&[1; 16]).u32(16)),
        (Call::CipherFinal, args(&[]).bytes(&[1; 16]).u32(16)),
        (Call::MacInit, args(&[]).bytes(&[])),
        (Call::MacUpdate, args(&[]).bytes(&[1; 16])),
        (Call::MacCompute, args(&[]).bytes(&[1; 16]).u32(64)),
        (Call::MacCompare, args(&[]).bytes(&[1; 16]).bytes(&[1; 16])),
        (Call::AeInit, args(&[]).bytes(&[1; 12]).u32(128).u32(0).u32(0)),
        (Call::AeUpdateAad, args(&[]).bytes(&[1; 16])),
        (Call::AeUpdate, args(&[]).bytes(&[1; 16]).u32(16)),
        (Call::AeEncrypt, args(&[]).bytes(&[1; 16]).u32(16).u32(16)),
        (Call::AeDecrypt, args(&[]).bytes(&[1; 16]).u32(16).bytes(&[1; 16])),
    ];
    let mut scripts = Vec::new();
    for (call, rest) in calls {
        for (which, slot) in [("no operation", NONE), ("a wild handle", WILD), ("a digest", 1)] {
            // Those of any operation are no wrong call of a digest.
            if slot == 1 && (call as u32) < Call::CipherInit as u32 {
                continue;
            }
            let mut script = Script::with(format_args!("operations: {call:?} of {which}"), NOW);
            script.numbers(Call::AllocateOperation, &[1, SHA256, DIGEST, 0]);
            script.call(call, which, args(&[slot]).and(&rest));
            script.is_there();
            scripts.push(script);
        }
    }
    scripts
}
