// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Pseudo TAs: parts of the TEE itself that are reached as TAs are, by a guest's clients and by TAs.
//!
//! | pseudo TA | what for |
//! | --- | --- |
//! | [`system`] | keys of a TA's own, its address space; for TAs only |
//! | [`device`] | which TAs and pseudo TAs are devices on the guest's TEE bus |
//! | [`rng`] | random numbers, for the guest's hwrng |
//! | [`attestation`] | measurements of TAs and of the TEE, signed |
//! | [`socket`] | the network, for TAs, as far as the VM's rules allow |
//!
//! UUIDs, commands and checks are OP-TEE's: its `pta_*.h` and `core/pta`. As there, what a pseudo TA returns has the
//! origin of a TA.
//!
//! They run in the daemon, on the thread that makes the call. Memory of the call is the caller's to change at any
//! time: it is read once and written once, with system calls on the files that it lies in, and never mapped.

mod attestation;
mod call;
mod device;
mod measurement;
mod rng;
mod socket;
mod system;

use std::sync::Arc;

use uuid::Uuid;

pub(crate) use call::Call;
pub(crate) use measurement::Measurement;

use crate::socket_rule::SocketRule;

/// A pseudo TA.
pub(crate) trait PseudoTa: Send + Sync {
    /// Its UUID.
    fn uuid(&self) -> Uuid;

    /// `FLAG_DEVICE_ENUM*`: how it is a device on the guest's TEE bus.
    fn flags(&self) -> u32 {
        0
    }

    /// Opens a session, or returns why not, as a GP result code; with what serves it, where that is not this one.
    fn open(&self, _call: &mut Call<'_>) -> Result<Option<Arc<dyn PseudoTa>>, u32> {
        Ok(None)
    }

    /// Carries out a command.
    fn invoke(&self, command: u32, call: &mut Call<'_>) -> Result<(), u32>;
}

/// All pseudo TAs of one TEE.
pub(crate) struct PseudoTas {
    all: Vec<Arc<dyn PseudoTa>>,
}

impl PseudoTas {
    /// Of a TEE of which the programs are `measurement`, with TAs that may connect to what `sockets` allow.
    pub(crate) fn new(measurement: Measurement, sockets: Vec<SocketRule>) -> Self {
        let mut all: Vec<Arc<dyn PseudoTa>> = vec![
            Arc::new(system::System),
            Arc::new(rng::Rng),
            Arc::new(attestation::Attestation::new(measurement)),
            Arc::new(socket::Socket::new(sockets)),
        ];
        let devices = all.iter().map(|pseudo_ta| (pseudo_ta.uuid(), pseudo_ta.flags())).collect();
        all.push(Arc::new(device::Device::new(devices)));
        Self { all }
    }

    /// The one of that UUID.
    pub(crate) fn get(&self, uuid: Uuid) -> Option<Arc<dyn PseudoTa>> {
        self.all.iter().find(|pseudo_ta| pseudo_ta.uuid() == uuid).cloned()
    }
}
