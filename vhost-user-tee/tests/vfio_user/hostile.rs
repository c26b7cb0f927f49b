// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A VMM that is faulty or hostile, byte by byte: each message has an error for an answer, or is the
//! connection's last. The daemon lives on, and another VM of it notices nothing.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use nix::sys::signal::Signal;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use virtio_tee_frontend::ring::HANG;
use virtio_tee_frontend::vfio_user::message::{
    DeviceInfo, DmaMap, DmaUnmap, Header, IrqInfo, RegionAccess, RegionInfo, SetIrqs, ERROR, NO_REPLY, REPLY,
};
use virtio_tee_frontend::Door;
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};
use vmm_sys_util::sock_ctrl_msg::ScmSocket;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::daemon_process::{eventually, Daemon};

const HEADER: usize = size_of::<Header>();
/// The longest message: all of the configuration space, written.
const LONGEST: usize = HEADER + 16 + 4096;
const VERSION: [u8; 4] = [0; 4];

// Commands.
const GET_VERSION: u16 = 1;
const DMA_MAP: u16 = 2;
const DMA_UNMAP: u16 = 3;
const GET_INFO: u16 = 4;
const GET_REGION_INFO: u16 = 5;
const GET_IRQ_INFO: u16 = 7;
const SET_IRQS: u16 = 8;
const READ: u16 = 9;
const WRITE: u16 = 10;
const RESET: u16 = 13;

const INVAL: u32 = 22;
const MFILE: u32 = 24;
const PROTO: u32 = 71;
const NOTSUP: u32 = 95;

/// A daemon with two VMs: one that the test attacks, and one that makes calls all the while.
struct Attacked {
    daemon: Daemon,
    neighbour: Option<JoinHandle<u32>>,
    over: EventFd,
}

impl Attacked {
    fn new() -> Self {
        let daemon = Daemon::start(|dir| {
            let config = dir.join("vms.toml");
            let vm = |name| {
                format!("[[vm]]\nname = \"{name}\"\nvfio-user-socket-path = \"{}/{name}\"\n", dir.display())
            };
            std::fs::write(&config, vm("hostile") + &vm("harmless")).unwrap();
            vec![format!("--config={}", config.display()), format!("--ta-dir={}", dir.display())]
        })
        .over(Door::VfioUser);
        let mut client = daemon.connect("harmless");
        let over = EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK).unwrap();
        let end = over.try_clone().unwrap();
        let neighbour = std::thread::spawn(move || {
            let mut rounds = 0;
            while end.read().is_err() {
                let context = client.open_context().unwrap();
                client.close_context(context).unwrap();
                rounds += 1;
            }
            rounds
        });
        // Where both are served, what the daemon holds can be told.
        drop(daemon.connect("hostile"));
        Self { daemon, neighbour: Some(neighbour), over }
    }

    fn raw(&self) -> Raw {
        Raw::connect(&self.daemon, "hostile")
    }

    /// A connection with a version agreed upon.
    fn greeted(&self) -> Raw {
        let mut raw = self.raw();
        assert!(raw.ask(GET_VERSION, &VERSION).is_ok());
        raw
    }

    /// Nothing has come of it all. A VM has one connection at a time, so that of the test is over.
    fn end(mut self) {
        let mut client = self.daemon.connect("hostile");
        let context = client.open_context().unwrap();
        client.close_context(context).unwrap();
        drop(client);
        self.over.write(1).unwrap();
        assert!(self.neighbour.take().unwrap().join().unwrap() > 0);
        let (code, log) = self.daemon.stop(Signal::SIGTERM);
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        assert!(log.contains("harmless: disconnected"), "{log}");
    }
}

struct Raw {
    stream: UnixStream,
    next_id: u16,
}

impl Raw {
    fn connect(daemon: &Daemon, socket: &str) -> Self {
        let mut connected = None;
        eventually("it listens", || {
            connected = UnixStream::connect(daemon.path(socket)).ok();
            connected.is_some()
        });
        let stream = connected.unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        Self { stream, next_id: 0 }
    }

    /// Asks until neither end has room left for more, and reads no answer.
    fn fill(&mut self) {
        let read = RegionAccess { offset: 0, region: 7, count: 4096 };
        let header = self.header(READ, HEADER + 16, 0);
        let message = [header.as_bytes(), read.as_bytes()].concat();
        self.stream.set_nonblocking(true).unwrap();
        while matches!(self.stream.write(&message), Ok(len) if len == message.len()) {}
    }

    fn header(&mut self, command: u16, size: usize, flags: u32) -> Header {
        self.next_id = self.next_id.wrapping_add(1);
        Header { id: self.next_id, command, size: size as u32, flags, error: 0 }
    }

    fn send(&mut self, command: u16, flags: u32, body: &[u8]) {
        let header = self.header(command, HEADER + body.len(), flags);
        self.stream.write_all(&[header.as_bytes(), body].concat()).unwrap();
    }

    /// The answer to the last message: a body, or an `errno`.
    fn answer(&mut self) -> Result<Vec<u8>, u32> {
        let mut bytes = [0; HEADER];
        self.stream.read_exact(&mut bytes).unwrap();
        let header = Header::read_from_bytes(&bytes).unwrap();
        assert_eq!(header.id, self.next_id);
        let mut body = vec![0; header.size as usize - HEADER];
        self.stream.read_exact(&mut body).unwrap();
        match header.flags {
            REPLY => {
                assert_eq!(header.error, 0);
                Ok(body)
            }
            flags => {
                assert_eq!((flags, body.len()), (REPLY | ERROR, 0));
                Err(header.error)
            }
        }
    }

    fn ask(&mut self, command: u16, body: &[u8]) -> Result<Vec<u8>, u32> {
        self.send(command, 0, body);
        self.answer()
    }

    /// Asks with as many descriptors as that.
    fn ask_with(&mut self, command: u16, body: &[u8], fds: usize) -> Result<Vec<u8>, u32> {
        let file = File::open("/dev/null").unwrap();
        let header = self.header(command, HEADER + body.len(), 0);
        let message = [header.as_bytes(), body].concat();
        let fds = vec![file.as_raw_fd(); fds];
        assert_eq!(self.stream.send_with_fds(&[message.as_slice()], &fds).unwrap(), message.len());
        self.answer()
    }

    /// The device still answers.
    fn serves(&mut self) {
        let read = RegionAccess { offset: 0, region: 7, count: 4 };
        let answer = self.ask(READ, read.as_bytes()).unwrap();
        assert_eq!(answer[..16], *read.as_bytes());
        assert_eq!(answer[16..], [0xf4, 0x1a, 0x6e, 0x10]);
    }

    /// The other end has had enough.
    fn is_closed(&mut self) {
        match self.stream.read(&mut [0]) {
            Ok(len) => assert_eq!(len, 0),
            Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset, "{e}"),
        }
    }
}

/// Every command that there is, with a body of its length, though not always of sense.
fn bodies() -> [(u16, Vec<u8>); 9] {
    [
        (DMA_MAP, DmaMap::new_zeroed().as_bytes().to_vec()),
        (DMA_UNMAP, DmaUnmap::new_zeroed().as_bytes().to_vec()),
        (GET_INFO, DeviceInfo::new_zeroed().as_bytes().to_vec()),
        (GET_REGION_INFO, RegionInfo::new_zeroed().as_bytes().to_vec()),
        (GET_IRQ_INFO, IrqInfo::new_zeroed().as_bytes().to_vec()),
        (SET_IRQS, SetIrqs::new_zeroed().as_bytes().to_vec()),
        (READ, RegionAccess::new_zeroed().as_bytes().to_vec()),
        (WRITE, RegionAccess::new_zeroed().as_bytes().to_vec()),
        (RESET, Vec::new()),
    ]
}

#[test]
fn commands_before_the_version() {
    let attacked = Attacked::new();
    let mut raw = attacked.raw();
    for (command, body) in bodies() {
        assert_eq!(raw.ask(command, &body), Err(PROTO), "{command}");
    }
    assert_eq!(raw.ask(GET_VERSION, &[1, 0, 0, 0]), Err(NOTSUP));
    assert_eq!(raw.ask(GET_VERSION, &[0, 0, 0]), Err(INVAL));
    assert_eq!(raw.ask(GET_INFO, &[0; 16]), Err(PROTO));
    raw.ask(GET_VERSION, b"\0\0\xff\xff{\"capabilities\": nonsense").unwrap();
    raw.serves();
    // Again, which changes nothing.
    raw.ask(GET_VERSION, &VERSION).unwrap();
    raw.serves();
    drop(raw);
    attacked.end();
}

#[test]
fn commands_that_are_none_and_bodies_of_any_other_length() {
    let attacked = Attacked::new();
    let mut raw = attacked.greeted();
    for command in [0, 6, 11, 12, 14, 15, 0x100, u16::MAX] {
        for len in [0, 16, LONGEST - HEADER] {
            assert_eq!(raw.ask(command, &vec![0; len]), Err(NOTSUP), "{command}");
        }
    }
    for (command, body) in bodies() {
        for len in (0..80).chain([LONGEST - HEADER]).filter(|len| *len != body.len()) {
            assert_eq!(raw.ask(command, &vec![0; len]), Err(INVAL), "{len} bytes of {command}");
        }
        raw.serves();
    }
    // What is written is not as long as it says.
    for (count, len) in [(0, 1), (4, 3), (4, 5), (4096, 4095), (u32::MAX, 4096), (4097, 4096)] {
        let access = RegionAccess { offset: 0, region: 7, count };
        assert_eq!(raw.ask(WRITE, &[access.as_bytes(), &vec![0; len]].concat()), Err(INVAL), "{count}");
    }
    raw.serves();
    drop(raw);
    attacked.end();
}

#[test]
fn headers_that_cannot_be() {
    let attacked = Attacked::new();
    for (size, flags) in [
        (0, 0),
        (HEADER - 1, 0),
        (LONGEST + 1, 0),
        (u32::MAX as usize, 0),
        (HEADER, REPLY),
        (HEADER, 2),
        (HEADER, 0xf),
    ] {
        let mut raw = attacked.greeted();
        let header = raw.header(GET_INFO, size, flags);
        raw.stream.write_all(header.as_bytes()).unwrap();
        raw.is_closed();
    }
    let mut raw = attacked.greeted();
    let noise: Vec<u8> = (0..1 << 16).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    // It may be closed before all has been written.
    let _ = raw.stream.write_all(&noise);
    while matches!(raw.stream.read(&mut [0; 4096]), Ok(1..)) {}
    drop(raw);
    attacked.end();
}

#[test]
fn messages_that_end_in_the_middle() {
    let attacked = Attacked::new();
    let write = RegionAccess { offset: 0, region: 0, count: 64 };
    let body = [write.as_bytes(), &[0; 64]].concat();
    for cut in [1, HEADER - 1, HEADER, HEADER + 1, HEADER + 16, HEADER + body.len() - 1] {
        let mut raw = attacked.greeted();
        let header = raw.header(WRITE, HEADER + body.len(), 0);
        raw.stream.write_all(&[header.as_bytes(), body.as_slice()].concat()[..cut]).unwrap();
        // Gone, or gone as far as writing is concerned.
        if cut % 2 == 0 {
            raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
            raw.is_closed();
        }
    }
    // Slowly is not wrongly.
    let mut raw = attacked.greeted();
    let header = raw.header(WRITE, HEADER + body.len(), 0);
    for byte in [header.as_bytes(), body.as_slice()].concat() {
        raw.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(raw.answer().unwrap(), write.as_bytes());
    drop(raw);
    attacked.end();
}

#[test]
fn descriptors_where_none_belong() {
    let attacked = Attacked::new();
    let mut raw = attacked.greeted();
    raw.serves();
    let before = attacked.daemon.holds().0;
    for (command, body) in bodies() {
        for fds in [17, 64, 253] {
            assert_eq!(raw.ask_with(command, &body, fds), Err(MFILE), "{fds} with {command}");
        }
    }
    let map = DmaMap { argsz: 32, flags: 3, offset: 0, address: 0, size: 4096 };
    // More than one, and one that is no memory.
    assert_eq!(raw.ask_with(DMA_MAP, map.as_bytes(), 2), Err(INVAL));
    assert_eq!(raw.ask_with(DMA_MAP, map.as_bytes(), 1), Err(INVAL));
    let irqs = |count| SetIrqs { argsz: 20, flags: 0x24, index: 2, start: 0, count };
    for (count, fds) in [(1, 2), (2, 1), (5, 5), (u32::MAX, 1)] {
        assert_eq!(raw.ask_with(SET_IRQS, irqs(count).as_bytes(), fds), Err(INVAL), "{fds} for {count}");
    }
    // As many as there should be, but no events.
    assert_eq!(raw.ask_with(SET_IRQS, irqs(4).as_bytes(), 4), Err(INVAL));
    raw.ask_with(GET_INFO, &[0; 16], 16).unwrap();
    raw.serves();
    eventually("all descriptors are closed", || attacked.daemon.holds().0 <= before);
    drop(raw);
    attacked.end();
}

#[test]
fn posted_messages_have_no_answer_even_if_they_fail() {
    let attacked = Attacked::new();
    let mut raw = attacked.greeted();
    let write = |region, offset| [RegionAccess { offset, region, count: 2 }.as_bytes(), &[0; 2]].concat();
    for _ in 0..100 {
        raw.send(WRITE, NO_REPLY, &write(9, 0));
        raw.send(WRITE, NO_REPLY, &write(0, u64::MAX));
        raw.send(WRITE, NO_REPLY, &write(0, 0x3000));
        raw.send(READ, NO_REPLY, &[0; 16]);
        raw.send(0x77, NO_REPLY, &[]);
        raw.send(GET_VERSION, NO_REPLY, &[]);
        // The next answer is to the next question.
        raw.serves();
    }
    drop(raw);
    attacked.end();
}

#[test]
fn answers_that_nobody_reads() {
    let attacked = Attacked::new();
    let mut raw = attacked.greeted();
    raw.fill();
    drop(raw);
    // Whoever comes next is served.
    attacked.greeted().serves();
    attacked.end();
}

#[test]
fn a_daemon_ends_whatever_its_vms_are_in() {
    let daemon = Daemon::start(|dir| {
        let config = dir.join("vms.toml");
        let vm = |name| {
            format!("[[vm]]\nname = \"{name}\"\nvfio-user-socket-path = \"{}/{name}\"\n", dir.display())
        };
        std::fs::write(&config, vm("silent") + &vm("half") + &vm("deaf")).unwrap();
        vec![format!("--config={}", config.display()), format!("--ta-dir={}", dir.display())]
    });
    let mut raws = ["silent", "half", "deaf"].map(|name| Raw::connect(&daemon, name));
    raws.iter_mut().for_each(|raw| assert!(raw.ask(GET_VERSION, &VERSION).is_ok()));
    let [_, half, deaf] = &mut raws;
    let header = half.header(WRITE, LONGEST, 0);
    half.stream.write_all(header.as_bytes()).unwrap();
    deaf.fill();
    let (code, log) = daemon.stop(Signal::SIGTERM);
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

/// Numbers at which something may begin or end.
fn number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![
        0..80_u64,
        (0..5_u64, 0..80_u64).prop_map(|(page, offset)| page * 0x1000 + offset),
        (0..64_u32, 0..3_u64).prop_map(|(bit, less)| (1 << bit) - less.min(1 << bit)),
        any::<u64>(),
    ]
}

/// A message of any kind; its fields are of the widths that the command's have.
fn message() -> impl Strategy<Value = (u16, u32, Vec<u8>)> {
    let word = number().prop_map(|number| number as u32);
    let small = prop_oneof![0..10_u32, word];
    let access = (number(), small.clone(), prop_oneof![Just(1_u32), Just(2), Just(4), Just(8), 0..64_u32]);
    let body = prop_oneof![
        4 => (Just(WRITE), access.clone(), prop::collection::vec(any::<u8>(), 64)).prop_map(
            |(command, (offset, region, count), data)| {
                let access = RegionAccess { offset, region, count };
                (command, [access.as_bytes(), &data[..count as usize]].concat())
            }
        ),
        2 => (Just(READ), access).prop_map(|(command, (offset, region, count))| {
            (command, RegionAccess { offset, region, count }.as_bytes().to_vec())
        }),
        1 => (small.clone(), small.clone(), small.clone(), small.clone()).prop_map(
            |(flags, index, start, count)| {
                (SET_IRQS, SetIrqs { argsz: 20, flags, index, start, count }.as_bytes().to_vec())
            }
        ),
        1 => (small.clone(), number(), number(), number()).prop_map(|(flags, offset, address, size)| {
            (DMA_MAP, DmaMap { argsz: 32, flags, offset, address, size }.as_bytes().to_vec())
        }),
        1 => (small, number(), number()).prop_map(|(flags, address, size)| {
            (DMA_UNMAP, DmaUnmap { argsz: 24, flags, address, size }.as_bytes().to_vec())
        }),
        1 => (0..20_u16, prop::collection::vec(any::<u8>(), 0..64)),
    ];
    (body, prop_oneof![Just(0), Just(NO_REPLY)]).prop_map(|((command, body), flags)| (command, flags, body))
}

#[test]
fn any_message_is_answered_if_it_is_to_be() {
    let attacked = Attacked::new();
    let raw = std::cell::RefCell::new(attacked.greeted());
    // The same cases in every run. What fails may be due to any message before.
    let config =
        ProptestConfig { cases: 20_000, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner
        .run(&message(), |(command, flags, body)| {
            let mut raw = raw.borrow_mut();
            raw.send(command, flags, &body);
            if flags == 0 {
                // Its number is that of the question.
                let _ = raw.answer();
            }
            Ok(())
        })
        .unwrap();
    raw.into_inner().serves();
    attacked.end();
}
