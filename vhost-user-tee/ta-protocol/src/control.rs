// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What goes over the control socket (the TA process's stdin): the start, and what happens beside
//! calls.
//!
//! The process ends when the daemon hangs up: a TA does not outlive its daemon.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::RecvFlags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::socket::{self, Error, MAX_LEN};

const START: u64 = 1;
const UNMAP: u64 = 2;
const UNMAPPED: u64 = 3;
const NOT_STARTED: u64 = 4;

/// `Start::debug`: no sandbox, and the TA's file is one with a name, where debuggers find it.
pub const DEBUG_UNCONFINED: u64 = 1;
/// `Start::debug`, of an unconfined one: wait for a debugger before the first call.
pub const DEBUG_WAIT: u64 = 2;
/// `Start::debug`, of an unconfined one: a panic of the TA runs exit handlers, instead of stopping where it is.
pub const DEBUG_EXIT: u64 = 4;

/// The first message: all that a TA process is given, with the descriptors of [`StartFiles`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Start {
    /// Which message this is; [`Start::new`] knows.
    pub kind: u64,
    /// UUID of the TA.
    pub uuid: [u8; 16],
    /// Tells this VM's TEE from others: the property `gpd.tee.deviceID`.
    pub device_id: [u8; 16],
    /// Most bytes of private memory that the process may have beyond what it has at its start.
    pub heap: u64,
    /// Most bytes of the stack on which the TA runs.
    pub stack: u64,
    /// The TA's [`TaHead::flags`](crate::ta_head::TaHead::flags).
    pub flags: u64,
    /// Number of the daemon's process.
    pub daemon: u64,
    /// `DEBUG_*`: zero but where a developer looks into a TA.
    pub debug: u64,
}

impl Start {
    /// The start of a TA, of which the fields are to be filled in.
    pub fn new() -> Self {
        Self {
            kind: START,
            uuid: [0; 16],
            device_id: [0; 16],
            heap: 0,
            stack: 0,
            flags: 0,
            daemon: 0,
            debug: 0,
        }
    }
}

impl Default for Start {
    fn default() -> Self {
        Self::new()
    }
}

/// What comes with [`Start`].
pub struct StartFiles<T> {
    /// The TA, a sealed memory file.
    pub ta: T,
    /// The mailbox.
    pub mailbox: T,
    /// The socket for [`memory`](crate::memory).
    pub memory: T,
    /// The exchange.
    pub exchange: T,
}

/// Why a TA was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Refusal {
    /// This machine cannot hold a TA safely, or something went wrong.
    Machine = 0,
    /// The TA cannot be loaded.
    Ta = 1,
}

/// What the daemon asks beside calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Unmap this map, which no call uses.
    Unmap(u64),
}

/// What the TA process says beside calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// This map is gone.
    Unmapped(u64),
    /// The TA was not started, and the process ends.
    NotStarted(Refusal, String),
}

/// The daemon's: starts.
pub fn send_start(socket: impl AsFd, start: &Start, files: StartFiles<BorrowedFd<'_>>) -> Result<(), Error> {
    socket::send(socket, &[start.as_bytes()], &[files.ta, files.mailbox, files.memory, files.exchange])
}

/// The TA process's: is started.
pub fn receive_start(socket: impl AsFd) -> Result<(Start, StartFiles<OwnedFd>), Error> {
    let mut buffer = [0; size_of::<Start>()];
    let (len, fds) = socket::receive(socket, &mut buffer, RecvFlags::empty())?;
    let start = Start::read_from_bytes(&buffer[..len]).map_err(|_| Error::Malformed)?;
    let [ta, mailbox, memory, exchange]: [OwnedFd; 4] = fds.try_into().map_err(|_| Error::Malformed)?;
    if start.kind != START {
        return Err(Error::Malformed);
    }
    Ok((start, StartFiles { ta, mailbox, memory, exchange }))
}

/// The daemon's: asks. It fails where the process has not taken in what was asked before.
pub fn send_request(socket: impl AsFd, request: Request) -> Result<(), Error> {
    let Request::Unmap(map) = request;
    socket::send_now(socket, &[[UNMAP, map].as_bytes()], &[])
}

/// The TA process's: is asked.
pub fn receive_request(socket: impl AsFd) -> Result<Request, Error> {
    let mut buffer = [0; 16];
    let (len, _) = socket::receive(socket, &mut buffer, RecvFlags::empty())?;
    match <[u64; 2]>::read_from_bytes(&buffer[..len]) {
        Ok([UNMAP, map]) => Ok(Request::Unmap(map)),
        _ => Err(Error::Malformed),
    }
}

/// The TA process's: tells.
pub fn send_notice(socket: impl AsFd, notice: &Notice) -> Result<(), Error> {
    match notice {
        Notice::Unmapped(map) => socket::send(socket, &[[UNMAPPED, *map].as_bytes()], &[]),
        Notice::NotStarted(refusal, text) => {
            let text = &text.as_bytes()[..text.len().min(MAX_LEN - 16)];
            socket::send(socket, &[[NOT_STARTED, *refusal as u64].as_bytes(), text], &[])
        }
    }
}

/// The daemon's: is told something, if something is there.
pub fn receive_notice(socket: impl AsFd) -> Result<Notice, Error> {
    let mut buffer = [0; MAX_LEN];
    let (len, _) = socket::receive(socket, &mut buffer, RecvFlags::DONTWAIT)?;
    let (head, text) = <[u64; 2]>::read_from_prefix(&buffer[..len]).map_err(|_| Error::Malformed)?;
    match head {
        [UNMAPPED, map] => Ok(Notice::Unmapped(map)),
        [NOT_STARTED, refusal] => {
            let refusal = if refusal == Refusal::Ta as u64 { Refusal::Ta } else { Refusal::Machine };
            Ok(Notice::NotStarted(refusal, String::from_utf8_lossy(text).into_owned()))
        }
        _ => Err(Error::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_arrives_with_its_files() {
        let (a, b) = socket::pair().unwrap();
        let files = StartFiles { ta: a.as_fd(), mailbox: a.as_fd(), memory: a.as_fd(), exchange: a.as_fd() };
        let start = Start { uuid: [7; 16], device_id: [8; 16], heap: 1, stack: 2, flags: 3, ..Start::new() };
        send_start(&a, &start, files).unwrap();
        let (start, _files) = receive_start(&b).unwrap();
        assert_eq!((start.uuid, start.device_id), ([7; 16], [8; 16]));
        assert_eq!((start.heap, start.stack, start.flags), (1, 2, 3));
    }

    #[test]
    fn requests_and_notices_arrive() {
        let (a, b) = socket::pair().unwrap();
        send_request(&a, Request::Unmap(5)).unwrap();
        assert_eq!(receive_request(&b).unwrap(), Request::Unmap(5));
        for notice in [Notice::Unmapped(5), Notice::NotStarted(Refusal::Ta, "no".into())] {
            send_notice(&b, &notice).unwrap();
            assert_eq!(receive_notice(&a).unwrap(), notice);
        }
        assert!(matches!(receive_notice(&a), Err(Error::System(_))));
    }

    #[test]
    fn nonsense_is_malformed() {
        let (a, b) = socket::pair().unwrap();
        for bytes in [&b"x"[..], &[0xff; 16], &[0; 100]] {
            socket::send(&b, &[bytes], &[]).unwrap();
            assert!(matches!(receive_notice(&a), Err(Error::Malformed)));
        }
    }
}
