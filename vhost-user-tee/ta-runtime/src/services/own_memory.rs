// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory that the TA maps into its own address space, beside its heap; it counts as private memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::param::page_size;
use tee::gp;

use crate::sys::own_map::OwnMap;

/// What is mapped.
static MAPS: Mutex<Vec<OwnMap>> = Mutex::new(Vec::new());

fn maps() -> MutexGuard<'static, Vec<OwnMap>> {
    MAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pages(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(page_size())
}

/// Maps `len` bytes of zeros, at address `at` unless that is 0, with at least so many bytes of nothing before and
/// after them at this moment. Returns where.
///
/// # Errors
///
/// `TEE_ERROR_BAD_PARAMETERS` for no bytes, or an address within a page, or where there is something already;
/// `TEE_ERROR_OUT_OF_MEMORY`.
pub(crate) fn map(at: usize, len: usize, pad_before: usize, pad_after: usize) -> Result<usize, u32> {
    let len = pages(len).ok_or(gp::ERROR_OUT_OF_MEMORY)?;
    if len == 0 || at % page_size() != 0 {
        return Err(gp::ERROR_BAD_PARAMETERS);
    }
    let (before, after) = (pages(pad_before), pages(pad_after));
    let (Some(before), Some(after)) = (before, after) else { return Err(gp::ERROR_OUT_OF_MEMORY) };
    let map = match at {
        0 => OwnMap::anywhere(len, before, after).map_err(|_| gp::ERROR_OUT_OF_MEMORY)?,
        at => OwnMap::at(at, len).map_err(|error| match error.kind() {
            std::io::ErrorKind::OutOfMemory => gp::ERROR_OUT_OF_MEMORY,
            _ => gp::ERROR_BAD_PARAMETERS,
        })?,
    };
    let start = map.start();
    maps().push(map);
    Ok(start)
}

/// Unmaps what [`map`] has mapped, all of it.
///
/// # Errors
///
/// `TEE_ERROR_BAD_PARAMETERS` for anything else.
pub(crate) fn unmap(at: usize, len: usize) -> Result<(), u32> {
    let len = pages(len).ok_or(gp::ERROR_BAD_PARAMETERS)?;
    let mut maps = maps();
    let found = maps.iter().position(|map| map.start() == at && map.len() == len);
    drop(maps.swap_remove(found.ok_or(gp::ERROR_BAD_PARAMETERS)?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::probe;

    #[test]
    fn what_is_mapped_can_be_used_until_it_is_unmapped() {
        let page = page_size();
        let at = map(0, page + 1, 1, 1).unwrap();
        assert!(probe::writable(at..at + 2 * page));
        assert_eq!(map(at, 1, 0, 0), Err(gp::ERROR_BAD_PARAMETERS));
        assert_eq!(unmap(at, page), Err(gp::ERROR_BAD_PARAMETERS));
        unmap(at, page + 1).unwrap();
        assert_eq!(unmap(at, page + 1), Err(gp::ERROR_BAD_PARAMETERS));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(map(0, 0, 0, 0), Err(gp::ERROR_BAD_PARAMETERS));
        assert_eq!(map(1, 1, 0, 0), Err(gp::ERROR_BAD_PARAMETERS));
        assert_eq!(map(0, usize::MAX, 0, 0), Err(gp::ERROR_OUT_OF_MEMORY));
        assert_eq!(map(0, 1, usize::MAX - 8191, 0), Err(gp::ERROR_OUT_OF_MEMORY));
        assert_eq!(unmap(0, 0), Err(gp::ERROR_BAD_PARAMETERS));
    }
}
