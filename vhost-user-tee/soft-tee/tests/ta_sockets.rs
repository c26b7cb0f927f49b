// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sockets of TAs: refused unless a rule allows them, and then as the TA expects them.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;
mod session_ta;

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use session_ta::*;
use soft_tee::SoftTee;
use tee::{gp, Access, CancelToken, Failure, Session};

const TCP: u64 = 0x65;
const UDP: u64 = 0x66;

const OPENING: u64 = 1;
const SENDING: u64 = 2;
const RECEIVING: u64 = 3;

const REMOTE_CLOSED: u32 = 0xF100_7002;
const TIMEOUT: u32 = 0xF100_7003;
const LARGE_BUFFER: u32 = 0xF100_7005;

fn tee_with(name: &str, rules: &[String]) -> SoftTee {
    soft_tee_with(name, |config| config.sockets = rules.iter().map(|rule| rule.parse().unwrap()).collect())
}

/// What a TA is to do: connect, send so many bytes, receive.
struct Talk<'a> {
    protocol: u64,
    address: &'a str,
    port: u16,
    send: &'a [u8],
    room: usize,
    timeout: u64,
}

/// Has the TA of `session` do it; returns the result, where it stopped, and what it received.
fn talk_until(
    session: &Arc<dyn Session>,
    talk: &Talk<'_>,
    cancel: &CancelToken,
) -> Result<(u32, u64, Vec<u8>), Failure> {
    let name = [talk.address.as_bytes(), b"\0"].concat();
    let (_name_ram, name_memory) = memory_with(&name);
    let room = talk.room.max(talk.send.len());
    let mut bytes = talk.send.to_vec();
    bytes.resize(room, 0);
    let (ram, memory) = memory_with(&bytes);
    let mut params = [
        value(Access::Input, talk.port.into(), talk.protocol),
        memref(Access::Input, &name_memory, 0, name.len() as u64),
        memref(Access::InOut, &memory, 0, room as u64),
        value(Access::InOut, talk.timeout, talk.send.len() as u64),
    ];
    session.invoke(SOCKET, &mut params, cancel)?;
    let (result, state) = values(&params[3]);
    let received = (0..state & 0xff_ffff).map(|at| ram.byte(at)).collect();
    Ok((result as u32, state >> 24, received))
}

fn talk(session: &Arc<dyn Session>, talk: &Talk<'_>) -> (u32, u64, Vec<u8>) {
    talk_until(session, talk, &CancelToken::new()).unwrap()
}

const HELLO: Talk<'_> =
    Talk { protocol: TCP, address: "127.0.0.1", port: 0, send: b"hello", room: 100, timeout: 30_000 };

/// A server on this machine that answers each connection's first bytes with `answer`, and hangs up.
fn tcp_server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(answer);
        }
    });
    port
}

#[test]
fn nothing_is_allowed_without_a_rule() {
    let port = tcp_server(b"answer");
    let tee = soft_tee("no rules");
    let context = context(&tee);
    for caller in [CALLER, CALLER_GP11] {
        let session = open(&context, caller).unwrap();
        for protocol in [TCP, UDP] {
            let refused = talk(&session, &Talk { port, protocol, ..HELLO });
            assert_eq!(refused, (gp::ERROR_ACCESS_DENIED, OPENING, vec![]));
        }
        close(session);
    }
}

#[test]
fn a_rule_allows_what_it_says_and_no_more() {
    let port = tcp_server(b"answer");
    let rules = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "[::1]:1".to_owned()];
    let tee = tee_with("rules", &rules);
    let context = context(&tee);
    // Guests have no sockets of a TEE's.
    let socket = uuid::uuid!("3b996a7d-2c2b-4a49-a896-e1fb5766d2f4");
    assert_eq!(open(&context, socket).err(), Some(Failure::trusted_app(gp::ERROR_ACCESS_DENIED)));
    for caller in [CALLER, CALLER_GP11] {
        let session = open(&context, caller).unwrap();
        for address in ["127.0.0.1", "localhost", "LOCALHOST"] {
            let talked = talk(&session, &Talk { address, port, ..HELLO });
            assert_eq!(talked, (gp::SUCCESS, RECEIVING, b"answer".to_vec()), "{address}");
        }
        for (address, port) in [
            ("127.0.0.1", port.wrapping_add(1).max(1)),
            ("127.0.0.2", port),
            ("localhost.", port),
            ("example.org", port),
            ("::1", 2),
        ] {
            let refused = talk(&session, &Talk { address, port, ..HELLO });
            assert_eq!(refused, (gp::ERROR_ACCESS_DENIED, OPENING, vec![]), "{address}");
        }
        // Allowed, but nobody is there.
        let nobody = talk(&session, &Talk { address: "::1", port: 1, ..HELLO });
        assert_eq!((nobody.0, nobody.1), (gp::ERROR_COMMUNICATION, OPENING));
        let empty = talk(&session, &Talk { address: "", port, ..HELLO });
        assert_eq!((empty.0, empty.1), (gp::ERROR_BAD_PARAMETERS, OPENING));
        close(session);
    }
}

#[test]
fn datagrams_go_both_ways() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut bytes = [0; 70_000];
        while let Ok((len, from)) = server.recv_from(&mut bytes) {
            server.send_to(&bytes[..len], from).unwrap();
        }
    });
    let tee = tee_with("udp", &[format!("127.0.0.0/8:{port}")]);
    let session = open(&context(&tee), CALLER).unwrap();
    let talked = talk(&session, &Talk { protocol: UDP, port, ..HELLO });
    assert_eq!(talked, (gp::SUCCESS, RECEIVING, b"hello".to_vec()));
    // One that none can carry.
    let large = talk(&session, &Talk { protocol: UDP, port, send: &[1; 66_000], ..HELLO });
    assert_eq!((large.0, large.1), (LARGE_BUFFER, SENDING));
    close(session);
}

#[test]
fn large_buffers_go_in_pieces_or_not_at_all() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Takes all, slowly at first, and tells how much that was.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::sleep(Duration::from_millis(200));
            let mut total = 0;
            let mut bytes = [0; 4096];
            while total < 1_000_000 {
                match stream.read(&mut bytes) {
                    Ok(0) | Err(_) => break,
                    Ok(len) => total += len,
                }
            }
            let _ = stream.write_all(&(total as u32).to_le_bytes());
        }
    });
    let tee = tee_with("large", &[format!("127.0.0.1:{port}")]);
    let session = open(&context(&tee), CALLER).unwrap();
    let talked = talk(&session, &Talk { port, send: &vec![7; 1_000_000], ..HELLO });
    assert_eq!(talked, (gp::SUCCESS, RECEIVING, 1_000_000_u32.to_le_bytes().to_vec()));
    let large = talk(&session, &Talk { port, send: &vec![7; (1 << 20) + 1], ..HELLO });
    assert_eq!((large.0, large.1), (LARGE_BUFFER, SENDING));
    close(session);
}

#[test]
fn waiting_ends_in_time_or_when_it_is_cancelled() {
    // Takes connections, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tee = tee_with("waiting", &[format!("127.0.0.1:{port}")]);
    let session = open(&context(&tee), CALLER).unwrap();
    let start = Instant::now();
    let timed_out = talk(&session, &Talk { port, timeout: 50, ..HELLO });
    assert_eq!(timed_out, (TIMEOUT, RECEIVING, vec![]));
    assert!(start.elapsed() >= Duration::from_millis(50));
    let token = Arc::new(CancelToken::new());
    let waiter = {
        let (session, token) = (session.clone(), token.clone());
        thread::spawn(move || talk_until(&session, &Talk { port, timeout: FOREVER, ..HELLO }, &token))
    };
    thread::sleep(Duration::from_millis(100));
    assert!(!waiter.is_finished());
    token.cancel();
    assert_eq!(waiter.join().unwrap().unwrap(), (gp::ERROR_CANCEL, RECEIVING, vec![]));
    close(session);
}

#[test]
fn the_end_of_a_connection_is_told() {
    let port = tcp_server(b"");
    let tee = tee_with("hung up", &[format!("127.0.0.1:{port}")]);
    let session = open(&context(&tee), CALLER).unwrap();
    let talked = talk(&session, &Talk { port, ..HELLO });
    assert_eq!(talked, (REMOTE_CLOSED, RECEIVING, vec![]));
    close(session);
}
