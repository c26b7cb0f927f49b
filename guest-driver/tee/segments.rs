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

/// The pages of a shared memory as segments, neighbours merged.
///
/// # Invariants
///
/// With `dma`, each of `list` is a mapping of that device; nothing but `self` undoes it if `owned`.
pub(crate) struct Segments {
    list: KVVec<Segment>,
    dma: Option<ARef<device::Device>>,
    owned: bool,
}

impl Segments {
    /// Takes stock of pages, and maps them for `dma` if that is given.
    ///
    /// # Safety
    ///
    /// `pages` must be `count` valid pages, which stay where they are until the result is dropped.
    /// `dma` must be bound to a driver until then.
    pub(super) unsafe fn new(
        pages: *const *mut bindings::page,
        count: usize,
        dma: Option<ARef<device::Device>>,
    ) -> Result<Self> {
        let max = dma.as_ref().map_or(u64::MAX, |dev| max_mapping(dev));
        let mut this = Self {
            list: KVVec::new(),
            dma,
            owned: true,
        };
        let mut open: Option<Segment> = None;
        for index in 0..count {
            // SAFETY: By this function's contract.
            let addr = unsafe { sys::virtio_tee_helper_page_to_phys(*pages.add(index)) };
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
        let mut list = KVVec::with_capacity(1, GFP_KERNEL)?;
        list.push(segment, GFP_KERNEL)?;
        // INVARIANT: Such memory is mapped, until it is freed.
        Ok(Self {
            list,
            dma: Some(dma),
            owned: false,
        })
    }

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
        Ok(self.list.push(
            Segment {
                addr,
                len: segment.len,
            },
            GFP_KERNEL,
        )?)
    }

    /// The sum of all segments in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.list.iter().map(|segment| segment.len).sum()
    }

    /// Where the first begins.
    pub(super) fn start(&self) -> u64 {
        self.list.first().map_or(0, |segment| segment.addr)
    }

    /// The parts of segments that hold bytes `offset` to `offset + len`, in order.
    pub(crate) fn range(&self, offset: u64, len: u64) -> impl Iterator<Item = Segment> + '_ {
        let end = offset.saturating_add(len);
        let mut position = 0;
        self.list.iter().filter_map(move |segment| {
            let from = offset.max(position);
            let to = end.min(position + segment.len);
            let skip = from - position;
            position += segment.len;
            (from < to).then(|| Segment {
                addr: segment.addr + skip,
                len: to - from,
            })
        })
    }

    /// Lets the device see what is in these bytes now, where it does not anyway.
    pub(crate) fn sync_for_device(&self, offset: u64, len: u64) {
        if let Some(dev) = &self.dma {
            for part in self.range(offset, len) {
                // SAFETY: By the type's invariant that is part of a mapping of this device.
                unsafe {
                    sys::virtio_tee_helper_dma_sync_for_device(
                        raw(dev),
                        part.addr,
                        part.len as usize,
                    );
                }
            }
        }
    }

    /// Lets the CPU see what the device has written to these bytes, where it does not anyway.
    pub(crate) fn sync_for_cpu(&self, offset: u64, len: u64) {
        if let Some(dev) = &self.dma {
            for part in self.range(offset, len) {
                // SAFETY: By the type's invariant that is part of a mapping of this device.
                unsafe {
                    sys::virtio_tee_helper_dma_sync_for_cpu(raw(dev), part.addr, part.len as usize);
                }
            }
        }
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        if let Some(dev) = self.dma.as_ref().filter(|_| self.owned) {
            for segment in &self.list {
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
