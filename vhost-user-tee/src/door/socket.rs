// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The socket a VMM connects to.

use std::fs;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::sockopt;
use thiserror::Error;

pub use super::unsafe_fd::inherited;

/// Why there is no socket to listen on.
#[derive(Debug, Error)]
pub enum Error {
    /// Another process serves there.
    #[error("{}: somebody listens on this socket already", .0.display())]
    InUse(PathBuf),
    /// It exists and is something else, which is nobody's to remove.
    #[error("{}: exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// A left-over socket cannot be removed.
    #[error("{path}: cannot remove the socket that was left here: {why}", path = .0.display(), why = .1)]
    Remove(PathBuf, #[source] io::Error),
    /// Its state cannot be found out.
    #[error("{path}: cannot tell whether the socket is in use: {why}", path = .0.display(), why = .1)]
    Probe(PathBuf, #[source] io::Error),
    /// It cannot be made.
    #[error("{path}: cannot listen: {why}", path = .0.display(), why = .1)]
    Bind(PathBuf, #[source] io::Error),
    /// The descriptor is not open.
    #[error("descriptor {0} is not open")]
    NotOpen(RawFd),
    /// The descriptor is something else.
    #[error("descriptor {0} is not a listening unix stream socket")]
    NotListening(RawFd),
}

/// A listening socket, whose path goes away with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    /// The path, with device and inode of the socket made there.
    path: Option<(PathBuf, u64, u64)>,
}

impl Socket {
    /// Listens at `path`. A socket file that nobody listens on any more is replaced.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_socket() => {
                match UnixStream::connect(path) {
                    Ok(_) => return Err(Error::InUse(path.to_owned())),
                    Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(e) => return Err(Error::Probe(path.to_owned(), e)),
                }
                log::info!("{}: replacing a socket that nobody listens on", path.display());
                fs::remove_file(path).map_err(|e| Error::Remove(path.to_owned(), e))?;
            }
            Ok(_) => return Err(Error::NotASocket(path.to_owned())),
            Err(_) => {} // whatever is wrong with the path, bind says it
        }
        let listener = UnixListener::bind(path).map_err(|e| Error::Bind(path.to_owned(), e))?;
        let metadata = fs::symlink_metadata(path).map_err(|e| Error::Bind(path.to_owned(), e))?;
        Ok(Self { listener, path: Some((path.to_owned(), metadata.dev(), metadata.ino())) })
    }

    /// Listens on a socket that whoever started this process has opened, number `fd`.
    pub fn from_inherited(fd: RawFd) -> Result<Self, Error> {
        let owned: OwnedFd = inherited(fd).ok_or(Error::NotOpen(fd))?;
        let listening = sockopt::socket_domain(&owned).is_ok_and(|d| d == rustix::net::AddressFamily::UNIX)
            && sockopt::socket_type(&owned).is_ok_and(|t| t == rustix::net::SocketType::STREAM)
            && sockopt::socket_acceptconn(&owned).unwrap_or(false);
        if !listening {
            return Err(Error::NotListening(fd));
        }
        Ok(Self { listener: UnixListener::from(owned), path: None })
    }

    /// The socket itself.
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some((path, dev, ino)) = &self.path {
            // Somebody may have put another there meanwhile.
            if fs::symlink_metadata(path).is_ok_and(|m| m.dev() == *dev && m.ino() == *ino) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tee.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(Error::InUse(p)) if p == path));
        UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Socket::bind(&path), Err(Error::NotASocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");

        let path = dir.path().join("tee.sock");
        let socket = Socket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let other = Socket::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        drop(other);
        assert!(matches!(Socket::bind(&dir.path().join("no/such/dir")), Err(Error::Bind(..))));
    }

    #[test]
    fn a_descriptor_must_be_a_listening_socket() {
        use std::os::fd::IntoRawFd;
        assert!(matches!(Socket::from_inherited(-1), Err(Error::NotOpen(-1))));
        let (stream, _peer) = UnixStream::pair().unwrap();
        assert!(matches!(Socket::from_inherited(stream.into_raw_fd()), Err(Error::NotListening(_))));
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        assert!(Socket::from_inherited(listener.into_raw_fd()).is_ok());
    }
}
