// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! From the guest's addresses to the files behind them.

use std::sync::Arc;

use tee::Run;
use virtio_tee_spec as wire;
use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

use super::status::Refusal;

/// Granule of shared memory: what the host's MMU can map, and 4 KiB at least.
pub fn page_size() -> u32 {
    u32::try_from(rustix::param::page_size()).map_or(4096, |size| size.max(4096))
}

/// Finds the files behind `runs`. A run may span regions of guest memory, and becomes several then;
/// parts that adjoin in one file become one. `max_bytes` bounds the runs together, and with them how
/// often a guest can make us cross its regions, which are large.
pub(super) fn translate(
    memory: &GuestMemoryMmap,
    runs: &[wire::Run],
    max_bytes: u64,
) -> Result<Vec<Run>, Refusal> {
    let page = u64::from(page_size());
    let mut out: Vec<Run> = Vec::with_capacity(runs.len());
    let mut total = 0_u64;
    for run in runs {
        let (mut addr, mut len) = (run.addr.get(), run.len.get());
        let bad = Refusal::Address { addr, len };
        if len == 0 || addr % page != 0 || len % page != 0 || addr.checked_add(len).is_none() {
            return Err(bad);
        }
        total =
            total.checked_add(len).filter(|t| *t <= max_bytes).ok_or(Refusal::Limit("bytes of a memory"))?;
        while len > 0 {
            let Some(region) = memory.find_region(GuestAddress(addr)) else {
                return Err(bad);
            };
            let offset = addr - region.start_addr().0;
            let here = len.min(region.len() - offset);
            let Some(backing) = region.file_offset() else {
                return Err(bad);
            };
            let offset = backing.start() + offset;
            // A front end may place regions at will; what cannot be mapped is not shareable.
            if offset % page != 0 || here % page != 0 {
                return Err(bad);
            }
            match out.last_mut() {
                Some(last) if Arc::ptr_eq(&last.file, backing.arc()) && last.offset + last.len == offset => {
                    last.len += here;
                }
                _ => out.push(Run { file: backing.arc().clone(), offset, len: here }),
            }
            addr += here;
            len -= here;
        }
    }
    Ok(out)
}
