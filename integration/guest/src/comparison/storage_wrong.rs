// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Persistent objects badly used: calls that end the TA, or do not, and what is left of its objects.

use uuid::Uuid;

use super::crypto::*;
use super::script::Script;
use super::stored::*;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        scripts.push(wrong(api, ta, "data", streams));
        scripts.push(wrong(api, ta, "names in shared memory", in_shared_memory));
        // What follows is the same function for both.
        if ta == NOW {
            scripts.push(wrong(api, ta, "opening", opening));
            scripts.push(wrong(api, ta, "objects", of_objects));
            scripts.push(wrong(api, ta, "enumerators", enumerating));
        }
    }
    scripts
}

/// One case after the other, each in a session of its own with these objects: 0 is open without any right, 1 is a key,
/// 2 an empty one, 3 may be read, 4 written; enumerator 0 has begun.
fn wrong(api: &str, ta: Uuid, name: &str, cases: fn(Add<'_>)) -> Script {
    let mut script = Script::with_empty_storage(format_args!("storage, wrong {api}: {name}"), ta);
    script.key(1, AES, 256, &pattern(71, 16));
    script.create(0, b"no right", 0, b"data");
    script.create(3, b"read", READ, b"read");
    script.create_with(4, b"write", WRITE, 1, b"write");
    script.close(0);
    cases(&mut |case, steps| {
        let from = script.steps.len();
        script.open(0, ta, Vec::new());
        script.key(1, AES, 256, &pattern(71, 16));
        script.numbers(Call::AllocateObject, &[2, AES, 256]);
        for (slot, id, flags) in [(0, &b"no right"[..], 0), (3, b"read", READ), (4, b"write", WRITE)] {
            script.open_object(slot, id, flags);
        }
        script.numbers(Call::AllocateEnumerator, &[0]);
        script.numbers(Call::StartEnumerator, &[0, PRIVATE]);
        steps(&mut script);
        script.is_there();
        script.close(0);
        for step in &mut script.steps[from..] {
            step.what = format!("{case}: {}", step.what);
        }
    });
    // All that was kept is as it was, and free.
    script.open(0, ta, Vec::new());
    script.list(PRIVATE);
    for id in [&b"no right"[..], b"read", b"write"] {
        script.open_object(0, id, ALL_ACCESS);
        script.look(0);
        script.close_object(0);
    }
    script
}

type Add<'a> = &'a mut dyn FnMut(&str, &dyn Fn(&mut Script));

fn opening(add: Add<'_>) {
    for flags in [OVERWRITE, 8, 0x800, 0xFFFF_FFFF] {
        add(&format!("opened with flags {flags:#x}"), &|script| script.open_object(5, b"read", flags));
    }
    for flags in [8, 0x800, 0xFFFF_FFFF] {
        add(&format!("made with flags {flags:#x}"), &|script| script.create(5, b"new", flags, b""));
    }
    for len in [65, 200] {
        let id = vec![0x61; len];
        add(&format!("opened with a name of {len} bytes"), &|script| script.open_object(5, &id, READ));
        add(&format!("made with a name of {len} bytes"), &|script| script.create(5, &id, READ, b""));
        add(&format!("renamed to {len} bytes"), &|script| {
            script.close_object(4);
            script.open_object(4, b"write", WRITE_META);
            script.rename(4, &id);
        });
    }
    // Of several faults, which comes first?
    add("opened with wrong flags in a storage that is not", &|script| {
        script.call_in(0, Call::Open, "flags 0x8 in 7", args(&[5, 7]).bytes(b"read").u32(8));
    });
    add("opened with too long a name in a storage that is not", &|script| {
        script.call_in(0, Call::Open, "65 bytes in 7", args(&[5, 7]).bytes(&[1; 65]).u32(READ));
    });
    add("made with too long a name in a storage that is not", &|script| {
        script.call_in(0, Call::Create, "65 bytes in 7", create_args(5, 7, &[1; 65], READ, NONE).bytes(b""));
    });
    for (what, slot) in [("a wild handle", WILD), ("an empty key", 2), ("another persistent object", 3)] {
        add(&format!("made with the attributes of {what}"), &|script| {
            script.create_with(5, b"new", READ | OVERWRITE, slot, b"");
        });
        add(&format!("made in the place of another with the attributes of {what}"), &|script| {
            script.close_object(3);
            script.open_object(3, b"write", WRITE);
            script.create_with(5, b"no right", READ | OVERWRITE, slot, b"");
        });
    }
    add("made without a handle", &|script| {
        let create =
            args(&[0, NONE, PRIVATE]).bytes(b"no handle").u32(READ | OVERWRITE).u32(NONE).bytes(b"data");
        script.call_in(0, Call::Create, "without a handle", create);
    });
    add("made of the key without a handle", &|script| {
        let create =
            args(&[0, NONE, PRIVATE]).bytes(b"no handle").u32(READ | OVERWRITE).u32(1).bytes(b"data");
        script.call_in(0, Call::Create, "without a handle", create);
        script.look(1);
    });
}

fn streams(add: Add<'_>) {
    for (what, slot) in [
        ("no handle", NONE),
        ("a wild handle", WILD),
        ("a key", 1),
        ("an empty key", 2),
        ("no right", 0),
        ("another right", 4),
    ] {
        add(&format!("read with {what}"), &|script| script.read(slot, 4));
        let slot = if slot == 4 { 3 } else { slot };
        add(&format!("written with {what}"), &|script| script.write(slot, b"x"));
        add(&format!("truncated with {what}"), &|script| script.numbers(Call::Truncate, &[slot, 1]));
        add(&format!("sought with {what}"), &|script| script.seek(slot, 1, SET));
        add(&format!("renamed with {what}"), &|script| script.rename(slot, b"x"));
        if slot == 0 || slot == 1 {
            add(&format!("nothing read with {what}"), &|script| script.read(slot, 0));
            add(&format!("nothing written with {what}"), &|script| script.write(slot, b""));
            add(&format!("sought wrongly with {what}"), &|script| script.seek(slot, 1, 3));
            add(&format!("renamed to what there is with {what}"), &|script| script.rename(slot, b"write"));
            add(&format!("renamed too long with {what}"), &|script| script.rename(slot, &[1; 65]));
        }
    }
    for whence in [3, 0x7FFF_FFFF, 0xFFFF_FFFF] {
        add(&format!("sought from {whence:#x}"), &|script| script.seek(3, 0, whence));
    }
}

fn of_objects(add: Add<'_>) {
    for call in [Call::Delete, Call::Delete1] {
        for (what, slot) in [
            ("a wild handle", WILD),
            ("a key", 1),
            ("an empty key", 2),
            ("no right", 0),
            ("another right", 4),
        ] {
            add(&format!("{call:?} with {what}"), &|script| script.numbers(call, &[slot]));
        }
    }
    // What is for transient objects only.
    add("FreeObject", &|script| script.numbers(Call::FreeObject, &[4]));
    add("ResetObject", &|script| script.numbers(Call::ResetObject, &[4]));
    add("Populate", &|script| {
        script.call(Call::Populate, "", args(&[4]).buffers(&[(SECRET_VALUE, &[1; 16])]));
    });
    add("GenerateKey", &|script| script.numbers(Call::GenerateKey, &[4, 128, 0]));
    for call in [Call::CopyAttributes, Call::CopyAttributes1] {
        add(&format!("{call:?} to a persistent one"), &|script| script.numbers(call, &[4, 1]));
        add(&format!("{call:?} from data"), &|script| script.numbers(call, &[2, 3]));
        add(&format!("{call:?} from a persistent key"), &|script| {
            script.numbers(call, &[2, 4]);
            script.numbers(Call::BufferAttribute, &[2, SECRET_VALUE, 16]);
        });
    }
    add("an attribute of data", &|script| script.numbers(Call::BufferAttribute, &[3, SECRET_VALUE, 16]));
    add("data as a key", &|script| {
        script.numbers(Call::AllocateOperation, &[0, AES_CBC, ENCRYPT, 256]);
        script.numbers(Call::SetKey, &[0, 3]);
    });
    // What has ended.
    for end in [Call::CloseObject, Call::Delete1] {
        for call in [Call::ObjectInfo1, Call::CloseObject, Call::Delete1, Call::Read, Call::Truncate] {
            add(&format!("{call:?} after {end:?}"), &|script| {
                script.create(5, b"ends", ALL_ACCESS | OVERWRITE, b"data");
                script.numbers(end, &[5]);
                script.numbers(call, &[5, 4]);
            });
        }
    }
}

fn enumerating(add: Add<'_>) {
    for (what, slot) in [("no handle", NONE), ("a wild handle", WILD), ("one never allocated", 1)] {
        add(&format!("an enumerator freed with {what}"), &|script| {
            script.numbers(Call::FreeEnumerator, &[slot]);
        });
        add(&format!("an enumerator reset with {what}"), &|script| {
            script.numbers(Call::ResetEnumerator, &[slot]);
        });
        add(&format!("an enumerator started with {what}"), &|script| {
            script.numbers(Call::StartEnumerator, &[slot, PRIVATE]);
        });
        add(&format!("an enumerator started with {what} in a storage that is not"), &|script| {
            script.numbers(Call::StartEnumerator, &[slot, 7]);
        });
        add(&format!("the next with {what}"), &|script| script.numbers(Call::Next, &[slot, 0]));
    }
    add("the next without room", &|script| script.numbers(Call::Next, &[0, 2]));
    for call in [Call::FreeEnumerator, Call::ResetEnumerator, Call::StartEnumerator, Call::Next] {
        add(&format!("{call:?} after FreeEnumerator"), &|script| {
            script.numbers(Call::FreeEnumerator, &[0]);
            script.numbers(call, &[0, PRIVATE]);
        });
    }
}

/// GP has names in memory that the TA shares with nobody.
fn in_shared_memory(add: Add<'_>) {
    let leave = |script: &mut Script| script.numbers(Call::LeaveInShared, &[1]);
    add("opened by a name in shared memory", &|script| {
        leave(script);
        script.close_object(3);
        script.open_object(3, b"read", READ);
    });
    add("opened by a name in shared memory in a storage that is not", &|script| {
        leave(script);
        script.call_in(0, Call::Open, "in 7", args(&[5, 7]).bytes(b"read").u32(READ));
    });
    add("made with a name in shared memory", &|script| {
        leave(script);
        script.create(5, b"new", READ | OVERWRITE, b"");
    });
    add("renamed to what is in shared memory", &|script| {
        script.create(5, b"new", WRITE_META | OVERWRITE, b"");
        leave(script);
        script.rename(5, b"newer");
    });
    add("renamed without the right to what is in shared memory", &|script| {
        leave(script);
        script.rename(3, b"newer");
    });
    add("written from shared memory", &|script| {
        leave(script);
        script.write(4, b"write");
    });
}
