// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A vsock device for a machine, by rust-vmm's daemon, and a process of the host that echoes what comes
//! over it: this one.
//!
//! ```text
//!   guest ── AF_VSOCK, port P ── QEMU ── vsock.sock ── vhost-device-vsock ── uds_P ── echo
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::progress;
use crate::tied;

/// When the daemon is taken to hang.
const HANG: Duration = Duration::from_secs(60);
/// Its socket for the VMM.
const SOCKET: &str = "vsock.sock";
/// Where it connects to when a guest does, with `_` and the port after it.
const HOST_SIDE: &str = "vsock";
/// Bytes of a connection that the daemon takes before the host's side does: as many as Linux would have under
/// way. With fewer, as the daemon has by default, a guest waits more often to be told that there is room
/// again; with more it waits for ever, as the daemon tells it when three quarters are used.
const BUFFER: &str = "262144";
/// The guest's address: the first that is nobody's.
const GUEST_CID: &str = "3";

/// Why there is no vsock device.
#[derive(Debug, Error)]
pub enum VsockError {
    /// The daemon cannot be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The daemon.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its socket does not appear.
    #[error("the vsock device's daemon does not serve; {log}")]
    NoSocket {
        /// What it printed.
        log: String,
    },
    /// The echo cannot listen.
    #[error("cannot listen for a guest's vsock connections: {0}")]
    Listen(io::Error),
}

/// The daemon; dropping it ends it.
#[derive(Debug)]
pub struct VsockDevice {
    daemon: Child,
    dir: PathBuf,
}

impl VsockDevice {
    /// Starts `program` in the folder `dir`.
    pub fn start(program: &Path, dir: &Path) -> Result<Self, VsockError> {
        let error = |source| VsockError::Start { program: program.to_owned(), source };
        let log = dir.join("vsock.log");
        let file = File::create(&log).map_err(error)?;
        let daemon = tied::command(program)
            .args(["--guest-cid", GUEST_CID, "--socket", SOCKET, "--uds-path", HOST_SIDE])
            .args(["--tx-buffer-size", BUFFER])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(error)?)
            .stderr(file)
            .spawn()
            .map_err(error)?;
        let mut device = Self { daemon, dir: dir.to_owned() };
        let deadline = Instant::now() + HANG;
        while !dir.join(SOCKET).exists() {
            if device.daemon.try_wait().map_err(error)?.is_some() || Instant::now() > deadline {
                return Err(VsockError::NoSocket { log: progress::tail(&log).unwrap_or_default() });
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(device)
    }

    /// Its socket, relative to the folder of a machine in the same folder.
    pub fn socket(&self) -> PathBuf {
        Path::new("..").join(SOCKET)
    }

    /// Echoes what comes to `port`, on threads of its own, as long as this process lives: from each connection
    /// 32 bits that say how long its messages are, and then each message once it is there as a whole.
    pub fn echo(&self, port: u32) -> Result<(), VsockError> {
        let name = format!("{HOST_SIDE}_{port}");
        // The folder's path may be too long for a socket's address: reached by its descriptor instead.
        let folder = File::open(&self.dir).map_err(VsockError::Listen)?;
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        let listener = listener.map_err(VsockError::Listen)?;
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // It ends with the connection.
                thread::spawn(move || echo(connection));
            }
        });
        Ok(())
    }
}

impl Drop for VsockDevice {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = fs::remove_file(self.dir.join(SOCKET));
    }
}

/// Echoes messages until the connection ends.
fn echo(mut connection: UnixStream) -> io::Result<()> {
    let mut size = [0; 4];
    connection.read_exact(&mut size)?;
    let mut message = vec![0; u32::from_le_bytes(size) as usize];
    loop {
        connection.read_exact(&mut message)?;
        connection.write_all(&message)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_once_they_are_whole() {
        let (mut guest, host) = UnixStream::pair().unwrap();
        let echo = thread::spawn(move || echo(host));
        guest.write_all(&[5, 0, 0, 0, 1, 2, 3]).unwrap();
        guest.set_nonblocking(true).unwrap();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(guest.read(&mut [0; 5]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        guest.set_nonblocking(false).unwrap();
        guest.write_all(&[4, 5, 6, 7, 8, 9, 10]).unwrap();
        let mut answers = [0; 10];
        guest.read_exact(&mut answers).unwrap();
        assert_eq!(answers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        drop(guest);
        assert_eq!(echo.join().unwrap().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
