// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! TAs in Rust: a TA that calls every function of `optee-utee` (`ta-dev-kit/tests/rust-check`).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread;

use common::*;
use soft_tee::SoftTee;
use tee::{gp, Access, Failure};
use uuid::{uuid, Uuid};

const RUST_CHECK: Uuid = uuid!("5076cdb8-c7a3-4782-a518-ff4eb9b62611");

/// Commands without parameters, in the order of their numbers.
const PARTS: [&str; 22] = [
    "digests",
    "ciphers",
    "a cipher with two keys",
    "MACs",
    "authenticated encryption",
    "RSA",
    "elliptic curves",
    "derivation",
    "transient objects",
    "attributes",
    "persistent objects",
    "persistent keys",
    "enumerators",
    "arithmetic",
    "time and random numbers",
    "persistent time",
    "properties of TA and client",
    "properties of the TEE",
    "the TA's own properties",
    "UUIDs and errors",
    "traces and plug-ins",
    "parameters taken apart",
];
/// What it does in a session with another instance.
const SESSIONS: [(u32, &str); 2] = [(100, "sessions"), (101, "parameters of sessions")];
const IN_AND_OUT: u32 = 200;
const UPDATES: u32 = 201;
const CLIENT: u32 = 202;
const SOCKETS: u32 = 203;

fn tee_with(name: &str, rules: &[String]) -> SoftTee {
    let folder = soft_tee_testing::rust_test_ta();
    soft_tee_with(name, |config| {
        config.ta_dir.clone_from(&folder);
        config.sockets = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    })
}

#[test]
fn a_ta_in_rust_has_what_its_library_offers() {
    let tee = tee_with("rust-check", &[]);
    let session = open(&context(&tee), RUST_CHECK).unwrap();
    for (number, part) in (0..).zip(PARTS).chain(SESSIONS) {
        assert_eq!(invoke(&session, number, &mut []), Ok(()), "{part}");
    }
    let no_more = Err(Failure::trusted_app(gp::ERROR_NOT_SUPPORTED));
    assert_eq!(invoke(&session, PARTS.len() as u32, &mut []), no_more);
}

#[test]
fn a_ta_in_rust_has_parameters_of_a_client() {
    let tee = tee_with("rust-check-parameters", &[]);
    let session = open(&context(&tee), RUST_CHECK).unwrap();
    let (_in_ram, input) = memory_with(b"abc");
    let (out_ram, output) = memory_with(&[0; 10]);
    let mut params = [
        value(Access::Input, 1, 2),
        value(Access::Output, 0, 0),
        memref(Access::Input, &input, 0, 3),
        memref(Access::Output, &output, 0, 10),
    ];
    invoke(&session, IN_AND_OUT, &mut params).unwrap();
    assert_eq!((values(&params[1]), size(&params[3])), ((2, 1), 3));
    assert_eq!([0, 1, 2, 3].map(|at| out_ram.byte(at)), *b"cba\0");
    // Output that is too small, a type that does not fit, and a memref that is null.
    let mut small = params.clone();
    small[3] = memref(Access::Output, &output, 0, 2);
    let refused = |ret| Err(Failure::trusted_app(ret));
    assert_eq!(invoke(&session, IN_AND_OUT, &mut small), refused(gp::ERROR_SHORT_BUFFER));
    let bad = refused(gp::ERROR_BAD_PARAMETERS);
    assert_eq!(invoke(&session, UPDATES, &mut params), bad);
    let null = tee::Param::MemRef { access: Access::Input, buffer: None, size: 0 };
    assert_eq!(invoke(&session, UPDATES, &mut [null]), bad);

    let (ram, both) = memory_with(b"abcdef");
    let mut params = [value(Access::InOut, 5, 6), memref(Access::InOut, &both, 0, 6)];
    invoke(&session, UPDATES, &mut params).unwrap();
    assert_eq!((values(&params[0]), size(&params[1])), ((5, 7), 4));
    assert_eq!([0, 1, 2, 3, 4].map(|at| ram.byte(at)), *b"aCBde");

    let mut params = [value(Access::Output, 0, 0), memref(Access::Output, &both, 0, 100)];
    invoke(&session, CLIENT, &mut params).unwrap();
    assert_eq!((values(&params[0]).0, size(&params[1])), (gp::LOGIN_PUBLIC.into(), 36));
}

#[test]
fn a_ta_in_rust_has_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (tcp, udp) = (listener.local_addr().unwrap().port(), socket.local_addr().unwrap().port());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 5];
            let _ = stream.read_exact(&mut bytes).and_then(|()| stream.write_all(&bytes));
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 100];
        while let Ok((len, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(&bytes[..len], from);
        }
    });
    let tee = tee_with("rust-check-sockets", &[format!("127.0.0.1:{tcp}"), format!("127.0.0.1:{udp}")]);
    let session = open(&context(&tee), RUST_CHECK).unwrap();
    let ports = value(Access::Input, tcp.into(), udp.into());
    assert_eq!(invoke(&session, SOCKETS, &mut [ports]), Ok(()));
}
