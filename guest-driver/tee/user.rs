// SPDX-License-Identifier: GPL-2.0

//! Memory of the calling process that one call uses: nobody has registered it.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)

use kernel::{
    bindings, device,
    page::{Page, PAGE_SIZE},
    prelude::*,
    sync::aref::ARef,
    types::NotThreadSafe,
    uaccess::{UserPtr, UserSlice},
};

use super::{Access, Segments};

/// Where memory of the calling process is: `struct tee_param_ubuf`.
///
/// # Invariants
///
/// The current task has memory of its own, and this does not leave that task.
pub(crate) struct UserRange<'a> {
    pub(super) address: usize,
    /// At least one byte.
    pub(super) size: usize,
    pub(super) access: Access,
    /// The device that maps memory, if that has to be.
    pub(super) dma: Option<&'a ARef<device::Device>>,
    pub(super) _not_send: NotThreadSafe,
}

/// Memory that was the calling process's, and stays where it is until this is dropped, whatever
/// becomes of the process. Dropping it can sleep.
pub(crate) struct UserMemory {
    // In this order: no device has access to pages that go.
    segments: Segments,
    _pages: Pages,
    page_offset: usize,
}

/// Pages to be given back.
enum Pages {
    /// They are the process's.
    Pinned(#[allow(dead_code, reason = "to be dropped")] Pinned),
    /// They are the kernel's: a copy of what the process cannot write to, and what no TA is going
    /// to write to therefore.
    Copied(#[allow(dead_code, reason = "to be dropped")] KVVec<Page>),
}

/// # Invariants
///
/// All of `list` are pinned.
struct Pinned {
    list: KVVec<*mut bindings::page>,
    /// The device may have changed them.
    written: bool,
}

// SAFETY: A page is not tied to a task, nor is that it is pinned.
unsafe impl Send for Pinned {}

impl UserRange<'_> {
    /// Keeps the memory where it is. `EFAULT` if the process has none there, or cannot do with it
    /// what the TA is to do.
    pub(crate) fn hold(&self) -> Result<UserMemory> {
        let end = self.address.checked_add(self.size).ok_or(EFAULT)?;
        let first = self.address / PAGE_SIZE * PAGE_SIZE;
        let count = (end - first).div_ceil(PAGE_SIZE);
        // The kernel warns of larger lists than this.
        if count > c_int::MAX as usize / size_of::<*mut bindings::page>() {
            return Err(ENOMEM);
        }
        match self.pin(first, count) {
            // A TA can write to what it is to read, as far as the device goes. What this process
            // cannot write to may be others' as well, or a file's.
            Err(EFAULT) if self.access == Access::Input => self.copy(count),
            other => other,
        }
    }

    fn pin(&self, first: usize, count: usize) -> Result<UserMemory> {
        let mut pinned = Pinned {
            list: KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?,
            written: self.access != Access::Input,
        };
        while pinned.list.len() < count {
            let done = pinned.list.len();
            let wanted = (count - done).min(c_int::MAX as usize);
            let room = pinned.list.spare_capacity_mut();
            // SAFETY: By the type's invariant there is memory to look the range up in, and there is
            // room for that many pages.
            let got = unsafe {
                bindings::pin_user_pages_fast(
                    first + done * PAGE_SIZE,
                    wanted as c_int,
                    bindings::FOLL_WRITE,
                    room.as_mut_ptr().cast(),
                )
            };
            let got = kernel::error::to_result(got.min(0)).map(|()| got as usize)?;
            if got == 0 {
                return Err(EFAULT);
            }
            // INVARIANT: These were pinned just now.
            // SAFETY: So many were written.
            unsafe { pinned.list.inc_len(got) };
        }
        // SAFETY: They are valid, and stay pinned until after the result is dropped. Calls return
        // before the device that they are mapped for is unbound.
        let segments = unsafe { Segments::new(pinned.list.iter().copied(), self.dma.cloned()) }?;
        Ok(UserMemory {
            segments,
            _pages: Pages::Pinned(pinned),
            page_offset: self.address % PAGE_SIZE,
        })
    }

    fn copy(&self, count: usize) -> Result<UserMemory> {
        let mut reader = UserSlice::new(UserPtr::from_addr(self.address), self.size).reader();
        let mut pages = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let page_offset = self.address % PAGE_SIZE;
        let mut offset = page_offset;
        for _ in 0..count {
            let page = Page::alloc_page(GFP_KERNEL_ACCOUNT | kernel::alloc::flags::__GFP_ZERO)?;
            let len = reader.len().min(PAGE_SIZE - offset);
            // SAFETY: Nobody else has the page yet.
            unsafe { page.copy_from_user_slice_raw(&mut reader, offset, len) }?;
            offset = 0;
            pages.push(page, GFP_KERNEL_ACCOUNT)?;
        }
        // SAFETY: They are valid, and are not freed before the result is dropped. As to the device,
        // as in `pin`.
        let segments = unsafe { Segments::new(pages.iter().map(Page::as_ptr), self.dma.cloned()) }?;
        Ok(UserMemory {
            segments,
            _pages: Pages::Copied(pages),
            page_offset,
        })
    }
}

impl UserMemory {
    /// Its pages.
    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Where in its pages it begins, in bytes.
    pub(crate) fn page_offset(&self) -> u64 {
        self.page_offset as u64
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let (list, count) = (self.list.as_mut_ptr(), self.list.len());
        // SAFETY: By the type's invariant.
        unsafe {
            if self.written {
                bindings::unpin_user_pages_dirty_lock(list, count, true);
            } else {
                bindings::unpin_user_pages(list, count);
            }
        }
    }
}
