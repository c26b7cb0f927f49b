// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Key pairs, and what is done with them (API 1.3.1, sections 5.6, 6.7 and 6.8). What comes out of encryption and of most
//! signing is random: of these calls only those are made that fail, and what was made elsewhere is decrypted and verified.

use super::crypto::*;
use super::fixed_keys::*;
use super::script::Script;

/// In the number of a type: that of a pair.
const PAIR: u32 = 0x0100_0000;

/// A key pair.
struct Pair {
    name: &'static str,
    kind: u32,
    bits: u32,
    /// Those of the public key.
    public: Vec<Kept>,
    /// The others.
    private: Vec<Kept>,
}

impl Pair {
    fn new(name: &'static str, kind: u32, bits: u32, public: Vec<Kept>, private: Vec<Kept>) -> Self {
        Self { name, kind, bits, public, private }
    }

    fn all(&self) -> Vec<Kept> {
        [&self.public[..], &self.private].concat()
    }

    /// The pair in slot 0, an operation with it in slot 0.
    fn begin(&self, script: &mut Script, algorithm: u32, mode: u32) {
        script.object(0, (self.kind, self.bits), &self.all());
        script.numbers(Call::AllocateOperation, &[0, algorithm, mode, self.bits]);
        script.numbers(Call::SetKey, &[0, 0]);
    }
}

fn end(script: &mut Script) {
    script.numbers(Call::FreeOperation, &[0]);
    script.numbers(Call::FreeObject, &[0]);
}

fn rsa() -> Pair {
    let public = vec![Kept::hex(0xD000_0130, RSA_N), Kept::hex(0xD000_0230, "010001")];
    Pair::new("RSA", 0xA100_0030, 1024, public, vec![Kept::hex(0xC000_0330, RSA_D)])
}

/// The same, and what is computed of it beforehand.
fn rsa_crt() -> Pair {
    let factors = [RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QINV];
    let factors = factors.iter().zip(4..).map(|(text, at)| Kept::hex(0xC000_0030 | at << 8, text));
    let mut pair = rsa();
    pair.name = "RSA with its factors";
    pair.private.extend(factors);
    pair
}

fn dsa() -> Pair {
    let public = vec![
        Kept::hex(0xD000_1031, DSA_P),
        Kept::hex(0xD000_1131, DSA_Q),
        Kept::hex(0xD000_1231, DSA_G),
        Kept::hex(0xD000_0131, DSA_Y),
    ];
    Pair::new("DSA", 0xA100_0031, 1024, public, vec![Kept::hex(0xC000_0231, DSA_X)])
}

fn dh() -> Pair {
    let all = vec![
        Kept::hex(0xD000_1032, DH_P),
        Kept::hex(0xD000_1232, "02"),
        Kept::hex(0xD000_0132, DH_Y),
        Kept::hex(0xC000_0232, DH_X),
    ];
    Pair::new("DH", 0xA100_0032, 512, all, Vec::new())
}

/// On P-256, for signatures or for agreement.
fn p256(name: &'static str, kind: u32) -> Pair {
    let public =
        vec![Kept::hex(0xD000_0141, P256_X), Kept::hex(0xD000_0241, P256_Y), Kept::Value(0xF000_0441, 3)];
    Pair::new(name, kind, 256, public, vec![Kept::hex(0xC000_0341, P256_D)])
}

fn sm2(name: &'static str, kind: u32) -> Pair {
    let public = vec![Kept::hex(0xD000_0141, SM2_X), Kept::hex(0xD000_0241, SM2_Y)];
    Pair::new(name, kind, 256, public, vec![Kept::hex(0xC000_0341, SM2_D)])
}

fn ed25519() -> Pair {
    let public = vec![Kept::hex(0xD000_0743, ED25519_Q)];
    Pair::new("Ed25519", 0xA100_0043, 256, public, vec![Kept::hex(0xC000_0843, ED25519_D)])
}

fn x25519() -> Pair {
    let public = vec![Kept::hex(0xD000_0944, X25519_Q)];
    Pair::new("X25519", 0xA100_0044, 256, public, vec![Kept::hex(0xC000_0A44, X25519_D)])
}

fn pairs() -> Vec<Pair> {
    vec![
        rsa(),
        rsa_crt(),
        dsa(),
        dh(),
        p256("ECDSA", 0xA100_0041),
        p256("ECDH", 0xA100_0042),
        sm2("SM2 DSA", 0xA100_0045),
        sm2("SM2 KEP", 0xA100_0046),
        sm2("SM2 PKE", 0xA100_0047),
        ed25519(),
        x25519(),
    ]
}

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for pair in pairs() {
        scripts.push(sizes(&pair));
        scripts.push(attributes(&pair));
        scripts.extend(incomplete(&pair));
    }
    scripts.extend([
        rsa_signatures(),
        rsa_without_padding(),
        rsa_decryption(),
        too_little_room(),
        derivation(),
    ]);
    scripts.extend(signatures());
    scripts.extend(wrong());
    scripts
}

/// The sizes that there are of a type, and of its public keys.
fn sizes(pair: &Pair) -> Script {
    let mut script = Script::with(format_args!("key pairs: sizes of {}", pair.name), NOW);
    for kind in [pair.kind, pair.kind & !PAIR] {
        for size in
            [0, 1, 160, 192, 224, 255, 256, 257, 384, 448, 512, 521, 576, 1000, 1024, 2048, 3072, 4096, 4104]
        {
            script.numbers(Call::AllocateObject, &[0, kind, size]);
        }
    }
    script
}

/// What is put into a pair, and read again.
fn attributes(pair: &Pair) -> Script {
    let mut script = Script::with(format_args!("key pairs: {}", pair.name), NOW);
    for (kind, given) in [(pair.kind, pair.all()), (pair.kind & !PAIR, pair.public.clone())] {
        script.object(0, (kind, pair.bits), &given);
        script.numbers(Call::ObjectInfo1, &[0]);
        for one in pair.all() {
            match one {
                Kept::Buffer(id, bytes) => {
                    for room in [0, bytes.len() as u32 - 1, bytes.len() as u32, 400, NULL] {
                        script.numbers(Call::BufferAttribute, &[0, id, room]);
                    }
                }
                Kept::Value(id, _) => script.numbers(Call::ValueAttribute, &[0, id]),
            }
        }
        script.numbers(Call::FreeObject, &[0]);
    }
    script
}

/// Objects made from too little, or too much: a session for each.
fn incomplete(pair: &Pair) -> Vec<Script> {
    let all = pair.all();
    let mut given: Vec<(String, u32, Vec<Kept>)> = (0..all.len())
        .map(|left_out| {
            let rest = all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, one)| one.clone());
            (format!("without the attribute {left_out}"), pair.kind, rest.collect())
        })
        .collect();
    given.push(("twice the first".to_owned(), pair.kind, [&all[..1], &all].concat()));
    given.push(("no attributes".to_owned(), pair.kind, Vec::new()));
    if !pair.private.is_empty() {
        given.push(("a public key of all".to_owned(), pair.kind & !PAIR, all));
    }
    let scripts = given.into_iter().map(|(what, kind, given)| {
        let mut script = Script::with(format_args!("key pairs: {}, {what}", pair.name), NOW);
        script.object(0, (kind, pair.bits), &given);
        script.numbers(Call::ObjectInfo1, &[0]);
        script.is_there();
        script
    });
    scripts.collect()
}

/// The digest of "sample" by SHA-256, or the beginning of it.
fn digest(len: usize) -> Vec<u8> {
    let mut digest = hex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
    digest.resize(len, 0x55);
    digest
}

fn verify(script: &mut Script, note: &str, digest: &[u8], signature: &[u8]) {
    script.call(Call::Verify, note, args(&[0]).buffers(&[]).bytes(digest).bytes(signature));
}

/// A signature, and what is none. Of another length they are in `wrong`.
fn verify_all(script: &mut Script, digest: &[u8], signature: &[u8]) {
    verify(script, "as it is", digest, signature);
    for at in [0, signature.len() / 2, signature.len() - 1] {
        let mut other = signature.to_vec();
        other[at] ^= 1;
        verify(script, &format!("byte {at} changed"), digest, &other);
    }
    verify(script, "zeros", digest, &vec![0; signature.len()]);
    let mut other = digest.to_vec();
    other[0] ^= 1;
    verify(script, "of another digest", &other, signature);
}

/// PKCS #1 v1.5, which is not random, with each digest that OP-TEE signs.
fn rsa_signatures() -> Script {
    let mut script = Script::with("signatures: RSA, PKCS #1 v1.5", NOW);
    for pair in [rsa(), rsa_crt()] {
        for (number, len) in [(1, 16), (2, 20), (3, 28), (4, 32), (5, 48), (6, 64)] {
            pair.begin(&mut script, 0x7000_0830 | number << 12, SIGN);
            for room in [0, 127, 128, 400] {
                let signing = args(&[0]).buffers(&[]).bytes(&digest(len)).u32(room);
                script.call(Call::Sign, format_args!("digest {number}, room {room}"), signing);
            }
            end(&mut script);
        }
    }
    script
}

/// Numbers to the power of the exponents.
fn rsa_without_padding() -> Script {
    let mut script = Script::with("encryption: RSA without padding", NOW);
    for (mode, call) in [(ENCRYPT, Call::Encrypt), (DECRYPT, Call::Decrypt)] {
        rsa_crt().begin(&mut script, 0x6000_0030, mode);
        for len in [1, 20, 127, 128] {
            for room in [0, 64, 128, 400] {
                let mut data = pattern(40, len);
                data[0] &= 0x1F;
                let call_args = args(&[0]).buffers(&[]).bytes(&data).u32(room);
                script.call(call, format_args!("{len} bytes, room {room}"), call_args);
            }
        }
        end(&mut script);
    }
    script
}

/// What was encrypted elsewhere, whole and damaged.
fn rsa_decryption() -> Script {
    let mut script = Script::with("encryption: RSA, decryption", NOW);
    for (name, algorithm, text) in [("OAEP", 0x6021_0230, RSA_OAEP), ("PKCS #1 v1.5", 0x6000_0130, RSA_ES)] {
        rsa().begin(&mut script, algorithm, DECRYPT);
        let whole = hex(text);
        let mut changed = whole.clone();
        changed[100] ^= 1;
        for (what, data) in
            [("whole", &whole[..]), ("changed", &changed), ("cut", &whole[..127]), ("empty", &[])]
        {
            for room in [0, 7, 8, 128] {
                let decrypting = args(&[0]).buffers(&[]).bytes(data).u32(room);
                script.call(Call::Decrypt, format_args!("{name}, {what}, room {room}"), decrypting);
            }
        }
        end(&mut script);
    }
    script
}

/// How much room is needed for what is random.
fn too_little_room() -> Script {
    let mut script = Script::with("signatures: too little room", NOW);
    let cases = [
        (rsa(), 0x7041_4930, SIGN, Call::Sign, 32, 128),
        (dsa(), 0x7000_2131, SIGN, Call::Sign, 20, 40),
        (p256("ECDSA", 0xA100_0041), 0x7000_3042, SIGN, Call::Sign, 32, 64),
        (sm2("SM2 DSA", 0xA100_0045), 0x7000_6045, SIGN, Call::Sign, 32, 64),
        (rsa(), 0x6021_0230, ENCRYPT, Call::Encrypt, 20, 128),
        (rsa(), 0x6000_0130, ENCRYPT, Call::Encrypt, 20, 128),
    ];
    for (pair, algorithm, mode, call, len, needed) in cases {
        pair.begin(&mut script, algorithm, mode);
        for room in [0, 1, needed - 1] {
            let call_args = args(&[0]).buffers(&[]).bytes(&digest(len)).u32(room);
            script.call(call, format_args!("{algorithm:#x}, room {room}"), call_args);
        }
        end(&mut script);
    }
    script
}

/// Signatures that were made elsewhere, and those that are not random.
fn signatures() -> Vec<Script> {
    let sha1 = hex("8151325dcdbae9e0ff95f9f9658432dbedfdb209");
    let cases = [
        (rsa(), 0x7041_4930, digest(32), RSA_PSS),
        (dsa(), 0x7000_2131, sha1, DSA_SIGNATURE),
        (p256("ECDSA", 0xA100_0041), 0x7000_3042, digest(32), P256_SIGNATURE),
    ];
    let mut scripts: Vec<_> = cases
        .into_iter()
        .map(|(pair, algorithm, digest, signature)| {
            let mut script = Script::with(format_args!("signatures: {}", pair.name), NOW);
            pair.begin(&mut script, algorithm, VERIFY);
            verify_all(&mut script, &digest, &hex(signature));
            script
        })
        .collect();

    let mut script = Script::with("signatures: Ed25519", NOW);
    ed25519().begin(&mut script, 0x7000_6043, SIGN);
    for len in [0, 1, 32, 300] {
        for room in [0, 63, 64, 100] {
            let signing = args(&[0]).buffers(&[]).bytes(&pattern(41, len)).u32(room);
            script.call(Call::Sign, format_args!("{len} bytes, room {room}"), signing);
        }
    }
    scripts.push(script);
    scripts
}

/// Keys that two sides agree on.
fn derivation() -> Script {
    let mut script = Script::with("agreement: secrets", NOW);
    let x_y = vec![Kept::hex(0xD000_0141, P256_X), Kept::hex(0xD000_0241, P256_Y)];
    let cases = [
        (dh(), 0x8000_0032, vec![Kept::hex(0xD000_0132, DH_PEER)]),
        (p256("ECDH", 0xA100_0042), 0x8000_0042, x_y),
        (x25519(), 0x8000_0044, vec![Kept::hex(0xD000_0944, X25519_PEER)]),
    ];
    for (pair, algorithm, told) in cases {
        pair.begin(&mut script, algorithm, DERIVE);
        script.numbers(Call::AllocateObject, &[1, GENERIC_SECRET, 1024]);
        script.call(Call::Derive, pair.name, args(&[0, 1]).kept(&told));
        script.numbers(Call::ObjectInfo1, &[1]);
        script.numbers(Call::BufferAttribute, &[1, SECRET_VALUE, 200]);
        script.numbers(Call::FreeObject, &[1]);
        end(&mut script);
    }
    script
}

/// What is not taken: a session for each.
fn wrong() -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |what: &str, steps: &dyn Fn(&mut Script)| {
        let mut script = Script::with(format_args!("key pairs, wrong: {what}"), NOW);
        steps(&mut script);
        script.numbers(Call::OperationInfo, &[0]);
        script.is_there();
        scripts.push(script);
    };
    let signing = |len| args(&[0]).buffers(&[]).bytes(&digest(len)).u32(300);
    for len in [0, 20, 31, 33] {
        add(&format!("a digest of {len} bytes signed by PKCS #1"), &|script| {
            rsa().begin(script, 0x7000_4830, SIGN);
            script.call(Call::Sign, "", signing(len));
        });
        add(&format!("a digest of {len} bytes verified by PKCS #1"), &|script| {
            rsa().begin(script, 0x7000_4830, VERIFY);
            verify(script, "", &digest(len), &[1; 128]);
        });
        add(&format!("a digest of {len} bytes verified by ECDSA"), &|script| {
            p256("ECDSA", 0xA100_0041).begin(script, 0x7000_3042, VERIFY);
            verify(script, "", &digest(len), &hex(P256_SIGNATURE));
        });
    }
    for (pair, algorithm, text) in [
        (rsa as fn() -> Pair, 0x7041_4930, RSA_PSS),
        (|| p256("ECDSA", 0xA100_0041), 0x7000_3042, P256_SIGNATURE),
    ] {
        for len in [0, 63, 65, 127, 129] {
            let mut signature = hex(text);
            signature.resize(len, 0);
            add(&format!("{algorithm:#x}, a signature of {len} bytes"), &|script| {
                pair().begin(script, algorithm, VERIFY);
                verify(script, "", &digest(32), &signature);
            });
        }
    }
    for number in [8, 9, 10, 11] {
        add(&format!("PKCS #1 with SHA-3, digest {number}"), &|script| {
            script.numbers(Call::AllocateOperation, &[0, 0x7000_0830 | number << 12, SIGN, 1024]);
        });
    }
    add("signing with an operation for verifying", &|script| {
        rsa().begin(script, 0x7000_4830, VERIFY);
        script.call(Call::Sign, "", signing(32));
    });
    add("verifying with an operation for signing", &|script| {
        rsa().begin(script, 0x7000_4830, SIGN);
        verify(script, "", &digest(32), &[1; 128]);
    });
    add("decrypting with an operation for encrypting", &|script| {
        rsa().begin(script, 0x6021_0230, ENCRYPT);
        script.call(Call::Decrypt, "", args(&[0]).buffers(&[]).bytes(&hex(RSA_OAEP)).u32(128));
    });
    add("signing without a key", &|script| {
        script.numbers(Call::AllocateOperation, &[0, 0x7000_4830, SIGN, 1024]);
        script.call(Call::Sign, "", signing(32));
    });
    add("signing with a digest operation", &|script| {
        script.numbers(Call::AllocateOperation, &[0, SHA256, DIGEST, 0]);
        script.call(Call::Sign, "", signing(32));
    });
    add("a public key for signing", &|script| {
        let pair = rsa();
        script.object(0, (pair.kind & !PAIR, pair.bits), &pair.public);
        script.numbers(Call::AllocateOperation, &[0, 0x7000_4830, SIGN, 1024]);
        script.numbers(Call::SetKey, &[0, 0]);
    });
    add("a key of ECDH for ECDSA", &|script| {
        p256("ECDH", 0xA100_0042).begin(script, 0x7000_3042, SIGN);
    });
    add("too long a message for OAEP", &|script| {
        rsa().begin(script, 0x6021_0230, ENCRYPT);
        script.call(Call::Encrypt, "", args(&[0]).buffers(&[]).bytes(&[1; 87]).u32(128));
    });
    add("too long a message for PKCS #1", &|script| {
        rsa().begin(script, 0x6000_0130, ENCRYPT);
        script.call(Call::Encrypt, "", args(&[0]).buffers(&[]).bytes(&[1; 118]).u32(128));
    });
    add("deriving with an operation for signing", &|script| {
        rsa().begin(script, 0x7000_4830, SIGN);
        script.numbers(Call::AllocateObject, &[1, GENERIC_SECRET, 1024]);
        script.call(Call::Derive, "", args(&[0, 1]).kept(&[Kept::hex(0xD000_0132, DH_PEER)]));
    });
    add("deriving from nothing", &|script| {
        dh().begin(script, 0x8000_0032, DERIVE);
        script.numbers(Call::AllocateObject, &[1, GENERIC_SECRET, 1024]);
        script.call(Call::Derive, "", args(&[0, 1]).buffers(&[]));
    });
    add("deriving into a key of another type", &|script| {
        dh().begin(script, 0x8000_0032, DERIVE);
        script.numbers(Call::AllocateObject, &[1, AES, 128]);
        script.call(Call::Derive, "", args(&[0, 1]).kept(&[Kept::hex(0xD000_0132, DH_PEER)]));
    });
    add("deriving with a point that is not on the curve", &|script| {
        p256("ECDH", 0xA100_0042).begin(script, 0x8000_0042, DERIVE);
        script.numbers(Call::AllocateObject, &[1, GENERIC_SECRET, 1024]);
        let off = vec![Kept::hex(0xD000_0141, P256_X), Kept::hex(0xD000_0241, P256_D)];
        script.call(Call::Derive, "", args(&[0, 1]).kept(&off));
    });
    scripts
}
