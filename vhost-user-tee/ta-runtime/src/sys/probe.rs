// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Whether memory can be used, found out without using it.

use std::ops::Range;

use rustix::mm::{madvise, Advice};
use rustix::param::page_size;

/// Whether all of `range` can be read.
pub(crate) fn readable(range: Range<usize>) -> bool {
    populate(range, Advice::LinuxPopulateRead)
}

/// Whether all of `range` can be written.
pub(crate) fn writable(range: Range<usize>) -> bool {
    populate(range, Advice::LinuxPopulateWrite)
}

/// The kernel touches the pages the way `advice` says, and says whether it could.
fn populate(range: Range<usize>, advice: Advice) -> bool {
    let mask = page_size() - 1;
    let from = range.start & !mask;
    let Some(to) = range.end.checked_add(mask).map(|end| end & !mask) else { return false };
    let at = std::ptr::with_exposed_provenance_mut(from);
    // SAFETY: populating changes no byte that anyone could see, whatever is mapped there.
    unsafe { madvise(at, to - from, advice) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range<T>(value: &T) -> Range<usize> {
        let at = std::ptr::from_ref(value).expose_provenance();
        at..at + size_of::<T>()
    }

    #[test]
    fn what_is_mapped_tells() {
        static CONSTANT: [u8; 16] = [1; 16];
        let local = [0u8; 16];
        assert!(readable(range(&local)) && writable(range(&local)));
        assert!(readable(range(&CONSTANT)) && !writable(range(&CONSTANT)));
        assert!(!readable(0..16));
        assert!(!readable(usize::MAX - 16..usize::MAX));
    }
}
