// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! From the first message to a TA that is ready to be called.
//!
//! No code of the TA's runs before the sandbox has closed, and none of its entry points before the
//! sandbox has closed for good: loading takes more than running.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use ta_protocol::control::{self as protocol, Notice, Refusal, Start, StartFiles, DEBUG_UNCONFINED};
use ta_protocol::exchange::Exchange;
use ta_protocol::mailbox::Mailbox;
use ta_protocol::socket;
use uuid::Uuid;

use crate::call::Calls;
use crate::process::Process;
use crate::sandbox::{self, Sandbox};
use crate::sys::library::EntryPoints;
use crate::sys::{crypto_library, inherited_files, syscall_trap};
use crate::ta::Ta;
use crate::{control, debugging};

/// Why a TA was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Files of the daemon's cannot be closed.
    #[error("close_range: {0}")]
    InheritedFiles(io::Error),
    /// Stdin is not the daemon's socket, or the daemon has gone.
    #[error(
        "stdin is not the control socket of a daemon (this program is started by the software TEE): {0}"
    )]
    Start(socket::Error),
    /// The mailbox is not one.
    #[error("mailbox: {0}")]
    Mailbox(io::Error),
    /// The exchange is not one.
    #[error("exchange: {0}")]
    Exchange(io::Error),
    /// The size of the TA's file cannot be had.
    #[error("the TA's file: {0}")]
    TaFile(io::Error),
    /// The service thread cannot be started.
    #[error("service thread: {0}")]
    Thread(io::Error),
    /// The crypto library does not start.
    #[error("the crypto library cannot be initialized")]
    CryptoLibrary,
    /// SIGSYS cannot be handled.
    #[error("signal handler: {0}")]
    Signal(io::Error),
    /// The sandbox does not close.
    #[error("sandbox: {0}")]
    Sandbox(#[from] sandbox::Error),
    /// No debugger can be waited for.
    #[error("debugger: {0}")]
    Debugger(io::Error),
    /// The dynamic linker refuses the TA.
    #[error("{0}")]
    Load(String),
}

/// Takes what the daemon gives, closes the sandbox, loads the TA.
pub(crate) fn start() -> Result<Calls, Error> {
    inherited_files::close_all().map_err(Error::InheritedFiles)?;
    let stdin: &'static io::Stdin = Box::leak(Box::new(control::socket()));
    let (start, files) = protocol::receive_start(stdin).map_err(Error::Start)?;
    let StartFiles { ta, mailbox, memory, exchange } = files;
    let process = make_process(mailbox, memory, exchange, &start)?;
    let ta = File::from(ta);
    let ta_size = ta.metadata().map_err(Error::TaFile)?.len();

    if !crypto_library::forgo_configuration() {
        return Err(Error::CryptoLibrary);
    }
    if start.debug & DEBUG_UNCONFINED != 0 {
        return start_unconfined(start.debug, &ta, process, stdin);
    }
    let sandbox = Sandbox::enter(start.daemon, start.stack)?;
    control::start(stdin.as_fd()).map_err(Error::Thread)?;
    syscall_trap::install().map_err(Error::Signal)?;
    let sandbox = sandbox.close_for_loading(start.heap.saturating_add(ta_size))?;

    let mut entry_points = EntryPoints::load(ta.as_fd()).map_err(Error::Load)?;
    drop(ta);
    let ta = Ta { properties: entry_points.take_properties() };
    let heap = ta.data_size().map_or(start.heap, |size| size.min(start.heap));
    process.set_ta(ta);
    sandbox.close(heap)?;
    Ok(Calls::new(entry_points))
}

/// The same, without a sandbox.
fn start_unconfined(
    flags: u64,
    ta: &File,
    process: &'static Process,
    stdin: &'static io::Stdin,
) -> Result<Calls, Error> {
    debugging::begin(flags);
    control::start(stdin.as_fd()).map_err(Error::Thread)?;
    let name = debugging::name_of(ta).map_err(Error::TaFile)?;
    let mut entry_points = EntryPoints::load_for_debugging(&name).map_err(Error::Load)?;
    process.set_ta(Ta { properties: entry_points.take_properties() });
    debugging::wait_for_debugger().map_err(Error::Debugger)?;
    Ok(Calls::new(entry_points))
}

fn make_process(
    mailbox: OwnedFd,
    memory: OwnedFd,
    exchange: OwnedFd,
    start: &Start,
) -> Result<&'static Process, Error> {
    let mailbox = Mailbox::open(mailbox).map_err(Error::Mailbox)?;
    let exchange = Exchange::open(exchange).map_err(Error::Exchange)?;
    let (uuid, device_id) = (Uuid::from_bytes(start.uuid), Uuid::from_bytes(start.device_id));
    Ok(Process::new(mailbox, memory, exchange, uuid, device_id, start.flags as u32).install())
}

/// Tells the daemon why the TA was not started; a person, where there is no daemon.
pub(crate) fn refuse(error: &Error) {
    let refusal = match error {
        Error::Load(_) => Refusal::Ta,
        _ => Refusal::Machine,
    };
    if protocol::send_notice(control::socket(), &Notice::NotStarted(refusal, error.to_string())).is_err() {
        eprintln!("ta-runtime: {error}");
    }
}
