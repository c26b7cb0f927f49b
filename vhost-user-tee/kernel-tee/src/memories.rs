// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest's memory, as a context has it registered with the TEE.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tee::Memory;
use tee_uapi::{Mapping, Piece};

use crate::budget::Budget;
use crate::driver::{Driver, Shm};

/// Mappings that memories of all VMs may have at a time to be registered by: half of what a process may have
/// (`vm.max_map_count`, 65530 unless somebody sets it), or memory in pieces would take it from all that needs a mapping.
static VIEWS: Budget = Budget::new(32 << 10);

/// Registers all of `memory`. The pages stay where they are as long as the result lives; what was
/// mapped to name them is not mapped any more, so that a VMM that takes memory away can hurt nobody.
pub(crate) fn register(driver: &dyn Driver, memory: &Memory) -> io::Result<Shm> {
    let pieces = memory
        .runs()
        .iter()
        .map(|run| {
            let len = usize::try_from(run.len).map_err(|_| io::ErrorKind::OutOfMemory)?;
            Ok(Piece { file: run.file.as_fd(), offset: run.offset, len })
        })
        .collect::<io::Result<Vec<_>>>()?;
    let _views = VIEWS.take(pieces.len());
    let view = Mapping::contiguous(&pieces).map_err(|e| e.source)?;
    driver.register(&view)
}

/// A memory that calls have used, or the first is about to.
type Slot = Arc<Mutex<Option<Arc<Shm>>>>;

/// Memories that outlive a call.
#[derive(Default)]
pub(crate) struct Memories {
    slots: Mutex<HashMap<u64, Slot>>,
}

impl Memories {
    /// What the TEE calls `memory`, which is registered if it has not been. Calls that want the same
    /// memory wait meanwhile, no others.
    pub(crate) fn get(&self, driver: &dyn Driver, memory: &Memory) -> io::Result<Arc<Shm>> {
        let slot = self.slots().entry(memory.id()).or_default().clone();
        let mut registered = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shm) = &*registered {
            return Ok(shm.clone());
        }
        let shm = Arc::new(register(driver, memory)?);
        Ok(registered.insert(shm).clone())
    }

    /// Ends a registration, if there is one.
    pub(crate) fn release(&self, memory: &Memory) {
        let slot = self.slots().remove(&memory.id());
        // Not under the lock: the TEE is told.
        drop(slot);
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<u64, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
