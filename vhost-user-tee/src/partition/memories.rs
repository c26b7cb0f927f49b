// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Registered memory.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use tee::{Lifetime, Memory, Run};

use super::tables::Registered;
use super::{Done, Error, Partition};

impl Partition {
    /// Registers the concatenation of `runs`, whose lengths add up in 64 bits. Nothing is mapped
    /// before a call uses it.
    pub fn register_memory(&self, context: u64, runs: Vec<Run>) -> Result<u64, Error> {
        let memory = Arc::new(Memory::new(runs, Lifetime::Registered));
        let limits = &self.shared.limits;
        let mut tables = self.shared.lock();
        tables.context(context)?;
        if tables.memories >= limits.max_memories {
            return Err(Error::Limit("registered memories"));
        }
        let bytes = tables.memory_bytes.checked_add(memory.size()).ok_or(Error::Limit("registered bytes"))?;
        if bytes > limits.max_memory_bytes {
            return Err(Error::Limit("registered bytes"));
        }
        let id = tables.memory_handles.next().ok_or(Error::Limit("memory handles"))?;
        tables.context(context)?.memories.insert(id, Registered { memory, uses: 0 });
        tables.memories += 1;
        tables.memory_bytes = bytes;
        Ok(id)
    }

    /// Forgets a memory. `done` runs when nothing maps it any more, without it if refused.
    pub fn unregister_memory(&self, context: u64, memory: u64, done: Done<()>) -> Result<(), Error> {
        let (tee, entry, job) = {
            let mut tables = self.shared.lock();
            tables.last_call += 1;
            let job = tables.last_call;
            let entry = tables.context(context)?;
            match entry.memories.get(&memory) {
                None => return Err(Error::NoMemory { context, memory }),
                Some(registered) if registered.uses > 0 => return Err(Error::Busy(memory)),
                Some(registered) => {
                    let taken = registered.memory.clone();
                    entry.memories.remove(&memory);
                    entry.unmapping += 1;
                    (entry.tee.clone(), taken, job)
                }
            }
        };
        let shared = self.shared.clone();
        self.shared.executor.control.submit(
            job,
            Box::new(move || {
                if catch_unwind(AssertUnwindSafe(|| tee.release_memory(&entry))).is_err() {
                    log::error!("the TEE implementation panicked unmapping memory {memory:#x}");
                }
                let mut tables = shared.lock();
                tables.memories -= 1;
                tables.memory_bytes -= entry.size();
                if let Some(context) = tables.contexts.get_mut(&context) {
                    context.unmapping -= 1;
                }
                let jobs = shared.settle(&mut tables, context);
                drop(tables);
                // The files may have no other user: they are to be closed when the guest hears of it.
                drop(entry);
                done(());
                shared.submit(jobs);
            }),
        );
        Ok(())
    }
}
