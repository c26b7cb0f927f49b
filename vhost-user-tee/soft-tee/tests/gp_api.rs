// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The GP API as TAs written in C see it: the check TA calls it from inside
//! (`integration/tas/gp-check`), and digests of known data come out of the probe TA.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use common::*;
use tee::{gp, Access, CancelToken, Failure, Lifetime, Session};
use uuid::{uuid, Uuid};

const CHECK: Uuid = uuid!("77600ea4-7bc9-4460-bd53-5b9c143a9777");
/// Built for API 1.1.
const CHECK_GP11: Uuid = uuid!("5cf43db3-b062-42c2-b85d-71a5a8ac31ab");

const CANCELLATION: u32 = 5;
const LAST_CHECK: u32 = 7;
const WRONG: u32 = 8;
const WRONG_CALLS: u64 = 18;
const MEMREF: u32 = 9;

const PROPERTY: u32 = 22;

/// What the check TA adds the line of a check to.
const CHECK_FAILED: u32 = 0xbad0_0000;

fn run_checks(name: &str, uuid: Uuid) {
    let tee = soft_tee(name);
    let session = open(&context(&tee), uuid).unwrap();
    // The last twice: a call does not see what one before it has unmasked.
    for command in (0..=LAST_CHECK).chain([CANCELLATION]) {
        let result = invoke(&session, command, &mut []);
        if let Err(Failure { ret, .. }) = result {
            let line = ret.checked_sub(CHECK_FAILED).filter(|line| *line < 1 << 16);
            panic!("command {command}: {ret:#x}; gp_check_ta.c, line {line:?}");
        }
    }
    session.close(&CancelToken::new());
}

#[test]
fn the_api_is_what_a_ta_expects() {
    run_checks("check", CHECK);
}

#[test]
fn api_1_1_is_what_an_old_ta_expects() {
    run_checks("check-gp11", CHECK_GP11);
}

#[test]
fn a_wrong_call_ends_the_ta_and_nothing_else() {
    let tee = soft_tee("wrong");
    let context = context(&tee);
    for uuid in [CHECK, CHECK_GP11] {
        for which in 0..WRONG_CALLS {
            let session = open(&context, uuid).unwrap();
            let ended = invoke_value(&session, WRONG, which, 0);
            assert_eq!(ended, Err(Failure::tee(gp::ERROR_TARGET_DEAD)), "wrong call {which} of {uuid}");
            session.close(&CancelToken::new());
        }
        let session = open(&context, uuid).unwrap();
        let unknown = invoke_value(&session, WRONG, WRONG_CALLS, 0);
        assert_eq!(unknown, Err(Failure::trusted_app(gp::ERROR_BAD_PARAMETERS)), "the count is not the TA's");
        session.close(&CancelToken::new());
    }
}

#[test]
fn memrefs_of_api_1_1_are_the_clients_pages() {
    let tee = soft_tee("memref-gp11");
    let session = open(&context(&tee), CHECK_GP11).unwrap();
    let ram = Ram::new(1);
    let mut params = [memref(Access::Output, &ram.memory(Lifetime::Transient, &[(0, 1)]), 8, 16)];
    invoke(&session, MEMREF, &mut params).unwrap();
    assert_eq!(size(&params[0]), 8);
    assert_eq!([7, 8, 23, 24].map(|at| ram.byte(at)), [0, 0x11, 0x11, 0]);
    session.close(&CancelToken::new());
}

/// FIPS 180-4 and 202 examples, RFC 1321, GB/T 32905: digests of "abc".
const ABC: [(u32, &str); 13] = [
    (0x5000_0001, "900150983cd24fb0d6963f7d28e17f72"),
    (0x5000_0002, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (0x5000_0003, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    (0x5000_0004, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        0x5000_0005,
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    ),
    (
        0x5000_0006,
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
         454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (0x5000_0007, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    (0x5000_0008, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
    (0x5000_0009, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    (
        0x5000_000A,
        "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
    ),
    (
        0x5000_000B,
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e39340\
         57340b4cf408d5a56592f8274eec53f0",
    ),
    // SHAKE128 and 256, of 32 and 64 bytes.
    (0x5000_0101, "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8"),
    (
        0x5000_0102,
        "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739d5a15bef186a5386c75744c0527e1faa\
         9f8726e462a12a4feb06bd8801e751e4",
    ),
];

/// A digest of `data`, with room for `room` bytes: what the TA returns, and the size that it sets.
fn digest(
    session: &Arc<dyn Session>,
    algorithm: u32,
    data: &[u8],
    room: u64,
) -> (Result<(), Failure>, u64, Vec<u8>) {
    let ram = Ram::new(2);
    ram.file.write_all_at(data, 0).unwrap();
    let memory = ram.memory(Lifetime::Transient, &[(0, 2)]);
    let mut params = [
        value(Access::Input, algorithm.into(), 0),
        memref(Access::Input, &memory, 0, data.len() as u64),
        memref(Access::Output, &memory, PAGE, room),
    ];
    let result = invoke(session, DIGEST, &mut params);
    let out = (0..room).map(|at| ram.byte(PAGE + at)).collect();
    (result, size(&params[2]), out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn digests_of_known_data() {
    let tee = soft_tee("digests");
    let session = open(&context(&tee), MULTI).unwrap();
    for (algorithm, expected) in ABC {
        let len = expected.len() as u64 / 2;
        let (result, size, out) = digest(&session, algorithm, b"abc", len);
        assert_eq!((result, size), (Ok(()), len), "{algorithm:#x}");
        assert_eq!(hex(&out), expected, "{algorithm:#x}");
    }
    session.close(&CancelToken::new());
}

#[test]
fn a_digest_says_what_room_it_needs() {
    let tee = soft_tee("room");
    let session = open(&context(&tee), MULTI).unwrap();
    for room in [0, 31] {
        let (result, size, out) = digest(&session, 0x5000_0004, b"abc", room);
        assert_eq!(result, Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER)));
        assert_eq!(size, 32);
        assert!(out.iter().all(|byte| *byte == 0));
    }
    session.close(&CancelToken::new());
}

#[test]
fn what_is_no_digest_is_not_supported() {
    let tee = soft_tee("none");
    let session = open(&context(&tee), MULTI).unwrap();
    // AES-CTR, HMAC-SHA-256, MD5 with SHA-1, nothing.
    for algorithm in [0x1000_0210, 0x3000_0004, 0x5000_000F, 0] {
        let (result, ..) = digest(&session, algorithm, b"abc", 64);
        assert_eq!(result, Err(Failure::trusted_app(gp::ERROR_NOT_SUPPORTED)), "{algorithm:#x}");
    }
    session.close(&CancelToken::new());
}

/// A property as text, of the TA (0), the client (1) or the TEE (2).
fn property(session: &Arc<dyn Session>, set: u64, name: &str) -> Result<String, Failure> {
    let ram = Ram::new(2);
    ram.file.write_all_at(name.as_bytes(), 0).unwrap();
    let memory = ram.memory(Lifetime::Transient, &[(0, 2)]);
    let mut params = [
        value(Access::Input, set, 0),
        memref(Access::Input, &memory, 0, name.len() as u64),
        memref(Access::Output, &memory, PAGE, 100),
    ];
    invoke(session, PROPERTY, &mut params)?;
    let text: Vec<u8> = (0..size(&params[2])).map(|at| ram.byte(PAGE + at)).collect();
    Ok(String::from_utf8(text).unwrap().strip_suffix('\0').unwrap().to_owned())
}

#[test]
fn properties_are_the_tas_the_clients_and_the_tees() {
    let tee = soft_tee("properties");
    let client = uuid!("00112233-4455-6677-8899-aabbccddeeff");
    let request = tee::OpenSession { uuid: SHARED, login: gp::LOGIN_GROUP, client };
    let session = context(&tee).open_session(&request, &mut [], &CancelToken::new()).unwrap();
    for (set, name, expected) in [
        (0, "gpd.ta.appID", SHARED.to_string()),
        (0, "gpd.ta.singleInstance", "true".to_owned()),
        (0, "gpd.ta.multiSession", "true".to_owned()),
        (0, "gpd.ta.instanceKeepAlive", "true".to_owned()),
        (1, "gpd.client.identity", format!("2:{client}")),
        (1, "gpd.client.endian", "0".to_owned()),
        (2, "gpd.tee.internalCore.version", 0x0103_0100.to_string()),
    ] {
        assert_eq!(property(&session, set, name), Ok(expected), "{name}");
    }
    for (set, name) in [(0, "gpd.ta.nothing"), (1, "gpd.ta.appID"), (2, "gpd.client.identity"), (2, "")] {
        let missing = Err(Failure::trusted_app(gp::ERROR_ITEM_NOT_FOUND));
        assert_eq!(property(&session, set, name), missing, "{name}");
    }
    session.close(&CancelToken::new());
}

#[test]
fn access_to_memrefs_is_by_their_type() {
    const READ: u64 = 1;
    const WRITE: u64 = 2;
    const ANY_OWNER: u64 = 4;
    let tee = soft_tee("access");
    let session = open(&context(&tee), MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    for (access, flags, allowed) in [
        (Access::Input, READ | ANY_OWNER, true),
        (Access::Input, WRITE | ANY_OWNER, false),
        (Access::Output, WRITE | ANY_OWNER, true),
        (Access::InOut, READ | WRITE | ANY_OWNER, true),
        // It is the client's, not the TA's.
        (Access::InOut, READ, false),
    ] {
        let mut params = [memref(access, &memory, 100, 1000), value(Access::Input, flags, 0)];
        let result = invoke(&session, CHECK_ACCESS, &mut params);
        let expected = if allowed { Ok(()) } else { Err(Failure::trusted_app(gp::ERROR_ACCESS_DENIED)) };
        assert_eq!(result, expected, "{access:?} {flags:#x}");
    }
    session.close(&CancelToken::new());
}
