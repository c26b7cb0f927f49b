// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Messages with file descriptors over a `SOCK_SEQPACKET` socket pair: one send is one message,
//! which arrives whole or not at all.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    recvmsg, sendmsg, socketpair, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags,
    ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Most bytes of a message.
pub const MAX_LEN: usize = 16 * 1024;
/// Most file descriptors of a message: far below the receiver's limit of open files.
pub const MAX_FDS: usize = 16;

/// What can go wrong with a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side has closed its end, or has ended.
    #[error("the other side has hung up")]
    HungUp,
    /// Too long, or too many descriptors.
    #[error("a message of more than {MAX_LEN} bytes or {MAX_FDS} descriptors")]
    TooBig,
    /// Not of the form expected.
    #[error("a malformed message")]
    Malformed,
    /// The kernel's error.
    #[error("{0}")]
    System(#[from] Errno),
}

/// Both ends of a new socket pair.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Error> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends one message; blocks while the other side has not made room.
pub fn send(socket: impl AsFd, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
    send_with(socket, parts, fds, SendFlags::empty())
}

/// The same, but fails where the other side has not made room.
pub fn send_now(socket: impl AsFd, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
    send_with(socket, parts, fds, SendFlags::DONTWAIT)
}

fn send_with(
    socket: impl AsFd,
    parts: &[&[u8]],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> Result<(), Error> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if len > MAX_LEN || !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Error::TooBig);
    }
    let parts: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    loop {
        match sendmsg(&socket, &parts, &mut control, flags | SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(Error::HungUp),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives one message into `buffer`, which is [`MAX_LEN`] long; blocks until there is one, unless
/// the socket or `flags` say otherwise. Returns its length and its descriptors.
pub fn receive(
    socket: impl AsFd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> Result<(usize, Vec<OwnedFd>), Error> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        let mut parts = [IoSliceMut::new(buffer)];
        match recvmsg(&socket, &mut parts, &mut control, flags | RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message,
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Err(Error::HungUp),
            Err(error) => return Err(error.into()),
        }
    };
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            fds.extend(rights);
        }
    }
    if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Error::TooBig);
    }
    // No message is empty, so this is the end.
    if message.bytes == 0 {
        return Err(Error::HungUp);
    }
    Ok((message.bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_descriptors_arrive_as_one() {
        let (a, b) = pair().unwrap();
        let (c, _d) = pair().unwrap();
        send(&a, &[b"one", b"two"], &[c.as_fd(), c.as_fd()]).unwrap();
        let mut buffer = [0; MAX_LEN];
        let (len, fds) = receive(&b, &mut buffer, RecvFlags::empty()).unwrap();
        assert_eq!((&buffer[..len], fds.len()), (&b"onetwo"[..], 2));
    }

    #[test]
    fn too_much_is_an_error_on_both_sides() {
        let (a, b) = pair().unwrap();
        assert!(matches!(send(&a, &[&[0; MAX_LEN + 1]], &[]), Err(Error::TooBig)));
        send(&a, &[&[0; 100]], &[]).unwrap();
        assert!(matches!(receive(&b, &mut [0; 99], RecvFlags::empty()), Err(Error::TooBig)));
    }

    #[test]
    fn a_full_socket_is_an_error_where_nobody_waits() {
        let (a, _b) = pair().unwrap();
        let full = std::iter::repeat_with(|| send_now(&a, &[&[0; MAX_LEN]], &[])).find_map(Result::err);
        assert!(matches!(full, Some(Error::System(Errno::AGAIN))));
    }

    #[test]
    fn the_end_is_told() {
        let (a, b) = pair().unwrap();
        drop(b);
        assert!(matches!(send(&a, &[b"x"], &[]), Err(Error::HungUp)));
        assert!(matches!(receive(&a, &mut [0; 8], RecvFlags::empty()), Err(Error::HungUp)));
    }
}
