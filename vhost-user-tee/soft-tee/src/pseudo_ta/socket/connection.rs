// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One connected socket. Nothing blocks but [`Call::wait`], which the TA's client can cancel.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    connect, recv, send, socket_with, sockopt, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
};
use tee::gp;

use super::super::Call;
use super::place::Place;

/// `TEE_ISOCKET_ERROR_REMOTE_CLOSED`.
const ERROR_REMOTE_CLOSED: u32 = 0xF100_7002;
/// `TEE_ISOCKET_ERROR_TIMEOUT`.
const ERROR_TIMEOUT: u32 = 0xF100_7003;
/// `TEE_ISOCKET_ERROR_LARGE_BUFFER`.
const ERROR_LARGE_BUFFER: u32 = 0xF100_7005;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Udp,
}

impl Kind {
    /// Of a `TEE_ISOCKET_PROTOCOLID_*`.
    pub(super) fn from_protocol(protocol: u32) -> Option<Self> {
        match protocol {
            0x65 => Some(Self::Tcp),
            0x66 => Some(Self::Udp),
            _ => None,
        }
    }
}

/// A socket that is connected.
pub(super) struct Connection {
    kind: Kind,
    socket: OwnedFd,
    _place: Option<Place>,
}

impl Connection {
    /// Connects to `address`, until `deadline` at most.
    pub(super) fn connect(
        call: &Call<'_>,
        kind: Kind,
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<Self, u32> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket_type = match kind {
            Kind::Tcp => SocketType::STREAM,
            Kind::Udp => SocketType::DGRAM,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, socket_type, flags, None).map_err(result)?;
        match connect(&socket, &address) {
            Ok(()) => {}
            Err(Errno::INPROGRESS) => {
                if !call.wait(&socket, PollFlags::OUT, Some(deadline))? {
                    return Err(ERROR_TIMEOUT);
                }
                sockopt::socket_error(&socket).map_err(result)?.map_err(result)?;
            }
            Err(error) => return Err(result(error)),
        }
        Ok(Self { kind, socket, _place: None })
    }

    /// The same, keeping its place as long as it lives.
    pub(super) fn at(self, place: Place) -> Self {
        Self { _place: Some(place), ..self }
    }

    /// What it speaks.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Sends `bytes`; returns how many, and whether that is all.
    pub(super) fn send(
        &self,
        call: &Call<'_>,
        bytes: &[u8],
        deadline: Option<Instant>,
    ) -> (usize, Result<(), u32>) {
        let mut sent = 0;
        loop {
            match send(&self.socket, &bytes[sent..], SendFlags::NOSIGNAL) {
                Ok(len) => sent += len,
                Err(Errno::AGAIN) => match call.wait(&self.socket, PollFlags::OUT, deadline) {
                    Ok(true) => continue,
                    Ok(false) => return (sent, Err(ERROR_TIMEOUT)),
                    Err(error) => return (sent, Err(error)),
                },
                Err(Errno::INTR) => continue,
                Err(error) => return (sent, Err(result(error))),
            }
            // A datagram is sent at once.
            if sent == bytes.len() || self.kind == Kind::Udp {
                return (sent, Ok(()));
            }
        }
    }

    /// Receives what there is, up to `room` bytes.
    pub(super) fn receive(
        &self,
        call: &Call<'_>,
        room: usize,
        deadline: Option<Instant>,
    ) -> Result<Vec<u8>, u32> {
        let mut bytes = vec![0; room];
        loop {
            match recv(&self.socket, &mut bytes[..], RecvFlags::empty()) {
                Ok((0, _)) if self.kind == Kind::Tcp && room > 0 => return Err(ERROR_REMOTE_CLOSED),
                Ok((len, _)) => {
                    bytes.truncate(len);
                    return Ok(bytes);
                }
                Err(Errno::AGAIN) => {
                    if !call.wait(&self.socket, PollFlags::IN, deadline)? {
                        return Err(ERROR_TIMEOUT);
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(result(error)),
            }
        }
    }

    /// Sets the size of the kernel's buffer, in bytes.
    pub(super) fn set_buffer(&self, receive: bool, len: usize) -> Result<(), u32> {
        let set = if receive {
            sockopt::set_socket_recv_buffer_size(&self.socket, len)
        } else {
            sockopt::set_socket_send_buffer_size(&self.socket, len)
        };
        set.map_err(result)
    }
}

/// What the kernel's error is to a TA.
fn result(error: Errno) -> u32 {
    match error {
        Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN => ERROR_REMOTE_CLOSED,
        Errno::TIMEDOUT => ERROR_TIMEOUT,
        Errno::MSGSIZE => ERROR_LARGE_BUFFER,
        Errno::NOMEM | Errno::NOBUFS | Errno::MFILE | Errno::NFILE => gp::ERROR_OUT_OF_MEMORY,
        // Refused, unreachable, and the like.
        _ => gp::ERROR_COMMUNICATION,
    }
}
