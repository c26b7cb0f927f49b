// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What there is one of in this process.

use std::sync::OnceLock;

use ta_protocol::mailbox::{Mailbox, Patience, Turn};
use ta_protocol::message::{ServiceReply, ServiceRequest};
use uuid::Uuid;

use crate::ta::Ta;

/// The process of a TA instance.
pub(crate) struct Process {
    mailbox: Mailbox,
    patience: Patience,
    device_id: Uuid,
    uuid: Uuid,
    ta: OnceLock<Ta>,
}

static PROCESS: OnceLock<Process> = OnceLock::new();

impl Process {
    /// A process before its TA is loaded.
    pub(crate) fn new(mailbox: Mailbox, uuid: Uuid, device_id: Uuid) -> Self {
        Self { mailbox, patience: Patience::new(), device_id, uuid, ta: OnceLock::new() }
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

    /// The TA.
    pub(crate) fn ta(&self) -> &Ta {
        // The code of a TA runs before it is loaded in whole: its constructors.
        self.ta.get_or_init(Ta::default)
    }

    /// Asks the daemon for a service while a call runs; blocks. For the main thread.
    pub(crate) fn request(&self, request: &ServiceRequest) -> ServiceReply {
        self.mailbox.write(request);
        self.mailbox.hand_over(Turn::Service);
        match self.mailbox.wait_after(Turn::Service, &self.patience) {
            Some(Turn::Serviced) => self.mailbox.read(),
            // The daemon does nothing else.
            _ => exit(1),
        }
    }
}

/// This process.
pub(crate) fn this() -> &'static Process {
    #[cfg(test)]
    PROCESS.get_or_init(|| {
        let (mailbox, _file) = Mailbox::create().expect("a mailbox");
        Process::new(mailbox, Uuid::from_u128(0x1234), Uuid::from_u128(0x5678))
    });
    match PROCESS.get() {
        Some(process) => process,
        // It is installed before anything asks.
        None => exit(1),
    }
}

pub(crate) use crate::sys::exit::exit;
