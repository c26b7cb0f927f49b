// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The connection: messages in, with descriptors; bytes out.

use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{recvmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags};
use thiserror::Error;
use zerocopy::FromBytes;

use super::message::{Header, HEADER, MAX_FDS};

/// Why no message was to be had.
#[derive(Debug, Error)]
pub enum Error {
    /// The socket failed.
    #[error("cannot read from the VMM: {0}")]
    Read(#[source] io::Error),
    /// The socket failed the other way.
    #[error("cannot write to the VMM: {0}")]
    Write(#[source] io::Error),
    /// What came is no command, or longer than one may be: what follows cannot be told apart.
    #[error("not a vfio-user command: number {command}, {size} bytes, flags {flags:#x}")]
    Header {
        /// Its number.
        command: u16,
        /// Its length with the header.
        size: u32,
        /// Its flags.
        flags: u32,
    },
}

/// A message as it came.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) header: Header,
    pub(super) body: Vec<u8>,
    /// Those that came with it; more than may come are not among them, but counted.
    pub(super) fds: Vec<OwnedFd>,
    /// Whether descriptors were lost: there were too many, or this process has too many open.
    pub(super) fds_lost: bool,
}

/// Reads a message; `None` at the end of the connection.
pub(super) fn receive(mut stream: &UnixStream) -> Result<Option<Message>, Error> {
    let mut bytes = [0; HEADER];
    let mut fds = Vec::new();
    let mut fds_lost = false;
    // Descriptors come with a message's first byte.
    let mut have = 0;
    while have < HEADER {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut buffers = [IoSliceMut::new(&mut bytes[have..])];
        let received = match recvmsg(stream, &mut buffers, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => received,
            Err(Errno::INTR) => continue,
            Err(Errno::CONNRESET) => return Ok(None),
            Err(e) => return Err(Error::Read(e.into())),
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        fds_lost |= received.flags.contains(ReturnFlags::CTRUNC);
        if fds.len() > MAX_FDS {
            fds.truncate(MAX_FDS);
            fds_lost = true;
        }
        if received.bytes == 0 {
            // A VMM that dies may leave half a message; that is an end like others.
            return Ok(None);
        }
        have += received.bytes;
    }
    let header = Header::read_from_bytes(&bytes).unwrap_or_default();
    let Some(len) = header.body_len() else {
        let Header { command, size, flags, .. } = header;
        return Err(Error::Header { command, size, flags });
    };
    let mut body = vec![0; len];
    match stream.read_exact(&mut body) {
        Ok(()) => Ok(Some(Message { header, body, fds, fds_lost })),
        Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            Ok(None)
        }
        Err(e) => Err(Error::Read(e)),
    }
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// A message, or the end of the connection.
    Message,
    /// The event.
    Event,
}

/// Waits for a message or an event.
pub(super) fn wait(stream: &UnixStream, event: &OwnedFd) -> Result<Ready, Error> {
    let mut fds = [PollFd::new(event, PollFlags::IN), PollFd::new(stream, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::Read(e.into())),
        }
    }
    // An event that is broken would be ready for ever: messages come first.
    Ok(if fds[1].revents().is_empty() { Ready::Event } else { Ready::Message })
}

/// Writes an answer.
pub(super) fn send(mut stream: &UnixStream, bytes: &[u8]) -> Result<(), Error> {
    stream.write_all(bytes).map_err(Error::Write)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::IoSlice;
    use std::os::fd::AsFd;

    use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
    use zerocopy::IntoBytes;

    use super::*;

    fn header(size: u32) -> Header {
        Header { id: 1, command: 2, size, flags: 0, error: 0 }
    }

    #[test]
    fn messages_come_whole_with_their_descriptors() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        let fds = [file.as_fd(), file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        // In pieces, as a stream may be.
        let bytes = [header(20).as_bytes(), &[1, 2, 3, 4]].concat();
        sendmsg(&theirs, &[IoSlice::new(&bytes[..5])], &mut ancillary, SendFlags::empty()).unwrap();
        theirs.write_all(&bytes[5..18]).unwrap();
        theirs.write_all(&bytes[18..]).unwrap();
        theirs.write_all(header(16).as_bytes()).unwrap();
        let message = receive(&ours).unwrap().unwrap();
        assert_eq!((message.body.as_slice(), message.fds.len()), ([1, 2, 3, 4].as_slice(), 2));
        assert!(!message.fds_lost);
        let message = receive(&ours).unwrap().unwrap();
        assert!(message.body.is_empty() && message.fds.is_empty());
        drop(theirs);
        assert!(receive(&ours).unwrap().is_none());
    }

    #[test]
    fn too_many_descriptors_are_noticed_and_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        let fds = [file.as_fd(); MAX_FDS + 8];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS + 8))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&theirs, &[IoSlice::new(header(16).as_bytes())], &mut ancillary, SendFlags::empty()).unwrap();
        let message = receive(&ours).unwrap().unwrap();
        assert!(message.fds_lost && message.fds.len() <= MAX_FDS);
    }

    #[test]
    fn half_a_message_is_an_end_and_nonsense_an_error() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&[0; 7]).unwrap();
        drop(theirs);
        assert!(receive(&ours).unwrap().is_none());

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(header(u32::MAX).as_bytes()).unwrap();
        assert!(matches!(receive(&ours), Err(Error::Header { size: u32::MAX, .. })));
    }
}
