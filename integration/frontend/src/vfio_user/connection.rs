// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The client's end of a vfio-user socket.

use std::io::{self, Read, Write};
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vfio_user::Command;
use vmm_sys_util::sock_ctrl_msg::ScmSocket;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::message::{Header, RegionAccess, COMMAND, ERROR, NO_REPLY, REPLY, TYPE};
use crate::frontend::connect;
use crate::ring::HANG;
use crate::Error;

const HEADER: usize = size_of::<Header>();
/// Longer answers are none that this end asks for.
const MAX_ANSWER: usize = 64 << 10;
/// What this end says of itself: a version, 0.1, and capabilities.
const VERSION: &[u8] =
    b"\x00\x00\x01\x00{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":1048576}}\0";

/// A connection. Threads take turns: an answer is waited for before the next message is sent.
pub struct Connection {
    state: Mutex<State>,
}

struct State {
    stream: UnixStream,
    next_id: u16,
    messages: Messages,
}

/// How many messages were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Those that were answered.
    pub answered: u64,
    /// Those that want no answer.
    pub posted: u64,
}

impl Connection {
    /// Connects to `socket`, for which it waits a while, and agrees on a version.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let connection = Self::without_version(socket)?;
        let answer = connection.request(Command::Version, VERSION, &[])?;
        let capabilities = answer.get(4..).and_then(|text| text.strip_suffix(b"\0"));
        let json = |text| serde_json::from_slice::<serde_json::Value>(text).ok();
        let Some(json) = capabilities.and_then(json) else {
            return Err(Error::Protocol("capabilities that are no text in JSON".into()));
        };
        let number = |name: &str| json["capabilities"][name].as_u64().unwrap_or_default();
        if number("max_msg_fds") < 1 || number("max_data_xfer_size") < 8 {
            return Err(Error::Protocol(format!("capabilities that are too little: {json}")));
        }
        Ok(connection)
    }

    /// Connects, and leaves the version to the caller.
    pub fn without_version(socket: &Path) -> Result<Self, Error> {
        let stream = connect(socket)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        let state = State { stream, next_id: 0, messages: Messages::default() };
        Ok(Self { state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages were sent.
    pub fn messages(&self) -> Messages {
        self.lock().messages
    }

    /// Sends a command, with descriptors, and returns the body of the answer.
    pub fn request(&self, command: Command, body: &[u8], fds: &[RawFd]) -> Result<Vec<u8>, Error> {
        let mut state = self.lock();
        let id = state.send(command, COMMAND, body, fds)?;
        state.messages.answered += 1;
        let answer = state.receive(command, id);
        if matches!(&answer, Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock) {
            return Err(Error::Hang);
        }
        answer
    }

    /// Sends a command that is not answered.
    pub fn post(&self, command: Command, body: &[u8]) -> Result<(), Error> {
        let mut state = self.lock();
        state.send(command, COMMAND | NO_REPLY, body, &[])?;
        state.messages.posted += 1;
        Ok(())
    }

    /// Sends a command that is answered with its own structure.
    pub fn ask<T: IntoBytes + Immutable + FromBytes>(&self, command: Command, what: &T) -> Result<T, Error> {
        let answer = self.request(command, what.as_bytes(), &[])?;
        T::read_from_bytes(&answer).map_err(|_| Error::Protocol(format!("{} bytes of answer", answer.len())))
    }

    /// Reads a part of a region.
    pub fn read<const N: usize>(&self, region: u32, offset: u64) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.read_bytes(region, offset, N as u32)?);
        Ok(bytes)
    }

    /// Reads `len` bytes of a region.
    pub fn read_bytes(&self, region: u32, offset: u64, len: u32) -> Result<Vec<u8>, Error> {
        let access = RegionAccess { offset, region, count: len };
        let mut answer = self.request(Command::RegionRead, access.as_bytes(), &[])?;
        match RegionAccess::read_from_prefix(&answer) {
            Ok((said, data)) if said == access && data.len() == len as usize => {
                Ok(answer.split_off(size_of::<RegionAccess>()))
            }
            _ => Err(Error::Protocol(format!("{} bytes for a read of {len}", answer.len()))),
        }
    }

    /// Writes a part of a region.
    pub fn write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        let access = RegionAccess { offset, region, count: data.len() as u32 };
        let answer = self.request(Command::RegionWrite, &[access.as_bytes(), data].concat(), &[])?;
        if answer != access.as_bytes() {
            return Err(Error::Protocol(format!("{} bytes of answer to a write", answer.len())));
        }
        Ok(())
    }

    /// Writes a part of a region, and does not wait for that.
    pub fn post_write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        let access = RegionAccess { offset, region, count: data.len() as u32 };
        self.post(Command::RegionWrite, &[access.as_bytes(), data].concat())
    }
}

impl State {
    /// Returns the message's number.
    fn send(&mut self, command: Command, flags: u32, body: &[u8], fds: &[RawFd]) -> Result<u16, Error> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let size = (HEADER + body.len()) as u32;
        let header = Header { id, command: command as u16, size, flags, error: 0 };
        let bytes = [header.as_bytes(), body].concat();
        let sent = match fds {
            [] => 0,
            // Descriptors travel with the first bytes.
            fds => self.stream.send_with_fds(&[bytes.as_slice()], fds).map_err(io::Error::from)?,
        };
        self.stream.write_all(&bytes[sent..])?;
        Ok(id)
    }

    fn receive(&mut self, command: Command, id: u16) -> Result<Vec<u8>, Error> {
        let mut bytes = [0; HEADER];
        self.stream.read_exact(&mut bytes)?;
        let header = Header::read_from_bytes(&bytes).unwrap_or_default();
        let bad =
            || Error::Protocol(format!("an answer to another message than {command:?} {id}: {header:?}"));
        let len =
            (header.size as usize).checked_sub(HEADER).filter(|len| *len <= MAX_ANSWER).ok_or_else(bad)?;
        if (header.id, header.command, header.flags & TYPE) != (id, command as u16, REPLY) {
            return Err(bad());
        }
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body)?;
        if header.flags & ERROR != 0 {
            return Err(Error::Refused { command, errno: header.error });
        }
        Ok(body)
    }
}
