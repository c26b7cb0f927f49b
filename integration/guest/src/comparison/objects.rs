// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Transient objects (API 1.3.1, section 5.6), well and badly used.

use super::crypto::*;
use super::header::secret_types;
use super::script::Script;

const SIZES: [u32; 24] = [
    0,
    1,
    8,
    56,
    64,
    80,
    112,
    120,
    127,
    128,
    160,
    168,
    192,
    224,
    256,
    320,
    384,
    512,
    521,
    1024,
    1032,
    2048,
    4096,
    0xFFFF_FFFF,
];
const ALL: u32 = 0xFFFF_FFFF;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = vec![sizes(), attributes(), values(), usage(), copies(), generated()];
    scripts.extend(wrong());
    scripts
}

/// Which types there are in which sizes.
fn sizes() -> Script {
    let mut script = Script::with("objects: sizes", NOW);
    let more = [("none", 0), ("unknown", 0xA000_0077)];
    for (name, kind) in secret_types().into_iter().chain(more) {
        for size in SIZES {
            script.call(Call::AllocateObject, format_args!("{name} {size}"), args(&[0, kind, size]));
        }
        script.numbers(Call::FreeObject, &[NONE]);
    }
    script
}

/// What is given to a key, and read again.
fn attributes() -> Script {
    let mut script = Script::with("objects: attributes", NOW);
    for (kind, max, len) in
        [(AES, 256, 16), (AES, 256, 32), (DES3, 192, 24), (GENERIC_SECRET, 512, 40), (0xA000_0004, 1024, 4)]
    {
        script.key(0, kind, max, &pattern(1, len));
        script.numbers(Call::ObjectInfo, &[0]);
        script.numbers(Call::ObjectInfo1, &[0]);
        for room in [0, 1, len as u32 - 1, len as u32, len as u32 + 1, 100, NULL] {
            script.numbers(Call::BufferAttribute, &[0, SECRET_VALUE, room]);
        }
        for id in [0xD000_0130, 0xD000_0946, 0xC000_0001] {
            script.numbers(Call::BufferAttribute, &[0, id, 100]);
        }
        script.numbers(Call::ValueAttribute, &[0, 0xF000_0441]);
        script.numbers(Call::ResetObject, &[0]);
        script.numbers(Call::ObjectInfo1, &[0]);
        script.numbers(Call::FreeObject, &[0]);
    }
    for call in [Call::FreeObject, Call::CloseObject, Call::ResetObject] {
        script.numbers(call, &[NONE]);
    }
    script.call(Call::InitRef, "", args(&[SECRET_VALUE]).bytes(&pattern(2, 20)));
    script.numbers(Call::InitValue, &[0xF000_0441, 3, 0]);
    script
}

/// Values that keys have, and that none has.
fn values() -> Script {
    let mut script = Script::with("objects: values", NOW);
    for (kind, max) in [
        (AES, 256),
        (AES, 128),
        (0xA000_0011, 64),
        (DES3, 192),
        (0xA000_0014, 128),
        (GENERIC_SECRET, 256),
        (0xA000_0004, 512),
    ] {
        for len in [0, 1, 7, 8, 14, 15, 16, 17, 21, 24, 32, 33, 64, 65] {
            // Too long a value ends the TA: see below.
            if 8 * len > max as usize {
                continue;
            }
            script.key(0, kind, max, &pattern(3, len));
            script.numbers(Call::ObjectInfo1, &[0]);
            script.numbers(Call::FreeObject, &[0]);
        }
    }
    for (note, buffers) in [
        ("nothing", vec![]),
        ("twice", vec![(SECRET_VALUE, &[1; 16][..]), (SECRET_VALUE, &[2; 16][..])]),
        ("another", vec![(0xD000_0130, &[1; 16][..])]),
        ("one more", vec![(SECRET_VALUE, &[1; 16][..]), (0xD000_0130, &[2; 16][..])]),
    ] {
        script.numbers(Call::AllocateObject, &[0, AES, 128]);
        script.call(Call::Populate, note, args(&[0]).buffers(&buffers));
        script.numbers(Call::ObjectInfo1, &[0]);
        script.numbers(Call::FreeObject, &[0]);
    }
    script
}

/// Usage gets less, and comes back with a reset.
fn usage() -> Script {
    let mut script = Script::with("objects: usage", NOW);
    script.key(0, AES, 128, &pattern(4, 16));
    for usage in [0x7F, 0xFFFF_FF07, 7, 3, 0] {
        script.numbers(Call::Restrict1, &[0, usage]);
        script.numbers(Call::ObjectInfo1, &[0]);
    }
    script.numbers(Call::ResetObject, &[0]);
    script.numbers(Call::ObjectInfo1, &[0]);
    script.key(1, AES, 128, &pattern(4, 16));
    script.numbers(Call::Restrict, &[1, 6]);
    script.numbers(Call::ObjectInfo, &[1]);
    script.numbers(Call::CopyAttributes1, &[0, 1]);
    script.numbers(Call::ObjectInfo1, &[0]);
    script
}

/// Copies from one key to another.
fn copies() -> Script {
    let mut script = Script::with("objects: copies", NOW);
    for (kind, max) in [(AES, 256), (AES, 192), (AES, 128)] {
        script.key(0, AES, 256, &pattern(5, 24));
        script.numbers(Call::AllocateObject, &[1, kind, max]);
        script.numbers(Call::CopyAttributes1, &[1, 0]);
        script.numbers(Call::ObjectInfo1, &[1]);
        if max < 192 {
            // The copy was too large, and has ended the TA.
            break;
        }
        script.numbers(Call::FreeObject, &[0]);
        script.numbers(Call::FreeObject, &[1]);
    }
    script
}

/// Keys that are made: only what of them is no accident.
fn generated() -> Script {
    let mut script = Script::with("objects: generated keys", NOW);
    for (kind, max, sizes) in [
        (AES, 256, &[128, 192, 256][..]),
        (0xA000_0011, 64, &[56, 64]),
        (DES3, 192, &[112, 128, 168, 192]),
        (0xA000_0014, 128, &[128]),
        (GENERIC_SECRET, 512, &[8, 256, 512]),
        (0xA000_0004, 512, &[192, 256, 512]),
    ] {
        for size in sizes {
            script.numbers(Call::AllocateObject, &[0, kind, max]);
            script.numbers(Call::GenerateKey, &[0, *size, 0]);
            script.numbers(Call::ObjectInfo1, &[0]);
            script.numbers(Call::FreeObject, &[0]);
        }
    }
    script
}

/// Calls that end the TA, or do not; a session for each.
fn wrong() -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |name: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("objects: {name}"), NOW);
        script.numbers(Call::AllocateObject, &[0, AES, 256]);
        script.key(1, AES, 256, &pattern(6, 16));
        steps(&mut script);
        script.is_there();
        script.numbers(Call::ObjectInfo1, &[1]);
        scripts.push(script);
    };
    for (which, slot) in [("no object", NONE), ("a wild handle", WILD)] {
        for (call, rest) in [
            (Call::FreeObject, &[][..]),
            (Call::CloseObject, &[]),
            (Call::ResetObject, &[]),
            (Call::Populate, &[0]),
            (Call::GenerateKey, &[128, 0]),
            (Call::Restrict, &[ALL]),
            (Call::Restrict1, &[ALL]),
            (Call::ObjectInfo, &[]),
            (Call::ObjectInfo1, &[]),
            (Call::BufferAttribute, &[SECRET_VALUE, 16]),
            (Call::ValueAttribute, &[0xF000_0441]),
        ] {
            let values = [&[slot], rest].concat();
            add(&format!("{call:?} of {which}"), &|script| script.numbers(call, &values));
        }
        for call in [Call::CopyAttributes, Call::CopyAttributes1] {
            add(&format!("{call:?} from {which}"), &|script| script.numbers(call, &[0, slot]));
            add(&format!("{call:?} to {which}"), &|script| script.numbers(call, &[slot, 1]));
        }
    }
    for call in [Call::FreeObject, Call::CloseObject, Call::ResetObject, Call::ObjectInfo1] {
        add(&format!("{call:?} of a freed object"), &|script| {
            script.numbers(Call::FreeObject, &[0]);
            script.numbers(call, &[0]);
        });
    }
    for size in [0, 8, 129, 512] {
        add(&format!("generated with {size} bits"), &|script| {
            script.numbers(Call::GenerateKey, &[0, size, 0]);
        });
    }
    add("populated twice", &|script| {
        script.call(Call::Populate, "again", args(&[1]).buffers(&[(SECRET_VALUE, &[1; 16])]));
    });
    add("generated into a full one", &|script| script.numbers(Call::GenerateKey, &[1, 128, 0]));
    add("copied to a full one", &|script| {
        script.key(2, AES, 256, &pattern(6, 16));
        script.numbers(Call::CopyAttributes1, &[2, 1]);
    });
    add("copied from an empty one", &|script| {
        script.numbers(Call::AllocateObject, &[2, AES, 256]);
        script.numbers(Call::CopyAttributes1, &[0, 2]);
    });
    add("copied from another type", &|script| {
        script.key(2, DES3, 192, &pattern(6, 24));
        script.numbers(Call::CopyAttributes1, &[0, 2]);
    });
    add("too long a value", &|script| {
        script.call(Call::Populate, "40 bytes", args(&[0]).buffers(&[(SECRET_VALUE, &[1; 40])]));
    });
    add("a null value", &|script| {
        script.call(Call::Populate, "null", args(&[0, 1, SECRET_VALUE, NULL]));
    });
    add("a buffer attribute that is a value", &|script| {
        script.numbers(Call::BufferAttribute, &[1, 0xF000_0441, 16]);
    });
    add("a value attribute that is a buffer", &|script| {
        script.numbers(Call::ValueAttribute, &[1, SECRET_VALUE]);
    });
    add("an attribute of an empty object", &|script| {
        script.numbers(Call::BufferAttribute, &[0, SECRET_VALUE, 16]);
    });
    add("an attribute of a key that is not extractable", &|script| {
        script.numbers(Call::Restrict1, &[1, !1]);
        script.numbers(Call::BufferAttribute, &[1, SECRET_VALUE, 16]);
    });
    add("a reference to a value", &|script| script.call(Call::InitRef, "", args(&[0xF000_0441]).bytes(&[1])));
    add("a value of a reference", &|script| script.numbers(Call::InitValue, &[SECRET_VALUE, 1, 2]));
    scripts
}
