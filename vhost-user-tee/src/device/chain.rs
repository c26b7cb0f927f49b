// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Descriptor chains: what the driver says, and where it wants the answer.

use std::sync::Arc;

use virtio_queue::DescriptorChain;
use vm_memory::{Bytes, GuestAddress, GuestMemory, GuestMemoryMmap, Permissions};

/// A chain read to its end. Nothing of it is read from guest memory again.
#[derive(Debug)]
pub(super) struct Chain {
    /// Its first descriptor, by which the driver knows it.
    pub(super) head: u16,
    /// A copy of the device-readable part.
    pub(super) request: Vec<u8>,
    /// Whether chain and request are sound.
    pub(super) defect: Option<Defect>,
    /// Where the answer goes.
    pub(super) answer: Writable,
    /// Guest memory as it was when the chain was taken.
    pub(super) memory: Arc<GuestMemoryMmap>,
}

/// What can be wrong with a chain before its contents are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// It loops, leaves the descriptor table, or has a bad indirect table.
    Broken,
    /// A device-readable buffer follows a device-writable one.
    Order,
    /// The device-readable part is longer than any request.
    TooLong,
    /// A buffer is not in guest memory.
    Address,
}

/// The device-writable part of a chain.
#[derive(Debug)]
pub(super) struct Writable {
    memory: Arc<GuestMemoryMmap>,
    buffers: Vec<(GuestAddress, u32)>,
    len: u64,
}

impl Chain {
    /// Reads a chain. At most `max_request` bytes of its readable part are copied, and no more of its
    /// writable buffers remembered than `max_answer` bytes need.
    pub(super) fn read(
        chain: DescriptorChain<Arc<GuestMemoryMmap>>,
        memory: Arc<GuestMemoryMmap>,
        max_request: usize,
        max_answer: usize,
    ) -> Self {
        let head = chain.head_index();
        let mut request = Vec::new();
        let mut buffers = Vec::new();
        let mut room = 0_u64;
        let mut defect = None;
        // The iterator ends at anything wrong as it does at the end: only the flag tells.
        let mut ended = false;
        for descriptor in chain {
            ended = !descriptor.has_next();
            let len = descriptor.len();
            if descriptor.is_write_only() {
                if !memory.check_range(descriptor.addr(), len as usize, Permissions::Write) {
                    defect = defect.or(Some(Defect::Address));
                }
                if len > 0 && room < max_answer as u64 {
                    buffers.push((descriptor.addr(), len));
                }
                room += u64::from(len);
            } else if room > 0 {
                defect = defect.or(Some(Defect::Order));
            } else if defect.is_none() {
                let start = request.len();
                if len as usize > max_request - start {
                    defect = Some(Defect::TooLong);
                } else {
                    request.resize(start + len as usize, 0);
                    if memory.read_slice(&mut request[start..], descriptor.addr()).is_err() {
                        defect = Some(Defect::Address);
                    }
                }
            }
        }
        if !ended {
            defect = Some(Defect::Broken);
        }
        let answer = Writable { memory: memory.clone(), buffers, len: room };
        Self { head, request, defect, answer, memory }
    }
}

impl Writable {
    /// How many bytes the driver has room for.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes `bytes`, as many as fit, and returns how many were written: up to the first that is
    /// not in guest memory.
    pub(super) fn write(&self, mut bytes: &[u8]) -> u32 {
        let mut written = 0;
        for (addr, len) in &self.buffers {
            let part = &bytes[..bytes.len().min(*len as usize)];
            if part.is_empty() {
                break;
            }
            match self.memory.write(part, *addr) {
                Ok(n) if n == part.len() => written += n as u32,
                Ok(n) => return written + n as u32,
                Err(_) => return written,
            }
            bytes = &bytes[part.len()..];
        }
        written
    }
}
