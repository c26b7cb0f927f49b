// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The vfio-user door: messages, registers, maps of memory, rings.
//!
//! A case is what a VMM and its guest do on one connection: guest memory with rings and requests in
//! it, most of them sound and some bytes of it changed, then messages. All of it is laid out before the
//! device looks at the first byte, and the device is whole, with a TEE that answers at once.

#![no_main]
#![allow(dead_code)] // of the fake TEE

#[path = "../../tests/common/fake_tee.rs"]
mod fake_tee;

use std::fs::File;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Arbitrary;
use fake_tee::FakeTee;
use libfuzzer_sys::fuzz_target;
use rustix::event::{eventfd, EventfdFlags};
use rustix::fs::{memfd_create, MemfdFlags};
use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use vhost_user_tee::device::Device;
use vhost_user_tee::door::outlive_lost_memory;
use vhost_user_tee::door::vfio_user::serve;
use vhost_user_tee::partition::{Limits, Partition};

const MEMORY: u64 = 1 << 20;
/// Each queue's part of guest memory: descriptors, available ring, used ring, requests, a page each.
const QUEUE: u64 = 0x4000;
const PAGE: u64 = 0x1000;
const QUEUES: u16 = 3;
/// Chains that are available from the start.
const CHAINS: u16 = 8;
const COMMON: u64 = 0;
const NOTIFY: u64 = 0x3000;
const CONFIG_REGION: u32 = 7;

#[derive(Arbitrary, Debug)]
struct Case {
    /// Changes to guest memory, near its begin.
    memory: Vec<(u16, [u8; 4])>,
    /// Commands of the requests in the rings.
    commands: [u8; 8],
    /// Whether the device is set up as a driver does it before the rest.
    set_up: bool,
    /// Whether the device has MSI-X.
    msix: bool,
    /// How many pages of guest memory are left at some time or other.
    shorten: Option<u8>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Kick(u8),
    Common { offset: u8, width: u8, value: u32 },
    Bar { region: u8, offset: u16, data: Data },
    Config { offset: u16, data: Data },
    ReadBar { region: u8, offset: u32, count: u16 },
    SelectQueue { index: u8, offset: u8, value: u32 },
    Status(u8),
    Map { at: u8, pages: u8, file: Backing },
    Unmap { at: u8, pages: u8 },
    UnmapAll,
    Irqs { flags: u8, index: u8, start: u8, count: u8, fds: u8 },
    Reset,
    Message { command: u8, flags: u8, body: Vec<u8>, fds: u8 },
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Backing {
    Whole,
    TooShort,
    NoFile,
    Device,
}

/// What is written to registers: mostly of a register's width.
#[derive(Arbitrary, Debug)]
enum Data {
    Byte(u8),
    Word(u16),
    Long(u32),
    Any(Vec<u8>),
}

impl Data {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Byte(value) => value.to_le_bytes().to_vec(),
            Self::Word(value) => value.to_le_bytes().to_vec(),
            Self::Long(value) => value.to_le_bytes().to_vec(),
            Self::Any(bytes) => bytes.iter().copied().take(5000).collect(),
        }
    }
}

/// The VMM's end.
struct Vmm {
    stream: UnixStream,
    next: u16,
}

impl Vmm {
    fn message(&mut self, command: u16, flags: u32, body: &[u8], fds: &[OwnedFd]) {
        let mut bytes = Vec::new();
        bytes.extend(self.next.to_ne_bytes());
        bytes.extend(command.to_ne_bytes());
        bytes.extend((16 + body.len() as u32).to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        self.next = self.next.wrapping_add(1);
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(20))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        }
        // What does not fit in the socket's buffer is not part of the case.
        let _ = sendmsg(&self.stream, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::DONTWAIT);
    }

    fn write(&mut self, region: u32, offset: u64, data: &[u8]) {
        let count = data.len() as u32;
        let body = [&offset.to_ne_bytes()[..], &region.to_ne_bytes(), &count.to_ne_bytes(), data].concat();
        // Posted, as QEMU does it: answers would only fill the socket.
        self.message(10, 0x10, &body, &[]);
    }

    fn read(&mut self, region: u32, offset: u64, count: u32) {
        let body = [&offset.to_ne_bytes()[..], &region.to_ne_bytes(), &count.to_ne_bytes()].concat();
        self.message(9, 0, &body, &[]);
    }

    fn map(&mut self, address: u64, size: u64, file: Option<OwnedFd>) {
        let body = [
            &32_u32.to_ne_bytes()[..],
            &3_u32.to_ne_bytes(),
            &address.to_ne_bytes(), // in the file, too
            &address.to_ne_bytes(),
            &size.to_ne_bytes(),
        ]
        .concat();
        self.message(2, 0, &body, file.as_slice());
    }

    fn unmap(&mut self, flags: u32, address: u64, size: u64) {
        let body =
            [&24_u32.to_ne_bytes()[..], &flags.to_ne_bytes(), &address.to_ne_bytes(), &size.to_ne_bytes()]
                .concat();
        self.message(3, 0, &body, &[]);
    }

    fn common(&mut self, offset: u64, data: &[u8]) {
        self.write(0, COMMON + offset, data);
    }

    /// What a driver does before it uses a device.
    fn set_up(&mut self) {
        self.write(CONFIG_REGION, 4, &6_u16.to_le_bytes());
        self.common(0x14, &[1]);
        self.common(0x14, &[3]);
        for (half, features) in [(0_u32, 1_u32 << 28 | 1 << 29), (1, 1 | 1 << 8)] {
            self.common(0x08, &half.to_le_bytes());
            self.common(0x0c, &features.to_le_bytes());
        }
        self.common(0x14, &[0xb]);
        for queue in 0..QUEUES {
            let at = u64::from(queue) * QUEUE;
            self.common(0x16, &queue.to_le_bytes());
            self.common(0x18, &256_u16.to_le_bytes());
            self.common(0x1a, &(queue + 1).to_le_bytes());
            for (register, address) in [(0x20, at), (0x28, at + PAGE), (0x30, at + 2 * PAGE)] {
                self.common(register, &(address as u32).to_le_bytes());
                self.common(register + 4, &0_u32.to_le_bytes());
            }
            self.common(0x1c, &1_u16.to_le_bytes());
        }
        self.common(0x14, &[0xf]);
    }

    fn step(&mut self, step: &Step, memory: &OwnedFd) {
        match step {
            Step::Kick(queue) => {
                let queue = u16::from(*queue % 4);
                self.write(0, NOTIFY + 4 * u64::from(queue), &queue.to_le_bytes());
            }
            Step::Common { offset, width, value } => {
                let width = [1, 2, 4, 4][usize::from(*width % 4)];
                self.common(u64::from(*offset % 0x44), &value.to_le_bytes()[..width]);
            }
            Step::Bar { region, offset, data } => {
                self.write(u32::from(*region % 10), u64::from(*offset % 0x4100), &data.bytes());
            }
            Step::Config { offset, data } => {
                self.write(CONFIG_REGION, u64::from(*offset % 0x1010), &data.bytes());
            }
            Step::ReadBar { region, offset, count } => {
                self.read(u32::from(*region % 10), u64::from(*offset % 0x5000), u32::from(*count % 4200));
            }
            Step::SelectQueue { index, offset, value } => {
                self.common(0x16, &u16::from(*index % 5).to_le_bytes());
                let offset = 0x18 + u64::from(*offset % 0x24);
                let width = if offset < 0x20 || offset >= 0x38 { 2 } else { 4 };
                self.common(offset & !(width - 1), &value.to_le_bytes()[..width as usize]);
            }
            Step::Status(status) => self.common(0x14, &[*status]),
            Step::Map { at, pages, file } => {
                let (address, size) = (u64::from(*at) * PAGE, u64::from(*pages) * PAGE);
                let file = match file {
                    Backing::Whole => memory.try_clone().ok(),
                    Backing::TooShort => memfd_create("short", MemfdFlags::CLOEXEC).ok(),
                    Backing::NoFile => None,
                    Backing::Device => File::open("/dev/zero").ok().map(OwnedFd::from),
                };
                self.map(address, size, file);
            }
            Step::Unmap { at, pages } => self.unmap(0, u64::from(*at) * PAGE, u64::from(*pages) * PAGE),
            Step::UnmapAll => self.unmap(2, 0, 0),
            Step::Irqs { flags, index, start, count, fds } => {
                let body: Vec<u8> = [20, u32::from(*flags), u32::from(*index % 6), u32::from(*start % 8)]
                    .into_iter()
                    .chain([u32::from(*count % 8)])
                    .flat_map(u32::to_ne_bytes)
                    .collect();
                self.message(8, 0, &body, &events(*fds));
            }
            Step::Reset => self.message(13, 0, &[], &[]),
            Step::Message { command, flags, body, fds } => {
                self.message(u16::from(*command % 18), u32::from(*flags), body, &events(*fds));
            }
            Step::Raw(bytes) => {
                let _ = self.stream.write(bytes);
            }
        }
    }
}

fn events(count: u8) -> Vec<OwnedFd> {
    (0..count % 20).filter_map(|_| eventfd(0, EventfdFlags::CLOEXEC).ok()).collect()
}

/// Guest memory with a request on each of the first chains of each queue.
fn memory(case: &Case) -> OwnedFd {
    let fd = memfd_create("memory", MemfdFlags::CLOEXEC).unwrap();
    let file = File::from(fd);
    file.set_len(MEMORY).unwrap();
    for queue in 0..u64::from(QUEUES) {
        let at = queue * QUEUE;
        let mut rings = vec![0_u8; QUEUE as usize];
        for (chain, command) in (0..CHAINS).zip(case.commands) {
            let request = 3 * PAGE + 256 * u64::from(chain);
            // What is read, and what is written.
            for (index, (addr, len, flags, next)) in
                [(at + request, 128_u32, 1_u16, 2 * chain + 1), (at + request + 128, 128, 2, 0)]
                    .into_iter()
                    .enumerate()
            {
                let desc = 16 * (2 * usize::from(chain) + index);
                rings[desc..desc + 8].copy_from_slice(&addr.to_le_bytes());
                rings[desc + 8..desc + 12].copy_from_slice(&len.to_le_bytes());
                rings[desc + 12..desc + 14].copy_from_slice(&flags.to_le_bytes());
                rings[desc + 14..desc + 16].copy_from_slice(&next.to_le_bytes());
            }
            let slot = PAGE as usize + 4 + 2 * usize::from(chain);
            rings[slot..slot + 2].copy_from_slice(&(2 * chain).to_le_bytes());
            let request = request as usize;
            rings[request..request + 4].copy_from_slice(&u32::from(command % 12).to_le_bytes());
            rings[request + 8] = 1; // the first context, which a first request may open
        }
        let index = PAGE as usize + 2;
        rings[index..index + 2].copy_from_slice(&CHAINS.to_le_bytes());
        file.write_all_at(&rings, at).unwrap();
    }
    for (at, bytes) in case.memory.iter().take(64) {
        file.write_all_at(bytes, u64::from(*at)).unwrap();
    }
    file.into()
}

fuzz_target!(init: outlive_lost_memory().unwrap(), |case: Case| {
    let tee = Arc::new(FakeTee::new());
    tee.state.sleepless.store(true, Ordering::SeqCst);
    let limits = Limits { max_contexts: 8, max_sessions: 8, max_memories: 8, ..Limits::default() };
    let partition = Partition::new(Arc::new(move || Ok(tee.clone())), limits).unwrap();
    let device = Arc::new(Device::new("fuzz", partition, QUEUES - 1, false));

    let (ours, theirs) = UnixStream::pair().unwrap();
    // Answers that nobody reads end the connection rather than wait.
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let memory = memory(&case);
    let mut vmm = Vmm { stream: theirs, next: 0 };
    vmm.message(1, 0, b"\0\0\0\0{}\0", &[]);
    if case.set_up {
        vmm.map(0, MEMORY, memory.try_clone().ok());
        vmm.set_up();
        for queue in 0..QUEUES {
            vmm.step(&Step::Kick(queue as u8), &memory);
        }
    }
    for step in case.steps.iter().take(64) {
        vmm.step(step, &memory);
    }
    vmm.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let shortened = case.shorten.map(|pages| {
        let file = File::from(memory.try_clone().unwrap());
        std::thread::spawn(move || file.set_len(u64::from(pages) * PAGE).unwrap())
    });
    let _ = serve("fuzz", &ours, device.clone(), case.msix);
    if let Some(shortened) = shortened {
        shortened.join().unwrap();
    }
    assert_eq!(device.shut_down(Duration::from_secs(10)), 0, "threads are stuck");
});
