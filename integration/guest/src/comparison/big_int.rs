// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Big integers (API 1.3.1, chapter 8), by the big integer TA
//! (`integration/tas/big-int-check/include/big_int_check_ta.h`).

use uuid::{uuid, Uuid};

use super::crypto::pattern;
use super::script::{input, room, value, values, Script};

/// Built for API 1.3.1, and for 1.1.
const APIS: [(&str, Uuid); 2] = [
    ("1.3.1", uuid!("9b599c35-f532-459a-bd17-a3ddf197f608")),
    ("1.1", uuid!("2df5134b-0c43-4b85-b6df-912dbcc40781")),
];
const WRONG: u32 = 32;
const WRONG_CALLS: u32 = 17;

/// The TA's functions of one, of two and of three operands, by their numbers there.
const OF_ONE: [(&str, u32); 9] = [
    ("ConvertToOctetString", 1),
    ("ConvertToS32", 3),
    ("CmpS32", 5),
    ("ShiftRight", 6),
    ("GetBit", 7),
    ("GetBitCount", 8),
    ("Assign", 10),
    ("Abs", 11),
    ("Neg", 14),
];
const OF_TWO: [(&str, u32); 7] = [
    ("Cmp", 4),
    ("Add", 12),
    ("Sub", 13),
    ("Mul", 15),
    ("Div", 17),
    ("RelativePrime", 25),
    ("ComputeExtendedGcd", 26),
];
const MODULAR_OF_ONE: [(&str, u32); 3] = [("Mod", 18), ("SquareMod", 22), ("InvMod", 23)];
const MODULAR_OF_TWO: [(&str, u32); 5] =
    [("AddMod", 19), ("SubMod", 20), ("MulMod", 21), ("ExpMod", 24), ("FMM", 28)];

/// A number: its sign, and its bytes.
type Number = (bool, Vec<u8>);

fn number(value: i64) -> Number {
    (value < 0, value.unsigned_abs().to_be_bytes().to_vec())
}

fn large(negative: bool, bytes: usize) -> Number {
    (negative, pattern(51, bytes))
}

fn encode(numbers: &[&Number]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (negative, digits) in numbers {
        bytes.extend(u32::from(*negative).to_le_bytes());
        bytes.extend((digits.len() as u32).to_le_bytes());
        bytes.extend(digits);
    }
    bytes
}

/// Numbers about which something is special.
fn edges() -> Vec<Number> {
    let mut numbers =
        [0, 1, -1, 2, 3, 17, -255, 0x7FFF_FFFF, -0x8000_0000, 1 << 32, i64::MAX].map(number).to_vec();
    numbers.extend([large(false, 16), large(true, 33), large(false, 128)]);
    numbers
}

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        scripts.push(others(api, ta));
        // Of number 14 OP-TEE never comes back: its form is larger than the modulus.
        for which in (0..=WRONG_CALLS).filter(|which| *which != 14) {
            let mut script = Script::with(format_args!("big integers {api}: wrong call {which}"), ta);
            script.invoke(format_args!("wrong call {which}"), 0, WRONG, vec![value(which, 0)]);
            script.invoke("sizes", 0, 30, vec![values(64, 0), input([]), room(8)]);
            scripts.push(script);
        }
        if ta == APIS[0].1 {
            scripts.extend([results(api, ta), modular(api, ta)]);
            scripts.extend(without_result(api, ta));
        }
    }
    scripts
}

/// Capacity of results that is enough for all of them.
const WIDE: u32 = 4096;

fn call(script: &mut Script, name: &str, function: u32, a: u32, b: u32, numbers: &[&Number]) {
    let digits = |number: &&Number| {
        let hex: String = number.1.iter().take(9).map(|byte| format!("{byte:02x}")).collect();
        format!("{}{}:{hex}", if number.0 { "-" } else { "" }, number.1.len())
    };
    let note: Vec<String> = numbers.iter().map(digits).collect();
    let args = vec![values(a, b), input(encode(numbers)), room(1200)];
    script.invoke(format_args!("{name} {} a={a:#x} b={b:#x}", note.join(" ")), 0, function, args);
}

fn results(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("big integers {api}: results"), ta);
    let edges = edges();
    for a in &edges {
        for (name, function) in OF_ONE {
            for argument in [0, 1, 31, 33, 200] {
                call(&mut script, name, function, argument, WIDE, &[a]);
            }
        }
        call(&mut script, "Square", 16, 0, WIDE, &[a]);
        call(&mut script, "IsProbablePrime", 27, 80, WIDE, &[a]);
        for bit in [0, 5, 32] {
            call(&mut script, "SetBit", 9, bit, 1 << 16 | WIDE, &[a]);
            call(&mut script, "SetBit", 9, 1 << 31 | bit, 1 << 16 | WIDE, &[a]);
        }
        for b in &edges {
            for (name, function) in OF_TWO {
                if name != "Div" || b.1.iter().any(|byte| *byte != 0) {
                    call(&mut script, name, function, 0, WIDE, &[a, b]);
                }
            }
        }
    }
    script
}

fn modular(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("big integers {api}: modular"), ta);
    let odd = (false, [&pattern(52, 31)[..], &[0x35]].concat());
    for n in [&number(17), &number(0xFFFF_FFFB), &odd] {
        for a in edges() {
            for (name, function) in MODULAR_OF_ONE {
                // Not of what has no inverse.
                if name != "InvMod" || n.1.len() == 8 && (a == number(2) || a == number(3)) {
                    call(&mut script, name, function, 0, WIDE, &[&a, n]);
                }
            }
            for b in [number(0), number(1), number(12345), large(false, 20)] {
                for (name, function) in MODULAR_OF_TWO {
                    call(&mut script, name, function, 0, WIDE, &[&a, &b, n]);
                }
            }
            call(&mut script, "FMM power", 29, 77, WIDE, &[&a, n]);
        }
    }
    // Of an even one, which has no Montgomery form.
    call(&mut script, "ExpMod", 24, 0, WIDE, &[&number(3), &number(5), &number(8)]);
    script
}

fn others(api: &str, ta: Uuid) -> Script {
    let mut script = Script::with(format_args!("big integers {api}: others"), ta);
    for bits in [0, 1, 32, 33, 256, 2048, 4096] {
        script.invoke(format_args!("sizes for {bits}"), 0, 30, vec![values(bits, 0), input([]), room(8)]);
    }
    script.invoke("limit", 0, 31, vec![values(0, 0), input([]), room(8)]);
    for small in [0, 1, -1, i32::MAX, i32::MIN] {
        call(&mut script, "ConvertFromS32", 2, small as u32, 64, &[]);
    }
    for (sign, capacity) in [(0, 64), (-1, 64), (7, 64), (0, 32), (0, 0)] {
        call(&mut script, "ConvertFromOctetString", 0, sign as u32, capacity, &[&number(0x1234_5678_9ABC)]);
    }
    for capacity in [0, 32, 64] {
        for (name, function) in [("Assign", 10), ("Abs", 11)] {
            call(&mut script, name, function, 0, capacity, &[&number(-0x1_2345_6789)]);
        }
        call(&mut script, "SetBit", 9, 1 << 31 | 200, 1 << 16 | capacity, &[&number(1)]);
    }
    for (over, null) in [(1, 0), (2, 0), (0, 1), (0, 2)] {
        call(&mut script, "Div", 17, 0, null << 20 | over << 16 | WIDE, &[&number(1000), &number(7)]);
    }
    call(&mut script, "Add", 12, 0, 1 << 24 | WIDE, &[&number(1000)]);
    call(&mut script, "Mul", 15, 0, 1 << 24 | WIDE, &[&number(1000)]);
    script
}

/// What has no result, or no room for it: a session for each.
fn without_result(api: &str, ta: Uuid) -> Vec<Script> {
    let [zero, one, two, five, six] = [0, 1, 2, 5, 6].map(number);
    let (full, negative, long) = (number(i64::MAX), number(-5), large(false, 40));
    let mut calls: Vec<(&str, u32, u32, u32, Vec<&Number>)> = vec![
        ("Add", 12, 0, 32, vec![&full, &one]),
        ("Sub", 13, 0, 32, vec![&full, &one]),
        ("Neg", 14, 0, 32, vec![&full]),
        ("Mul", 15, 0, 64, vec![&full, &full]),
        ("Square", 16, 0, 64, vec![&full]),
        ("ShiftRight", 6, 1, 64, vec![&long]),
        ("Div", 17, 0, 64, vec![&long, &one]),
        ("Div", 17, 0, WIDE, vec![&one, &zero]),
        ("Mod", 18, 0, 64, vec![&long, &long]),
        ("ComputeExtendedGcd", 26, 0, 64, vec![&long, &long]),
        ("ComputeExtendedGcd", 26, 0, 1 << 20 | WIDE, vec![&five, &six]),
        ("ConvertFromS32", 2, 1, 0, vec![]),
    ];
    for n in [&one, &zero, &negative] {
        calls.extend(MODULAR_OF_ONE.map(|(name, function)| (name, function, 0, WIDE, vec![&five, n])));
        calls.extend(MODULAR_OF_TWO.map(|(name, function)| (name, function, 0, WIDE, vec![&five, &six, n])));
    }
    calls.extend([&zero, &two, &six].map(|op| ("InvMod", 23, 0, WIDE, vec![op, &six])));
    calls.push(("ExpMod", 24, 0, WIDE, vec![&five, &one, &two]));
    calls.push(("ExpMod", 24, 0, WIDE, vec![&five, &negative, &five]));
    let scripts = calls.iter().enumerate().map(|(index, (name, function, a, b, numbers))| {
        let mut script = Script::with(format_args!("big integers {api}: without result {index}, {name}"), ta);
        call(&mut script, name, *function, *a, *b, numbers);
        script.invoke("sizes", 0, 30, vec![values(64, 0), input([]), room(8)]);
        script
    });
    scripts.collect()
}
