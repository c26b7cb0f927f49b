// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How a VM reaches its device.
//!
//! ```text
//!                              ┌▶ vhost_user ─────────────────┐
//!   VMM ── unix socket ─▶ socket  the VMM is the PCI device    ├─▶ device
//!                              └▶ vfio_user ─▶ virtio_pci ────┘
//!                                 this is the PCI device
//! ```
//!
//! A door translates between a transport and [`Device`], and is all that knows of that transport:
//! towards the device it is a [`Transport`](crate::device::Transport), towards [`crate::vm`] a
//! [`Connection`]. Every connection has a device of its own, so what one VM leaves behind cannot reach
//! the next.

mod memory_files;
pub mod socket;
mod unsafe_fd;
pub mod vfio_user;
pub mod vhost_user;
mod virtio_pci;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::device::Device;
pub use crate::unsafe_signal::outlive_lost_memory;
use socket::Socket;

/// What a VMM speaks on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// [`vhost_user`]: the VMM emulates a virtio device whose queues are served here.
    VhostUser,
    /// [`vfio_user`]: the VMM passes a PCI device on that is emulated here, all of it.
    VfioUser {
        /// Whether the device has MSI-X, with a vector per queue. It should; but QEMU up to 11.1 at
        /// least aborts when such a device is unplugged.
        msix: bool,
    },
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VhostUser => "vhost-user",
            Self::VfioUser { .. } => "vfio-user",
        })
    }
}

/// Why a connection ended otherwise than by the VMM's closing it.
#[derive(Debug, Error)]
pub enum Error {
    /// Over vhost-user.
    #[error("vhost-user: {0}")]
    VhostUser(#[from] vhost_user::Error),
    /// Over vfio-user.
    #[error("vfio-user: {0}")]
    VfioUser(#[from] vfio_user::Error),
}

/// A VMM that is connected, and served on threads of its connection.
pub trait Connection {
    /// What ends the connection from this side.
    fn shutdown_handle(&self) -> Shutdown;

    /// Waits until the VMM goes, or is shut out, and ends the threads. The device is still to be
    /// shut down.
    fn wait(self: Box<Self>) -> Result<(), Error>;
}

/// Ends a connection from any thread; once it has ended, does nothing.
#[derive(Clone)]
pub struct Shutdown(Arc<dyn Fn() + Send + Sync>);

impl Shutdown {
    fn new(end: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(end))
    }

    /// Ends the connection: [`Connection::wait`] returns.
    pub fn shutdown(&self) {
        (self.0)();
    }
}

/// Accepts the VMM that waits at `socket`, and serves it `device`. `name` is the VM's, for threads and
/// the log.
pub fn accept(
    protocol: Protocol,
    name: &str,
    socket: &Socket,
    device: Arc<Device>,
) -> Result<Box<dyn Connection>, Error> {
    Ok(match protocol {
        Protocol::VhostUser => Box::new(vhost_user::Connection::accept(name, socket, device)?),
        Protocol::VfioUser { msix } => Box::new(vfio_user::Connection::accept(name, socket, device, msix)?),
    })
}
