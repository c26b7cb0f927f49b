// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the two exchanges of a call cost by themselves.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use rustix::event::{eventfd, EventfdFlags};
use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
use rustix::io::{read, write};
use rustix::process::{set_parent_process_death_signal, Signal};
use rustix::thread::futex;
use vm_memory::{FileOffset, MmapRegion, VolatileMemory};

use crate::Error;

/// Two threads that wake each other by eventfds, as driver and device do.
pub struct Eventfds {
    there: OwnedFd,
    back: OwnedFd,
    peer: Option<JoinHandle<()>>,
}

/// What ends the other thread.
const END: u64 = 2;

impl Eventfds {
    /// Starts the other thread.
    pub fn new() -> Result<Self, Error> {
        let fd = || eventfd(0, EventfdFlags::CLOEXEC).map_err(Error::system("eventfd"));
        let (there, back) = (fd()?, fd()?);
        let dup = |fd: &OwnedFd| fd.try_clone().map_err(Error::system("dup"));
        let (their_in, their_out) = (dup(&there)?, dup(&back)?);
        let peer = std::thread::spawn(move || {
            while matches!(take(&their_in), Ok(count) if count < END) {
                if add(&their_out, 1).is_err() {
                    break;
                }
            }
        });
        Ok(Self { there, back, peer: Some(peer) })
    }

    /// Wakes the other thread and waits until it has woken this one.
    pub fn exchange(&self) -> Result<(), Error> {
        add(&self.there, 1).map_err(Error::system("write to an eventfd"))?;
        take(&self.back).map_err(Error::system("read from an eventfd"))?;
        Ok(())
    }
}

impl Drop for Eventfds {
    fn drop(&mut self) {
        if let (Ok(()), Some(peer)) = (add(&self.there, END), self.peer.take()) {
            // It only ever reads and writes; there is nothing to hear of it.
            let _ = peer.join();
        }
    }
}

fn add(fd: impl AsFd, count: u64) -> rustix::io::Result<()> {
    write(fd, &count.to_ne_bytes()).map(|_| ())
}

fn take(fd: impl AsFd) -> rustix::io::Result<u64> {
    let mut count = [0; 8];
    read(fd, &mut count)?;
    Ok(u64::from_ne_bytes(count))
}

/// Two processes that wake each other by a futex in a page they share, as daemon and TA process do
/// when neither looks before it sleeps.
pub struct Futexes {
    page: MmapRegion,
    peer: Child,
}

/// The argument that makes `call-costs` the other process.
pub const PEER: &str = "--futex-peer";

/// Whose turn it is: the word that both wait on.
const OURS: u32 = 0;
const THEIRS: u32 = 1;
/// The page's size; its first word is the turn.
const PAGE: usize = 4096;

impl Futexes {
    /// Starts the other process: `program` is this crate's `call-costs`.
    pub fn new(program: &Path) -> Result<Self, Error> {
        let file = memfd_create("turn", MemfdFlags::CLOEXEC).map_err(Error::system("memfd_create"))?;
        ftruncate(&file, PAGE as u64).map_err(Error::system("ftruncate"))?;
        let peer = Command::new(program)
            .arg(PEER)
            .stdin(Stdio::from(file.try_clone().map_err(Error::system("dup"))?))
            .spawn()
            .map_err(Error::system("start of a second process"))?;
        Ok(Self { page: map(file)?, peer })
    }

    /// Wakes the other process and waits until it has woken this one.
    pub fn exchange(&self) -> Result<(), Error> {
        let turn = turn(&self.page)?;
        hand_over(turn, THEIRS)?;
        wait_for(turn, OURS)
    }
}

impl Drop for Futexes {
    fn drop(&mut self) {
        // It waits for a turn that will not come.
        let _ = self.peer.kill();
        let _ = self.peer.wait();
    }
}

/// The other process's part, with the page in its standard input.
pub fn futex_peer() -> Result<(), Error> {
    // Whoever ends the benchmark from outside ends this as well.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(Error::system("prctl"))?;
    let file = std::io::stdin().as_fd().try_clone_to_owned().map_err(Error::system("dup"))?;
    let page = map(file)?;
    let turn = turn(&page)?;
    loop {
        wait_for(turn, THEIRS)?;
        hand_over(turn, OURS)?;
    }
}

fn map(file: OwnedFd) -> Result<MmapRegion, Error> {
    MmapRegion::from_file(FileOffset::new(file.into(), 0), PAGE)
        .map_err(|error| Error::System { what: "map of a shared page", source: std::io::Error::other(error) })
}

fn turn(page: &MmapRegion) -> Result<&AtomicU32, Error> {
    page.get_atomic_ref(0).map_err(|error| Error::System {
        what: "access to a shared page",
        source: std::io::Error::other(error.to_string()),
    })
}

fn hand_over(turn: &AtomicU32, to: u32) -> Result<(), Error> {
    turn.store(to, Ordering::Release);
    futex::wake(turn, futex::Flags::empty(), 1).map_err(Error::system("futex wake"))?;
    Ok(())
}

fn wait_for(turn: &AtomicU32, mine: u32) -> Result<(), Error> {
    while turn.load(Ordering::Acquire) != mine {
        match futex::wait(turn, futex::Flags::empty(), 1 - mine, None) {
            Ok(()) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::system("futex wait")(error)),
        }
    }
    Ok(())
}
