// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The data streams of persistent objects (API 1.3.1, section 5.9), well used.

use uuid::Uuid;

use super::crypto::*;
use super::script::Script;
use super::stored::*;

/// The last position there is.
const MAX_POSITION: i64 = 0xFFFF_FFFF;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        scripts.extend([reading(api, ta), writing(api, ta), truncating(api, ta), seeking(api, ta)]);
    }
    scripts.extend([far(), nothing_behind_the_end(), long(), two_handles()]);
    scripts
}

fn begin(api: &str, ta: Uuid, name: &str, data: &[u8]) -> Script {
    let mut script = Script::with_empty_storage(format_args!("streams {api}: {name}"), ta);
    script.create(0, b"stream", ALL_ACCESS, data);
    script
}

/// In pieces of all sizes, up to the end and beyond.
fn reading(api: &str, ta: Uuid) -> Script {
    let mut script = begin(api, ta, "reading", &pattern(61, 100));
    for room in [0, 1, 7, 0, 50, 100, 1, 0] {
        script.read(0, room);
        script.numbers(Call::ObjectInfo1, &[0]);
    }
    // To nowhere, which is nothing.
    script.numbers(Call::Read, &[0, NULL]);
    for (offset, room) in [(99, 1), (99, 2), (100, 1), (101, 10), (5000, 10), (0, 100), (0, 200)] {
        script.seek(0, offset, SET);
        script.read(0, room);
        script.numbers(Call::ObjectInfo1, &[0]);
    }
    script
}

/// Over what is there, behind it, and far behind it.
fn writing(api: &str, ta: Uuid) -> Script {
    let mut script = begin(api, ta, "writing", b"");
    script.call(Call::Write, "null", args(&[0]).null());
    for (offset, len) in
        [(0, 10), (4, 2), (9, 4), (13, 0), (13, 1), (20, 3), (60, 1), (0, 0), (0, 70), (69, 30)]
    {
        script.seek(0, offset, SET);
        script.write(0, &pattern(offset as u8, len));
        script.numbers(Call::ObjectInfo1, &[0]);
        script.look(0);
    }
    script.close_object(0);
    script.open_object(0, b"stream", READ);
    script.look(0);
    script.close_object(0);
    script.list(PRIVATE);
    script
}

/// An empty write, where there is nothing yet.
fn nothing_behind_the_end() -> Script {
    let mut script = begin(APIS[0].0, NOW, "nothing behind the end", b"0123456789");
    script.seek(0, 60, SET);
    script.write(0, b"");
    script.look(0);
    script.close_object(0);
    script.open_object(0, b"stream", READ);
    script.look(0);
    script
}

fn truncating(api: &str, ta: Uuid) -> Script {
    let mut script = begin(api, ta, "truncating", &pattern(62, 50));
    script.seek(0, 20, SET);
    for size in [50, 49, 20, 19, 30, 0, 0, 1, 40, 60] {
        script.numbers(Call::Truncate, &[0, size]);
        script.numbers(Call::ObjectInfo1, &[0]);
    }
    script.look(0);
    for (position, size) in [(10, 30), (25, 5), (5, 8000), (8000, 4000), (0, 4096), (0, 3)] {
        script.seek(0, position, SET);
        script.write(0, b"abc");
        script.numbers(Call::Truncate, &[0, size]);
        script.numbers(Call::ObjectInfo1, &[0]);
        script.numbers(Call::Read, &[0, 100]);
        script.look(0);
    }
    script.close_object(0);
    script.open_object(0, b"stream", READ | WRITE);
    script.look(0);
    script
}

fn seeking(api: &str, ta: Uuid) -> Script {
    let mut script = begin(api, ta, "seeking", &pattern(63, 50));
    for whence in [SET, CUR, END] {
        for offset in [
            0,
            1,
            -1,
            10,
            -10,
            49,
            50,
            51,
            -49,
            -50,
            -51,
            1000,
            -1000,
            0x7FFF_FFFF,
            -0x7FFF_FFFF,
            -0x8000_0000,
        ] {
            script.seek(0, 7, SET);
            script.seek(0, offset, whence);
            script.numbers(Call::ObjectInfo1, &[0]);
            script.read(0, 3);
        }
    }
    // To the last position there is, in steps that API 1.1 has.
    script.seek(0, 0, SET);
    for offset in [0x7FFF_FFFF, 0x7FFF_FFFF, 2, 1, 1, -1, 1] {
        script.seek(0, offset, CUR);
        script.numbers(Call::ObjectInfo1, &[0]);
        script.read(0, 3);
    }
    script
}

/// Offsets of more than 32 bits, which API 1.1 has not.
fn far() -> Script {
    let mut script = begin(APIS[0].0, NOW, "seeking far", &pattern(64, 50));
    for whence in [SET, CUR, END] {
        for offset in [
            0x8000_0000,
            MAX_POSITION - 51,
            MAX_POSITION - 50,
            MAX_POSITION - 49,
            MAX_POSITION - 1,
            MAX_POSITION,
            MAX_POSITION + 1,
            MAX_POSITION << 4,
            i64::MAX,
            -0x8000_0001,
            -MAX_POSITION,
            -MAX_POSITION << 4,
            i64::MIN,
        ] {
            script.seek(0, 7, SET);
            script.seek(0, offset, whence);
            script.numbers(Call::ObjectInfo1, &[0]);
            script.read(0, 3);
        }
    }
    script
}

/// More than a block of whoever keeps it.
fn long() -> Script {
    let mut script = begin(APIS[0].0, NOW, "long data", b"");
    let whole = |script: &mut Script, seed: u32, len: u32| {
        script.seek(0, 0, SET);
        script.numbers(Call::ReadPattern, &[0, seed, len]);
        script.numbers(Call::ObjectInfo1, &[0]);
    };
    for (seed, len) in (1..).zip([4000, 4072, 4073, 4096, 8192, 40_000, 150_000, 5]) {
        script.seek(0, 0, SET);
        script.numbers(Call::WritePattern, &[0, seed, len]);
        whole(&mut script, seed, len + 10);
        script.numbers(Call::Truncate, &[0, len - 5]);
        whole(&mut script, seed, len + 10);
    }
    script.close_object(0);
    let create = create_args(0, PRIVATE, b"stream", READ | WRITE | OVERWRITE, NONE).u32(9).u32(100_000);
    script.call_in(0, Call::CreatePattern, "100000 bytes", create);
    whole(&mut script, 9, 100_010);
    // In the middle, and a hole behind.
    script.seek(0, 33_333, SET);
    script.numbers(Call::WritePattern, &[0, 10, 20_000]);
    script.seek(0, 33_333, SET);
    script.numbers(Call::ReadPattern, &[0, 10, 20_000]);
    script.seek(0, 20_000, END);
    script.numbers(Call::WritePattern, &[0, 11, 5000]);
    whole(&mut script, 9, 33_333);
    for (at, len) in [(53_330, 40), (99_990, 40), (119_990, 40)] {
        script.seek(0, at, SET);
        script.read(0, len);
    }
    script.close_object(0);
    script.open_object(0, b"stream", READ);
    whole(&mut script, 9, 33_333);
    script
}

/// Two that write to one object.
fn two_handles() -> Script {
    let mut script = Script::with_empty_storage("streams 1.3.1: two handles", NOW);
    let flags = READ | WRITE | SHARE_READ | SHARE_WRITE;
    script.create(0, b"stream", flags, b"0123456789");
    script.open_object(1, b"stream", flags);
    script.read(1, 3);
    script.write(0, b"abcde");
    script.read(1, 100);
    script.numbers(Call::ObjectInfo1, &[0]);
    script.numbers(Call::ObjectInfo1, &[1]);
    script.write(1, b"behind");
    script.read(0, 100);
    script.numbers(Call::ObjectInfo1, &[0]);
    script.numbers(Call::Truncate, &[0, 2]);
    script.look(1);
    script.look(0);
    for slot in [1, 0] {
        script.close_object(slot);
    }
    script.open_object(0, b"stream", READ);
    script.look(0);
    script
}
