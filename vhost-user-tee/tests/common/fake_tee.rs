// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A TEE whose TAs are Rust functions here, and that counts what it holds.

use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tee::{gp, CancelToken, Context, Failure, MemRef, Memory, OpenSession, Param, Session, Tee, Version};
use uuid::Uuid;

/// A TA that opens at once.
pub const TA: Uuid = Uuid::from_u128(0x355c_a50a_8cb4_4de0_a633_59e1_7afc_16fb);
/// A TA that opens only when it is cancelled, and not then.
pub const SLOW_TA: Uuid = Uuid::from_u128(2);
/// A TA that opens when the gate opens, cancelled or not.
pub const GATED_TA: Uuid = Uuid::from_u128(3);

/// Any parameters, none touched.
pub const NOP: u32 = 0;
/// p0 value inout: a and b change places.
pub const SWAP: u32 = 1;
/// p0 value in: returns p0.a.
pub const RETURN: u32 = 2;
/// Sleeps until it is cancelled.
pub const SLEEP: u32 = 3;
/// Sleeps until the gate opens, cancelled or not.
pub const GATED: u32 = 4;
/// Panics, as a faulty TEE implementation.
pub const PANIC: u32 = 5;
/// p0 memref: each of its bytes goes up by one; p1 value out: number of runs, size of the memory.
pub const INCREMENT: u32 = 6;
/// p0 memref: its size becomes 12345, result TEE_ERROR_SHORT_BUFFER.
pub const SHORT_BUFFER: u32 = 7;
/// p0 value out: what came in.
pub const LEAK: u32 = 8;
/// p0 memref: p1 value out: 1 if it is NULL, its size.
pub const NULL: u32 = 9;
/// As INCREMENT, when the gate opens.
pub const GATED_INCREMENT: u32 = 10;

/// What a test sees of the TEE.
#[derive(Default)]
pub struct State {
    pub contexts: AtomicI64,
    pub sessions: AtomicI64,
    /// Calls under way, and the most there have been.
    pub running: AtomicI64,
    pub most_running: AtomicI64,
    pub invokes: AtomicU64,
    pub released: AtomicU64,
    /// How long closing a session takes.
    pub close_millis: AtomicU64,
    /// Closing a session waits for the gate, besides.
    pub close_gated: AtomicBool,
    /// Closing a session sleeps until it is abandoned, besides.
    pub close_sleeps: AtomicBool,
    /// Closings that sleep.
    pub closing: AtomicI64,
    /// Nothing sleeps: what would ends as if cancelled.
    pub sleepless: AtomicBool,
    /// Opening a context panics.
    pub faulty: AtomicBool,
    gate: Mutex<bool>,
    gate_opened: Condvar,
}

impl State {
    pub fn open_gate(&self, open: bool) {
        *self.gate.lock().unwrap() = open;
        self.gate_opened.notify_all();
    }

    fn pass_gate(&self) {
        let mut open = self.gate.lock().unwrap();
        while !*open && !self.sleepless.load(Ordering::SeqCst) {
            open = self.gate_opened.wait(open).unwrap();
        }
    }

    fn sleep_until_cancelled(&self, cancel: &CancelToken) -> Failure {
        if self.sleepless.load(Ordering::SeqCst) {
            cancel.cancel();
        }
        let woken = Arc::new((Mutex::new(false), Condvar::new()));
        let wake = woken.clone();
        cancel.with_handler(
            move |_| {
                *wake.0.lock().unwrap() = true;
                wake.1.notify_all();
            },
            || {
                let mut done = woken.0.lock().unwrap();
                while !*done {
                    done = woken.1.wait(done).unwrap();
                }
            },
        );
        Failure::trusted_app(gp::ERROR_CANCEL)
    }

    pub fn running(&self) -> i64 {
        self.running.load(Ordering::SeqCst)
    }
}

pub struct FakeTee {
    version: Version,
    pub state: Arc<State>,
}

impl FakeTee {
    pub fn new() -> Self {
        let revision = format!("fake {}", "é".repeat(60));
        let version = Version { impl_id: 1, impl_caps: 0, gen_caps: 0xd, revision };
        Self { version, state: Arc::default() }
    }
}

struct FakeContext(Arc<State>);
struct FakeSession(Arc<State>);

struct Running<'a>(&'a State);

impl<'a> Running<'a> {
    fn new(state: &'a State) -> Self {
        let now = state.running.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_running.fetch_max(now, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tee for FakeTee {
    fn version(&self) -> &Version {
        &self.version
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        assert!(!self.state.faulty.load(Ordering::SeqCst), "as asked to");
        self.state.contexts.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(FakeContext(self.state.clone())))
    }
}

impl Drop for FakeContext {
    fn drop(&mut self) {
        self.0.contexts.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Context for FakeContext {
    fn open_session(
        &self,
        request: &OpenSession,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Result<Arc<dyn Session>, Failure> {
        let _running = Running::new(&self.0);
        match request.uuid {
            TA => {}
            SLOW_TA => return Err(self.0.sleep_until_cancelled(cancel)),
            GATED_TA => self.0.pass_gate(),
            _ => return Err(Failure::tee(gp::ERROR_ITEM_NOT_FOUND)),
        }
        if let Some(Param::Value { a, .. }) = params.first() {
            if *a != 0 {
                return Err(Failure::trusted_app(*a as u32));
            }
        }
        self.0.sessions.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(FakeSession(self.0.clone())))
    }

    fn release_memory(&self, _memory: &Memory) {
        self.0.released.fetch_add(1, Ordering::SeqCst);
    }
}

impl Session for FakeSession {
    fn invoke(&self, func: u32, params: &mut [Param], cancel: &CancelToken) -> Result<(), Failure> {
        let _running = Running::new(&self.0);
        self.0.invokes.fetch_add(1, Ordering::SeqCst);
        match (func, params) {
            (NOP, _) => Ok(()),
            (SWAP, [Param::Value { a, b, .. }, ..]) => {
                std::mem::swap(a, b);
                Ok(())
            }
            (RETURN, [Param::Value { a, .. }, ..]) => Err(Failure::trusted_app(*a as u32)),
            (SLEEP, _) => Err(self.0.sleep_until_cancelled(cancel)),
            (GATED, _) => {
                self.0.pass_gate();
                Ok(())
            }
            (PANIC, _) => panic!("as asked to"),
            (INCREMENT | GATED_INCREMENT, [Param::MemRef { buffer: Some(buffer), size, .. }, rest @ ..]) => {
                if func == GATED_INCREMENT {
                    self.0.pass_gate();
                }
                increment(buffer, *size);
                if let Some(Param::Value { a, b, .. }) = rest.first_mut() {
                    *a = buffer.memory.runs().len() as u64;
                    *b = buffer.memory.size();
                }
                Ok(())
            }
            (SHORT_BUFFER, [Param::MemRef { size, .. }, ..]) => {
                *size = 12345;
                Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER))
            }
            (LEAK, [Param::Value { .. }, ..]) => Ok(()),
            (NULL, [Param::MemRef { buffer, size, .. }, Param::Value { a, b, .. }, ..]) => {
                *a = u64::from(buffer.is_none());
                *b = *size;
                Ok(())
            }
            _ => Err(Failure::trusted_app(gp::ERROR_BAD_PARAMETERS)),
        }
    }

    fn close(&self, cancel: &CancelToken) {
        std::thread::sleep(Duration::from_millis(self.0.close_millis.load(Ordering::SeqCst)));
        if self.0.close_gated.load(Ordering::SeqCst) {
            let _running = Running::new(&self.0);
            self.0.pass_gate();
        }
        if self.0.close_sleeps.load(Ordering::SeqCst) {
            self.0.closing.fetch_add(1, Ordering::SeqCst);
            self.0.sleep_until_cancelled(cancel);
            self.0.closing.fetch_sub(1, Ordering::SeqCst);
        }
        let before = self.0.sessions.fetch_sub(1, Ordering::SeqCst);
        assert!(before > 0, "a session was closed twice");
    }
}

/// Works on the guest's memory through the files that the runs name, as mapping them would.
fn increment(buffer: &MemRef, size: u64) {
    let (mut skip, mut left) = (buffer.offset, size);
    for run in buffer.memory.runs() {
        let from = skip.min(run.len);
        skip -= from;
        let len = left.min(run.len - from);
        left -= len;
        let mut bytes = vec![0; len as usize];
        run.file.read_exact_at(&mut bytes, run.offset + from).unwrap();
        bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        run.file.write_all_at(&bytes, run.offset + from).unwrap();
    }
    assert_eq!(left, 0, "the memref reaches beyond its memory");
}
