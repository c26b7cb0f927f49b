// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Parameters, results, instances and their deaths, by the probe TA
//! (`integration/tas/probe/include/probe_ta.h`).

use tee_client::{Access, Login};
use uuid::{uuid, Uuid};

use super::header::defined;
use super::script::{input, room, value, value_out, values, Arg, Script};
use crate::probe::*;

const ACCESSES: [Access; 3] = [Access::Input, Access::Output, Access::Inout];

/// Result codes: those of GP, and any.
pub(super) const CODES: [u32; 16] = [
    0,
    1,
    0x7FFF_FFFF,
    0x8000_0000,
    0xF010_0001,
    0xFFFF_0000,
    0xFFFF_0001,
    0xFFFF_0006,
    0xFFFF_000A,
    0xFFFF_000C,
    0xFFFF_000F,
    0xFFFF_0010,
    0xFFFF_3024,
    0xFFFF_3025,
    0xFFFF_5000,
    0xFFFF_FFFF,
];

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = vec![
        parameters(),
        results(),
        memrefs(),
        digests(),
        properties(),
        access_rights(),
        heap(),
        logins(),
        opening(),
        shared_instance(),
        exclusive_instance(),
        numbers_of_sessions(),
    ];
    scripts.extend(deaths());
    scripts
}

/// Every combination of two types of parameters, at a command that takes them as they are, and at ones that
/// look at them.
fn parameters() -> Script {
    let mut script = Script::with("parameters: types", PROBE);
    let mut kinds = vec![Arg::None];
    kinds.extend(ACCESSES.map(|access| Arg::Value(access, 5, 6)));
    kinds.extend(ACCESSES.map(|access| Arg::Memref(access, vec![7; 24])));
    kinds.extend(ACCESSES.map(|access| Arg::Null(access, 0)));
    for (i, first) in kinds.iter().enumerate() {
        for (j, second) in kinds.iter().enumerate() {
            for command in [NOP, SWAP, SUM, FILL] {
                let args = vec![first.clone(), second.clone(), Arg::None, value_out()];
                // Of four parameters and of two.
                let args = if command == NOP { args } else { args[..2].to_vec() };
                script.invoke(format_args!("command {command}, types {i} and {j}"), 0, command, args);
            }
        }
    }
    script
}

/// What a TA returns, whatever it is.
fn results() -> Script {
    let mut script = Script::with("parameters: results", PROBE);
    for code in CODES {
        script.invoke(format_args!("return {code:#x}"), 0, RETURN, vec![value(code, 0)]);
    }
    for command in [14, 18, 24, 99, 0xFFFF_FFFF] {
        let args = if command == 14 || command == 18 { vec![value_out()] } else { vec![value(1, 2)] };
        if command != 18 {
            script.invoke(format_args!("command {command}"), 0, command, args);
        }
    }
    script.invoke("swap", 0, SWAP, vec![values(0xFFFF_FFFF, 1)]);
    script
}

/// Buffers of all sizes, and what becomes of the sizes.
fn memrefs() -> Script {
    let mut script = Script::with("parameters: memrefs", PROBE);
    for len in [0, 1, 7, 4095, 4096, 4097, 9000] {
        script.invoke(format_args!("sum of {len}"), 0, SUM, vec![input(vec![3; len]), value_out()]);
        script.invoke(format_args!("fill {len}"), 0, FILL, vec![room(len), value(0x1C3, 0)]);
        for at in [0, len.saturating_sub(1), len] {
            let buffer = Arg::Memref(Access::Inout, vec![9; len]);
            script.invoke(format_args!("touch {at} of {len}"), 0, TOUCH, vec![buffer, values(at as u32, 0)]);
        }
        for need in [0, len.saturating_sub(1), len, len + 1, 1 << 20, 0xFFFF_FFFF] {
            let args = vec![room(len), value(need as u32, 0)];
            script.invoke(format_args!("needs {need} of {len}"), 0, SHORT_BUFFER, args);
        }
    }
    for access in ACCESSES {
        for size in [0, 1, 4096] {
            let args = vec![Arg::Null(access, size), value_out()];
            script.invoke(format_args!("null {access:?} {size}"), 0, NULL_MEMREF, args);
            let args = vec![Arg::Null(access, size), value(10, 0)];
            script.invoke(format_args!("null {access:?} {size} short"), 0, SHORT_BUFFER, args);
        }
    }
    script
}

/// Each digest, and what is none, with all kinds of room.
fn digests() -> Script {
    let mut script = Script::with("digests", PROBE);
    for (name, algorithm) in defined("TEE_ALG_") {
        if algorithm >> 28 != 5 {
            let args = vec![value(algorithm, 0), input([1]), room(64)];
            script.invoke(format_args!("{name} is none"), 0, DIGEST, args);
            continue;
        }
        for len in [0, 1, 3, 64, 1000] {
            for room_len in [0, 1, 15, 20, 28, 32, 48, 64, 100] {
                let data = super::crypto::pattern(41, len);
                let args = vec![value(algorithm, 0), input(data), room(room_len)];
                script.invoke(format_args!("{name} of {len}, room {room_len}"), 0, DIGEST, args);
            }
        }
    }
    script
}

/// Properties of the TA and of the client, as text.
fn properties() -> Script {
    let mut script = Script::with("properties", PROBE);
    script.open(1, PROBE_SHARED, Vec::new());
    for session in [0, 1] {
        for (set, name) in [
            (0, "gpd.ta.appID"),
            (0, "gpd.ta.singleInstance"),
            (0, "gpd.ta.multiSession"),
            (0, "gpd.ta.instanceKeepAlive"),
            (0, "gpd.ta.dataSize"),
            (0, "gpd.ta.stackSize"),
            (0, "gpd.ta.version"),
            (0, "gpd.ta.description"),
            (0, "gpd.ta.endian"),
            (0, "gpd.ta.doesNotCloseHandleOnCorruptObject"),
            (0, "gpd.ta.nothing"),
            (0, ""),
            (0, "gpd.client.identity"),
            (1, "gpd.client.identity"),
            (1, "gpd.client.endian"),
            (1, "gpd.ta.appID"),
            (2, "gpd.tee.apiversion"),
            (2, "gpd.tee.internalCore.version"),
            (2, "gpd.tee.arith.maxBigIntSize"),
            (2, "gpd.tee.cryptography.ecc"),
            (2, "gpd.tee.cryptography.nist"),
            (2, "gpd.tee.cryptography.bsi-r"),
            (2, "gpd.tee.cryptography.bsi-t"),
            (2, "gpd.tee.cryptography.ietf"),
            (2, "gpd.tee.cryptography.octa"),
            (2, "gpd.tee.sec_element.version"),
            (2, "gpd.tee.systemTime.protectionLevel"),
            (2, "gpd.tee.TAPersistentTime.protectionLevel"),
            (2, "gpd.tee.trustedStorage.antiRollback.protectionLevel"),
            (2, "gpd.tee.trustedStorage.rollbackDetection.protectionLevel"),
            (2, "gpd.tee.trustedos.manufacturer"),
            (2, "gpd.tee.deviceID.nothing"),
            (3, "gpd.ta.appID"),
        ] {
            for len in [0, 4, 100] {
                let args = vec![value(set, 0), input(name), room(len)];
                script.invoke(format_args!("set {set} {name}, room {len}"), session, PROPERTY, args);
            }
        }
    }
    script
}

fn access_rights() -> Script {
    let mut script = Script::with("access rights", PROBE);
    for access in ACCESSES {
        for flags in 0..9 {
            let args = vec![Arg::Memref(access, vec![1; 300]), value(flags, 0)];
            script.invoke(format_args!("{access:?} {flags}"), 0, CHECK_ACCESS, args);
        }
        script.invoke(
            format_args!("{access:?} null"),
            0,
            CHECK_ACCESS,
            vec![Arg::Null(access, 0), value(5, 0)],
        );
    }
    script
}

/// What is more than the TA says it uses is not given to it.
fn heap() -> Script {
    let mut script = Script::with("heap", PROBE);
    for size in [0, 1, 1 << 16, 3 << 20, 5 << 20, 1 << 30, 0xFFFF_FFFF] {
        script.invoke(format_args!("allocate {size}"), 0, ALLOC, vec![value(size, 0)]);
    }
    script
}

/// Who the client is.
fn logins() -> Script {
    let mut script = Script::new("logins");
    for login in [Login::Public, Login::User, Login::Group(0), Login::Application, Login::UserApplication] {
        script.open_as(0, PROBE, login, Vec::new());
        script.invoke("identity", 0, IDENTITY, vec![value_out(), room(16)]);
        script.invoke("identity, no room", 0, IDENTITY, vec![value_out(), room(3)]);
        script.close(0);
    }
    script.open_as(0, PROBE, Login::Group(77), Vec::new());
    script.invoke("identity", 0, IDENTITY, vec![value_out(), room(16)]);
    script
}

/// Sessions that are not opened, and by whom.
fn opening() -> Script {
    let mut script = Script::new("opening");
    for ta in [PROBE, PROBE_SHARED, PROBE_EXCLUSIVE] {
        for code in CODES {
            script.open(0, ta, vec![value(code, 0)]);
            script.invoke("nop", 0, NOP, Vec::new());
            if code == 0 {
                script.close(0);
            }
        }
    }
    for ta in [Uuid::nil(), Uuid::max(), uuid!("4f3cd44d-3d0e-4a7d-9f0c-0a3b7d36f5a1")] {
        script.open(0, ta, Vec::new());
    }
    script.open(0, PROBE, vec![room(16), input([1; 16]), values(1, 2), value_out()]);
    script.close(0);
    script.close(0);
    script
}

/// Sessions of one instance: what they count together, and that they die together.
fn shared_instance() -> Script {
    let mut script = Script::new("instances: shared");
    for round in 0..2 {
        for session in 0..3 {
            script.open(session, PROBE_SHARED, Vec::new());
            script.invoke("count", session, COUNT, vec![value_out()]);
        }
        script.close(1);
        script.invoke("count", 0, COUNT, vec![value_out()]);
        if round == 0 {
            // It is kept alive.
            script.close(0);
            script.close(2);
        }
    }
    script.invoke("panic", 0, PANIC, vec![value(7, 0)]);
    script.invoke("count", 0, COUNT, vec![value_out()]);
    script.invoke("count", 2, COUNT, vec![value_out()]);
    script.open(1, PROBE_SHARED, Vec::new());
    script.invoke("count", 1, COUNT, vec![value_out()]);
    for session in 0..3 {
        script.close(session);
    }
    script.open(0, PROBE_SHARED, Vec::new());
    script.invoke("count", 0, COUNT, vec![value_out()]);
    script.invoke("panic", 0, PANIC, vec![value(8, 0)]);
    script
}

/// One session at a time.
fn exclusive_instance() -> Script {
    let mut script = Script::new("instances: exclusive");
    for _ in 0..2 {
        script.open(0, PROBE_EXCLUSIVE, Vec::new());
        script.open(1, PROBE_EXCLUSIVE, Vec::new());
        script.invoke("count", 0, COUNT, vec![value_out()]);
        script.close(0);
        script.open(1, PROBE_EXCLUSIVE, Vec::new());
        script.invoke("count", 1, COUNT, vec![value_out()]);
        script.close(1);
    }
    script.open(0, PROBE_EXCLUSIVE, Vec::new());
    script.invoke("crash", 0, CRASH, Vec::new());
    script.open(1, PROBE_EXCLUSIVE, Vec::new());
    script.close(0);
    script.open(1, PROBE_EXCLUSIVE, Vec::new());
    script.invoke("count", 1, COUNT, vec![value_out()]);
    script
}

/// Instances of their own.
fn numbers_of_sessions() -> Script {
    let mut script = Script::new("instances: one each");
    for session in 0..6 {
        script.open(session, PROBE, Vec::new());
        script.invoke("count", session, COUNT, vec![value_out()]);
    }
    for session in (0..6).rev() {
        script.invoke("count", session, COUNT, vec![value_out()]);
        script.close(session);
    }
    script
}

/// A TA that panics or crashes, and what is left of it; what the call leaves of its parameters.
fn deaths() -> Vec<Script> {
    let mut scripts = Vec::new();
    let args = || vec![value(0, 0), room(8), values(3, 4), Arg::Memref(Access::Inout, vec![2; 8])];
    let codes = CODES.map(|code| (PANIC, vec![value(code, 0)]));
    for (command, args) in codes.into_iter().chain([
        (CRASH, Vec::new()),
        (CRASH, args()),
        (FILL, vec![Arg::Null(Access::Output, 100), value(1, 0)]),
    ]) {
        let mut script = Script::with(format_args!("deaths: {}", scripts.len()), PROBE);
        script.open(1, PROBE, Vec::new());
        let what = format!("command {command} {args:?}");
        script.invoke(what, 0, command, args);
        for session in [0, 1] {
            script.invoke("afterwards", session, NOP, vec![values(1, 2), room(4)]);
            script.close(session);
        }
        scripts.push(script);
    }
    scripts
}
