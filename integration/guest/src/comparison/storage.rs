// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Persistent objects and their enumerators (API 1.3.1, sections 5.7 and 5.8), well used.

use uuid::Uuid;

use super::crypto::*;
use super::fixed_keys::*;
use super::script::Script;
use super::stored::*;

const DATA: &[u8] = b"0123456789";

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        scripts.extend([life(api, ta), overwritten(api, ta), enumerators(api, ta), sessions(api, ta)]);
    }
    scripts.extend([names(), storages(), rpmb(), keys(), usage(), renamed(), becoming()]);
    scripts
}

/// From the beginning of an object to its end.
fn life(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with_empty_storage(format_args!("storage {api}: life"), ta);
    for data in [&b""[..], DATA] {
        script.open_object(0, b"life", READ);
        script.create(0, b"life", ALL_ACCESS, data);
        script.numbers(Call::ObjectInfo, &[0]);
        script.look(0);
        script.create(1, b"life", 0, data);
        script.open_object(1, b"life", READ);
        script.close_object(0);
        script.create(1, b"life", 0, data);
        script.open_object(1, b"life", READ | SHARE_READ);
        script.look(1);
        script.list_open(PRIVATE);
        script.close_object(1);
        script.open_object(2, b"life", WRITE_META);
        script.numbers(Call::ObjectInfo1, &[2]);
        script.numbers(if data.is_empty() { Call::Delete } else { Call::Delete1 }, &[2]);
        script.open_object(2, b"life", READ);
        script.list(PRIVATE);
    }
    for call in [Call::Delete, Call::Delete1, Call::CloseObject] {
        script.numbers(call, &[NONE]);
    }
    script
}

/// Names of all kinds. (One of no bytes confuses OP-TEE's directory.)
fn names() -> Script {
    let mut script = Script::with_empty_storage("storage: names", NOW);
    let long = pattern(51, 64);
    let names = [
        &b"a"[..],
        b"A",
        b"a\0",
        b"\0",
        b"\xff",
        b"ab",
        b".",
        b"..",
        b"a/b",
        &[0; 16],
        &long[..63],
        &long[..],
    ];
    for id in names {
        script.create(0, id, ALL_ACCESS, id);
        script.look(0);
        script.close_object(0);
    }
    for id in names {
        script.open_object(0, id, READ);
        script.look(0);
        script.close_object(0);
    }
    script.open_object(0, b"b", READ);
    script.list(PRIVATE);
    for id in names {
        script.open_object(0, id, WRITE_META);
        script.numbers(Call::Delete1, &[0]);
    }
    script.list(PRIVATE);
    script
}

/// Which storages there are, and which are one.
fn storages() -> Script {
    let mut script = Script::with_empty_storage("storage: storages", NOW);
    for storage in [PRIVATE, PRIVATE_REE, 0, 2, 0x8000_0001, 0x8000_0200, 0xFFFF_FFFF] {
        made_in(&mut script, storage);
    }
    script
}

fn rpmb() -> Script {
    let mut script = Script::with_empty_storage("storage: RPMB", NOW);
    script.numbers(Call::Clear, &[PRIVATE_RPMB]);
    for storage in [PRIVATE, PRIVATE_RPMB] {
        made_in(&mut script, storage);
    }
    script
}

/// What is made in one storage is there, and where else?
fn made_in(script: &mut Script, storage: u32) {
    let note = format!("in {storage:#x}");
    script.list(storage);
    let create = create_args(0, storage, b"s", READ | WRITE, NONE).bytes(&storage.to_le_bytes());
    script.call_in(0, Call::Create, &note, create);
    script.list_open(storage);
    script.close_object(0);
    for also in [PRIVATE, PRIVATE_REE, PRIVATE_RPMB, storage] {
        let open = args(&[0, also]).bytes(b"s").u32(READ | SHARE_READ);
        script.call_in(0, Call::Open, format_args!("in {also:#x}"), open);
        script.close_object(0);
    }
}

/// Keys of all kinds are kept, found again and used.
fn keys() -> Script {
    let mut script = Script::with_empty_storage("storage: keys", NOW);
    let rsa = [Kept::hex(0xD000_0130, RSA_N), Kept::hex(0xD000_0230, "010001")];
    let pair = [&rsa[..], &[Kept::hex(0xC000_0330, RSA_D)]].concat();
    let p256 = [Kept::hex(0xD000_0141, P256_X), Kept::hex(0xD000_0241, P256_Y), Kept::Value(0xF000_0441, 3)];
    let ecdsa = [&p256[..], &[Kept::hex(0xC000_0341, P256_D)]].concat();
    let secret = |len| vec![Kept::Buffer(SECRET_VALUE, pattern(52, len))];
    for (name, kind, attributes) in [
        (&b"aes"[..], (AES, 256), secret(16)),
        (b"des3", (DES3, 192), secret(24)),
        (b"hmac", (0xA000_0004, 1024), secret(40)),
        (b"secret", (GENERIC_SECRET, 4096), secret(512)),
        (b"rsa", (0xA000_0030, 2048), rsa.to_vec()),
        (b"rsa pair", (0xA100_0030, 1024), pair),
        (b"ecdsa", (0xA100_0041, 256), ecdsa),
        (b"ecdsa public", (0xA000_0041, 521), p256.to_vec()),
    ] {
        script.object(0, kind, &attributes);
        script.create_with(1, name, ALL_ACCESS, 0, DATA);
        script.numbers(Call::FreeObject, &[0]);
        script.look(1);
        script.close_object(1);
        script.open_object(2, name, ALL_ACCESS);
        script.look(2);
        for attribute in &attributes {
            match attribute {
                Kept::Buffer(id, _) => script.numbers(Call::BufferAttribute, &[2, *id, 512]),
                Kept::Value(id, _) => script.numbers(Call::ValueAttribute, &[2, *id]),
            }
        }
        // A copy of its own, and another that is kept.
        script.numbers(Call::AllocateObject, &[3, kind.0, kind.1]);
        script.numbers(Call::CopyAttributes1, &[3, 2]);
        script.numbers(Call::ObjectInfo1, &[3]);
        script.create_with(4, b"copy", ALL_ACCESS | OVERWRITE, 2, b"of it");
        script.look(4);
        script.write(2, b"more");
        script.look(2);
        script.numbers(Call::FreeObject, &[3]);
        script.close_object(2);
        script.numbers(Call::Delete1, &[4]);
    }
    script.open_object(0, b"aes", READ);
    script.numbers(Call::AllocateOperation, &[0, AES_CBC, ENCRYPT, 256]);
    script.numbers(Call::SetKey, &[0, 0]);
    script.call(Call::CipherInit, "", args(&[0]).bytes(&[1; 16]));
    script.call(Call::CipherFinal, "", args(&[0]).bytes(&[2; 32]).u32(32));
    script.close_object(0);
    script.list(PRIVATE);
    script
}

/// What is restricted stays so, for all who have it open.
fn usage() -> Script {
    let mut script = Script::with_empty_storage("storage: usage", NOW);
    script.key(0, AES, 128, &pattern(53, 16));
    script.numbers(Call::Restrict1, &[0, 0x7F]);
    script.create_with(1, b"key", READ | SHARE_READ, 0, b"");
    script.open_object(2, b"key", READ | SHARE_READ);
    for (slot, usage) in [(0, 0xF), (1, 7), (2, 0xFF03)] {
        script.numbers(if slot == 1 { Call::Restrict } else { Call::Restrict1 }, &[slot, usage]);
        for slot in 0..3 {
            script.numbers(Call::ObjectInfo1, &[slot]);
        }
    }
    script.numbers(Call::BufferAttribute, &[2, SECRET_VALUE, 16]);
    for slot in 1..3 {
        script.close_object(slot);
    }
    script.open_object(1, b"key", SHARE_READ);
    script.numbers(Call::ObjectInfo1, &[1]);
    script.create(2, b"data", READ, DATA);
    script.numbers(Call::Restrict1, &[2, 3]);
    script.numbers(Call::ObjectInfo1, &[2]);
    script.read(2, 5);
    script
}

fn renamed() -> Script {
    let mut script = Script::with_empty_storage("storage: renamed", NOW);
    script.create(0, b"a", READ | WRITE_META, DATA);
    script.create(1, b"b", READ | SHARE_READ, b"b");
    for id in [&b"b"[..], b"a", b"c", b"c"] {
        script.rename(0, id);
    }
    script.look(0);
    for id in [b"a", b"b", b"c"] {
        script.open_object(2, id, READ | SHARE_READ);
    }
    script.close_object(1);
    script.close_object(2);
    script.rename(0, b"b");
    script.rename(0, &[0x31; 64]);
    script.list_open(PRIVATE);
    script.create(1, b"c", READ, b"new");
    script.rename(0, b"c");
    script.close_object(0);
    script.open_object(0, &[0x31; 64], WRITE_META);
    script.rename(0, b"a");
    script.close_object(0);
    script.open_object(0, b"a", READ | WRITE_META);
    script.look(0);
    script.numbers(Call::Delete1, &[0]);
    script.list(PRIVATE);
    script
}

/// An object is made anew, in the place of one of another kind.
fn overwritten(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with_empty_storage(format_args!("storage {api}: overwritten"), ta);
    script.create(0, b"o", READ | OVERWRITE, DATA);
    script.close_object(0);
    script.create(0, b"o", READ, b"");
    script.key(3, AES, 128, &pattern(54, 16));
    script.create_with(0, b"o", READ | WRITE | OVERWRITE, 3, b"new");
    script.look(0);
    script.close_object(0);
    script.open_object(0, b"o", READ);
    script.look(0);
    script.numbers(Call::BufferAttribute, &[0, SECRET_VALUE, 16]);
    // It is open, and excludes others, or does not.
    script.create(1, b"o", READ | OVERWRITE, b"x");
    script.close_object(0);
    script.open_object(0, b"o", READ | SHARE_READ);
    script.create(1, b"o", READ | SHARE_READ, b"x");
    script.create(1, b"o", READ | OVERWRITE, b"x");
    script.list_open(PRIVATE);
    script.create(1, b"o", READ | SHARE_READ | OVERWRITE, b"by another");
    script.look(1);
    script.close_object(0);
    script.close_object(1);
    script.open_object(1, b"o", ALL_ACCESS);
    script.look(1);
    script.numbers(Call::Delete1, &[1]);
    script.list(PRIVATE);
    script
}

fn enumerators(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with_empty_storage(format_args!("storage {api}: enumerators"), ta);
    script.numbers(Call::AllocateEnumerator, &[0]);
    for call in [Call::FreeEnumerator, Call::ResetEnumerator] {
        script.numbers(call, &[NONE]);
    }
    script.numbers(Call::Next, &[0, 1]);
    // Where nothing has been started OP-TEE does not survive being asked for the next.
    script.numbers(Call::StartEnumerator, &[0, PRIVATE]);
    script.create(0, b"only", READ | WRITE | SHARE_READ | SHARE_WRITE, DATA);
    for close in [false, true] {
        if close {
            script.close_object(0);
        }
        for storage in [PRIVATE, PRIVATE_REE] {
            script.numbers(Call::StartEnumerator, &[0, storage]);
            for with_info in [1, 0] {
                script.numbers(Call::Next, &[0, with_info]);
            }
        }
    }
    script.numbers(Call::StartEnumerator, &[0, PRIVATE]);
    script.numbers(Call::ResetEnumerator, &[0]);
    script.numbers(Call::Next, &[0, 1]);
    script.numbers(Call::StartEnumerator, &[0, 0]);
    // Two at a time.
    script.numbers(Call::AllocateEnumerator, &[1]);
    for enumerator in [0, 1] {
        script.numbers(Call::StartEnumerator, &[enumerator, PRIVATE]);
    }
    for enumerator in [0, 1, 0, 1] {
        script.numbers(Call::Next, &[enumerator, 1]);
    }
    // It goes while one is looking.
    script.numbers(Call::StartEnumerator, &[0, PRIVATE]);
    script.open_object(0, b"only", WRITE_META);
    script.numbers(Call::Next, &[0, 1]);
    script.numbers(Call::StartEnumerator, &[1, PRIVATE]);
    script.numbers(Call::Delete1, &[0]);
    script.numbers(Call::Next, &[1, 1]);
    for enumerator in [0, 1] {
        script.numbers(Call::FreeEnumerator, &[enumerator]);
    }
    for index in 0..7_u8 {
        script.create(0, &[b'a' + index; 3], READ | OVERWRITE, &DATA[..usize::from(index)]);
        script.close_object(0);
    }
    script.list(PRIVATE);
    script.numbers(Call::Clear, &[PRIVATE]);
    script.list(PRIVATE);
    script
}

/// What one session keeps another finds, whatever becomes of the first.
fn sessions(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with_empty_storage(format_args!("storage {api}: sessions"), ta);
    script.open(1, ta, Vec::new());
    script.create(0, b"kept", READ | WRITE | SHARE_READ | SHARE_WRITE, DATA);
    script.open_in(1, 0, b"kept", READ | SHARE_READ | SHARE_WRITE);
    script.call_in(1, Call::Read, "", args(&[0, 100]));
    script.call_in(1, Call::Open, "no right", args(&[1, PRIVATE]).bytes(b"kept").u32(READ));
    script.close(1);
    script.write(0, b"open");
    script.close(0);
    script.open(0, ta, Vec::new());
    script.open_object(0, b"kept", ALL_ACCESS);
    script.look(0);
    script.open(1, ta, Vec::new());
    script.open_in(1, 0, b"kept", READ);
    // It dies with the object open, and something written.
    script.seek(0, 2, SET);
    script.write(0, b"last");
    script.numbers(Call::ObjectInfo1, &[WILD]);
    script.open_in(1, 0, b"kept", ALL_ACCESS);
    script.call_in(1, Call::Read, "", args(&[0, 100]));
    script.call_in(1, Call::Delete1, "", args(&[0]));
    script.close(0);
    script.close(1);
    // Another TA sees nothing of it.
    script.open(0, ta, Vec::new());
    script.create(0, b"kept", 0, DATA);
    let other = APIS[usize::from(ta == NOW)].1;
    script.open(1, other, Vec::new());
    script.open_in(1, 0, b"kept", READ);
    script
}

/// Without a handle a transient object becomes the persistent one.
fn becoming() -> Script {
    let mut script = Script::with_empty_storage("storage: a transient object becomes persistent", NOW);
    let none = |script: &mut Script, id: &[u8], flags: u32, attributes: u32, data: &[u8]| {
        let args = args(&[0, NONE, PRIVATE]).bytes(id).u32(flags).u32(attributes).bytes(data);
        script.call_in(0, Call::Create, format_args!("without a handle, of {attributes:#x}"), args);
    };
    script.key(0, AES, 128, &pattern(55, 16));
    none(&mut script, b"key", READ | WRITE | SHARE_READ | SHARE_WRITE, 0, DATA);
    script.look(0);
    script.write(0, b"more");
    script.numbers(Call::BufferAttribute, &[0, SECRET_VALUE, 16]);
    script.open_object(1, b"key", READ);
    // A persistent one stays what it is.
    none(&mut script, b"other", READ, 0, b"other");
    script.look(0);
    none(&mut script, b"data", READ, NONE, b"data");
    script.list_open(PRIVATE);
    none(&mut script, b"data", READ, NONE, b"again");
    script.close_object(0);
    for id in [&b"key"[..], b"other", b"data"] {
        script.open_object(0, id, ALL_ACCESS);
        script.look(0);
        script.numbers(Call::Delete1, &[0]);
    }
    script.list(PRIVATE);
    script
}
