// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sockets to servers on the daemon's machine that send back what comes.

use std::io::{Read, Write};
use std::time::Duration;

use optee_utee::net::{
    Setup, SocketAdapter, SocketError, StdCompatConnect, StdCompatRead, StdCompatWrite, TcpAdapter,
    TcpStream, UdpSocket,
};
use optee_utee::{raw, ErrorKind, Result};

use crate::check;

const HERE: &str = "127.0.0.1";

/// Talks to a TCP and a UDP server at these ports, and to none at others.
pub(crate) fn talk(tcp: u16, udp: u16) -> Result<()> {
    as_std_has_it(tcp, udp).map_err(|error| said(&error))?;
    as_without_std(tcp, udp).map_err(|error| said(&error))?;

    // A short wait for what does not come.
    let mut socket = UdpSocket::open(Setup::new_v4(HERE, udp)?).map_err(|error| said(&error))?;
    socket.set_recv_timeout_in_milli(20);
    socket.set_send_timeout_in_milli(60_000);
    check(socket.recv(&mut [0; 8]) == Err(SocketError::Timeout))?;
    socket.set_recv_timeout(Some(Duration::from_millis(20)))?;
    socket.set_send_timeout(None)?;
    check(socket.recv(&mut [0; 8]) == Err(SocketError::Timeout))?;
    check(socket.set_recv_timeout(Some(Duration::from_secs(u64::MAX))).is_err())?;

    // What no rule allows.
    let denied = SocketError::from_raw_error(ErrorKind::AccessDenied.into(), 0);
    check(TcpStream::open(Setup::new_v6("::1", tcp)?).err() == Some(denied))?;
    check(TcpStream::connect_v6("::1", tcp).is_err() && UdpSocket::connect_v6("::1", udp).is_err())?;
    check(<TcpStream as StdCompatConnect>::connect_v6("::1", tcp).is_err())?;
    check(Setup::new_v4("a\0name", tcp).is_err())?;

    let protocol = SocketError::from_raw_error(raw::TEE_ISOCKET_ERROR_PROTOCOL, 7);
    check(protocol == SocketError::ErrorProtocol(7) && !protocol.to_string().is_empty())
}

fn said(error: &dyn std::fmt::Display) -> ErrorKind {
    optee_utee::trace_println!("{}", error);
    ErrorKind::Communication
}

fn as_std_has_it(tcp: u16, udp: u16) -> std::io::Result<()> {
    for mut stream in [TcpStream::connect(HERE, tcp)?, TcpStream::connect_v4(HERE, tcp)?] {
        let mut answer = [0; 5];
        Write::write_all(&mut stream, b"hello")?;
        stream.flush()?;
        Read::read_exact(&mut stream, &mut answer)?;
        assert_eq!(&answer, b"hello");
    }
    for mut socket in [UdpSocket::connect(HERE, udp)?, UdpSocket::connect_v4(HERE, udp)?] {
        let mut answer = [0; 8];
        assert_eq!(Write::write(&mut socket, b"hello")?, 5);
        socket.flush()?;
        assert_eq!((Read::read(&mut socket, &mut answer)?, &answer[..5]), (5, &b"hello"[..]));
    }
    Ok(())
}

fn as_without_std(tcp: u16, udp: u16) -> core::result::Result<(), SocketError> {
    let mut stream = <TcpStream as StdCompatConnect>::connect(HERE, tcp)?;
    let mut answer = [0; 5];
    StdCompatWrite::write_all(&mut stream, b"hello")?;
    StdCompatRead::read_exact(&mut stream, &mut answer)?;
    assert_eq!(&answer, b"hello");
    let mut stream = <TcpStream as StdCompatConnect>::connect(HERE, tcp)?;
    assert_eq!(StdCompatWrite::write(&mut stream, b"HELLO")?, 5);
    let first = StdCompatRead::read(&mut stream, &mut answer[..1])?;
    StdCompatRead::read_exact(&mut stream, &mut answer[first..])?;
    assert_eq!((first, &answer), (1, b"HELLO"));
    let mut socket = <UdpSocket as StdCompatConnect>::connect_v4(HERE, udp)?;
    assert_eq!(socket.send(b"hello")?, 5);
    assert_eq!((socket.recv(&mut answer)?, &answer), (5, b"hello"));
    // What a socket is made of; the time is in milliseconds.
    let mut handle = TcpAdapter::open(Setup::new_v4(HERE, tcp)?)?;
    assert_eq!(TcpAdapter::send(&mut handle, b"there", 60_000)?, 5);
    assert_eq!((TcpAdapter::recv(&mut handle, &mut answer[..1], 60_000)?, answer[0]), (1, b't'));
    Ok(())
}
