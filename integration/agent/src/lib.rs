// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the harness and the guest's agent say to each other.
//!
//! ```text
//!   harness ── Request ──▶  virtio-serial port "virtio-tee.agent"  ──▶ guest-agent (the guest's init)
//!           ◀── Report ──                                          ◀──
//! ```
//!
//! Where there is no virtio-serial, in user-mode Linux, the kernel's command line names a serial line
//! that takes its place.
//!
//! Each message is one line of JSON. Commands run side by side; the harness numbers them, and each
//! report names the command it is about.

use std::io::{self, BufRead, Write};

use serde::{de::DeserializeOwned, Deserialize, Serialize};

/// Name of the virtio-serial port.
pub const PORT_NAME: &str = "virtio-tee.agent";

/// Begins the word of the kernel's command line that names a serial line to use instead:
/// `agent=/dev/ttyS0`.
pub const LINE_WORD: &str = "agent=";

/// What the harness asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Start a program, with nothing on its standard input.
    Run {
        /// The harness's number for it, never used before.
        id: u32,
        /// Program, found by `PATH`, and arguments.
        argv: Vec<String>,
    },
    /// Send a signal to a program that was started; nothing happens if it has ended.
    Signal {
        /// Its number.
        id: u32,
        /// The signal's number, as in `signal(7)`.
        signal: i32,
    },
    /// Switch the machine off at once.
    PowerOff,
}

/// What the agent reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The agent is there; the first report of all.
    Ready,
    /// A program wrote a line; its end, where there was one, is included.
    Output {
        /// The program's number.
        id: u32,
        /// Where it wrote.
        stream: Stream,
        /// What it wrote; bytes that are not UTF-8 are replaced.
        text: String,
    },
    /// A program has ended, and all of its output has been reported.
    Exit {
        /// The program's number.
        id: u32,
        /// How it ended.
        status: Status,
    },
}

/// Where a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It could not be started, for this reason.
    NotStarted(String),
}

/// Writes one message.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one message; `None` at the end of the stream.
pub fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        let sent = vec![
            Report::Ready,
            Report::Output { id: 7, stream: Stream::Err, text: "a \"line\"\n".to_owned() },
            Report::Exit { id: 7, status: Status::Signal(9) },
        ];
        let mut wire = Vec::new();
        for report in &sent {
            send(&mut wire, report).unwrap();
        }
        let mut wire = wire.as_slice();
        for report in sent {
            assert_eq!(receive::<Report>(&mut wire).unwrap(), Some(report));
        }
        assert_eq!(receive::<Report>(&mut wire).unwrap(), None);
    }

    #[test]
    fn what_is_not_a_message_is_an_error() {
        let mut wire: &[u8] = b"not json\n";
        assert!(receive::<Request>(&mut wire).is_err());
    }
}
