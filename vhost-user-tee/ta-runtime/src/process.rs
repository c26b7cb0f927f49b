// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What there is one of in this process.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use ta_protocol::exchange::Exchange;
use ta_protocol::mailbox::{Mailbox, Patience, Turn};
use ta_protocol::message::{ServiceReply, ServiceRequest};
use ta_protocol::session::{SessionReply, SessionRequest};
use uuid::Uuid;

use crate::ta::Ta;

/// The process of a TA instance.
pub(crate) struct Process {
    mailbox: Mailbox,
    patience: Patience,
    memory_socket: OwnedFd,
    exchange: Exchange,
    device_id: Uuid,
    uuid: Uuid,
    flags: u32,
    ta: OnceLock<Ta>,
}

static PROCESS: OnceLock<Process> = OnceLock::new();

impl Process {
    /// A process before its TA, of which the header has `flags`, is loaded.
    pub(crate) fn new(
        mailbox: Mailbox,
        memory_socket: OwnedFd,
        exchange: Exchange,
        uuid: Uuid,
        device_id: Uuid,
        flags: u32,
    ) -> Self {
        let patience = Patience::new();
        Self { mailbox, patience, memory_socket, exchange, device_id, uuid, flags, ta: OnceLock::new() }
    }

    /// Makes it this process; the first one made stays.
    pub(crate) fn install(self) -> &'static Self {
        PROCESS.get_or_init(|| self)
    }

    /// Sets the TA; the first one set stays.
    pub(crate) fn set_ta(&self, ta: Ta) {
        // Set already only if the caller loads two, and it does not.
        let _ = self.ta.set(ta);
    }

    /// The mailbox.
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Where memory to map comes from. For the main thread.
    pub(crate) fn memory_socket(&self) -> &OwnedFd {
        &self.memory_socket
    }

    /// Memory for what does not fit in the mailbox.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// How long the main thread looks for the daemon's messages.
    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// What tells this VM's TEE from others.
    pub(crate) fn device_id(&self) -> Uuid {
        self.device_id
    }

    /// The TA's UUID.
    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The flags of the TA's header.
    pub(crate) fn flags(&self) -> u32 {
        self.flags
    }

    /// The TA.
    pub(crate) fn ta(&self) -> &Ta {
        // The code of a TA runs before it is loaded in whole: its constructors.
        self.ta.get_or_init(Ta::default)
    }

    /// Asks the daemon for a service while a call runs; blocks. For the main thread.
    pub(crate) fn request(&self, request: &ServiceRequest) -> ServiceReply {
        self.mailbox.write(request);
        self.await_service();
        self.mailbox.read()
    }

    /// The same for a request of a TA as a client of others.
    pub(crate) fn request_session(&self, request: &SessionRequest) -> SessionReply {
        self.mailbox.write(request);
        self.await_service();
        self.mailbox.read()
    }

    fn await_service(&self) {
        self.mailbox.hand_over(Turn::Service);
        if self.mailbox.wait_after(Turn::Service, &self.patience) != Some(Turn::Serviced) {
            // The daemon does nothing else.
            exit(1)
        }
    }
}

/// This process.
pub(crate) fn this() -> &'static Process {
    #[cfg(test)]
    PROCESS.get_or_init(|| {
        let (mailbox, _file) = Mailbox::create().expect("a mailbox");
        let (memory, _) = ta_protocol::socket::pair().expect("a socket");
        let exchange = ta_protocol::exchange::ExchangeFile::create().and_then(Exchange::open);
        let exchange = exchange.expect("an exchange");
        Process::new(mailbox, memory, exchange, Uuid::from_u128(0x1234), Uuid::from_u128(0x5678), 0)
    });
    match PROCESS.get() {
        Some(process) => process,
        // It is installed before anything asks.
        None => exit(1),
    }
}

pub(crate) use crate::sys::exit::exit;
