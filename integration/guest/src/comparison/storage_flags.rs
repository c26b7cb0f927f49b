// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Access rights of handles to persistent objects, and which handles exclude each other (API 1.3.1, section 5.7.3).

use super::crypto::*;
use super::script::Script;
use super::stored::*;

const DATA: &[u8] = b"0123456789";

pub(super) fn scripts() -> Vec<Script> {
    vec![flags_of_new_ones(), flags(), sharing(), sharing_between_instances()]
}

/// Objects are made with each set of flags.
fn flags_of_new_ones() -> Script {
    let mut script = Script::with_empty_storage("storage: flags of new objects", NOW);
    for flags in sets() {
        script.create(0, b"flags", flags | OVERWRITE, DATA);
        script.numbers(Call::ObjectInfo1, &[0]);
        script.close_object(0);
    }
    script
}

/// One is opened with each set of flags.
fn flags() -> Script {
    let mut script = Script::with_empty_storage("storage: flags", NOW);
    script.create(0, b"flags", 0, DATA);
    script.close_object(0);
    for flags in sets() {
        script.open_object(0, b"flags", flags);
        script.numbers(Call::ObjectInfo1, &[0]);
        if flags & READ != 0 {
            script.read(0, 4);
        }
        if flags & WRITE != 0 {
            script.write(0, &[flags as u8; 2]);
        }
        script.seek(0, -1, END);
        script.numbers(Call::ObjectInfo1, &[0]);
        script.close_object(0);
    }
    script
}

/// Each set of flags beside each.
fn sharing() -> Script {
    let mut script = Script::with_empty_storage("storage: sharing", NOW);
    script.create(0, b"shared", 0, DATA);
    script.close_object(0);
    for first in sets() {
        script.open_object(0, b"shared", first);
        for second in sets() {
            script.open_object(1, b"shared", second);
            script.close_object(1);
        }
        script.close_object(0);
    }
    script
}

/// Between two instances; with overwriting.
fn sharing_between_instances() -> Script {
    let mut script = Script::with_empty_storage("storage: sharing between instances", NOW);
    script.open(1, NOW, Vec::new());
    let shared = SHARE_READ | SHARE_WRITE;
    let sets =
        [0, READ, READ | SHARE_READ, WRITE | SHARE_WRITE, shared, READ | WRITE | shared, WRITE_META | shared];
    for first in sets {
        script.create(0, b"shared", first | OVERWRITE, DATA);
        for second in sets {
            script.open_in(1, 1, b"shared", second);
            script.call_in(1, Call::CloseObject, "", args(&[1]));
            for flags in [second, second | OVERWRITE] {
                let create = create_args(2, PRIVATE, b"shared", flags, NONE).bytes(DATA);
                script.call_in(1, Call::Create, format_args!("{flags:#x}"), create);
                script.call_in(1, Call::CloseObject, "", args(&[2]));
            }
        }
        script.close_object(0);
    }
    script
}

/// All sets of flags that an object can be opened with.
fn sets() -> impl Iterator<Item = u32> {
    (0..8)
        .flat_map(|access| [0, SHARE_READ, SHARE_WRITE, SHARE_READ | SHARE_WRITE].map(|share| access | share))
}
