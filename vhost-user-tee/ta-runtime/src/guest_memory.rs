// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest memory that is mapped in this process.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ta_protocol::memory::{self, Part};
use ta_protocol::socket;

use crate::sys::guest_map::GuestMap;

static MAPS: Mutex<Option<HashMap<u64, GuestMap>>> = Mutex::new(None);

fn maps() -> MutexGuard<'static, Option<HashMap<u64, GuestMap>>> {
    // The table is whole at any time.
    MAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why maps could not be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The kernel's error: most likely too many mappings.
    #[error("guest memory cannot be mapped: {0}")]
    Map(#[from] io::Error),
    /// The daemon's messages make no sense, or it has gone.
    #[error("memory socket: {0}")]
    Socket(#[from] socket::Error),
}

/// Maps what comes over the memory socket for one call; unmaps what is the call's own when dropped.
#[derive(Debug, Default)]
pub(crate) struct CallMaps {
    transient: Vec<u64>,
}

impl CallMaps {
    /// Takes in `count` maps. Where one fails, none of them is left, and all messages are read.
    pub(crate) fn take_in(socket: impl AsFd, count: u32) -> Result<Self, Error> {
        let mut taken = Vec::new();
        let mut failure = None;
        for _ in 0..count {
            match take_in_one(&socket) {
                Ok(Ok(map)) => taken.push(map),
                Ok(Err(error)) => failure = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let mut call_maps = Self::default();
        let mut maps = maps();
        for (id, transient, map) in taken {
            maps.get_or_insert_default().insert(id, map);
            if transient {
                call_maps.transient.push(id);
            }
        }
        Ok(call_maps)
    }
}

impl Drop for CallMaps {
    fn drop(&mut self) {
        for map in &self.transient {
            unmap(*map);
        }
    }
}

type Taken = (u64, bool, GuestMap);

/// Receives one map, in as many parts as it comes in, also when it cannot be made.
fn take_in_one(socket: impl AsFd) -> Result<io::Result<Taken>, socket::Error> {
    let mut part = memory::receive(&socket)?;
    let header = part.header;
    let map = GuestMap::reserve(header.size).and_then(|map| place(&map, &part).map(|()| map));
    let mut taken = map.map(|map| (header.map, header.transient != 0, map));
    while part.header.at + part.len() < header.size {
        part = memory::receive(&socket)?;
        if part.header.map != header.map || part.is_empty() {
            return Err(socket::Error::Malformed);
        }
        taken = taken.and_then(|taken| place(&taken.2, &part).map(|()| taken));
    }
    Ok(taken)
}

fn place(map: &GuestMap, part: &Part<std::os::fd::OwnedFd>) -> io::Result<()> {
    let mut at = part.header.at;
    for run in &part.runs {
        let file = usize::try_from(run.file).ok().and_then(|index| part.files.get(index));
        let file = file.ok_or(io::ErrorKind::InvalidData)?;
        map.place(at, file, run.offset, run.len)?;
        at += run.len;
    }
    Ok(())
}

/// Unmaps a map, if it is there.
pub(crate) fn unmap(id: u64) {
    let map = maps().as_mut().and_then(|maps| maps.remove(&id));
    drop(map);
}

/// Address of `size` bytes at `offset` in a map; `None` if there is no such map, or it is shorter.
pub(crate) fn address(id: u64, offset: u64, size: u64) -> Option<usize> {
    let maps = maps();
    let map = maps.as_ref()?.get(&id)?;
    let end = offset.checked_add(size)?;
    (end <= map.len() as u64).then(|| map.start() + offset as usize)
}

/// Whether guest memory, of this call or any other, is mapped anywhere in `range`.
pub(crate) fn overlaps(range: Range<usize>) -> bool {
    maps()
        .iter()
        .flat_map(HashMap::values)
        .any(|map| map.start() < range.end && range.start < map.start() + map.len())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, SeekFrom, Write};
    use std::os::fd::{AsFd, OwnedFd};

    use super::*;

    const PAGE: u64 = 4096;

    /// A file in which every byte of page n is n.
    fn numbered_pages(count: u8) -> File {
        let fd: OwnedFd = rustix::fs::memfd_create("pages", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(fd);
        for page in 0..count {
            file.write_all(&[page; PAGE as usize]).unwrap();
        }
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    fn send_map(socket: impl AsFd, id: u64, transient: bool, file: &File, runs: &[(u64, u64)]) {
        let size = runs.iter().map(|run| run.1).sum();
        let runs = runs.iter().map(|(offset, len)| (file, *offset, *len));
        for part in memory::parts(id, transient, runs, size, |a, b| std::ptr::eq(*a, *b)) {
            memory::send(&socket, &part).unwrap();
        }
    }

    #[test]
    fn scattered_runs_are_one_view_and_go_with_the_call() {
        let (ours, theirs) = socket::pair().unwrap();
        let file = numbered_pages(8);
        send_map(&ours, 100, true, &file, &[(5 * PAGE, PAGE), (2 * PAGE, 2 * PAGE), (0, PAGE)]);
        let call_maps = CallMaps::take_in(&theirs, 1).unwrap();
        let at = address(100, 0, 4 * PAGE).unwrap();
        assert_eq!(address(100, 1, 4 * PAGE), None);
        assert_eq!(address(100, u64::MAX, 2), None);
        assert!(overlaps(at + 10..at + 11) && !overlaps(0..4096));
        // Touching the view through /proc/self/mem, so that the test needs no unsafe code.
        let mut bytes = vec![0; 4 * PAGE as usize];
        let memory = File::open("/proc/self/mem").unwrap();
        std::os::unix::fs::FileExt::read_exact_at(&memory, &mut bytes, at as u64).unwrap();
        let pages: Vec<u8> = bytes.chunks(PAGE as usize).map(|page| page[17]).collect();
        assert_eq!(pages, [5, 2, 3, 0]);
        drop(call_maps);
        assert_eq!(address(100, 0, 1), None);
    }

    #[test]
    fn one_that_fails_takes_the_others_with_it() {
        let (ours, theirs) = socket::pair().unwrap();
        let file = numbered_pages(1);
        send_map(&ours, 200, false, &file, &[(0, PAGE)]);
        // Not aligned: the kernel refuses.
        send_map(&ours, 201, false, &file, &[(1, PAGE)]);
        send_map(&ours, 202, false, &file, &[(0, PAGE)]);
        assert!(matches!(CallMaps::take_in(&theirs, 3), Err(Error::Map(_))));
        assert!([200, 201, 202].iter().all(|id| address(*id, 0, 1).is_none()));
        // All messages are read: the next call's come next.
        send_map(&ours, 203, false, &file, &[(0, PAGE)]);
        drop(CallMaps::take_in(&theirs, 1).unwrap());
        assert!(address(203, 0, PAGE).is_some());
        unmap(203);
    }
}
