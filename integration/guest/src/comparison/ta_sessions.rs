// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sessions of TAs with TAs (API 1.3.1, section 4.9).

use tee_client::Access;
use uuid::{uuid, Uuid};

use super::script::{input, room, value, value_out, values, Arg, Script};
use super::ta_client::*;
use crate::probe::*;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        scripts.extend([
            opening(api, ta),
            types_of_parameters(api, ta),
            results(api, ta),
            memory(api, ta),
            no_memory(api, ta),
            callers(api, ta),
            deaths(api, ta),
            timeouts(api, ta),
            pseudo_ta(api, ta),
        ]);
        scripts.extend(wrong(api, ta));
    }
    scripts.extend([of_one_instance(), chains(), caller_dies()]);
    scripts
}

/// Sessions that there are, and that there are not.
fn opening(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: opening"), ta);
    // Its instance stays, and may have had sessions before.
    script.open(1, PROBE_SHARED, Vec::new());
    script.invoke("panic", 1, PANIC, vec![value(1, 0)]);
    script.close(1);
    for uuid in [PROBE, PROBE_SHARED, PROBE_EXCLUSIVE] {
        for timeout in [FOREVER, 60_000] {
            script.ta_opens(uuid, timeout);
            script.ta_calls("count", Ask::with(COUNT, &[VALUE_OUT], 0, 0), nothing());
            script.ta_closes(0);
        }
    }
    for uuid in [PROBE_EXCLUSIVE, PROBE_EXCLUSIVE, PROBE_SHARED, PROBE_SHARED] {
        script.ta_opens(uuid, FOREVER);
    }
    for session in 0..3 {
        let count = Ask { session, ..Ask::with(COUNT, &[VALUE_OUT], 0, 0) };
        script.ta_calls("count", count, nothing());
    }
    // The client itself is refused what its TA has.
    script.open(1, PROBE_EXCLUSIVE, Vec::new());
    script.ta_closes(0);
    script.open(1, PROBE_EXCLUSIVE, Vec::new());
    script.ta_opens(PROBE_EXCLUSIVE, FOREVER);
    for uuid in [Uuid::nil(), Uuid::max(), uuid!("4f3cd44d-3d0e-4a7d-9f0c-0a3b7d36f5a1")] {
        script.ta_opens(uuid, FOREVER);
    }
    script.invoke(
        "opens half a UUID",
        0,
        OPEN,
        vec![input([1; 8]), value(FOREVER, 0), value_out(), value_out()],
    );
    for number in [1, 2, 1, 299] {
        script.ta_closes(number);
    }
    script
}

/// All types of parameters beside each other.
fn types_of_parameters(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: types"), ta);
    script.ta_opens(PROBE, FOREVER);
    let kinds = [0, VALUE_IN, VALUE_OUT, VALUE_INOUT, MEMREF_IN, MEMREF_OUT, MEMREF_INOUT];
    for first in kinds {
        for second in kinds {
            for command in [NOP, SWAP, FILL, NULL_MEMREF] {
                let call = Ask::with(command, &[first, second], 5, 6);
                script.ta_calls(format_args!("types {first} {second}"), call, bytes(24));
            }
        }
    }
    for odd in [4, 8, 9, 15] {
        script.ta_calls(format_args!("type {odd}"), Ask::with(NOP, &[0, odd], 0, 0), nothing());
    }
    script
}

/// What the other TA returns, whatever it is.
fn results(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: results"), ta);
    script.ta_opens(PROBE, FOREVER);
    for code in super::probe::CODES {
        script.ta_calls(format_args!("return {code:#x}"), Ask::with(RETURN, &[VALUE_IN], code, 0), nothing());
    }
    for command in [99, FOREVER] {
        script.ta_calls("which is none", Ask::of(command), nothing());
    }
    script
}

/// Memory of the client, and the TA's own, of all sizes.
fn memory(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: memory"), ta);
    script.ta_opens(PROBE, FOREVER);
    for len in [1, 40, 4096, 5000, 70_000] {
        for flags in [0, OWN, PART] {
            if flags != PART || len >= 40 {
                memory_of(&mut script, len, flags);
            }
        }
    }
    // What the TA may only read, it may pass on to be read.
    for (flags, buffer) in
        [(READ_ONLY, input([1; 50])), (CONST, bytes(50)), (CONST | READ_ONLY, input([1; 50]))]
    {
        let call = Ask { session: flags, ..Ask::with(SUM, &[MEMREF_IN, VALUE_OUT], 0, 0) };
        script.ta_calls("", call, buffer);
    }
    for kind in [MEMREF_IN, MEMREF_OUT, MEMREF_INOUT] {
        let call = Ask { session: NULL, ..Ask::with(NULL_MEMREF, &[kind, VALUE_OUT], 0, 0) };
        script.ta_calls(format_args!("nothing, type {kind}"), call, nothing());
        let call = Ask { session: 0, ..call };
        script.ta_calls(format_args!("nothing, type {kind}"), call, Arg::Null(Access::Inout, 0));
    }
    script
}

/// The same of no bytes.
fn no_memory(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: no memory"), ta);
    script.ta_opens(PROBE, FOREVER);
    for flags in [0, OWN] {
        memory_of(&mut script, 0, flags);
    }
    script
}

/// Memory of `len` bytes, passed on in all ways.
fn memory_of(script: &mut Script, len: usize, flags: u32) {
    let mut call = |command: u32, kinds: &[u32], a: u32| {
        let call = Ask { session: flags, ..Ask::with(command, kinds, a, 0) };
        script.ta_calls(format_args!("{a:#x} with {len} bytes"), call, bytes(len));
    };
    call(SUM, &[MEMREF_IN, VALUE_OUT], 0);
    call(FILL, &[MEMREF_OUT, VALUE_IN], 0x1A5);
    call(NULL_MEMREF, &[MEMREF_INOUT, VALUE_OUT], 0);
    call(NOP, &[MEMREF_IN, MEMREF_OUT, MEMREF_INOUT, MEMREF_IN], 0);
    for at in [0, len.saturating_sub(33), len] {
        call(TOUCH, &[MEMREF_INOUT, VALUE_INOUT], at as u32);
    }
    for need in [0, 7, len, len + 1, 1 << 20, FOREVER as usize] {
        call(SHORT_BUFFER, &[MEMREF_OUT, VALUE_IN], need as u32);
    }
    for flags in 0..8 {
        for kind in [MEMREF_IN, MEMREF_OUT, MEMREF_INOUT] {
            if len == 40 {
                call(CHECK_ACCESS, &[kind, VALUE_IN], flags);
            }
        }
    }
}

/// Who the client is.
fn callers(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: callers"), ta);
    for uuid in [PROBE, PROBE_SHARED] {
        script.ta_opens(uuid, FOREVER);
        for flags in [0, OWN] {
            // No memory of the TA's own: `no_memory` is about that.
            let lens: &[usize] = if flags == OWN { &[16, 32, 15] } else { &[16, 32, 15, 0] };
            for len in lens {
                let call = Ask { session: flags, ..Ask::with(IDENTITY, &[VALUE_OUT, MEMREF_OUT], 0, 0) };
                script.ta_calls(format_args!("with {len} bytes"), call, bytes(*len));
            }
        }
        script.ta_closes(0);
    }
    script
}

/// The other TA dies, and is there again.
fn deaths(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: deaths"), ta);
    for uuid in [PROBE, PROBE_SHARED, PROBE_EXCLUSIVE] {
        for (command, kinds, a) in [
            (PANIC, &[VALUE_IN][..], 7),
            (PANIC, &[VALUE_IN], 0xFFFF_3024),
            (CRASH, &[], 0),
            (CRASH, &[VALUE_OUT, MEMREF_INOUT], 0),
        ] {
            script.ta_opens(uuid, FOREVER);
            script.ta_calls("", Ask::with(command, kinds, a, 9), bytes(8));
            script.ta_calls("afterwards", Ask::with(SWAP, &[VALUE_INOUT], 1, 2), nothing());
            script.ta_opens(uuid, FOREVER);
            let other = Ask { session: 1, ..Ask::with(COUNT, &[VALUE_OUT], 0, 0) };
            script.ta_calls("in a new session", other, nothing());
            for number in [0, 1] {
                script.ta_closes(number);
            }
        }
    }
    script
}

/// Calls that take longer than they may, and such as do not. What is to be too long is so by more than a second: a timeout
/// that carries into the next second ends one second late in OP-TEE (`set_invoke_timeout` adds the carry twice).
fn timeouts(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: timeouts"), ta);
    script.ta_opens(PROBE, FOREVER);
    for (command, ms, timeout) in [
        (SLEEP, 1, 600_000),
        (SLEEP, 1500, 50),
        (SLEEP_MASKED, 100, 10),
        (NOP, 0, 600_000),
        (NOP, 0, FOREVER),
        (SLEEP, 1, FOREVER),
        // The next one has its own.
        (SLEEP, 10, 600_000),
    ] {
        for unmask in [0, UNMASK] {
            let call = Ask { session: unmask, timeout, ..Ask::with(command, &[VALUE_IN], ms, 0) };
            script.ta_calls(format_args!("{ms} ms, timeout {timeout}"), call, nothing());
        }
    }
    script
}

/// What is asked of the TEE itself.
fn pseudo_ta(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("TA to TA {api}: the system's pseudo TA"), ta);
    script.open(1, SYSTEM, Vec::new());
    script.ta_opens(SYSTEM, FOREVER);
    for command in [99, FOREVER] {
        script.ta_calls("which is none", Ask::of(command), nothing());
    }
    script.ta_closes(0);
    for (size, flags) in [(1, 0), (4096, 0), (10_000, 0), (100_000, 0), (4096, 1)] {
        script.invoke(format_args!("maps {size} {flags}"), 0, MAP, vec![value(size, flags), value_out()]);
    }
    script
}

/// Calls that end the TA, or do not.
fn wrong(api: &str, ta: Uuid) -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |name: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("TA to TA, wrong {api}: {name}"), ta);
        script.ta_opens(PROBE_SHARED, FOREVER);
        steps(&mut script);
        script.ta_calls("afterwards", Ask::of(NOP), nothing());
        script.close(0);
        scripts.push(script);
    };
    for which in 0..WRONG_CALLS {
        add(&format!("call {which}"), &|script| script.invoke("wrong", 0, WRONG, vec![value(which, 0)]));
    }
    add("closes what never was", &|script| script.ta_closes(NO_SESSION));
    add("closes nothing", &|script| script.ta_closes(1));
    add("calls what never was", &|script| {
        script.ta_calls("", Ask { session: NO_SESSION, ..Ask::of(NOP) }, nothing());
    });
    add("calls nothing", &|script| script.ta_calls("", Ask { session: 1, ..Ask::of(NOP) }, nothing()));
    add("calls what is closed", &|script| {
        script.ta_closes(0);
        script.ta_calls("", Ask::of(NOP), nothing());
    });
    for (name, flags, buffer) in [
        ("memory that is not", WILD, bytes(50)),
        ("memory that is only read", READ_ONLY, input([1; 50])),
        ("constant memory", CONST, bytes(50)),
        ("null", NULL, bytes(50)),
    ] {
        for (command, kinds) in [
            (NULL_MEMREF, [MEMREF_IN, VALUE_OUT]),
            (NULL_MEMREF, [MEMREF_OUT, VALUE_OUT]),
            (NULL_MEMREF, [MEMREF_INOUT, VALUE_OUT]),
        ] {
            add(&format!("passes on {name}, type {}", kinds[0]), &|script| {
                let call = Ask { session: flags, ..Ask::with(command, &kinds, 0, 0) };
                script.ta_calls("", call, buffer.clone());
            });
        }
    }
    scripts
}

/// Calls of a TA with one instance, which has opened others while it was made.
fn of_one_instance() -> Script {
    let mut script = Script::with("TA to TA: one instance", SINGLE);
    script.invoke("what it met when it was made", 0, CREATED, vec![value_out()]);
    script.ta_opens(PROBE_SHARED, FOREVER);
    script.ta_calls("swap", Ask::with(SWAP, &[VALUE_INOUT], 3, 4), nothing());
    script.open(1, SINGLE, Vec::new());
    let call = vec![values(0, SWAP), values(1, 2), nothing(), value(FOREVER, 3)];
    script.invoke("calls in another's session", 1, INVOKE, call);
    for own in [0, 1] {
        for what in 0..3 {
            script.invoke(
                format_args!("cache {what}, own {own}"),
                0,
                CACHE,
                vec![value(what, own), bytes(100)],
            );
        }
    }
    script.close(0);
    let call = vec![values(0, NOP), values(1, 2), nothing(), value(FOREVER, 0)];
    script.invoke("calls in a session of one who has left", 1, INVOKE, call);
    script
}

/// TAs that call TAs that call others. (One that comes back to itself is the end of OP-TEE.)
fn chains() -> Script {
    let mut script = Script::with("TA to TA: chains", OTHER);
    let chain = |script: &mut Script, uuids: &[Uuid]| {
        let uuids: Vec<u8> = uuids.iter().flat_map(Uuid::to_bytes_le).collect();
        script.invoke(
            format_args!("chain of {} bytes", uuids.len()),
            0,
            CHAIN,
            vec![input(uuids), value_out(), value_out()],
        );
    };
    for uuids in [&[][..], &[PROBE], &[SINGLE], &[APIS[0].1, APIS[1].1], &[SINGLE, APIS[0].1]] {
        chain(&mut script, uuids);
    }
    script.invoke("calls nobody back", 0, CALL_BACK, vec![value(NO_SESSION, 0), value_out()]);
    script
}

/// The one who calls dies; those it has called are as they were.
fn caller_dies() -> Script {
    let mut script = Script::with("TA to TA: the caller dies", APIS[0].1);
    script.open(1, PROBE_SHARED, Vec::new());
    script.invoke("panic", 1, PANIC, vec![value(1, 0)]);
    script.close(1);
    script.open(1, PROBE_SHARED, Vec::new());
    for uuid in [PROBE_SHARED, PROBE_EXCLUSIVE] {
        script.ta_opens(uuid, FOREVER);
    }
    script.ta_calls("count", Ask::with(COUNT, &[VALUE_OUT], 0, 0), nothing());
    script.invoke("wrong", 0, WRONG, vec![value(0, 0)]);
    script.invoke("count", 1, COUNT, vec![value_out()]);
    script.open(2, PROBE_EXCLUSIVE, Vec::new());
    script.invoke("count", 2, COUNT, vec![value_out()]);
    script.invoke("identity", 2, IDENTITY, vec![value_out(), room(16)]);
    script
}
