// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Numbers a guest knows things by.

use std::io;

/// Gives out 64-bit handles: a random epoch above a counter.
///
/// No handle is given out twice, and one of an earlier connection or an earlier daemon names nothing
/// here (but for a chance of 2⁻³² that the epochs are equal), so a stale handle fails cleanly.
#[derive(Debug)]
pub(super) struct Handles {
    epoch: u32,
    last: u32,
}

impl Handles {
    /// Starts a new epoch.
    pub(super) fn new() -> io::Result<Self> {
        loop {
            let mut bytes = [0; 4];
            let len = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
            let epoch = u32::from_ne_bytes(bytes);
            // The greatest would in the end yield `VIRTIO_TEE_MEMORY_NULL`.
            if len == bytes.len() && epoch != u32::MAX {
                return Ok(Self { epoch, last: 0 });
            }
        }
    }

    /// The next handle, never zero; `None` after 2³² - 1 of them.
    pub(super) fn next(&mut self) -> Option<u64> {
        self.last = self.last.checked_add(1)?;
        Some(u64::from(self.epoch) << 32 | u64::from(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_unique_and_run_out() {
        let mut handles = Handles { epoch: 7, last: u32::MAX - 1 };
        assert_eq!(handles.next(), Some(0x7_ffff_ffff));
        assert_eq!(handles.next(), None);
        assert_eq!(handles.next(), None);
        assert_ne!(Handles::new().unwrap().next(), Some(0));
    }
}
