// SPDX-License-Identifier: GPL-2.0

//! Memory as a device addresses it.
//!
//! C header: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h)

use kernel::{bindings, device, page::PAGE_SIZE, prelude::*, sync::aref::ARef};

use crate::sys;

/// Contiguous memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Where it begins: a physical address, or one that the DMA API gave.
    pub(crate) addr: u64,
    /// How many bytes.
    pub(crate) len: u64,
}

/// A segment, and what there is to know of it.
struct Entry {
    segment: Segment,
    /// Where in the memory it begins, in bytes.
    position: u64,
    /// Device and CPU see different memory, between which the DMA API copies.
    synced: bool,
}

impl Entry {
    fn end(&self) -> u64 {
        self.position + self.segment.len
    }
}

/// The pages of a shared memory as segments, neighbours merged.
///
/// # Invariants
///
/// With `dma`, each of `list` is a mapping of that device; nothing but `self` undoes it if `owned`.
pub(crate) struct Segments {
    /// In order.
    list: KVVec<Entry>,
    /// Any of them is synced.
    synced: bool,
    dma: Option<ARef<device::Device>>,
    owned: bool,
}

impl Segments {
    /// Takes stock of pages, and maps them for `dma` if that is given.
    ///
    /// # Safety
    ///
    /// `pages` must be valid, and stay where they are until the result is dropped. `dma` must be
    /// bound to a driver until then.
    pub(super) unsafe fn new(
        pages: impl Iterator<Item = *mut bindings::page>,
        dma: Option<ARef<device::Device>>,
    ) -> Result<Self> {
        let max = dma.as_ref().map_or(u64::MAX, |dev| max_mapping(dev));
        let mut this = Self::empty(dma, true);
        let mut open: Option<Segment> = None;
        for page in pages {
            // SAFETY: By this function's contract.
            let addr = unsafe { sys::virtio_tee_helper_page_to_phys(page) };
            match &mut open {
                Some(last) if last.addr + last.len == addr && last.len < max => {
                    last.len += PAGE_SIZE as u64;
                }
                last => {
                    if let Some(complete) = last.replace(Segment {
                        addr,
                        len: PAGE_SIZE as u64,
                    }) {
                        this.push(complete)?;
                    }
                }
            }
        }
        if let Some(complete) = open {
            this.push(complete)?;
        }
        Ok(this)
    }

    /// What `dma_alloc_pages()` returned for `dma`.
    ///
    /// # Safety
    ///
    /// It must have returned that, and not be freed until the result is dropped.
    pub(super) unsafe fn allocated(segment: Segment, dma: ARef<device::Device>) -> Result<Self> {
        let mut this = Self::empty(Some(dma), false);
        this.list.reserve(1, GFP_KERNEL)?;
        // INVARIANT: Such memory is mapped, until it is freed.
        this.add(segment)?;
        Ok(this)
    }

    fn empty(dma: Option<ARef<device::Device>>, owned: bool) -> Self {
        Self {
            list: KVVec::new(),
            synced: false,
            dma,
            owned,
        }
    }

    /// Maps a segment, and adds it.
    fn push(&mut self, segment: Segment) -> Result {
        self.list.reserve(1, GFP_KERNEL)?;
        let addr = match &self.dma {
            None => segment.addr,
            Some(dev) => {
                let mut addr = 0;
                // INVARIANT: If this succeeds, it is a mapping.
                // SAFETY: By the contract of `new` that is memory, and the device is bound.
                let mapped = unsafe {
                    sys::virtio_tee_helper_dma_map(
                        raw(dev),
                        segment.addr,
                        segment.len as usize,
                        &mut addr,
                    )
                };
                kernel::error::to_result(mapped)?;
                addr
            }
        };
        self.add(Segment {
            addr,
            len: segment.len,
        })
    }

    /// Adds a segment, which is mapped.
    fn add(&mut self, segment: Segment) -> Result {
        let synced = self.dma.as_ref().is_some_and(|dev| {
            // SAFETY: By the contracts of `new` and `allocated` the device is bound.
            unsafe { sys::virtio_tee_helper_dma_need_sync(raw(dev), segment.addr) }
        });
        self.synced |= synced;
        let position = self.len();
        let entry = Entry {
            segment,
            position,
            synced,
        };
        Ok(self.list.push(entry, GFP_KERNEL)?)
    }

    /// The sum of all segments in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.list.last().map_or(0, Entry::end)
    }

    /// Where the first begins.
    pub(super) fn start(&self) -> u64 {
        self.list.first().map_or(0, |entry| entry.segment.addr)
    }

    /// The parts of segments that hold bytes `offset` to `offset + len`, in order.
    pub(crate) fn range(&self, offset: u64, len: u64) -> impl Iterator<Item = Segment> + '_ {
        self.parts(offset, len).map(|(segment, _)| segment)
    }

    /// These parts, and whether they are synced. Takes time for these only, however many there are.
    fn parts(&self, offset: u64, len: u64) -> impl Iterator<Item = (Segment, bool)> + '_ {
        let end = offset.saturating_add(len);
        let first = self.list.partition_point(|entry| entry.end() <= offset);
        self.list
            .iter()
            .skip(first)
            .take_while(move |entry| offset.max(entry.position) < end)
            .map(move |entry| {
                let from = offset.max(entry.position);
                let part = Segment {
                    addr: entry.segment.addr + (from - entry.position),
                    len: end.min(entry.end()) - from,
                };
                (part, entry.synced)
            })
    }

    /// Lets the device see what is in these bytes now, where it does not anyway.
    pub(crate) fn sync_for_device(&self, offset: u64, len: u64) {
        self.sync(offset, len, sys::virtio_tee_helper_dma_sync_for_device);
    }

    /// Lets the CPU see what the device has written to these bytes, where it does not anyway.
    pub(crate) fn sync_for_cpu(&self, offset: u64, len: u64) {
        self.sync(offset, len, sys::virtio_tee_helper_dma_sync_for_cpu);
    }

    fn sync(&self, offset: u64, len: u64, sync: Sync) {
        let Some(dev) = self.dma.as_ref().filter(|_| self.synced) else {
            return;
        };
        for (part, _) in self.parts(offset, len).filter(|(_, synced)| *synced) {
            // SAFETY: By the type's invariant that is part of a mapping of this device.
            unsafe { sync(raw(dev), part.addr, part.len as usize) };
        }
    }
}

/// `dma_sync_single_for_device()` or `dma_sync_single_for_cpu()`.
type Sync = unsafe extern "C" fn(*mut bindings::device, bindings::dma_addr_t, usize);

impl Drop for Segments {
    fn drop(&mut self) {
        if let Some(dev) = self.dma.as_ref().filter(|_| self.owned) {
            for Entry { segment, .. } in &self.list {
                // SAFETY: By the type's invariant that is a mapping of this device.
                unsafe {
                    sys::virtio_tee_helper_dma_unmap(raw(dev), segment.addr, segment.len as usize);
                }
            }
        }
    }
}

pub(super) fn raw(dev: &device::Device) -> *mut bindings::device {
    // CAST: `device::Device` is a transparent wrapper.
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// The longest mapping that a device can have, in whole pages.
fn max_mapping(dev: &device::Device) -> u64 {
    // SAFETY: The device is valid.
    let max = unsafe { bindings::dma_max_mapping_size(raw(dev)) } as u64;
    let page = PAGE_SIZE as u64;
    (max / page * page).max(page)
}
