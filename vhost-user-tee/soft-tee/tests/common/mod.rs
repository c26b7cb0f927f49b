// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A software TEE with the probe TA (`integration/tas/probe/include/probe_ta.h`), and a guest's memory.

#![allow(dead_code)] // Each test program uses some of it.
#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{fcntl_add_seals, memfd_create, MemfdFlags, SealFlags};
use rustix::io::Errno;
use soft_tee::{Config, Limits, SoftTee, State};
use tee::{
    Access, CancelToken, Context, Failure, Lifetime, MemRef, Memory, OpenSession, Param, Run, Session, Tee,
};
use uuid::{uuid, Uuid};

/// A process per session.
pub(crate) const MULTI: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
/// Single instance, multi session, keep alive.
pub(crate) const SHARED: Uuid = uuid!("158c5fdd-5a4d-48db-892e-108b8581396a");
/// Single instance.
pub(crate) const EXCLUSIVE: Uuid = uuid!("d9e2d36e-a280-4f3b-bd3f-feaa434df1ab");

pub(crate) const NOP: u32 = 0;
pub(crate) const SWAP: u32 = 1;
pub(crate) const RETURN: u32 = 2;
pub(crate) const SLEEP: u32 = 3;
pub(crate) const SLEEP_MASKED: u32 = 4;
pub(crate) const PANIC: u32 = 5;
pub(crate) const CRASH: u32 = 6;
pub(crate) const SPIN: u32 = 7;
pub(crate) const TOUCH: u32 = 8;
pub(crate) const WATCH: u32 = 9;
pub(crate) const FILL: u32 = 10;
pub(crate) const SHORT_BUFFER: u32 = 11;
pub(crate) const COUNT: u32 = 12;
pub(crate) const ALLOC: u32 = 13;
pub(crate) const SYSCALL: u32 = 14;
pub(crate) const SUM: u32 = 15;
pub(crate) const IDENTITY: u32 = 16;
pub(crate) const NULL_MEMREF: u32 = 17;
pub(crate) const RANDOM: u32 = 19;
pub(crate) const TIME: u32 = 20;
pub(crate) const DIGEST: u32 = 21;
pub(crate) const CHECK_ACCESS: u32 = 23;

pub(crate) const PAGE: u64 = 4096;

/// A TEE of its own, with the test TAs.
pub(crate) fn soft_tee(name: &str) -> SoftTee {
    soft_tee_with(name, |_| ())
}

/// The same, with other limits or folders.
pub(crate) fn soft_tee_with(name: &str, change: impl FnOnce(&mut Config)) -> SoftTee {
    let mut config = Config {
        name: soft_tee_testing::gp_coverage::vm_name(name),
        ta_dir: soft_tee_testing::test_tas().to_owned(),
        ta_runtime: soft_tee_testing::runtime().to_owned(),
        limits: Limits::default(),
        state: Arc::new(State::in_memory(soft_tee::DEFAULT_STORAGE).unwrap()),
        sockets: Vec::new(),
        denied: HashSet::new(),
    };
    change(&mut config);
    SoftTee::new(config).unwrap()
}

/// A context of `tee`.
pub(crate) fn context(tee: &SoftTee) -> Arc<dyn Context> {
    tee.open_context().unwrap()
}

pub(crate) fn request(uuid: Uuid) -> OpenSession {
    OpenSession { uuid, login: tee::gp::LOGIN_PUBLIC, client: Uuid::nil() }
}

/// Opens a session.
pub(crate) fn open(context: &Arc<dyn Context>, uuid: Uuid) -> Result<Arc<dyn Session>, Failure> {
    context.open_session(&request(uuid), &mut [], &CancelToken::new())
}

/// Calls without cancelling.
pub(crate) fn invoke(session: &Arc<dyn Session>, func: u32, params: &mut [Param]) -> Result<(), Failure> {
    session.invoke(func, params, &CancelToken::new())
}

pub(crate) fn value(access: Access, a: u64, b: u64) -> Param {
    Param::Value { access, a, b, c: 0 }
}

pub(crate) fn values(param: &Param) -> (u64, u64) {
    match param {
        Param::Value { a, b, .. } => (*a, *b),
        other => panic!("{other:?} is no value"),
    }
}

/// Size of a memref, as the TA left it.
pub(crate) fn size(param: &Param) -> u64 {
    match param {
        Param::MemRef { size, .. } => *size,
        other => panic!("{other:?} is no memref"),
    }
}

pub(crate) fn memref(access: Access, memory: &Arc<Memory>, offset: u64, size: u64) -> Param {
    Param::MemRef { access, buffer: Some(MemRef { memory: memory.clone(), offset }), size }
}

/// Calls with one value; returns it as the TA left it.
pub(crate) fn invoke_value(
    session: &Arc<dyn Session>,
    func: u32,
    a: u64,
    b: u64,
) -> Result<(u64, u64), Failure> {
    let access = match func {
        SWAP => Access::InOut,
        COUNT => Access::Output,
        _ => Access::Input,
    };
    let mut params = [value(access, a, b)];
    invoke(session, func, &mut params)?;
    Ok(values(&params[0]))
}

/// Memory of a guest.
pub(crate) struct Ram {
    pub(crate) file: Arc<File>,
}

impl Ram {
    /// `pages` pages of zeros.
    pub(crate) fn new(pages: u64) -> Self {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd: OwnedFd = memfd_create("test-ram", flags).unwrap();
        let file = File::from(fd);
        file.set_len(pages * PAGE).unwrap();
        Self { file: Arc::new(file) }
    }

    /// Memory of these (first page, number of pages).
    pub(crate) fn memory(&self, lifetime: Lifetime, runs: &[(u64, u64)]) -> Arc<Memory> {
        let runs = runs
            .iter()
            .map(|(page, count)| Run { file: self.file.clone(), offset: page * PAGE, len: count * PAGE })
            .collect();
        Arc::new(Memory::new(runs, lifetime))
    }

    /// Whether any process has it mapped, which the kernel tells by refusing to seal it. The end of
    /// it where none has: it cannot be mapped for writing any more.
    pub(crate) fn is_mapped(&self) -> bool {
        match fcntl_add_seals(&*self.file, SealFlags::WRITE) {
            Ok(()) => false,
            Err(Errno::BUSY) => true,
            Err(error) => panic!("F_ADD_SEALS: {error}"),
        }
    }

    pub(crate) fn byte(&self, at: u64) -> u8 {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at).unwrap();
        byte[0]
    }

    pub(crate) fn set_byte(&self, at: u64, byte: u8) {
        self.file.write_all_at(&[byte], at).unwrap();
    }

    pub(crate) fn set_page(&self, page: u64, byte: u8) {
        self.file.write_all_at(&[byte; PAGE as usize], page * PAGE).unwrap();
    }
}

/// Memory with these bytes, in a page of their own or more.
pub(crate) fn memory_with(bytes: &[u8]) -> (Ram, Arc<Memory>) {
    let pages = (bytes.len() as u64).div_ceil(PAGE).max(1);
    let ram = Ram::new(pages);
    ram.file.write_all_at(bytes, 0).unwrap();
    let memory = ram.memory(Lifetime::Transient, &[(0, pages)]);
    (ram, memory)
}

/// Waits until `condition` holds, for as long as a test may hang.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{what}: not within a minute");
}

/// Processes whose parent is this one.
pub(crate) fn children() -> Vec<u32> {
    let path = "/proc/self/task";
    let mut children = Vec::new();
    for task in std::fs::read_dir(path).unwrap().flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(list.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
    }
    children
}

/// Bytes of private memory of this process.
pub(crate) fn private_memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(5).unwrap().parse::<u64>().unwrap() * PAGE
}

/// Open file descriptors of this process.
pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Source of the TA [`MULTI`] that does nothing, with `more` added.
pub(crate) fn ta_source(more: &str) -> String {
    format!(
        "#include <tee_internal_api.h>
        #include <user_ta_header.h>
        const struct ta_head ta_head __attribute__((section(\".ta_head\"))) = {{
            .uuid = {{ 0x355ca50a, 0x8cb4, 0x4de0, {{ 0xa6, 0x33, 0x59, 0xe1, 0x7a, 0xfc, 0x16, 0xfb }} }},
            .stack_size = 4096,
        }};
        TEE_Result TA_CreateEntryPoint(void) {{ return TEE_SUCCESS; }}
        void TA_DestroyEntryPoint(void) {{ }}
        TEE_Result TA_OpenSessionEntryPoint(uint32_t t, TEE_Param p[4], void **s) {{ return TEE_SUCCESS; }}
        void TA_CloseSessionEntryPoint(void *s) {{ }}
        TEE_Result TA_InvokeCommandEntryPoint(void *s, uint32_t c, uint32_t t, TEE_Param p[4])
        {{ return TEE_SUCCESS; }}
        {more}"
    )
}
