// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `fuzz-ioctls`: ioctls with arguments made by chance, from several threads in one context.
//!
//! Most arguments are nearly right, since those get farthest: sessions and memories that are there or
//! were, sizes at the edges of what they name. What comes of a call is not foretold; it must come
//! back, with an errno that the kernel has a reason for, and leave the device as it was. What else a
//! kernel that watches itself sees is in its log.

use std::collections::BTreeMap;
use std::io;
use std::mem::size_of;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tee_client::raw::Device;
use tee_client::uapi::{
    CancelArg, CloseSessionArg, InvokeArg, OpenSessionArg, Param, ShmAllocData, ShmRegisterFdData,
    ATTR_MEMREF_INPUT, ATTR_UBUF_INPUT, ATTR_VALUE_INPUT, IOC_CANCEL, IOC_CLOSE_SESSION, IOC_INVOKE,
    IOC_OBJECT_INVOKE, IOC_OPEN_SESSION, IOC_SHM_ALLOC, IOC_SHM_REGISTER_FD, IOC_SUPPL_RECV, IOC_SUPPL_SEND,
    IOC_VERSION, MAX_ARG_SIZE, MEMREF_NULL,
};
use tee_client::{Context, Mapping, SharedMemory};
use uuid::Uuid;
use zerocopy::IntoBytes;

use super::join;
use crate::malformed::{self, Argument, Buffer, KERNEL_ADDRESS};
use crate::probe;
use crate::report::{ensure, Failure, Outcome, Report};

/// What the ioctls may fail with, and why.
const ERRNOS: [(i32, &str); 8] = [
    (1, "EPERM: a login of the kernel's"),
    (2, "ENOENT: nothing to cancel"),
    (7, "E2BIG: memory in too many pieces"),
    (9, "EBADF: no descriptor"),
    (12, "ENOMEM: more than there is, or than the device takes"),
    (14, "EFAULT: nothing there"),
    (22, "EINVAL: all that makes no sense"),
    (23, "ENFILE: as many contexts as the device allows"),
];

/// Functions of the probe that come back soon whatever they are given.
const FUNCTIONS: [u32; 10] = [
    probe::NOP,
    probe::SWAP,
    probe::RETURN,
    probe::TOUCH,
    probe::FILL,
    probe::SHORT_BUFFER,
    probe::COUNT,
    probe::SUM,
    probe::IDENTITY,
    probe::NULL_MEMREF,
];

/// Bytes that user buffers are in.
const ARENA: usize = 1 << 20;
/// Most memories, and most sessions, that a thread has at once.
const MANY: usize = 8;

/// How often which ioctl came to what: 0 is success.
type Seen = BTreeMap<(&'static str, i32), u64>;

pub(super) fn run(
    path: &Path,
    context: &Context,
    report: &mut Report,
    ta: Uuid,
    seconds: u64,
    seed: u64,
    threads: u64,
) -> Outcome {
    let end = Instant::now() + Duration::from_secs(seconds);
    let kept = probe::open(context, ta)?;
    // One context for all threads, so that they get in each other's way.
    let shared = Device::open(path).map_err(Failure::system("the device"))?;
    let seen = std::thread::scope(|scope| {
        let fuzzers: Vec<_> = (0..threads)
            .map(|index| {
                let shared = &shared;
                scope.spawn(move || Fuzzer::new(shared, path, ta, seed.wrapping_add(index))?.until(end))
            })
            .collect();
        let mut all = Seen::new();
        for fuzzer in fuzzers {
            for (what, times) in join(fuzzer)?? {
                *all.entry(what).or_default() += times;
            }
        }
        Ok::<_, Failure>(all)
    })?;
    drop(shared);
    for ((ioctl, errno), times) in &seen {
        let came = match ERRNOS.iter().find(|(known, _)| known == errno) {
            Some((_, words)) => words,
            None if *errno == 0 => "done",
            None => "?",
        };
        report.say(format_args!("{ioctl:<18} {times:>9}  {came}"));
    }
    let all: u64 = seen.values().sum();
    let done: u64 = seen.iter().filter(|((_, errno), _)| *errno == 0).map(|(_, times)| times).sum();
    report.set("seed", seed);
    report.set("calls", all);
    report.set("done", done);
    for (ioctl, errno) in seen.keys() {
        let known = *errno == 0 || ERRNOS.iter().any(|(known, _)| known == errno);
        ensure!(known, "{ioctl} failed with {}", io::Error::from_raw_os_error(*errno));
    }
    ensure!(done > 0, "nothing that was asked for was done: the calls did not get far");
    // The device is as it was: for a session from before, and for new ones.
    probe::nop(&kept)?;
    let memory = SharedMemory::allocate(context, 8192)?;
    let session = probe::open(context, ta)?;
    probe::touch(&session, &memory, 8191)?;
    session.close()?;
    kept.close()?;
    Ok(())
}

/// Memory that memrefs can name; given back when dropped.
struct Memory {
    id: u64,
    size: u64,
    _fd: OwnedFd,
    /// Of registered memory.
    _pages: Option<Mapping>,
}

/// One thread's part.
struct Fuzzer<'a> {
    shared: &'a Device,
    path: &'a Path,
    /// A context of its own, besides the shared one; a new one now and then.
    own: Device,
    ta: Uuid,
    rng: Rng,
    arena: Mapping,
    memories: Vec<Memory>,
    /// Those that it has opened, be they still open or not.
    sessions: Vec<u32>,
    seen: Seen,
}

impl<'a> Fuzzer<'a> {
    fn new(shared: &'a Device, path: &'a Path, ta: Uuid, seed: u64) -> Result<Self, Failure> {
        Ok(Self {
            shared,
            path,
            own: Device::open(path).map_err(Failure::system("the device"))?,
            ta,
            rng: Rng::with_seed(seed),
            arena: Mapping::anonymous(ARENA)?,
            memories: Vec::new(),
            sessions: Vec::new(),
            seen: Seen::new(),
        })
    }

    fn until(mut self, end: Instant) -> Result<Seen, Failure> {
        while Instant::now() < end {
            match self.rng.u32(..100) {
                0..=49 => self.invoke()?,
                50..=59 => self.open()?,
                60..=69 => self.close(),
                70..=74 => self.cancel(),
                75..=79 => self.allocate(),
                80..=86 => self.register()?,
                87..=91 => self.let_go(),
                92..=98 => self.anything(),
                _ => self.begin_anew()?,
            }
        }
        Ok(self.seen)
    }

    fn note(&mut self, ioctl: &'static str, result: &io::Result<()>) {
        let errno = result.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(-1));
        *self.seen.entry((ioctl, errno)).or_default() += 1;
    }

    /// One of both contexts, by chance.
    fn device(&mut self) -> bool {
        self.rng.bool()
    }

    fn of(&self, own: bool) -> &Device {
        if own {
            &self.own
        } else {
            self.shared
        }
    }

    /// A number at an edge of `edge`, or any.
    fn number(&mut self, edge: u64) -> u64 {
        match self.rng.u32(..10) {
            0..=3 => self.rng.u64(..=edge),
            4 => edge,
            5 => edge.wrapping_add(1),
            6 => edge.wrapping_sub(1),
            7 => 0,
            8 => u64::MAX - self.rng.u64(..=4096),
            _ => self.rng.u64(..) >> self.rng.u32(..64),
        }
    }

    fn param(&mut self) -> Param {
        let direction = self.rng.u64(..3);
        match self.rng.u32(..20) {
            0..=3 => {
                let (a, b) = (self.number(4096), self.number(4096));
                Param { attr: ATTR_VALUE_INPUT + direction, a, b, c: self.rng.u64(..) }
            }
            4..=11 => {
                let memory = self.rng.usize(..MANY);
                let (id, size) =
                    self.memories.get(memory).map_or((7, 4096), |memory| (memory.id, memory.size));
                let (a, b) = (self.number(size), self.number(size));
                // Within it, more often than not.
                let (a, b) =
                    if self.rng.u32(..4) > 0 { (a.min(size), b.min(size - a.min(size))) } else { (a, b) };
                let c = match self.rng.u32(..16) {
                    0 => MEMREF_NULL,
                    1 => self.number(64),
                    _ => id,
                };
                Param { attr: ATTR_MEMREF_INPUT + direction, a, b, c }
            }
            12..=16 => {
                let offset = self.rng.u64(..ARENA as u64);
                let left = ARENA as u64 - offset;
                let (a, b) = match self.rng.u32(..16) {
                    0 => (0, self.number(4096)),
                    1 => (KERNEL_ADDRESS + offset, self.number(4096)),
                    2 => (self.arena.address() as u64 + offset, u64::MAX - self.rng.u64(..=4096)),
                    _ => (self.arena.address() as u64 + offset, self.number(left).min(left)),
                };
                Param { attr: ATTR_UBUF_INPUT + direction, a, b, c: self.rng.u64(..4) }
            }
            17 | 18 => Param::default(),
            _ => {
                // No user buffer: those are above.
                let attr = self.rng.u64(..) & !0xff | u64::from(self.rng.u8(11..));
                Param { attr, a: self.rng.u64(..), b: self.rng.u64(..), c: self.rng.u64(..) }
            }
        }
    }

    /// Parameters, how many the argument says they are, and what is to be added to its length.
    fn params(&mut self) -> (Vec<Param>, u32, u64) {
        let count = match self.rng.u32(..16) {
            0 => self.rng.usize(5..=120),
            _ => self.rng.usize(..=4),
        };
        let params: Vec<Param> = (0..count).map(|_| self.param()).collect();
        let (said, more) = match self.rng.u32(..16) {
            0 => (self.rng.u32(..), 0),
            1 => (count as u32, self.number(MAX_ARG_SIZE as u64)),
            _ => (count as u32, 0),
        };
        (params, said, more)
    }

    fn session(&mut self) -> u32 {
        match self.rng.u32(..16) {
            0 => self.number(64) as u32,
            _ => self.rng.choice(self.sessions.iter().copied()).unwrap_or_default(),
        }
    }

    fn invoke(&mut self) -> Result<(), Failure> {
        let (params, num_params, more) = self.params();
        let func = match self.rng.u32(..500) {
            0 => probe::PANIC,
            1 => probe::CRASH,
            2..=20 => self.rng.u32(1000..),
            _ => self.rng.choice(FUNCTIONS).unwrap_or_default(),
        };
        let session = self.session();
        let arg = InvokeArg { func, session, cancel_id: self.rng.u32(..8), num_params, ..Default::default() };
        let len = ((size_of::<InvokeArg>() + size_of_val(&params[..])) as u64).wrapping_add(more);
        let own = self.device();
        let result = {
            let buffer = Buffer::within(&arg, &params, &self.arena).map_err(Failure::system("a buffer"))?;
            malformed::ioctl(self.of(own), IOC_INVOKE, &Argument::Buffer { buffer: &buffer, len })
        };
        self.note("INVOKE", &result);
        Ok(())
    }

    fn open(&mut self) -> Result<(), Failure> {
        let (params, num_params, more) = if self.rng.bool() { self.params() } else { (Vec::new(), 0, 0) };
        let ta = if self.rng.u32(..16) == 0 { Uuid::from_u128(self.rng.u128(..)) } else { self.ta };
        let clnt_login = if self.rng.u32(..8) == 0 { self.rng.u32(..) >> self.rng.u32(..32) } else { 0 };
        let arg = OpenSessionArg {
            uuid: ta.into_bytes(),
            clnt_login,
            cancel_id: self.rng.u32(..8),
            num_params,
            ..Default::default()
        };
        let len = ((size_of::<OpenSessionArg>() + size_of_val(&params[..])) as u64).wrapping_add(more);
        // Each may be a process of the host's.
        if self.sessions.len() >= MANY {
            self.close();
        }
        let own = self.device();
        let (result, session) = {
            let buffer = Buffer::within(&arg, &params, &self.arena).map_err(Failure::system("a buffer"))?;
            let argument = Argument::Buffer { buffer: &buffer, len };
            let result = malformed::ioctl(self.of(own), IOC_OPEN_SESSION, &argument);
            (result, (buffer.word(44) == 0).then(|| buffer.word(40)))
        };
        self.note("OPEN_SESSION", &result);
        if let (Ok(()), Some(session)) = (result, session) {
            self.sessions.push(session);
        }
        Ok(())
    }

    fn close(&mut self) {
        let session = self.session();
        let own = self.device();
        let argument = CloseSessionArg { session };
        let mut result =
            malformed::ioctl(self.of(own), IOC_CLOSE_SESSION, &Argument::Plain(argument.as_bytes()));
        self.note("CLOSE_SESSION", &result);
        // Of the other context, then; most of the time.
        if result.is_err() && self.rng.u32(..8) > 0 {
            result =
                malformed::ioctl(self.of(!own), IOC_CLOSE_SESSION, &Argument::Plain(argument.as_bytes()));
            self.note("CLOSE_SESSION", &result);
        }
        if self.rng.u32(..4) > 0 {
            self.sessions.retain(|known| *known != session);
        }
    }

    fn cancel(&mut self) {
        let argument = CancelArg { cancel_id: self.rng.u32(..8), session: self.session() };
        let own = self.device();
        let result = malformed::ioctl(self.of(own), IOC_CANCEL, &Argument::Plain(argument.as_bytes()));
        self.note("CANCEL", &result);
    }

    fn allocate(&mut self) {
        let flags = if self.rng.u32(..16) == 0 { self.rng.u32(..) } else { 0 };
        let mut data = ShmAllocData { size: self.number(256 << 10), flags, id: 0 };
        let own = self.device();
        let result = self.of(own).shm_alloc(&mut data);
        let result = result.map(|fd| self.keep(data.id, data.size, fd, None));
        self.note("SHM_ALLOC", &result);
    }

    fn register(&mut self) -> Result<(), Failure> {
        let size = self.rng.usize(1..=256 << 10);
        let pages = Mapping::anonymous(size)?;
        let own = self.device();
        let result = pages.register(self.of(own));
        let result = result.map(|(fd, id)| self.keep(id, size as u64, fd, Some(pages)));
        self.note("SHM_REGISTER", &result);
        Ok(())
    }

    fn keep(&mut self, id: i32, size: u64, fd: OwnedFd, pages: Option<Mapping>) {
        if self.memories.len() >= MANY {
            self.let_go();
        }
        self.memories.push(Memory { id: u64::from(id.unsigned_abs()), size, _fd: fd, _pages: pages });
    }

    fn let_go(&mut self) {
        if !self.memories.is_empty() {
            let index = self.rng.usize(..self.memories.len());
            self.memories.swap_remove(index);
        }
    }

    /// Any ioctl of the TEE's group, with what cannot do harm to this process.
    fn anything(&mut self) {
        let mut bytes = [0; 64];
        self.rng.fill(&mut bytes);
        let address = if self.rng.bool() { 0 } else { KERNEL_ADDRESS + self.rng.u64(..1 << 32) };
        let opcodes = [
            IOC_VERSION,
            IOC_SHM_ALLOC,
            IOC_CANCEL,
            IOC_CLOSE_SESSION,
            IOC_OPEN_SESSION,
            IOC_INVOKE,
            IOC_SUPPL_RECV,
            IOC_SUPPL_SEND,
            IOC_OBJECT_INVOKE,
        ];
        let known = self.rng.choice(opcodes).unwrap_or(IOC_VERSION);
        let no_fd = ShmRegisterFdData { fd: i64::from(self.rng.i32(-2..0)), ..Default::default() };
        let (opcode, argument) = match self.rng.u32(..5) {
            0 => (known, Argument::At(address)),
            1 => (IOC_SHM_REGISTER_FD, Argument::Plain(no_fd.as_bytes())),
            2 if [IOC_VERSION, IOC_CANCEL, IOC_CLOSE_SESSION].contains(&known) => {
                (known, Argument::Plain(&bytes))
            }
            // None of the numbers that there are, whatever its size and direction.
            3 => (self.rng.u32(..) & 0xffff_0000 | 0xa480 | self.rng.u32(..0x80), Argument::Plain(&bytes)),
            _ => {
                let calls = [IOC_OPEN_SESSION, IOC_INVOKE, IOC_SUPPL_RECV, IOC_SUPPL_SEND, IOC_OBJECT_INVOKE];
                let call = self.rng.choice(calls).unwrap_or(IOC_INVOKE);
                (call, Argument::BufferAt { address, len: self.number(MAX_ARG_SIZE as u64) })
            }
        };
        let own = self.device();
        let result = malformed::ioctl(self.of(own), opcode, &argument);
        self.note("something else", &result);
    }

    /// A context of its own that is new; the old one is closed with all that it has.
    fn begin_anew(&mut self) -> Result<(), Failure> {
        let fresh = Device::open(self.path);
        self.note(
            "open",
            &fresh
                .as_ref()
                .map(|_| ())
                .map_err(|error| io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(-1))),
        );
        self.own = fresh.map_err(Failure::system("the device"))?;
        Ok(())
    }
}
