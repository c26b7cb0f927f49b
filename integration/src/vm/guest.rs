// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The harness's end of the agent: runs commands in the guest.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use guest_agent::{receive, send, Report, Request, Status, Stream};
use thiserror::Error;

/// When a command is taken to hang. Nothing that tests do takes near as long, also on a slow machine and with a kernel
/// that has all checks.
const HANG: Duration = Duration::from_secs(3600);

/// Why a command in the guest did not do what it should.
#[derive(Debug, Error)]
pub enum GuestError {
    /// The agent cannot be reached.
    #[error("the guest's agent cannot be reached: {0}")]
    Agent(#[from] io::Error),
    /// The guest is gone, or its agent is.
    #[error("the guest went away while it ran: {command}")]
    Gone {
        /// What was running.
        command: String,
    },
    /// The command does not end, or does not print what was waited for.
    #[error("hangs: {command}; so far it printed:\n{output}")]
    Hang {
        /// What was running.
        command: String,
        /// What it printed.
        output: String,
    },
    /// The command ended, but not with exit code 0.
    #[error("{command}: ended with {status:?}; it printed:\n{output}")]
    Failed {
        /// What was run.
        command: String,
        /// How it ended.
        status: Status,
        /// What it printed.
        output: String,
    },
    /// The command ended without a line that was waited for.
    #[error("{command}: ended without a line with {wanted:?}; it printed:\n{output}")]
    NoLine {
        /// What was run.
        command: String,
        /// What a line should have held.
        wanted: String,
        /// What it printed.
        output: String,
    },
}

/// What a command that has ended printed, and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for people.
    pub command: String,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How it ended.
    pub status: Status,
}

impl Output {
    /// Passes an output on only where the command ended with exit code 0.
    pub fn success(self) -> Result<Self, GuestError> {
        if self.status == Status::Code(0) {
            return Ok(self);
        }
        let output = format!("{}{}", self.stdout, self.stderr);
        Err(GuestError::Failed { command: self.command, status: self.status, output })
    }
}

type Commands = Arc<Mutex<HashMap<u32, Sender<Report>>>>;

/// A guest that runs commands. They may run side by side.
pub struct Guest {
    requests: Mutex<UnixStream>,
    commands: Commands,
    next: AtomicU32,
    /// Told each time an agent comes up.
    ready: Mutex<Receiver<()>>,
    /// How often it was connected to anew.
    reconnected: Arc<AtomicU32>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

impl Guest {
    /// Waits for the agent at the other end of `port`, at most for `limit`.
    pub(crate) fn attach(port: UnixStream, limit: Duration) -> Result<Self, GuestError> {
        let (commands, reconnected) = (Commands::default(), Arc::default());
        let ready = Mutex::new(follow(port.try_clone()?, &commands, &reconnected));
        let next = AtomicU32::new(1);
        let guest = Self { requests: Mutex::new(port), commands, next, ready, reconnected };
        guest.wait_ready(limit)?;
        Ok(guest)
    }

    /// Goes on by another connection to the agent's port, with all that runs.
    pub(super) fn reconnect(&self, port: UnixStream) -> Result<(), GuestError> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        self.reconnected.fetch_add(1, Ordering::Relaxed);
        *ready = follow(port.try_clone()?, &self.commands, &self.reconnected);
        let _ = std::mem::replace(&mut *requests, port).shutdown(Shutdown::Both);
        Ok(())
    }

    /// Waits until an agent comes up, at most for `limit`: the first one, or the one after a reboot.
    pub(super) fn wait_ready(&self, limit: Duration) -> Result<(), GuestError> {
        let command = || "boot".to_owned();
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Disconnected => GuestError::Gone { command: command() },
            RecvTimeoutError::Timeout => GuestError::Hang { command: command(), output: String::new() },
        })
    }

    /// Starts a program.
    pub fn start(&self, argv: &[&str]) -> Result<Running<'_>, GuestError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (to, reports) = channel();
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).insert(id, to);
        self.send(&Request::Run { id, argv: argv.iter().map(|&word| word.to_owned()).collect() })?;
        let seen = Output {
            command: argv.join(" "),
            stdout: String::new(),
            stderr: String::new(),
            status: Status::Code(0),
        };
        Ok(Running { guest: self, id, reports, seen })
    }

    /// Runs a program to its end, whatever that is.
    pub fn run(&self, argv: &[&str]) -> Result<Output, GuestError> {
        self.start(argv)?.wait()
    }

    /// Runs a program that must succeed; returns what it printed.
    pub fn ok(&self, argv: &[&str]) -> Result<String, GuestError> {
        Ok(self.run(argv)?.success()?.stdout)
    }

    /// Runs a shell script that must succeed; returns what it printed.
    pub fn sh(&self, script: &str) -> Result<String, GuestError> {
        self.ok(&["sh", "-euc", script])
    }

    /// Switches the machine off.
    pub(crate) fn power_off(&self) -> Result<(), GuestError> {
        self.send(&Request::PowerOff)
    }

    fn send(&self, request: &Request) -> Result<(), GuestError> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(send(&mut *requests, request)?)
    }
}

/// Passes on what an agent reports, as long as this connection is the one to it; the answer is told each time that an
/// agent comes up.
fn follow(reports: UnixStream, commands: &Commands, reconnected: &Arc<AtomicU32>) -> Receiver<()> {
    let (ready, is_ready) = channel();
    let (table, reconnected) = (Arc::clone(commands), Arc::clone(reconnected));
    let this = reconnected.load(Ordering::Relaxed);
    thread::spawn(move || {
        let mut reports = BufReader::new(reports);
        while let Ok(Some(report)) = receive(&mut reports) {
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            match &report {
                Report::Ready => {
                    // What ran in the guest's life before this one has gone with it.
                    table.clear();
                    // Nobody listens once the guest is given up.
                    let _ = ready.send(());
                }
                Report::Output { id, .. } => {
                    table.get(id).map(|to| to.send(report.clone()));
                }
                Report::Exit { id, .. } => {
                    let id = *id;
                    table.remove(&id).map(|to| to.send(report));
                }
            }
        }
        // The guest has ended: whoever waits for a report sees its channel closed.
        if reconnected.load(Ordering::Relaxed) == this {
            table.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    });
    is_ready
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Ends the thread that reads reports.
        let requests = self.requests.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = requests.shutdown(Shutdown::Both);
    }
}

/// A program that runs in the guest.
#[derive(Debug)]
pub struct Running<'a> {
    guest: &'a Guest,
    id: u32,
    reports: Receiver<Report>,
    seen: Output,
}

impl Running<'_> {
    /// Waits until the program has printed a line with `wanted` in it; returns the line.
    pub fn wait_for(&mut self, wanted: &str) -> Result<String, GuestError> {
        let deadline = Instant::now() + HANG;
        loop {
            match self.next(deadline)? {
                Report::Output { text, .. } if text.contains(wanted) => return Ok(text),
                Report::Exit { .. } => {
                    return Err(GuestError::NoLine {
                        command: self.seen.command.clone(),
                        wanted: wanted.to_owned(),
                        output: self.output(),
                    });
                }
                _ => {}
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) -> Result<(), GuestError> {
        self.guest.send(&Request::Signal { id: self.id, signal })
    }

    /// Waits for the program's end.
    pub fn wait(self) -> Result<Output, GuestError> {
        self.wait_within(HANG)
    }

    /// Waits for the program's end, and passes on what it prints as it comes. It hangs when it is silent
    /// for long.
    pub fn relay(mut self) -> Result<Status, GuestError> {
        loop {
            match self.next(Instant::now() + HANG)? {
                Report::Output { stream: Stream::Out, text, .. } => print!("{text}"),
                Report::Output { stream: Stream::Err, text, .. } => eprint!("{text}"),
                Report::Exit { status, .. } => return Ok(status),
                Report::Ready => {}
            }
        }
    }

    /// Waits for the program's end, but not longer than `limit`.
    pub fn wait_within(mut self, limit: Duration) -> Result<Output, GuestError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Report::Exit { status, .. } = self.next(deadline)? {
                self.seen.status = status;
                return Ok(self.seen);
            }
        }
    }

    fn output(&self) -> String {
        format!("{}{}", self.seen.stdout, self.seen.stderr)
    }

    fn next(&mut self, deadline: Instant) -> Result<Report, GuestError> {
        match self.reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(report) => {
                match &report {
                    Report::Output { stream: Stream::Out, text, .. } => self.seen.stdout.push_str(text),
                    Report::Output { stream: Stream::Err, text, .. } => self.seen.stderr.push_str(text),
                    _ => {}
                }
                Ok(report)
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(GuestError::Gone { command: self.seen.command.clone() })
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(GuestError::Hang { command: self.seen.command.clone(), output: self.output() })
            }
        }
    }
}
