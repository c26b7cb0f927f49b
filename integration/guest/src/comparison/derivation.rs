// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Keys derived from secrets: HKDF, Concat KDF, PBKDF2 (OP-TEE's extensions, and HKDF of API 1.3).

use super::crypto::*;
use super::script::Script;

/// A derivation function: how OP-TEE numbers it for SHA-256, the type of what it derives from and that one's attribute,
/// and what it is told.
struct Function {
    name: &'static str,
    algorithm: u32,
    kind: u32,
    secret: u32,
    salt: Option<u32>,
    info: Option<u32>,
    length: u32,
    iterations: Option<u32>,
}

const FUNCTIONS: [Function; 3] = [
    Function {
        name: "HKDF",
        algorithm: 0x8000_40C0,
        kind: 0xA100_00C0,
        secret: 0xC000_01C0,
        salt: Some(0xD000_02C0),
        info: Some(0xD000_03C0),
        length: 0xF000_04C0,
        iterations: None,
    },
    Function {
        name: "Concat KDF",
        algorithm: 0x8000_40C1,
        kind: 0xA100_00C1,
        secret: 0xC000_01C1,
        salt: None,
        info: Some(0xD000_02C1),
        length: 0xF000_03C1,
        iterations: None,
    },
    Function {
        name: "PBKDF2",
        algorithm: 0x8000_20C2,
        kind: 0xA100_00C2,
        secret: 0xC000_01C2,
        salt: Some(0xD000_02C2),
        info: None,
        length: 0xF000_04C2,
        iterations: Some(0xF000_03C2),
    },
];

impl Function {
    /// With another digest.
    fn with_digest(&self, digest: u32) -> u32 {
        self.algorithm & !0xF000 | digest << 12
    }

    fn told(&self, salt: &[u8], info: &[u8], len: u32, iterations: u32) -> Vec<Kept> {
        let buffers = [(self.salt, salt), (self.info, info)];
        let buffers = buffers.into_iter().filter_map(|(id, bytes)| Some(Kept::Buffer(id?, bytes.to_vec())));
        let iterations = self.iterations.map(|id| Kept::Value(id, iterations));
        buffers.chain([Kept::Value(self.length, len)]).chain(iterations).collect()
    }

    fn begin(&self, script: &mut Script, algorithm: u32, secret: &[u8]) {
        script.object(0, (self.kind, 4096), &[Kept::Buffer(self.secret, secret.to_vec())]);
        script.numbers(Call::AllocateOperation, &[0, algorithm, DERIVE, 4096]);
        script.numbers(Call::SetKey, &[0, 0]);
    }

    fn derive(&self, script: &mut Script, note: &str, told: &[Kept]) {
        script.numbers(Call::AllocateObject, &[1, GENERIC_SECRET, 4096]);
        script.call(Call::Derive, note, args(&[0, 1]).kept(told));
        script.numbers(Call::ObjectInfo1, &[1]);
        script.numbers(Call::BufferAttribute, &[1, SECRET_VALUE, 480]);
        script.numbers(Call::FreeObject, &[1]);
    }
}

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for function in &FUNCTIONS {
        scripts.push(keys(function));
        scripts.push(digests(function));
        scripts.push(no_secret(function));
        scripts.extend(wrong(function));
    }
    scripts
}

/// Secrets, salts and keys of all lengths.
fn keys(function: &Function) -> Script {
    let mut script = Script::with(format_args!("derivation: {}", function.name), NOW);
    for secret in [1, 20, 64, 100, 512] {
        function.begin(&mut script, function.algorithm, &pattern(60, secret));
        for (salt, info, len) in
            [(16, 0, 16), (0, 10, 32), (80, 80, 33), (64, 1, 200), (1, 1, 1), (8, 8, 480)]
        {
            let told = function.told(&pattern(61, salt), &pattern(62, info), len, 3);
            function.derive(&mut script, &format!("{len} bytes, salt {salt}, info {info}"), &told);
        }
        script.numbers(Call::FreeOperation, &[0]);
        script.numbers(Call::FreeObject, &[0]);
    }
    script
}

/// From a secret of no bytes.
fn no_secret(function: &Function) -> Script {
    let mut script = Script::with(format_args!("derivation: {}, no secret", function.name), NOW);
    function.begin(&mut script, function.algorithm, &[]);
    function.derive(&mut script, "", &function.told(&pattern(61, 16), &pattern(62, 16), 16, 3));
    script.is_there();
    script
}

/// With each digest that there may be.
fn digests(function: &Function) -> Script {
    let mut script = Script::with(format_args!("derivation: {}, digests", function.name), NOW);
    for digest in 0..=0xB {
        let algorithm = function.with_digest(digest);
        script.numbers(Call::IsSupported, &[algorithm, 0]);
        script.numbers(Call::AllocateOperation, &[0, algorithm, DERIVE, 4096]);
    }
    for digest in [2, 3, 4, 5, 6] {
        function.begin(&mut script, function.with_digest(digest), &pattern(63, 40));
        let told = function.told(&pattern(64, 20), &pattern(65, 20), 100, 2);
        function.derive(&mut script, &format!("digest {digest}"), &told);
        script.numbers(Call::FreeOperation, &[0]);
        script.numbers(Call::FreeObject, &[0]);
    }
    script
}

/// What is not taken: a session for each.
fn wrong(function: &Function) -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |what: &str, told: Vec<Kept>| {
        let mut script = Script::with(format_args!("derivation: {}, {what}", function.name), NOW);
        function.begin(&mut script, function.algorithm, &pattern(66, 32));
        function.derive(&mut script, what, &told);
        script.is_there();
        scripts.push(script);
    };
    let told = |len, iterations| function.told(&pattern(67, 16), &pattern(68, 16), len, iterations);
    add("nothing told", Vec::new());
    add("no bytes", told(0, 1));
    add("more than there is room for", told(513, 1));
    add("very much", told(0xFFFF_FFFF, 1));
    let without_length = |one: &Kept| !matches!(one, Kept::Value(id, _) if *id == function.length);
    add("no length", told(32, 1).into_iter().filter(without_length).collect());
    add("another attribute", [told(32, 1), vec![Kept::Buffer(0xD000_0132, vec![1; 8])]].concat());
    if function.iterations.is_some() {
        add("no iterations", told(32, 0));
    }
    scripts
}
