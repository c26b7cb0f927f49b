// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! QEMU's control socket (QMP), as far as tests need it.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{json, Value};
use thiserror::Error;

/// When QEMU is taken to hang.
const HANG: Duration = Duration::from_secs(300);

/// Why QEMU did not do what it should.
#[derive(Debug, Error)]
pub enum QmpError {
    /// The socket failed, or nothing came for minutes.
    #[error("QEMU's control socket: {0}")]
    Socket(#[from] io::Error),
    /// QEMU sent what is no JSON.
    #[error("QEMU's control socket: {0}")]
    Json(#[from] serde_json::Error),
    /// QEMU refused a command.
    #[error("QEMU refused {command}: {reason}")]
    Refused {
        /// The command's name.
        command: String,
        /// QEMU's words.
        reason: String,
    },
}

/// A connection to QEMU's control socket.
#[derive(Debug)]
pub struct Qmp {
    from: BufReader<UnixStream>,
    to: UnixStream,
    /// Events that came while something else was waited for.
    events: Vec<Value>,
}

impl Qmp {
    /// Makes the QEMU at the other end of `to` ready for commands.
    pub fn attach(to: UnixStream) -> Result<Self, QmpError> {
        to.set_read_timeout(Some(HANG))?;
        let mut qmp = Self { from: BufReader::new(to.try_clone()?), to, events: Vec::new() };
        qmp.read()?; // the greeting
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and returns what it answers.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        let mut line = serde_json::to_vec(&json!({ "execute": command, "arguments": arguments }))?;
        line.push(b'\n');
        self.to.write_all(&line)?;
        loop {
            let mut message = self.read()?;
            if message.get("event").is_some() {
                self.events.push(message);
            } else if let Some(error) = message.get("error") {
                let reason = error["desc"].as_str().unwrap_or_default().to_owned();
                return Err(QmpError::Refused { command: command.to_owned(), reason });
            } else {
                return Ok(message["return"].take());
            }
        }
    }

    /// Waits for one of some events for which `wanted` holds, which may have come already; returns all
    /// that QEMU says with it.
    pub fn wait_event(&mut self, names: &[&str], wanted: impl Fn(&Value) -> bool) -> Result<Value, QmpError> {
        let matches =
            |event: &Value| names.iter().any(|name| event["event"] == *name) && wanted(&event["data"]);
        if let Some(index) = self.events.iter().position(matches) {
            return Ok(self.events.remove(index));
        }
        loop {
            let message = self.read()?;
            if matches(&message) {
                return Ok(message);
            }
            self.events.push(message);
        }
    }

    fn read(&mut self) -> Result<Value, QmpError> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}
