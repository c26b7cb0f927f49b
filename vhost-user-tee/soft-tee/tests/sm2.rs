// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! SM2, as a TA sees it (API 1.3.1, sections 6.7 and 6.8): the examples of GB/T 32918.5, and what OP-TEE says.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;

use crypto::Attribute::{Buffer, Values};
use crypto::*;
use tee::gp;

const DSA_KEYPAIR: u32 = 0xA100_0045;
const KEP_KEYPAIR: u32 = 0xA100_0046;
const PKE_KEYPAIR: u32 = 0xA100_0047;
/// A public key has the number of its pair without this.
const PAIR: u32 = 0x0100_0000;

const X: u32 = 0xD000_0141;
const Y: u32 = 0xD000_0241;
const PRIVATE: u32 = 0xC000_0341;
const EPHEMERAL: [u32; 2] = [0xD000_0146, 0xD000_0246];
const OPTEE_EPHEMERAL: [u32; 2] = [0xD000_0946, 0xD000_0A46];
const ID_INITIATOR: u32 = 0xD000_0446;
const ID_RESPONDER: u32 = 0xD000_0546;
const KEP_USER: u32 = 0xF000_0646;
const CONFIRMATION_IN: u32 = 0xD000_0746;
const CONFIRMATION_OUT: u32 = 0xD000_0846;

const SM2_DSA: u32 = 0x7000_6045;
const SM2_KEP: u32 = 0x6000_0045;
const SM2_PKE: u32 = 0x8000_0046;
const CURVE_SM2: u32 = 0x400;

/// A private value and both coordinates of its point.
#[derive(Clone)]
struct Pair([Vec<u8>; 3]);

impl Pair {
    fn new(private: &str, x: &str, y: &str) -> Self {
        Self([hex(private), hex(x), hex(y)])
    }

    fn public(&self) -> Vec<Attribute<'_>> {
        vec![Buffer(X, &self.0[1]), Buffer(Y, &self.0[2])]
    }

    fn all(&self) -> Vec<Attribute<'_>> {
        [self.public(), vec![Buffer(PRIVATE, &self.0[0])]].concat()
    }
}

/// GB/T 32918.5, annexes A and C.
fn pair() -> Pair {
    Pair::new(
        "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8",
        "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13",
    )
}

#[test]
fn a_signature_is_that_of_the_standard() {
    let pair = pair();
    let digest = hex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
    let signature = hex("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
         B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA");
    for api in APIS {
        let mut ta = Ta::new("sm2-dsa", api);
        ta.begin((DSA_KEYPAIR & !PAIR, 256), &pair.public(), SM2_DSA, VERIFY);
        assert!(ta.verify(&[], &digest, &signature));
        assert!(!ta.verify(&[], &[7; 32], &signature));
        for wrong in [&signature[1..], &[0; 64], &[0xFF; 64], &[]] {
            assert!(!ta.verify(&[], &digest, wrong));
        }
        ta.end();

        ta.begin((DSA_KEYPAIR, 256), &pair.all(), SM2_DSA, SIGN);
        let mut short = ta.call(Call::Sign, args(&[0, 0]).bytes(&digest).u32(63));
        assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 64));
        let signed = ta.run(Call::Sign, &[], &digest).1;
        ta.operation(1, SM2_DSA, VERIFY, 256, 0);
        let call = args(&[1, 0]).bytes(&digest).bytes(&signed);
        assert_eq!(ta.call(Call::Verify, call).result, gp::SUCCESS);
        // A digest of another length.
        ta.panics(Call::Sign, args(&[0, 0]).bytes(&digest[1..]).u32(64), api);
    }
}

#[test]
fn a_ciphertext_is_that_of_the_standard() {
    let pair = pair();
    let encrypted = hex("04
         04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73
         E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0
         21886CA989CA9C7D58087307CA93092D651EFA
         59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766");
    let ta = Ta::new("sm2-pke", Api::Now);
    ta.begin((PKE_KEYPAIR, 256), &pair.all(), SM2_PKE, DECRYPT);
    assert_eq!(ta.run(Call::Decrypt, &[], &encrypted), (gp::SUCCESS, b"encryption standard".to_vec()));
    let mut short = ta.call(Call::Decrypt, args(&[0, 0]).bytes(&encrypted).u32(18));
    assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, 19));
    let changed = |at: usize| {
        let mut changed = encrypted.clone();
        changed[at] ^= 1;
        changed
    };
    let invalid = 0xF010_0006;
    for (wrong, code) in [
        // The digest; the data; no point of the curve; compressed; another form; too short.
        (changed(100), invalid),
        (changed(70), invalid),
        (changed(10), gp::ERROR_BAD_PARAMETERS),
        ([&[2], &encrypted[1..]].concat(), gp::ERROR_NOT_SUPPORTED),
        ([&[5], &encrypted[1..]].concat(), gp::ERROR_BAD_PARAMETERS),
        (encrypted[..97].to_vec(), gp::ERROR_BAD_PARAMETERS),
        (Vec::new(), gp::ERROR_BAD_PARAMETERS),
    ] {
        assert_eq!(ta.run(Call::Decrypt, &[], &wrong), (code, Vec::new()));
    }
    // API 1.1 has no code for that.
    let mut ta = Ta::new("sm2-pke", Api::Gp11);
    ta.begin((PKE_KEYPAIR, 256), &pair.all(), SM2_PKE, DECRYPT);
    ta.panics(Call::Decrypt, args(&[0, 0]).bytes(&changed(100)).u32(100), Api::Gp11);
}

#[test]
fn what_is_encrypted_is_decrypted() {
    for api in APIS {
        let mut ta = Ta::new("sm2-both", api);
        for data in [&b"a"[..], &[7; 200], &[8; 1000]] {
            ta.begin((PKE_KEYPAIR & !PAIR, 256), &pair().public(), SM2_PKE, ENCRYPT);
            let len = data.len() as u32 + 97;
            let mut short = ta.call(Call::Encrypt, args(&[0, 0]).bytes(data).u32(len - 1));
            assert_eq!((short.result, short.output().0), (gp::ERROR_SHORT_BUFFER, len as usize));
            let encrypted = ta.call(Call::Encrypt, args(&[0, 0]).bytes(data).u32(len)).bytes();
            ta.end();
            ta.begin((PKE_KEYPAIR, 256), &pair().all(), SM2_PKE, DECRYPT);
            assert_eq!(ta.run(Call::Decrypt, &[], &encrypted), (gp::SUCCESS, data.to_vec()));
            ta.end();
        }
        ta.begin((PKE_KEYPAIR & !PAIR, 256), &pair().public(), SM2_PKE, ENCRYPT);
        ta.panics(Call::Encrypt, args(&[0, 0]).bytes(&[]).u32(200), api);
        // A public key that is no point.
        ta.begin((PKE_KEYPAIR & !PAIR, 256), &[Buffer(X, &[1]), Buffer(Y, &[1])], SM2_PKE, ENCRYPT);
        assert_eq!(ta.run(Call::Encrypt, &[], b"data").0, gp::ERROR_BAD_PARAMETERS);
    }
}

/// GB/T 32918.5, annex B: a side's own key, and that of the exchange.
fn sides() -> [[Pair; 2]; 2] {
    [
        [
            Pair::new(
                "81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029",
                "160E12897DF4EDB61DD812FEB96748FBD3CCF4FFE26AA6F6DB9540AF49C94232",
                "4A7DAD08BB9A459531694BEB20AA489D6649975E1BFCF8C4741B78B4B223007F",
            ),
            Pair::new(
                "D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3",
                "64CED1BDBC99D590049B434D0FD73428CF608A5DB8FE5CE07F15026940BAE40E",
                "376629C7AB21E7DB260922499DDB118F07CE8EAAE3E7720AFEF6A5CC062070C0",
            ),
        ],
        [
            Pair::new(
                "785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5",
                "6AE848C57C53C7B1B5FA99EB2286AF078BA64C64591B8B566F7357D576F16DFB",
                "EE489D771621A27B36C5C7992062E9CD09A9264386F3FBEA54DFF69305621C4D",
            ),
            Pair::new(
                "7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6",
                "ACC27688A6F7B706098BC91FF3AD1BFF7DC2802CDB14CCCCDB0A90471F9BD707",
                "2FEDAC0494B2FFC4D6853876C79B8F301C6573AD0AA50F39FC87181E1A1B46FE",
            ),
        ],
    ]
}

const ID: &[u8] = b"1234567812345678";
const KEY: &str = "6C89347354DE2484C60B4AB1FDE4C6E5";
/// What the responder sends to confirm it, and the initiator.
const CONFIRMATIONS: [&str; 2] = [
    "D3A0FE15DEE185CEAE907A6B595CC32A266ED7B3367E9983A896DC32FA20F8EB",
    "18C7894B3816DF16CF07B05C5EC0BEF5D655D58F779CC1B400A4F3884644DB88",
];

/// What a side is told: `at` is 0 for the initiator.
fn told<'a>(at: u32, peer: &'a [Pair; 2], ephemeral: [u32; 2]) -> Vec<Attribute<'a>> {
    vec![
        Values(KEP_USER, at, 0),
        Buffer(X, &peer[0].0[1]),
        Buffer(Y, &peer[0].0[2]),
        Buffer(ephemeral[0], &peer[1].0[1]),
        Buffer(ephemeral[1], &peer[1].0[2]),
        Buffer(ID_INITIATOR, ID),
        Buffer(ID_RESPONDER, ID),
    ]
}

/// An operation with a side's keys in slot 0, an object for the key of 128 bits in slot 2.
fn begin_exchange(ta: &Ta, side: &[Pair; 2]) {
    ta.object(0, KEP_KEYPAIR, 256, &side[0].all());
    ta.object(1, KEP_KEYPAIR, 256, &side[1].all());
    ta.ok(Call::AllocateOperation, args(&[0, SM2_KEP, DERIVE, 512]));
    ta.ok(Call::SetKey2, args(&[0, 0, 1]));
    ta.ok(Call::AllocateObject, args(&[2, GENERIC_SECRET, 128]));
}

#[test]
fn a_key_agreed_on_is_that_of_the_standard() {
    let sides = sides();
    for api in APIS {
        let ta = Ta::new("sm2-kep", api);
        for at in [0, 1_u32] {
            let (mine, peer) = (&sides[at as usize], &sides[1 - at as usize]);
            let (expected, sent) = (hex(CONFIRMATIONS[at as usize]), hex(CONFIRMATIONS[1 - at as usize]));
            for ephemeral in [EPHEMERAL, OPTEE_EPHEMERAL] {
                begin_exchange(&ta, mine);
                ta.ok(Call::Derive, args(&[0, 2]).attributes(&told(at, peer, ephemeral)));
                assert_eq!(ta.buffer(2, SECRET_VALUE), hex(KEY));

                begin_exchange(&ta, mine);
                let room = [0; 40];
                let more = [Buffer(CONFIRMATION_IN, &expected), Buffer(CONFIRMATION_OUT, &room)];
                let told = [told(at, peer, ephemeral), more.to_vec()].concat();
                let mut reply = ta.ok(Call::Derive, args(&[0, 2]).attributes(&told));
                assert_eq!(reply.output().1, [&sent[..], &[0; 8]].concat());
                assert_eq!(ta.buffer(2, SECRET_VALUE), hex(KEY));
            }
        }
    }
}

#[test]
fn keys_that_are_not_confirmed_end_the_ta() {
    let sides = sides();
    let zeros = [0; 32];
    for api in APIS {
        let mut ta = Ta::new("sm2-kep-wrong", api);
        let told = told(0, &sides[1], EPHEMERAL);
        let with = |attribute| [&told[..], &[attribute]].concat();
        for wrong in [
            // Another confirmation; one that is too short; too little room; another attribute; too few.
            with(Buffer(CONFIRMATION_IN, &zeros)),
            with(Buffer(CONFIRMATION_IN, &zeros[1..])),
            with(Buffer(CONFIRMATION_OUT, &zeros[1..])),
            with(Buffer(PRIVATE, &zeros)),
            told[1..].to_vec(),
            told[..6].to_vec(),
            // A point that is none.
            [&told[..1], &[Buffer(X, &zeros)], &told[2..]].concat(),
        ] {
            begin_exchange(&ta, &sides[0]);
            ta.panics(Call::Derive, args(&[0, 2]).attributes(&wrong), api);
        }
        // One key alone.
        begin_exchange(&ta, &sides[0]);
        ta.ok(Call::AllocateOperation, args(&[1, SM2_KEP, DERIVE, 512]));
        ta.panics(Call::SetKey, args(&[1, 0]), api);
    }
}

#[test]
fn new_keys_work_and_are_for_one_algorithm() {
    let mut ta = Ta::new("sm2-generate", Api::Now);
    let modes = [(DSA_KEYPAIR, SM2_DSA, SIGN, 256), (PKE_KEYPAIR, SM2_PKE, DECRYPT, 256)];
    for (kind, algorithm, mode, size) in modes {
        ta.ok(Call::AllocateObject, args(&[0, kind, 256]));
        ta.ok(Call::GenerateKey, args(&[0, 256, 0]));
        assert_eq!(ta.ok(Call::ObjectInfo1, args(&[0])).u32s()[..3], [kind, 256, 256]);
        ta.operation(0, algorithm, mode, size, 0);
        ta.ok(Call::AllocateObject, args(&[1, kind & !PAIR, 256]));
        ta.ok(Call::CopyAttributes1, args(&[1, 0]));
        for (other, ..) in modes {
            if other != kind {
                ta.ok(Call::AllocateObject, args(&[0, other, 256]));
                ta.ok(Call::GenerateKey, args(&[0, 256, 0]));
                ta.panics(Call::SetKey, args(&[0, 0]), Api::Now);
            }
        }
    }
    let both: Vec<_> = [0, 1]
        .into_iter()
        .map(|slot| {
            ta.ok(Call::AllocateObject, args(&[slot, KEP_KEYPAIR, 256]));
            ta.ok(Call::GenerateKey, args(&[slot, 256, 0]));
            ta.buffer(slot, PRIVATE)
        })
        .collect();
    assert_ne!(both[0], both[1]);
    for (algorithm, mode, size) in [(SM2_DSA, SIGN, 256), (SM2_PKE, ENCRYPT, 256), (SM2_KEP, DERIVE, 512)] {
        for (bits, there) in [(size, true), (192, false), (size * 2, false)] {
            let result = ta.call(Call::AllocateOperation, args(&[0, algorithm, mode, bits])).result;
            assert_eq!(result == gp::SUCCESS, there, "{algorithm:#x} {bits}");
        }
        for (element, there) in [(CURVE_SM2, true), (0, false), (3, false)] {
            let result = ta.call(Call::IsSupported, args(&[algorithm, element])).result;
            assert_eq!(result == gp::SUCCESS, there, "{algorithm:#x} {element}");
        }
    }
}
