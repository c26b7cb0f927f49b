// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Pseudo TAs, as guests and as TAs reach them.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;
mod session_ta;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use common::*;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::{Padding, Rsa};
use openssl::sha::sha256;
use openssl::sign::{RsaPssSaltlen, Verifier};
use session_ta::*;
use soft_tee::{SoftTee, State};
use tee::{gp, Access, CancelToken, Failure, Lifetime, Param, Session};
use uuid::{uuid, Uuid};

const SYSTEM: Uuid = uuid!("3a2f8978-5dc0-11e8-9c2d-fa7ae01bbebc");
const DEVICE: Uuid = uuid!("7011a688-ddde-4053-a5a9-7b3c4ddf13b8");
const RNG: Uuid = uuid!("ab7a617c-b8e7-4d8f-8301-d09b61036b64");
const ATTESTATION: Uuid = uuid!("39800861-182a-4720-9b67-2bcd622bc0b5");
const SOCKET: Uuid = uuid!("3b996a7d-2c2b-4a49-a896-e1fb5766d2f4");

const ADD_RNG_ENTROPY: u32 = 0;
const DERIVE_KEY: u32 = 1;
const GET_PUBKEY: u32 = 0;
const GET_TA_SHDR_DIGEST: u32 = 1;
const HASH_TA_MEMORY: u32 = 2;
const HASH_TEE_MEMORY: u32 = 3;

/// Digest and signature.
const MEASUREMENT: u64 = 32 + 384;

fn bytes(ram: &Ram, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ram.file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn null(access: Access, size: u64) -> Param {
    Param::MemRef { access, buffer: None, size }
}

/// The devices of `command`, asked for as Linux does.
fn devices(session: &Arc<dyn Session>, command: u32) -> Vec<Uuid> {
    let mut params = [null(Access::Output, 0)];
    match invoke(session, command, &mut params) {
        Ok(()) => assert_eq!(size(&params[0]), 0),
        Err(failure) => assert_eq!(failure, Failure::trusted_app(gp::ERROR_SHORT_BUFFER)),
    }
    let needed = size(&params[0]);
    let (ram, memory) = memory_with(&[0; 256]);
    let mut params = [memref(Access::Output, &memory, 0, needed)];
    invoke(session, command, &mut params).unwrap();
    assert_eq!(size(&params[0]), needed);
    bytes(&ram, needed as usize).chunks(16).map(|octets| Uuid::from_slice(octets).unwrap()).collect()
}

/// A TA with `flags`, in `folder`.
fn add_ta(folder: &Path, uuid: Uuid, flags: u32) {
    let (low, mid, high, rest) = uuid.as_fields();
    let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
    let source = ta_source("").replace(
        "{ 0x355ca50a, 0x8cb4, 0x4de0, { 0xa6, 0x33, 0x59, 0xe1, 0x7a, 0xfc, 0x16, 0xfb } }",
        &format!("{{ {low}u, {mid}, {high}, {{ {} }} }}, .flags = {flags}", rest.join(", ")),
    );
    soft_tee_testing::compile(&source, &folder.join(format!("{uuid}.ta")));
}

#[test]
fn devices_are_those_that_announce_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let [early, with_supplicant, both, none] = [1, 2, 3, 4].map(Uuid::from_u128);
    add_ta(folder.path(), early, 1 << 9);
    add_ta(folder.path(), with_supplicant, 1 << 10);
    add_ta(folder.path(), both, 1 << 9 | 1 << 10 | 1 << 12);
    add_ta(folder.path(), none, 0);
    // What is no TA, or another than it says, is passed over.
    fs::write(folder.path().join(format!("{}.ta", Uuid::from_u128(5))), "no TA").unwrap();
    let copy = folder.path().join(format!("{}.ta", Uuid::from_u128(6)));
    fs::copy(folder.path().join(format!("{early}.ta")), copy).unwrap();
    fs::write(folder.path().join("README"), "").unwrap();
    let tee = soft_tee_with("devices", |config| config.ta_dir = folder.path().to_owned());
    let session = open(&context(&tee), DEVICE).unwrap();
    assert_eq!(devices(&session, 0), [RNG, early, both]);
    assert_eq!(devices(&session, 1), [with_supplicant, both]);
    assert_eq!(devices(&session, 2), [both]);
    // One that does not fit.
    let (_ram, memory) = memory_with(&[0; 64]);
    let mut params = [memref(Access::Output, &memory, 0, 47)];
    assert_eq!(invoke(&session, 0, &mut params), Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER)));
    assert_eq!(size(&params[0]), 48);
    for (command, params, ret) in [
        // Without memory there is no room, whatever size is told.
        (0, vec![null(Access::Output, 500)], gp::ERROR_SHORT_BUFFER),
        (0, vec![null(Access::InOut, 0)], gp::ERROR_BAD_PARAMETERS),
        (0, vec![], gp::ERROR_BAD_PARAMETERS),
        (3, vec![null(Access::Output, 0)], gp::ERROR_NOT_IMPLEMENTED),
    ] {
        let mut params = params;
        assert_eq!(invoke(&session, command, &mut params), Err(Failure::trusted_app(ret)));
    }
    close(session);
}

#[test]
fn random_numbers_as_linux_asks_for_them() {
    let tee = soft_tee("rng");
    let session = open(&context(&tee), RNG).unwrap();
    let mut info = [value(Access::Output, 0, 0)];
    invoke(&session, 1, &mut info).unwrap();
    let (rate, quality) = values(&info[0]);
    assert!(rate > 0 && quality == 1024);
    // Pages that do not lie in order.
    let ram = Ram::new(2);
    let memory = ram.memory(Lifetime::Registered, &[(1, 1), (0, 1)]);
    let mut params = [memref(Access::InOut, &memory, 100, 4096)];
    invoke(&session, 0, &mut params).unwrap();
    assert_eq!(size(&params[0]), 4096);
    let seen = bytes(&ram, 2 * PAGE as usize);
    let (second, first) = seen.split_at(PAGE as usize);
    assert!(first[..100].iter().chain(&second[100..]).all(|byte| *byte == 0));
    assert!(first[100..].iter().chain(&second[..100]).filter(|byte| **byte == 0).count() < 200);
    for (params, ret) in [
        (memref(Access::InOut, &memory, 0, 4097), gp::ERROR_NOT_SUPPORTED),
        (memref(Access::Output, &memory, 0, 4096), gp::ERROR_BAD_PARAMETERS),
        (null(Access::InOut, 0), gp::ERROR_BAD_PARAMETERS),
    ] {
        assert_eq!(invoke(&session, 0, &mut [params]), Err(Failure::trusted_app(ret)));
    }
    assert_eq!(invoke(&session, 2, &mut []), Err(Failure::trusted_app(gp::ERROR_NOT_IMPLEMENTED)));
    close(session);
    // TAs may ask as well.
    let a = open(&context(&tee), CALLER).unwrap();
    let session = opened_from(&a, RNG) | OWN;
    let (ram, memory) = memory_with(&[0; 64]);
    let random = Ask {
        session,
        command: 0,
        kinds: [MEMREF_INOUT, 0, 0, 0],
        memory: Some((&memory, 0, 64)),
        ..Ask::default()
    };
    assert_eq!(ask(&a, random), Ok(((gp::SUCCESS, BY_TA), (64, 0))));
    assert_ne!(bytes(&ram, 64), [0; 64]);
    close(a);
}

#[test]
fn the_system_is_for_tas() {
    let tee = soft_tee("system");
    let context = context(&tee);
    assert_eq!(open(&context, SYSTEM).err(), Some(Failure::trusted_app(gp::ERROR_ACCESS_DENIED)));
    let a = open(&context, CALLER).unwrap();
    let session = opened_from(&a, SYSTEM);
    let (_ram, memory) = memory_with(&[1; 100]);
    let answer = |command, kinds, len| {
        let buffer = Some((&memory, 0, len));
        ask(&a, Ask { session: session | OWN, command, kinds, memory: buffer, ..Ask::default() }).unwrap().0
    };
    let [dlopen, dlsym, tpm_log, plugin] = [10, 11, 12, 13];
    for (command, kinds, len, ret) in [
        (ADD_RNG_ENTROPY, [MEMREF_IN, 0, 0, 0], 100, gp::SUCCESS),
        (ADD_RNG_ENTROPY, [MEMREF_IN, 0, 0, 0], 0, gp::ERROR_BAD_PARAMETERS),
        (ADD_RNG_ENTROPY, [MEMREF_INOUT, 0, 0, 0], 100, gp::ERROR_BAD_PARAMETERS),
        (dlopen, [MEMREF_IN, VALUE_IN, 0, 0], 16, gp::ERROR_BAD_PARAMETERS),
        (dlopen, [MEMREF_IN, 0, 0, 0], 16, gp::ERROR_BAD_PARAMETERS),
        (dlsym, [MEMREF_IN, MEMREF_IN, VALUE_OUT, 0], 16, gp::ERROR_NOT_SUPPORTED),
        (dlsym, [MEMREF_IN, MEMREF_IN, VALUE_OUT, 0], 15, gp::ERROR_BAD_PARAMETERS),
        (tpm_log, [MEMREF_OUT, 0, 0, 0], 16, gp::ERROR_NOT_SUPPORTED),
        (tpm_log, [MEMREF_IN, 0, 0, 0], 16, gp::ERROR_BAD_PARAMETERS),
        (plugin, [MEMREF_IN, VALUE_IN, MEMREF_INOUT, VALUE_OUT], 16, gp::ERROR_NOT_SUPPORTED),
        (plugin, [0; 4], 16, gp::ERROR_BAD_PARAMETERS),
        (99, [0; 4], 16, gp::ERROR_NOT_IMPLEMENTED),
    ] {
        assert_eq!(answer(command, kinds, len), (ret, BY_TA), "command {command} {kinds:?} {len}");
    }
    let flags = Ask {
        session: session | OWN,
        command: dlopen,
        kinds: [MEMREF_IN, VALUE_IN, 0, 0],
        value: (0x1102, 0),
        memory: Some((&memory, 0, 16)),
        ..Ask::default()
    };
    assert_eq!(ask(&a, flags).unwrap().0, (gp::ERROR_NOT_SUPPORTED, BY_TA));
    close(a);
}

#[test]
fn a_ta_maps_memory_as_long_as_it_has_some() {
    let tee = soft_tee("maps");
    for caller in [CALLER, CALLER_GP11] {
        let a = open(&context(&tee), caller).unwrap();
        for (len, flags, mapped) in [
            (1, 0, gp::SUCCESS),
            (1_000_000, 1, gp::SUCCESS),
            (0, 0, gp::ERROR_BAD_PARAMETERS),
            (1, 2, gp::ERROR_BAD_PARAMETERS),
            (0xffff_0000, 0, gp::ERROR_OUT_OF_MEMORY),
        ] {
            let mut params = [value(Access::Input, len, flags), value(Access::Output, 0, 0)];
            invoke(&a, MAP, &mut params).unwrap();
            let unmapped = if mapped == gp::SUCCESS { gp::SUCCESS } else { gp::ERROR_NO_DATA };
            assert_eq!(values(&params[1]), (mapped.into(), unmapped.into()), "{len} {flags}");
        }
        close(a);
    }
}

/// A key of `len` bytes that `caller` derives from as many bytes `extra`.
fn derived(tee: &SoftTee, caller: Uuid, flags: u32, extra: u8, len: usize) -> Result<Vec<u8>, Answer> {
    let a = open(&context(tee), caller).unwrap();
    let session = opened_from(&a, SYSTEM) | flags;
    let (ram, memory) = memory_with(&vec![extra; len]);
    let kinds = [MEMREF_IN, MEMREF_OUT, 0, 0];
    let buffer = Some((&memory, 0, len as u64));
    let answer =
        ask(&a, Ask { session, command: DERIVE_KEY, kinds, memory: buffer, ..Ask::default() }).unwrap().0;
    close(a);
    match answer {
        (gp::SUCCESS, BY_TA) => Ok(bytes(&ram, len)),
        other => Err(other),
    }
}

#[test]
fn each_ta_of_each_vm_has_keys_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let with_state = || {
        soft_tee_with("keys", |config| {
            config.state = Arc::new(State::open(folder.path(), soft_tee::DEFAULT_STORAGE).unwrap());
        })
    };
    let tee = with_state();
    let key = derived(&tee, CALLER, OWN, 7, 32).unwrap();
    assert_ne!(key, [7; 32]);
    assert_eq!(derived(&tee, CALLER, OWN, 7, 32).unwrap(), key);
    for other in [
        derived(&tee, CALLER_GP11, OWN, 7, 32).unwrap(),
        derived(&tee, CALLER, OWN, 8, 32).unwrap(),
        derived(&soft_tee("another VM"), CALLER, OWN, 7, 32).unwrap(),
    ] {
        assert_ne!(other, key);
    }
    assert_eq!(derived(&tee, CALLER, OWN, 7, 16).unwrap().len(), 16);
    for len in [0, 15, 33] {
        assert_eq!(derived(&tee, CALLER, OWN, 7, len), Err((gp::ERROR_BAD_PARAMETERS, BY_TA)));
    }
    // Not where the guest could see it.
    assert_eq!(derived(&tee, CALLER, 0, 7, 32), Err((gp::ERROR_SECURITY, BY_TA)));
    drop(tee);
    assert_eq!(derived(&with_state(), CALLER, OWN, 7, 32).unwrap(), key);
}

/// The public key, as a guest gets it.
fn public_key(session: &Arc<dyn Session>) -> Rsa<openssl::pkey::Public> {
    let mut params = [null(Access::Output, 0), null(Access::Output, 0), value(Access::Output, 0, 0)];
    let short = invoke(session, GET_PUBKEY, &mut params);
    assert_eq!(short, Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER)));
    assert_eq!((size(&params[0]), size(&params[1])), (3, 384));
    let ((e_ram, e), (n_ram, n)) = (memory_with(&[0; 16]), memory_with(&[0; 512]));
    let mut params =
        [memref(Access::Output, &e, 0, 16), memref(Access::Output, &n, 0, 512), value(Access::Output, 0, 0)];
    invoke(session, GET_PUBKEY, &mut params).unwrap();
    assert_eq!(values(&params[2]).0, 0x7041_4930);
    let number = |ram: &Ram, param: &Param| BigNum::from_slice(&bytes(ram, size(param) as usize)).unwrap();
    Rsa::from_public_components(number(&n_ram, &params[1]), number(&e_ram, &params[0])).unwrap()
}

/// The digest of a measurement that is signed for `nonce`.
fn verified(key: &Rsa<openssl::pkey::Public>, nonce: &[u8], measurement: &[u8]) -> [u8; 32] {
    let key = PKey::from_rsa(key.clone()).unwrap();
    let (digest, signature) = measurement.split_at(32);
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
    verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    verifier.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(32)).unwrap();
    verifier.update(nonce).unwrap();
    verifier.update(digest).unwrap();
    assert!(verifier.verify(signature).unwrap());
    digest.try_into().unwrap()
}

#[test]
fn measurements_are_signed() {
    let tee = soft_tee("attestation");
    let context = context(&tee);
    let session = open(&context, ATTESTATION).unwrap();
    let key = public_key(&session);
    let nonce = [5; 100];
    let (nonce_ram, nonce_memory) = memory_with(&nonce);
    let measure = |command, first: Option<Param>| {
        let (ram, memory) = memory_with(&[0; 1000]);
        let nonce = memref(Access::Input, &nonce_memory, 0, 100);
        let mut params: Vec<_> =
            first.into_iter().chain([nonce, memref(Access::Output, &memory, 0, 1000)]).collect();
        invoke(&session, command, &mut params)?;
        assert_eq!(size(&params[params.len() - 1]), MEASUREMENT);
        Ok::<_, Failure>(bytes(&ram, MEASUREMENT as usize))
    };
    // A TA's file.
    let digest_of = |uuid: Uuid| {
        let (_ram, memory) = memory_with(&uuid.to_bytes_le());
        measure(GET_TA_SHDR_DIGEST, Some(memref(Access::Input, &memory, 0, 16)))
    };
    let file = fs::read(soft_tee_testing::test_tas().join(format!("{CALLER}.ta"))).unwrap();
    assert_eq!(verified(&key, &nonce, &digest_of(CALLER).unwrap()), sha256(&file));
    assert_eq!(digest_of(Uuid::from_u128(1)), Err(Failure::trusted_app(gp::ERROR_ITEM_NOT_FOUND)));
    // The TEE's programs.
    let programs = [std::env::current_exe().unwrap(), soft_tee_testing::runtime().to_owned()];
    let programs = programs.map(|program| sha256(&fs::read(program).unwrap()));
    let measured = measure(HASH_TEE_MEMORY, None).unwrap();
    assert_eq!(verified(&key, &nonce, &measured), sha256(&programs.concat()));
    // What a TA runs, which a guest is not.
    assert_eq!(measure(HASH_TA_MEMORY, None), Err(Failure::trusted_app(gp::ERROR_ACCESS_DENIED)));
    let a = open(&context, CALLER).unwrap();
    let number = opened_from(&a, ATTESTATION);
    let (ram, memory) = memory_with(&[6; 416]);
    for flags in [OWN, 0] {
        let nonce = bytes(&ram, 416);
        let own = Ask {
            session: number | flags,
            command: HASH_TA_MEMORY,
            kinds: [MEMREF_IN, MEMREF_OUT, 0, 0],
            memory: Some((&memory, 0, MEASUREMENT)),
            ..Ask::default()
        };
        assert_eq!(ask(&a, own), Ok(((gp::SUCCESS, BY_TA), (MEASUREMENT, 0))));
        let expected = [&CALLER.as_bytes()[..], &sha256(&file)].concat();
        assert_eq!(verified(&key, &nonce, &bytes(&ram, 416)), sha256(&expected));
    }
    close(a);
    drop(nonce_ram);
    close(session);
}

#[test]
fn measurements_that_are_asked_for_in_the_wrong_way() {
    let tee = soft_tee("bad attestation");
    let session = open(&context(&tee), ATTESTATION).unwrap();
    let (_ram, memory) = memory_with(&[1; 1000]);
    let input = |len| memref(Access::Input, &memory, 0, len);
    let output = |len| memref(Access::Output, &memory, 500, len);
    for (command, mut params) in [
        (HASH_TEE_MEMORY, vec![null(Access::Input, 0), output(500)]),
        (HASH_TEE_MEMORY, vec![input(0), output(500)]),
        (HASH_TEE_MEMORY, vec![input(1)]),
        (GET_TA_SHDR_DIGEST, vec![input(15), input(1), output(500)]),
        (GET_TA_SHDR_DIGEST, vec![input(16), output(500)]),
        (GET_PUBKEY, vec![output(500), output(500)]),
        (4, vec![]),
    ] {
        let result = invoke(&session, command, &mut params);
        assert_eq!(result, Err(Failure::trusted_app(gp::ERROR_BAD_PARAMETERS)), "{command} {params:?}");
    }
    for too_little in [output(MEASUREMENT - 1), null(Access::Output, MEASUREMENT)] {
        let mut params = [input(1), too_little];
        let short = invoke(&session, HASH_TEE_MEMORY, &mut params);
        assert_eq!(short, Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER)));
        assert_eq!(size(&params[1]), MEASUREMENT);
    }
    close(session);
}

#[test]
fn sockets_are_refused() {
    let tee = soft_tee("sockets");
    let context = context(&tee);
    assert_eq!(open(&context, SOCKET).err(), Some(Failure::trusted_app(gp::ERROR_ACCESS_DENIED)));
    let a = open(&context, CALLER).unwrap();
    let refused = open_from(&a, SOCKET, FOREVER, false, &CancelToken::new()).unwrap();
    assert_eq!(refused.0, (gp::ERROR_ACCESS_DENIED, BY_TA));
    close(a);
}

#[test]
fn the_cache_is_for_memory_of_the_client_and_tas_that_say_so() {
    let tee = soft_tee("cache");
    let context = context(&tee);
    let (_ram, memory) = memory_with(&[1; 64]);
    for (caller, own, ret) in [
        (SINGLE_CALLER, 0, gp::SUCCESS),
        (SINGLE_CALLER, 1, gp::ERROR_ACCESS_DENIED),
        (CALLER, 0, gp::ERROR_NOT_SUPPORTED),
    ] {
        let a = open(&context, caller).unwrap();
        for operation in 0..3 {
            let mut params = [value(Access::Input, operation, own), memref(Access::InOut, &memory, 0, 64)];
            let expected = if ret == gp::SUCCESS { Ok(()) } else { Err(Failure::trusted_app(ret)) };
            assert_eq!(invoke(&a, CACHE, &mut params), expected);
        }
        close(a);
    }
}
