// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guest memory, as the VMM maps and unmaps it while the device runs.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::io::Errno;
use vfio_bindings::bindings::vfio::{
    VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_DMA_UNMAP_FLAG_ALL,
};
use vm_memory::{
    FileOffset, GuestAddress, GuestAddressSpace, GuestMemoryAtomic, GuestMemoryBackend, GuestMemoryMmap,
    GuestMemoryRegion, GuestRegionMmap, MmapRegion,
};

use super::message::{DmaMap, DmaUnmap};
use crate::door::memory_files::MemoryFiles;

/// Mappings at a time, those included that somebody still works with after they were ended. What is registered, or a
/// call works on, holds no mapping, but its file: see [`MemoryFiles`]. QEMU makes a handful, but one for each 2 MiB of
/// memory that virtio-mem has plugged in. All VMs of a process share what the kernel gives it, 65,530 unless told
/// otherwise (`vm.max_map_count`).
pub(super) const MAX_MAPS: usize = 4096;
const READ_WRITE: u32 = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

/// The memory that the VMM lets the device use.
///
/// Who uses memory holds the map as it was: what is unmapped goes away when the last of them is done,
/// and calls in flight keep the files. A VMM unmaps memory that it means to map again otherwise (as
/// firmware does with the first megabyte), and memory that its guest has given up, which a guest's
/// driver does not while the memory is registered.
pub(super) struct Memory {
    map: GuestMemoryAtomic<GuestMemoryMmap>,
    /// One thread changes the map, with this lock.
    live: Mutex<Live>,
    max_maps: usize,
}

/// What there is, by whomever it is held.
#[derive(Default)]
struct Live {
    maps: Vec<Weak<GuestRegionMmap>>,
    files: MemoryFiles,
}

impl Memory {
    /// None yet, and at most `max_maps` mappings at a time.
    pub(super) fn new(max_maps: usize) -> Self {
        Self { map: GuestMemoryAtomic::new(GuestMemoryMmap::new()), live: Mutex::default(), max_maps }
    }

    /// Guest memory as it is now.
    pub(super) fn now(&self) -> Arc<GuestMemoryMmap> {
        self.map.memory().into_inner()
    }

    /// Maps a part of a file. Memory without a file (ROM, devices), or not for the device to write,
    /// cannot be shared; the VMM is told that it is mapped, and the guest finds that it is not.
    pub(super) fn map(&self, request: &DmaMap, file: Option<OwnedFd>) -> Result<(), Errno> {
        let DmaMap { flags, offset, address, size, .. } = *request;
        if flags & !READ_WRITE != 0 || size == 0 || address.checked_add(size).is_none() {
            return Err(Errno::INVAL);
        }
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        if overlapping(&now, address, size).next().is_some() {
            return Err(Errno::EXIST);
        }
        let Some(file) = file.filter(|_| flags == READ_WRITE) else {
            return Ok(());
        };
        live.maps.retain(|region| region.strong_count() > 0);
        if live.maps.len() >= self.max_maps {
            return Err(Errno::NOSPC);
        }
        let len = usize::try_from(size).map_err(|_| Errno::INVAL)?;
        let file = File::from(file);
        // What is beyond the end of its file is no memory, whoever touches it (`outlive_lost_memory`).
        let end = offset.checked_add(size).ok_or(Errno::INVAL)?;
        if !file.metadata().is_ok_and(|file| file.is_file() && end <= file.len()) {
            return Err(Errno::INVAL);
        }
        let file = live.files.share(file).map_err(|_| Errno::INVAL)?;
        if !live.files.hold(&file) {
            return Err(Errno::NOSPC);
        }
        let region =
            MmapRegion::from_file(FileOffset::from_arc(file, offset), len).map_err(|_| Errno::INVAL)?;
        let region = Arc::new(GuestRegionMmap::new(region, GuestAddress(address)).ok_or(Errno::INVAL)?);
        let map = now.insert_region(region.clone()).map_err(|_| Errno::INVAL)?;
        live.maps.push(Arc::downgrade(&region));
        self.replace(map);
        Ok(())
    }

    /// Ends the mappings within a range; none may lie in it by a part only.
    pub(super) fn unmap(&self, request: &DmaUnmap) -> Result<(), Errno> {
        let DmaUnmap { flags, address, size, .. } = *request;
        let _live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if flags == VFIO_DMA_UNMAP_FLAG_ALL && address == 0 && size == 0 {
            self.replace(GuestMemoryMmap::new());
            return Ok(());
        }
        if flags != 0 || size == 0 || address.checked_add(size).is_none() {
            return Err(Errno::INVAL);
        }
        let now = self.now();
        let mut map = (*now).clone();
        for region in overlapping(&now, address, size) {
            let (start, len) = (region.start_addr(), region.len());
            if start.0 < address || start.0 + (len - 1) > address + (size - 1) {
                return Err(Errno::INVAL);
            }
            map = map.remove_region(start, len).map_err(|_| Errno::INVAL)?.0;
        }
        self.replace(map);
        Ok(())
    }

    fn replace(&self, map: GuestMemoryMmap) {
        // Only a thread that panicked with the lock could have poisoned it; the map was whole then.
        let guard = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        guard.replace(map);
    }
}

/// The mappings that a range touches; it is not empty and has an end.
fn overlapping(
    map: &GuestMemoryMmap,
    address: u64,
    size: u64,
) -> impl Iterator<Item = &GuestRegionMmap> + use<'_> {
    let last = address + (size - 1);
    map.iter().filter(move |region| region.start_addr().0 <= last && region.last_addr().0 >= address)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{memfd_create, MemfdFlags};
    use vm_memory::Bytes;

    use super::*;
    use crate::door::memory_files::MAX_FILES;

    const MIB: u64 = 1 << 20;

    fn file(len: u64) -> Option<OwnedFd> {
        let fd = memfd_create("memory", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&fd, len).unwrap();
        Some(fd)
    }

    fn range(address: u64, size: u64) -> DmaMap {
        DmaMap { argsz: 32, flags: READ_WRITE, offset: 0, address, size }
    }

    fn unmap(memory: &Memory, flags: u32, address: u64, size: u64) -> Result<(), Errno> {
        memory.unmap(&DmaUnmap { argsz: 24, flags, address, size })
    }

    #[test]
    fn ranges_come_and_go() {
        let memory = Memory::new(4);
        memory.map(&range(0, MIB), file(MIB)).unwrap();
        memory.map(&range(MIB, MIB), file(MIB)).unwrap();
        assert_eq!(memory.map(&range(MIB / 2, MIB), file(MIB)), Err(Errno::EXIST));
        let held = memory.now();
        assert_eq!(unmap(&memory, 0, 0, MIB / 2), Err(Errno::INVAL));
        assert_eq!(unmap(&memory, 0, MIB / 2, MIB), Err(Errno::INVAL));
        unmap(&memory, 0, 0, MIB).unwrap();
        assert_eq!(memory.now().num_regions(), 1);
        // Whoever holds the map still has it.
        held.write_obj(7_u32, GuestAddress(0)).unwrap();
        memory.map(&range(0, MIB), file(MIB)).unwrap();
        unmap(&memory, 0, 0, 16 * MIB).unwrap();
        assert_eq!(memory.now().num_regions(), 0);
        unmap(&memory, 0, 0, 16 * MIB).unwrap();
        memory.map(&range(0, MIB), file(MIB)).unwrap();
        unmap(&memory, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0).unwrap();
        assert_eq!(memory.now().num_regions(), 0);
    }

    #[test]
    fn what_somebody_holds_counts() {
        let memory = Memory::new(4);
        let mut held = Vec::new();
        for at in 0..4 {
            memory.map(&range(at * 2 * 4096, 4096), file(4096)).unwrap();
        }
        held.push(memory.now());
        unmap(&memory, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0).unwrap();
        assert_eq!(memory.map(&range(0, 4096), file(4096)), Err(Errno::NOSPC));
        held.clear();
        memory.map(&range(0, 4096), file(4096)).unwrap();
    }

    /// As memory that is registered does, and after the mapping has ended.
    #[test]
    fn what_holds_a_file_counts_unless_it_is_the_same() {
        crate::inherited::set_right().unwrap();
        let memory = Memory::new(4);
        let map_and_keep = |file: OwnedFd| {
            memory.map(&range(0, 4096), Some(file)).map(|()| {
                let held =
                    memory.now().find_region(GuestAddress(0)).unwrap().file_offset().unwrap().arc().clone();
                unmap(&memory, 0, 0, 4096).unwrap();
                held
            })
        };
        let same = file(4096).unwrap();
        let first = map_and_keep(same.try_clone().unwrap()).unwrap();
        for _ in 0..4 {
            assert!(Arc::ptr_eq(&map_and_keep(same.try_clone().unwrap()).unwrap(), &first));
        }
        let mut held: Vec<_> = (1..MAX_FILES).map(|_| map_and_keep(file(4096).unwrap()).unwrap()).collect();
        assert_eq!(map_and_keep(file(4096).unwrap()).unwrap_err(), Errno::NOSPC);
        map_and_keep(same).unwrap();
        held.pop();
        map_and_keep(file(4096).unwrap()).unwrap();
    }

    #[test]
    fn what_cannot_be_shared_is_mapped_in_name_only() {
        let memory = Memory::new(4);
        memory.map(&range(0, MIB), None).unwrap();
        memory.map(&DmaMap { flags: VFIO_DMA_MAP_FLAG_READ, ..range(0, MIB) }, file(MIB)).unwrap();
        assert_eq!(memory.now().num_regions(), 0);
        unmap(&memory, 0, 0, MIB).unwrap();
    }

    #[test]
    fn bad_ranges_are_refused() {
        let memory = Memory::new(4);
        for bad in [
            range(0, 0),
            range(u64::MAX, MIB),
            range(0, 2 * MIB), // longer than its file
            DmaMap { offset: MIB, ..range(0, MIB) },
            DmaMap { offset: u64::MAX, ..range(0, MIB) },
            DmaMap { flags: 4, ..range(0, MIB) },
        ] {
            assert_eq!(memory.map(&bad, file(MIB)), Err(Errno::INVAL), "{bad:?}");
        }
        assert_eq!(unmap(&memory, 0, 0, 0), Err(Errno::INVAL));
        assert_eq!(unmap(&memory, 0, u64::MAX, 2), Err(Errno::INVAL));
        assert_eq!(unmap(&memory, 1, 0, MIB), Err(Errno::INVAL));
        assert_eq!(unmap(&memory, VFIO_DMA_UNMAP_FLAG_ALL, 0, MIB), Err(Errno::INVAL));
        assert_eq!(memory.now().num_regions(), 0);
    }
}
