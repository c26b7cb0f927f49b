// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The other end of the device's socket, in a test's own process: VMM, guest and driver in one.
//!
//! ```text
//!   client::Client      contexts, sessions, calls            what a well-behaved driver does
//!     │
//!   FrontEnd            a device, brought up, its queues
//!     ├─ link::Link     negotiation, queues, config space     the VMM's part
//!     │    ├─ vhost_user
//!     │    └─ vfio_user      with the PCI driver's part
//!     ├─ ring::Ring     descriptors, used ring, notifications the driver's part, any chain at all
//!     └─ memory::Memory memfds, pages                         the guest's RAM
//! ```
//!
//! Tests, fuzzing and benchmarks use it to drive a whole back end, through a real socket and real
//! rings, without a VM. [`Options::door`] says what the socket speaks; a test may bring a
//! [`link::Link`] of its own. [`client::Client`] speaks the protocol; [`ring::Ring`] lets a test put whatever
//! it likes in front of the device, and counts the notifications both ways.
//!
//! ```no_run
//! use std::path::Path;
//! use virtio_tee_frontend::client::{Client, Param};
//! # fn main() -> Result<(), virtio_tee_frontend::Error> {
//! # let uuid = uuid::Uuid::nil();
//! let mut client = Client::connect(Path::new("/run/vm0-tee.sock"))?;
//! let context = client.open_context()?;
//! let session = client.open_session(context, uuid, &[])?.session;
//! let result = client.invoke(context, session, 0, &[Param::value_inout(41, 0)])?;
//! assert_eq!(result.params[0].0, 42);
//! # Ok(()) }
//! ```

pub mod client;
mod frontend;
pub mod link;
pub mod memory;
pub mod ring;
pub mod vfio_user;
pub mod vhost_user;

use std::io;

pub use frontend::{Door, FrontEnd, Options};
use thiserror::Error;

/// What can go wrong on this side, or come back from the other.
#[derive(Debug, Error)]
pub enum Error {
    /// The back end broke off, or does not offer what is needed.
    #[error("vhost-user: {0}")]
    Vhost(#[from] vhost::Error),
    /// The same, from within the protocol.
    #[error("vhost-user: {0}")]
    VhostUser(#[from] vhost::vhost_user::Error),
    /// A vfio-user command failed.
    #[error("vfio-user: {command:?} failed: {}", io::Error::from_raw_os_error(*errno as i32))]
    Refused {
        /// The command.
        command: ::vfio_user::Command,
        /// Why: `errno`.
        errno: u32,
    },
    /// What came from the device is not what its protocols allow.
    #[error("vfio-user: {0}")]
    Protocol(String),
    /// The device does not offer something.
    #[error("the device does not offer {0}")]
    Missing(&'static str),
    /// The device is reached otherwise than the caller thought.
    #[error("the device is not reached by {0}")]
    Link(&'static str),
    /// A queue that was never started was kicked.
    #[error("the queue was not started")]
    NotStarted,
    /// The host refused memory or a descriptor.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// An access outside the guest memory that this end made.
    #[error("guest memory: {0}")]
    Memory(#[from] vm_memory::GuestMemoryError),
    /// Memory or descriptors are used up.
    #[error("no {0} left")]
    Full(&'static str),
    /// No answer within [`ring::HANG`].
    #[error("no answer from the device")]
    Hang,
    /// The device answered with fewer bytes than it should.
    #[error("answer of {0} bytes")]
    Short(u32),
    /// The device refused a request: `VIRTIO_TEE_S_*`.
    #[error("the device refused the request with status {0}")]
    Status(u32),
}
