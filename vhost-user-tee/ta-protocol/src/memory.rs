// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guest memory on its way to a TA process, over the memory socket.
//!
//! A map is sent as one or more parts, each with the files that its runs name. The descriptors are
//! of use until the part is mapped, no longer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::RecvFlags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::socket::{self, Error, MAX_FDS, MAX_LEN};

/// Begins every part.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PartHeader {
    /// Number of the map, by which calls name it; never [`MAP_NULL`](crate::message::MAP_NULL).
    pub map: u64,
    /// Length of the whole map in bytes.
    pub size: u64,
    /// Where in the map this part begins, in bytes.
    pub at: u64,
    /// Whether the map goes with the call.
    pub transient: u64,
}

/// A stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PartRun {
    /// Which of the part's files.
    pub file: u64,
    /// Where it begins in the file, in bytes, page-aligned.
    pub offset: u64,
    /// Its length in bytes, page-aligned, not zero.
    pub len: u64,
}

/// Most runs of a part.
pub const MAX_RUNS: usize = (MAX_LEN - size_of::<PartHeader>()) / size_of::<PartRun>();

/// A part of a map.
pub struct Part<F> {
    /// What it belongs to.
    pub header: PartHeader,
    /// Its runs, in order.
    pub runs: Vec<PartRun>,
    /// Their files.
    pub files: Vec<F>,
}

impl<F> Part<F> {
    /// Bytes that its runs cover.
    pub fn len(&self) -> u64 {
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(run.len))
    }

    /// Whether it has no runs.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl<F: AsFd> Part<F> {
    fn bytes(&self) -> [&[u8]; 2] {
        [self.header.as_bytes(), self.runs.as_slice().as_bytes()]
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.files.iter().map(AsFd::as_fd).collect()
    }
}

/// Cuts a map into parts. `runs` are (file, offset, length); `same` tells whether two files are one,
/// which is then sent once.
pub fn parts<F: Clone>(
    map: u64,
    transient: bool,
    runs: impl ExactSizeIterator<Item = (F, u64, u64)>,
    size: u64,
    same: impl Fn(&F, &F) -> bool,
) -> Vec<Part<F>> {
    let new_part = |at| Part {
        header: PartHeader { map, size, at, transient: transient.into() },
        runs: Vec::new(),
        files: Vec::new(),
    };
    let mut parts = Vec::new();
    let mut part: Part<F> = new_part(0);
    let mut at = 0;
    for (file, offset, len) in runs {
        let known = part.files.iter().position(|other| same(other, &file));
        if part.runs.len() == MAX_RUNS || known.is_none() && part.files.len() == MAX_FDS {
            parts.push(std::mem::replace(&mut part, new_part(at)));
        }
        let known = part.files.iter().position(|other| same(other, &file));
        let index = known.unwrap_or_else(|| {
            part.files.push(file);
            part.files.len() - 1
        });
        part.runs.push(PartRun { file: index as u64, offset, len });
        at += len;
    }
    parts.push(part);
    parts
}

/// The daemon's: sends a part.
pub fn send<F: AsFd>(socket: impl AsFd, part: &Part<F>) -> Result<(), Error> {
    socket::send(socket, &part.bytes(), &part.descriptors())
}

/// The daemon's: sends a part, or fails where the process has not taken in what was sent before.
pub fn send_now<F: AsFd>(socket: impl AsFd, part: &Part<F>) -> Result<(), Error> {
    socket::send_now(socket, &part.bytes(), &part.descriptors())
}

/// The TA process's: waits for a part.
pub fn receive(socket: impl AsFd) -> Result<Part<OwnedFd>, Error> {
    let mut buffer = [0; MAX_LEN];
    let (len, files) = socket::receive(socket, &mut buffer, RecvFlags::empty())?;
    let (header, runs) = PartHeader::read_from_prefix(&buffer[..len]).map_err(|_| Error::Malformed)?;
    let runs = runs
        .chunks(size_of::<PartRun>())
        .map(|run| PartRun::read_from_bytes(run).map_err(|_| Error::Malformed))
        .collect::<Result<_, _>>()?;
    Ok(Part { header, runs, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_map_is_one_part_with_each_file_once() {
        let runs = [('a', 0, 4096), ('b', 4096, 8192), ('a', 65536, 4096)];
        let parts = parts(7, true, runs.into_iter(), 16384, char::eq);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].files, ['a', 'b']);
        assert_eq!(parts[0].runs[2], PartRun { file: 0, offset: 65536, len: 4096 });
        assert_eq!(parts[0].len(), 16384);
    }

    #[test]
    fn many_runs_and_many_files_are_cut() {
        let count = MAX_RUNS * 2 + 1;
        let cut = parts(7, false, (0..count).map(|i| ('a', i as u64 * 8192, 4096)), 0, char::eq);
        assert_eq!(cut.len(), 3);
        assert_eq!(cut[2].header.at, MAX_RUNS as u64 * 2 * 4096);
        let cut = parts(7, false, (0..40).map(|i| (i, 0, 4096)), 0, |a, b| a == b);
        assert_eq!(cut.iter().map(|part| part.files.len()).collect::<Vec<_>>(), [16, 16, 8]);
    }

    #[test]
    fn a_part_of_greatest_size_arrives() {
        let (a, b) = socket::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let runs = (0..MAX_RUNS).map(|i| (&file, i as u64 * 4096, 4096));
        let sent = parts(7, false, runs, MAX_RUNS as u64 * 4096, |a, b| std::ptr::eq(*a, *b));
        send(&a, &sent[0]).unwrap();
        let got = receive(&b).unwrap();
        assert_eq!((got.header.map, got.runs, got.files.len()), (7, sent[0].runs.clone(), 1));
    }
}
