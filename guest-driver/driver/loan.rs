// SPDX-License-Identifier: GPL-2.0

//! Memory that the device has for the time of a request.

use kernel::sync::aref::ARef;

use super::probe::VirtioTee;
use crate::tee::{Access, Segments, Shm, UserMemory};

/// Memory that the device may access until it has used the buffer of a request, and what of it a
/// call uses.
pub(super) struct Loan {
    memory: Lent,
    access: Access,
    /// Where the part that is used begins in the memory's pages, in bytes.
    start: u64,
    /// How long that part is, in bytes.
    size: u64,
}

enum Lent {
    Shared(ARef<Shm<VirtioTee>>),
    User(UserMemory),
}

impl Loan {
    /// `size` bytes from `offset` on of a shared memory.
    pub(super) fn shared(shm: &Shm<VirtioTee>, access: Access, offset: u64, size: u64) -> Self {
        Self {
            memory: Lent::Shared(shm.into()),
            access,
            start: shm.page_offset() + offset,
            size,
        }
    }

    /// All of a shared memory.
    pub(super) fn whole(shm: &Shm<VirtioTee>) -> Self {
        Self {
            memory: Lent::Shared(shm.into()),
            access: Access::InOut,
            start: 0,
            size: shm.segments().len(),
        }
    }

    /// All `size` bytes of user space's own.
    pub(super) fn user(memory: UserMemory, access: Access, size: u64) -> Self {
        Self {
            access,
            start: memory.page_offset(),
            memory: Lent::User(memory),
            size,
        }
    }

    /// The shared memory, if it is one.
    pub(super) fn shm(&self) -> Option<&Shm<VirtioTee>> {
        match &self.memory {
            Lent::Shared(shm) => Some(shm),
            Lent::User(_) => None,
        }
    }

    /// Whether it is of a client within the kernel, whose pages stay only as long as it waits for
    /// the device to give them back. Those of user space stay until then whoever is killed.
    pub(super) fn is_kernels(&self) -> bool {
        self.shm().is_some_and(Shm::is_kernels)
    }

    /// The pages that the part is in, among others.
    pub(super) fn segments(&self) -> &Segments {
        match &self.memory {
            Lent::Shared(shm) => shm.segments(),
            Lent::User(memory) => memory.segments(),
        }
    }

    /// Where in the pages the part begins, in bytes.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// How long the part is, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Before the call: lets the device see what is there, where it does not anyway.
    pub(super) fn sync_for_device(&self) {
        self.segments().sync_for_device(self.start, self.size);
    }

    /// After the call: lets the client see what the device has written, where it does not anyway.
    pub(super) fn sync_for_cpu(&self) {
        if self.access != Access::Input {
            self.segments().sync_for_cpu(self.start, self.size);
        }
    }
}
