// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Buffers that are where a check wants them.

use std::sync::atomic::Ordering;

use tee_client::Mapping;

use crate::pagemap;
use crate::report::{ensure, Failure};

/// Bytes that `read_at` and `write_at` copy at a time.
const CHUNK: usize = 64 << 10;

/// Maps memory whose virtual neighbours are not physical ones, and how many physical runs it is.
///
/// Linux gives out a page when it is first touched: touching single pages in random order scatters
/// them, which `/proc/self/pagemap` is then asked to confirm.
pub(crate) fn scattered(len: usize) -> Result<(Mapping, usize), Failure> {
    let page = rustix::param::page_size();
    let mapping = Mapping::anonymous(len)?;
    mapping.avoid_huge_pages()?;
    let mut offsets: Vec<usize> = (0..len).step_by(page).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut offsets);
    for offset in &offsets {
        mapping.bytes()[*offset].store(0, Ordering::Relaxed);
    }
    let frames = pagemap::frames(&mapping)?;
    let runs = pagemap::runs(&frames);
    ensure!(
        runs > offsets.len() / 2,
        "{} pages lie in {runs} physical runs: they were to be scattered",
        offsets.len()
    );
    Ok((mapping, runs))
}

/// The same bytes for the same length, different in each page and each chunk.
pub(crate) fn fill(len: usize, mut write: impl FnMut(usize, &[u8])) {
    let mut rng = fastrand::Rng::with_seed(len as u64);
    let mut chunk = vec![0; CHUNK.min(len)];
    rng.fill(&mut chunk);
    for offset in (0..len).step_by(CHUNK) {
        let part = CHUNK.min(len - offset);
        let mark = rng.u64(..).to_le_bytes();
        let marked = part.min(mark.len());
        chunk[..marked].copy_from_slice(&mark[..marked]);
        write(offset, &chunk[..part]);
    }
}

/// Hands all bytes of a mapping to `read`, a chunk at a time.
pub(crate) fn for_each_chunk(mapping: &Mapping, mut read: impl FnMut(&[u8])) {
    let mut chunk = vec![0; CHUNK];
    for offset in (0..mapping.len()).step_by(CHUNK) {
        let part = &mut chunk[..CHUNK.min(mapping.len() - offset)];
        mapping.read_at(offset, part);
        read(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_bytes_come_back_and_chunks_differ() {
        let mapping = Mapping::anonymous(CHUNK * 2 + 5).unwrap();
        fill(mapping.len(), |offset, bytes| mapping.write_at(offset, bytes));
        let mut all = Vec::new();
        for_each_chunk(&mapping, |bytes| all.extend_from_slice(bytes));
        let mut expected = vec![0; mapping.len()];
        fill(expected.len(), |offset, bytes| expected[offset..offset + bytes.len()].copy_from_slice(bytes));
        assert_eq!(all, expected);
        assert_ne!(all[..CHUNK], all[CHUNK..CHUNK * 2]);
    }
}
