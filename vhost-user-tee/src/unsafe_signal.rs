// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Dispositions of signals.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{sigaction, signal, SaFlags, SigAction, SigHandler, SigSet, Signal};

/// Bytes of a page, for the handler.
static PAGE: AtomicUsize = AtomicUsize::new(4096);
/// How often lost memory was replaced.
static LOST: AtomicU64 = AtomicU64::new(0);
/// Sizes of pages that files of huge pages have, in bytes: such a mapping is replaced by one of them.
const HUGE: [usize; 2] = [2 << 20, 1 << 30];

/// Has the kernel keep children that have ended until they are waited for, also where this process was
/// started with `SIGCHLD` ignored (signal(7), wait(2)).
pub(crate) fn keep_ended_children() -> io::Result<()> {
    // SAFETY: the default disposition runs no code of this process, so nothing can be called in a
    // signal handler that must not be. The handler that this replaces is none of this process's own:
    // nothing here installs one, and exec(2) leaves only the default or "ignored".
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    Ok(())
}

/// Has this process outlive a VMM that takes guest memory away while it is used: one that makes a file
/// shorter which is mapped here, or has no huge page left for it. Whoever touches such a page gets
/// SIGBUS, which ends a process, with all the VMs that it serves. Instead the page becomes one of zeros, of this
/// process alone: what the VM's device makes of it is of no concern to others.
pub fn outlive_lost_memory() -> io::Result<()> {
    PAGE.store(rustix::param::page_size(), Ordering::Relaxed);
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::SigAction(replace_page), flags, SigSet::empty());
    // SAFETY: the handler calls only what may be called in one: system calls, and atomics. What it
    // replaces is the Rust runtime's, which tells of stack overflows; on Linux those are SIGSEGV.
    unsafe { sigaction(Signal::SIGBUS, &action) }?;
    Ok(())
}

/// How many pages were replaced so far.
pub(crate) fn lost_pages() -> u64 {
    LOST.load(Ordering::Relaxed)
}

extern "C" fn replace_page(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a `siginfo_t` of a SIGBUS, which has an address.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    let errno = Errno::last_raw();
    if code == libc::BUS_ADRERR {
        for size in [PAGE.load(Ordering::Relaxed)].into_iter().chain(HUGE) {
            let at = std::ptr::without_provenance_mut(address & !(size - 1));
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
            // SAFETY: an access to this page has just failed since nothing is behind it, so nothing is
            // lost. It stays mapped, where it was, for as long as what it is a part of. Of a mapping of
            // larger pages the kernel cuts off none that is smaller: it says EINVAL and changes nothing, and
            // only then is this a larger one.
            if unsafe { libc::mmap(at, size, prot, flags, -1, 0) } != libc::MAP_FAILED {
                LOST.fetch_add(1, Ordering::Relaxed);
                Errno::set_raw(errno);
                return;
            }
            if Errno::last() != Errno::EINVAL {
                break;
            }
        }
    }
    // Another fault, or no memory: the access is made again, and ends the process.
    // SAFETY: the default disposition runs no code, and signal(2) may be called in a handler.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
    Errno::set_raw(errno);
}

#[cfg(test)]
mod tests {
    use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
    use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryMmap};

    use super::*;

    #[test]
    fn memory_that_is_lost_reads_as_zeros() {
        outlive_lost_memory().unwrap();
        let file = std::fs::File::from(memfd_create("memory", MemfdFlags::CLOEXEC).unwrap());
        ftruncate(&file, 1 << 20).unwrap();
        let backing = Some(FileOffset::new(file.try_clone().unwrap(), 0));
        let memory: GuestMemoryMmap =
            GuestMemoryMmap::from_ranges_with_files([(GuestAddress(0), 1 << 20, backing)]).unwrap();
        memory.write_obj(7_u64, GuestAddress(0x8000)).unwrap();
        let before = lost_pages();
        ftruncate(&file, 4096).unwrap();
        assert_eq!(memory.read_obj::<u64>(GuestAddress(0x8000)).unwrap(), 0);
        memory.write_obj(9_u64, GuestAddress(0x8000)).unwrap();
        assert_eq!(memory.read_obj::<u64>(GuestAddress(0x8000)).unwrap(), 9);
        memory.write_obj(9_u64, GuestAddress(0x9_0000)).unwrap();
        assert!(lost_pages() >= before + 2);
    }
}
