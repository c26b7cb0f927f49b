// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memrefs that go through a buffer of the host's, where that is cheaper than to have the TEE map the
//! guest's pages for one call, or where it cannot.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tee::{MemRef, Run};
use tee_uapi::Mapping;

use crate::driver::{Buffer, Driver};

/// Buffers that a context keeps for later calls, those that all contexts of a VM keep, and how large the largest is, in
/// bytes.
const KEPT: usize = 4;
const KEPT_BY_VM: usize = 64;
const LARGEST_KEPT: usize = 64 << 10;
/// Bytes copied at a time.
const CHUNK: u64 = 64 << 10;

/// Buffers of a context that no call uses.
pub(crate) struct Pool {
    free: Mutex<Vec<Buffer>>,
    /// How many all pools of the VM have.
    kept_by_vm: Arc<AtomicUsize>,
}

impl Pool {
    /// An empty one, of a VM whose pools have `kept_by_vm` buffers.
    pub(crate) fn new(kept_by_vm: Arc<AtomicUsize>) -> Self {
        Self { free: Mutex::default(), kept_by_vm }
    }

    /// A buffer of `len` bytes at least, with whatever an earlier call of this context has left in it.
    pub(crate) fn take(&self, driver: &dyn Driver, len: u64) -> io::Result<Buffer> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        {
            let mut free = self.free();
            if let Some(index) = free.iter().position(|buffer| buffer.mapping.len() >= len) {
                self.kept_by_vm.fetch_sub(1, Ordering::Relaxed);
                return Ok(free.swap_remove(index));
            }
        }
        let rounded = len.max(4096).checked_next_power_of_two().ok_or(io::ErrorKind::OutOfMemory)?;
        driver.allocate(if rounded <= LARGEST_KEPT { rounded } else { len })
    }

    /// Keeps a buffer for another call, or gives it back to the kernel.
    pub(crate) fn put(&self, buffer: Buffer) {
        let mut free = self.free();
        if free.len() < KEPT && buffer.mapping.len() <= LARGEST_KEPT && self.may_keep_one_more() {
            free.push(buffer);
            return;
        }
        drop(free);
        drop(buffer);
    }

    fn may_keep_one_more(&self) -> bool {
        let one_more = |kept| (kept < KEPT_BY_VM).then_some(kept + 1);
        self.kept_by_vm.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn free(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.kept_by_vm.fetch_sub(self.free().len(), Ordering::Relaxed);
    }
}

/// Copies `size` bytes of the guest's memory to the beginning of `to`.
pub(crate) fn copy_in(from: &MemRef, size: u64, to: &Mapping) -> io::Result<()> {
    each_chunk(from, size, |run, offset, at, bytes| {
        run.file.read_exact_at(bytes, offset)?;
        to.write_at(at, bytes);
        Ok(())
    })
}

/// Copies `size` bytes from the beginning of `from` to the guest's memory.
pub(crate) fn copy_out(from: &Mapping, to: &MemRef, size: u64) -> io::Result<()> {
    each_chunk(to, size, |run, offset, at, bytes| {
        from.read_at(at, bytes);
        run.file.write_all_at(bytes, offset)
    })
}

/// Runs `copy` for each piece of a memref: run, offset in its file, offset in the buffer, and room for
/// the bytes.
fn each_chunk(
    memref: &MemRef,
    size: u64,
    mut copy: impl FnMut(&Run, u64, usize, &mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut skip, mut left, mut at) = (memref.offset, size, 0);
    let mut bytes = vec![0; size.min(CHUNK) as usize];
    for run in memref.memory.runs() {
        let mut begin = skip.min(run.len);
        skip -= begin;
        while begin < run.len && left > 0 {
            let len = left.min(run.len - begin).min(CHUNK);
            copy(run, run.offset + begin, at, &mut bytes[..len as usize])?;
            begin += len;
            left -= len;
            at += len as usize;
        }
    }
    if left > 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}
