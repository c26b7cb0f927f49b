// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Where a mapping's pages are in (guest-)physical memory, by `/proc/self/pagemap` (Linux
//! `admin-guide/mm/pagemap.rst`).

use std::fs::File;
use std::os::unix::fs::FileExt;

use tee_client::Mapping;

use crate::report::{ensure, Failure};

const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

/// Page frame numbers of a mapping that has been touched all over, in order.
pub(crate) fn frames(mapping: &Mapping) -> Result<Vec<u64>, Failure> {
    let page = rustix::param::page_size();
    let file = File::open("/proc/self/pagemap").map_err(Failure::system("cannot open /proc/self/pagemap"))?;
    let mut entries = vec![0; mapping.len().div_ceil(page) * 8];
    file.read_exact_at(&mut entries, (mapping.address() / page * 8) as u64)
        .map_err(Failure::system("cannot read /proc/self/pagemap"))?;
    entries
        .chunks_exact(8)
        .map(|entry| {
            let entry = entry.iter().rev().fold(0, |entry, byte| entry << 8 | u64::from(*byte));
            ensure!(entry & PRESENT != 0, "a touched page is not present");
            ensure!(entry & FRAME != 0, "/proc/self/pagemap hides page frames: run as root");
            Ok(entry & FRAME)
        })
        .collect()
}

/// How many stretches of neighbours `frames` falls into.
pub(crate) fn runs(frames: &[u64]) -> usize {
    frames.chunk_by(|a, b| a + 1 == *b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_run() {
        assert_eq!(runs(&[]), 0);
        assert_eq!(runs(&[5, 6, 7]), 1);
        assert_eq!(runs(&[7, 6, 5]), 3);
        assert_eq!(runs(&[1, 2, 9, 10, 4]), 3);
    }
}
