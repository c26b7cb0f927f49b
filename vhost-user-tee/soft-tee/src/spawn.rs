// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Starting the process of an instance.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use rustix::fs::{fcntl_setfl, OFlags};
use rustix::pipe::{pipe_with, PipeFlags};
use rustix::process::{kill_process, pidfd_open, Pid, PidfdFlags, Signal};
use ta_protocol::control::{self, Start, StartFiles};
use ta_protocol::exchange::ExchangeFile;
use ta_protocol::mailbox::Mailbox;
use ta_protocol::socket;

use crate::debugging::Debugging;

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No mailbox, exchange, pipe or descriptor.
    #[error("{0}: {1}")]
    Resource(&'static str, io::Error),
    /// No sockets, or the first message was not taken.
    #[error("socket: {0}")]
    Socket(#[from] socket::Error),
    /// The runtime does not start.
    #[error("cannot run it: {0}")]
    Run(io::Error),
}

/// A process that has been started.
pub(crate) struct Spawned {
    /// To wait for it with.
    pub(crate) child: Child,
    /// To watch and kill it with.
    pub(crate) pidfd: OwnedFd,
    /// Its stderr; does not block.
    pub(crate) stderr: OwnedFd,
    /// The daemon's end of the mailbox.
    pub(crate) mailbox: Mailbox,
    /// The daemon's end of the exchange.
    pub(crate) exchange: ExchangeFile,
    /// The daemon's end of the control socket.
    pub(crate) control: OwnedFd,
    /// The daemon's end of the memory socket.
    pub(crate) memory: OwnedFd,
}

/// Starts `runtime` with the TA in the file `ta`.
pub(crate) fn spawn(
    runtime: &Path,
    start: &Start,
    ta: &OwnedFd,
    debugging: Option<&Debugging>,
) -> Result<Spawned, Error> {
    let resource = |what| move |error: io::Error| Error::Resource(what, error);
    let (mailbox, mailbox_file) = Mailbox::create().map_err(resource("mailbox"))?;
    let exchange = ExchangeFile::create().map_err(resource("exchange"))?;
    let (control, their_control) = socket::pair()?;
    let (memory, their_memory) = socket::pair()?;
    let (stderr, their_stderr) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|error| Error::Resource("pipe", error.into()))?;
    fcntl_setfl(&stderr, OFlags::NONBLOCK).map_err(|error| Error::Resource("pipe", error.into()))?;
    // Before the process exists: there is nothing to undo where it fails.
    let files = StartFiles {
        ta: ta.as_fd(),
        mailbox: mailbox_file.as_fd(),
        memory: their_memory.as_fd(),
        exchange: exchange.as_fd(),
    };
    control::send_start(&control, start, files)?;
    // Nothing of this process's is inherited but what is named here: all else is close-on-exec.
    let mut command = Command::new(runtime);
    command
        .env_clear()
        .envs(debugging.into_iter().flat_map(|debugging| debugging.environment.iter().cloned()))
        .current_dir("/")
        .stdin(Stdio::from(their_control))
        .stdout(Stdio::null())
        .stderr(Stdio::from(their_stderr));
    let mut child = run(command).map_err(Error::Run)?;
    let pid = Pid::from_child(&child);
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Spawned { child, pidfd, stderr, mailbox, exchange, control, memory }),
        Err(error) => {
            // It has not been waited for, so the number is still its own.
            let _ = kill_process(pid, Signal::KILL);
            let _ = child.wait();
            Err(Error::Resource("pidfd_open", error.into()))
        }
    }
}

/// What to run, and who hears of it.
type Order = (Command, SyncSender<io::Result<Child>>);

/// Runs `command` from a thread that is there as long as this process: the kernel ends the process of a TA when the thread
/// that started it ends, whatever the TA has made of its runtime. It is one for all VMs, and starts one at a time.
fn run(command: Command) -> io::Result<Child> {
    static STARTER: Mutex<Option<Sender<Order>>> = Mutex::new(None);

    let (answer, child) = mpsc::sync_channel(1);
    {
        let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = match starter.take() {
            Some(orders) => orders,
            None => starter_thread()?,
        };
        if orders.send((command, answer)).is_ok() {
            *starter = Some(orders);
        }
        // Otherwise the order is gone, and with it who would answer.
    }
    child.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that starts processes has died")))
}

fn starter_thread() -> io::Result<Sender<Order>> {
    let (orders, to_run) = mpsc::channel::<Order>();
    Builder::new().name("tee-start".into()).spawn(move || {
        for (mut command, answer) in to_run {
            let child = command.spawn();
            // With it go this process's copies of what the other one was given.
            drop(command);
            // Who has given the order waits.
            let _ = answer.send(child);
        }
    })?;
    Ok(orders)
}
