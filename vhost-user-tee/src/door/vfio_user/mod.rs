// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The vfio-user door: a whole PCI function, for VMMs that pass functions of other processes on to
//! their guests (QEMU 10.1 and later, cloud-hypervisor).
//!
//! ```text
//!   VMM ──▶ stream ──▶ message ──▶ function ──▶ virtio_pci       registers
//!           framed     decoded        ├──▶ memory                DMA_MAP, DMA_UNMAP
//!                      checked        ├──▶ interrupts            SET_IRQS, eventfds
//!                                     └──▶ device                chains, resets
//! ```
//!
//! One thread reads messages and answers them. A driver's notification is one of them: a write to the
//! notification register, which QEMU posts, that is, sends without waiting for an answer; chains are
//! taken in by the same thread, so a call wakes this process once, and the VMM once, by an eventfd.
//!
//! # What the VMM need not be trusted with
//! A message is read whole and checked before anything comes of it; its length is bounded by what is
//! announced (`max_data_xfer_size`, `max_msg_fds`, `max_dma_maps`). What is not understood is answered
//! with an error; only what cannot be told apart from the next message ends the connection. Memory that it
//! takes away while it is used harms its own VM alone: see [`super::outlive_lost_memory`].
//!
//! Crate `vfio_user` lends the names of commands. Its server is not used: it trusts the lengths in
//! messages (some make it panic, others have it allocate 4 GiB), cannot be told to end a connection, and
//! answers posted writes that fail. Its client, an implementation other than ours, drives this one in
//! the tests.

mod function;
mod interrupts;
mod memory;
mod message;
mod stream;

use std::io;
use std::net;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rustix::io::Errno;
use thiserror::Error;
use vfio_bindings::bindings::vfio::{
    VFIO_DEVICE_FLAGS_PCI, VFIO_DEVICE_FLAGS_RESET, VFIO_PCI_REQ_IRQ_INDEX, VFIO_PCI_VGA_REGION_INDEX,
    VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE,
};
use zerocopy::IntoBytes;

use super::socket::Socket;
use super::Shutdown;
use crate::device::Device;
use function::Function;
use message::{DeviceInfo, Header, RegionInfo, Request};
use stream::Ready;

const NUM_REGIONS: u32 = VFIO_PCI_VGA_REGION_INDEX + 1;
const NUM_IRQS: u32 = VFIO_PCI_REQ_IRQ_INDEX + 1;

/// Why a connection ended otherwise than by the VMM's closing it.
#[derive(Debug, Error)]
pub enum Error {
    /// It could not be accepted.
    #[error("cannot accept the VMM: {0}")]
    Accept(#[source] io::Error),
    /// No thread to serve it on.
    #[error("no thread to serve the VMM on: {0}")]
    Thread(#[source] io::Error),
    /// The device has more queues than the virtio PCI transport can number.
    #[error("{0} queues are too many for a PCI device")]
    Queues(usize),
    /// The VMM broke the protocol, or the socket failed.
    #[error(transparent)]
    Stream(#[from] stream::Error),
}

/// A VMM that is connected.
pub(super) struct Connection {
    stream: Arc<UnixStream>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Connection {
    /// Accepts the VMM that waits at `socket`, and serves it `device` on a thread of its own.
    pub(super) fn accept(
        name: &str,
        socket: &Socket,
        device: Arc<Device>,
        msix: bool,
    ) -> Result<Self, Error> {
        let (stream, _) = socket.listener().accept().map_err(Error::Accept)?;
        let stream = Arc::new(stream);
        let (name, served) = (name.to_owned(), stream.clone());
        let thread = Builder::new()
            .name(format!("{name} vfio"))
            .spawn(move || serve(&name, &served, device, msix))
            .map_err(Error::Thread)?;
        Ok(Self { stream, thread })
    }
}

impl super::Connection for Connection {
    fn shutdown_handle(&self) -> Shutdown {
        let stream = self.stream.clone();
        Shutdown::new(move || {
            // Fails where the VMM has gone already.
            let _ = stream.shutdown(net::Shutdown::Both);
        })
    }

    fn wait(self: Box<Self>) -> Result<(), super::Error> {
        let panicked = |_| Err(Error::Thread(io::Error::other("it panicked")));
        Ok(self.thread.join().unwrap_or_else(panicked)?)
    }
}

/// Serves `device` to the VMM at the other end of `stream`, until it goes; see [`super::accept`],
/// which does it on a thread of its own. The device is still to be shut down. Without `msix` the
/// function has no MSI-X, and interrupts by its line alone.
pub fn serve(name: &str, stream: &UnixStream, device: Arc<Device>, msix: bool) -> Result<(), Error> {
    let queues = device.num_queues();
    let function = Function::new(name, device, msix).ok_or(Error::Queues(queues))?;
    let result = answer_all(stream, &function);
    function.settle();
    match result {
        // How a VMM that ends looks, with answers under way.
        Err(Error::Stream(stream::Error::Write(e))) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn answer_all(stream: &UnixStream, function: &Function) -> Result<(), Error> {
    let mut version_known = false;
    loop {
        while let Some(event) = function.unmask_event() {
            match stream::wait(stream, &event)? {
                Ready::Message => break,
                Ready::Event => function.unmask(&event),
            }
        }
        let Some(message) = stream::receive(stream)? else {
            return Ok(());
        };
        let header = message.header;
        let answer = match Request::decode(header.command, &message.body) {
            Ok(Request::Version) => {
                version_known = true;
                Ok(message::version(&header, memory::MAX_MAPS))
            }
            Ok(_) if !version_known => Err(Errno::PROTO),
            Ok(request) => answer(function, &header, request, message.fds, message.fds_lost),
            Err(errno) => Err(errno),
        };
        let answer = answer.unwrap_or_else(|errno| {
            log::debug!("vfio-user: command {} refused: {errno}", header.command);
            message::failure(&header, errno)
        });
        if header.wants_reply() {
            stream::send(stream, &answer)?;
        }
    }
}

/// Does what a message asks for.
fn answer(
    function: &Function,
    header: &Header,
    request: Request<'_>,
    mut fds: Vec<std::os::fd::OwnedFd>,
    fds_lost: bool,
) -> Result<Vec<u8>, Errno> {
    if fds_lost {
        return Err(Errno::MFILE);
    }
    Ok(match request {
        Request::Version => return Err(Errno::INVAL),
        Request::DmaMap(request) => {
            let file = fds.pop();
            if !fds.is_empty() {
                return Err(Errno::INVAL);
            }
            function.map(&request, file)?;
            message::reply(header, &[])
        }
        Request::DmaUnmap(request) => {
            function.unmap(&request)?;
            message::reply(header, &[request.as_bytes()])
        }
        Request::DeviceInfo => {
            let info = DeviceInfo {
                argsz: size_of::<DeviceInfo>() as u32,
                flags: VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
                num_regions: NUM_REGIONS,
                num_irqs: NUM_IRQS,
            };
            message::reply(header, &[info.as_bytes()])
        }
        Request::RegionInfo(RegionInfo { index, .. }) if index < NUM_REGIONS => {
            let size = Function::region_size(index);
            let access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
            let info = RegionInfo {
                argsz: size_of::<RegionInfo>() as u32,
                flags: if size > 0 { access } else { 0 },
                index,
                cap_offset: 0,
                size,
                offset: 0,
            };
            message::reply(header, &[info.as_bytes()])
        }
        Request::RegionInfo(_) => return Err(Errno::INVAL),
        Request::IrqInfo(request) => message::reply(header, &[function.irq_info(request.index)?.as_bytes()]),
        Request::SetIrqs(request) => {
            function.set_irqs(&request, fds)?;
            message::reply(header, &[])
        }
        Request::RegionRead(access) => {
            let data = function.read(access.region, access.offset, access.count)?;
            message::reply(header, &[access.as_bytes(), &data])
        }
        Request::RegionWrite(access, data) => {
            function.write(access.region, access.offset, data)?;
            message::reply(header, &[access.as_bytes()])
        }
        Request::Reset => {
            function.reset();
            message::reply(header, &[])
        }
    })
}
