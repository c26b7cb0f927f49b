// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Message authentication codes (API 1.3.1, section 6.5).

use super::crypto::*;
use super::script::Script;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        // Of API 1.1 only other functions' types differ: one MAC will do.
        for mac in MACS.into_iter().filter(|(_, algorithm, ..)| ta == NOW || *algorithm == HMAC_SHA256) {
            scripts.push(messages(api, ta, mac));
            if [HMAC_SHA256, AES_CBC_MAC, AES_CMAC].contains(&mac.1) {
                scripts.extend(wrong(api, ta, mac));
            }
        }
    }
    scripts
}

type Mac = (&'static str, u32, u32, usize);

/// An operation in slot 0 with its key.
fn begin(script: &mut Script, (name, algorithm, kind, len): Mac) {
    let max = match kind {
        AES => 256,
        DES3 => 192,
        0xA000_0011 => 64,
        _ => 512,
    };
    script.key(0, kind, max, &pattern(21, len));
    script.call(Call::AllocateOperation, name, args(&[0, algorithm, MAC, max]));
    script.numbers(Call::SetKey, &[0, 0]);
}

fn start(script: &mut Script) {
    script.call(Call::MacInit, "", args(&[0]).bytes(&[]));
}

/// Messages of many lengths, whole and in two pieces, with too little room, and compared.
fn messages(api: &str, ta: uuid::Uuid, mac: Mac) -> Script {
    let mut script = Script::with(format_args!("MACs {api}: {}", mac.0), ta);
    begin(&mut script, mac);
    for len in [0, 8, 64, 200, 1, 15, 33] {
        // Of a whole number of blocks only, in CBC without padding: what comes after that is in `wrong`.
        if (len == 0 || len % 8 != 0) && mac.0.ends_with("CBC-MAC") || len % 16 != 0 && mac.0 == "AES-CBC-MAC"
        {
            continue;
        }
        let message = pattern(22, len);
        for room in [0, 7, 8, 16, 100] {
            start(&mut script);
            let note = format!("{len} bytes, room {room}");
            script.call(Call::MacCompute, note, args(&[0]).bytes(&message).u32(room));
            script.numbers(Call::OperationInfo, &[0]);
            script.call(Call::ResetOperation, "", args(&[0]));
        }
        let (first, last) = message.split_at(len / 3);
        start(&mut script);
        script.call(Call::MacUpdate, first.len(), args(&[0]).bytes(first));
        script.call(Call::MacCompute, last.len(), args(&[0]).bytes(last).u32(64));
        for wrong in [0, 8, 16, 32] {
            start(&mut script);
            let compare = args(&[0]).bytes(&message).bytes(&pattern(23, wrong));
            script.call(Call::MacCompare, format_args!("with {wrong} wrong bytes"), compare);
        }
    }
    script
}

/// What a MAC does not take: a session for each.
fn wrong(api: &str, ta: uuid::Uuid, mac: Mac) -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |what: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("MACs {api}: {}, {what}", mac.0), ta);
        begin(&mut script, mac);
        steps(&mut script);
        script.numbers(Call::OperationInfo, &[0]);
        script.is_there();
        scripts.push(script);
    };
    let compute = || args(&[0]).bytes(&[1; 16]).u32(64);
    add("updated before it is initialized", &|script| {
        script.call(Call::MacUpdate, "", args(&[0]).bytes(&[1; 16]));
    });
    add("computed before it is initialized", &|script| script.call(Call::MacCompute, "", compute()));
    add("compared before it is initialized", &|script| {
        script.call(Call::MacCompare, "", args(&[0]).bytes(&[1; 16]).bytes(&[1; 16]));
    });
    add("computed twice", &|script| {
        start(script);
        script.call(Call::MacCompute, "", compute());
        script.call(Call::MacCompute, "", compute());
    });
    add("initialized twice", &|script| {
        start(script);
        script.call(Call::MacUpdate, "", args(&[0]).bytes(&[1; 16]));
        start(script);
        script.call(Call::MacCompute, "", compute());
    });
    add("no key", &|script| {
        script.numbers(Call::SetKey, &[0, NONE]);
        start(script);
    });
    add("an IV", &|script| {
        script.call(Call::MacInit, "16 bytes", args(&[0]).bytes(&[3; 16]));
        script.call(Call::MacCompute, "", compute());
    });
    add("a null message", &|script| {
        start(script);
        script.call(Call::MacUpdate, "null", args(&[0, NULL]));
        script.call(Call::MacCompute, "null", args(&[0, NULL, 64]));
    });
    add("a null result", &|script| {
        start(script);
        script.call(Call::MacCompute, "null", args(&[0]).bytes(&[1; 16]).u32(NULL));
    });
    add("a null MAC to compare with", &|script| {
        start(script);
        script.call(Call::MacCompare, "null", args(&[0]).bytes(&[1; 16]).u32(NULL));
    });
    add("a part of a block", &|script| {
        start(script);
        script.call(Call::MacCompute, "5 bytes", args(&[0]).bytes(&[1; 5]).u32(64));
    });
    add("its copy goes on", &|script| {
        start(script);
        script.call(Call::MacUpdate, "", args(&[0]).bytes(&[1; 24]));
        let size = if mac.2 == AES { 256 } else { 512 };
        script.numbers(Call::AllocateOperation, &[1, mac.1, MAC, size]);
        script.numbers(Call::CopyOperation, &[1, 0]);
        for slot in [0, 1] {
            script.call(Call::MacCompute, slot, args(&[slot]).bytes(&[2; 8]).u32(64));
        }
    });
    add("a cipher's functions", &|script| script.call(Call::CipherInit, "", args(&[0]).bytes(&[1; 16])));
    scripts
}
