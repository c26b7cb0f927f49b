// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A kernel with a TEE whose TAs are functions here, and that counts what it holds.

use std::collections::HashMap;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use rustix::io::Errno;
use tee::gp;
use tee_uapi::uapi::{CancelArg, InvokeArg, OpenSessionArg, Param, VersionData, ATTR_MEMREF_INPUT};
use tee_uapi::Mapping;
use uuid::Uuid;

use crate::driver::{Buffer, Driver, Shm};
use crate::{Config, Gate, KernelTee};

/// A TA that is there.
pub(super) const TA: Uuid = Uuid::from_u128(7);

/// p0 value: a and b change places, c goes up by one.
pub(super) const SWAP: u32 = 0;
/// p0 memref: each of its bytes goes up by one, where they are a buffer of the kernel's.
pub(super) const INCREMENT: u32 = 1;
/// p0 memref: its size becomes 12345; TEE_ERROR_SHORT_BUFFER.
pub(super) const SHORT_BUFFER: u32 = 2;
/// Waits until it is cancelled.
pub(super) const WAIT: u32 = 3;
/// Waits until the test lets it go, cancelled or not.
pub(super) const DEAF: u32 = 4;
/// p0 value input: fails with a, from origin b.
pub(super) const FAIL: u32 = 5;
/// The kernel refuses it with errno p0.a.
pub(super) const ERRNO: u32 = 6;

#[derive(Default)]
pub(super) struct State {
    pub(super) opens: usize,
    pub(super) sessions: HashMap<u32, ()>,
    last: u32,
    /// What was registered, as it was then, with what tells that it is no longer.
    pub(super) registered: HashMap<i32, (Vec<u8>, UnixStream)>,
    allocated: HashMap<i32, (Mapping, UnixStream)>,
    pub(super) registrations: usize,
    pub(super) allocations: usize,
    /// Parameters of the last call.
    pub(super) seen: Vec<Param>,
    pub(super) cancels: Vec<CancelArg>,
    pub(super) running: usize,
    pub(super) most_running: usize,
    pub(super) let_go: bool,
    /// To cancel takes until the test lets it go.
    pub(super) slow_to_cancel: bool,
}

pub(super) struct Kernel {
    pub(super) version: VersionData,
    state: Mutex<State>,
    changed: Condvar,
}

struct Open(Arc<Kernel>);

impl Kernel {
    pub(super) fn new(gen_caps: u32) -> Arc<Self> {
        let version = VersionData { impl_id: 1, impl_caps: 1, gen_caps };
        Arc::new(Self { version, state: Mutex::default(), changed: Condvar::new() })
    }

    pub(super) fn tee(
        self: &Arc<Self>,
        gate: &Arc<Gate>,
        copy_up_to: u64,
    ) -> Result<KernelTee, crate::Error> {
        let config = Config { name: "vm".into(), device: "/dev/tee0".into(), gate: gate.clone(), copy_up_to };
        let kernel = self.clone();
        KernelTee::over(
            config,
            Box::new(move || {
                kernel.state().opens += 1;
                Ok(Arc::new(Open(kernel.clone())) as Arc<dyn Driver>)
            }),
        )
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Registrations and allocations there have been.
    pub(super) fn shm_made(&self) -> (usize, usize) {
        let state = self.state();
        (state.registrations, state.allocations)
    }

    /// Waits until `condition` holds, which another thread brings about.
    pub(super) fn wait_until(&self, mut condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while !condition(&mut state) {
            state = self.changed.wait(state).unwrap();
        }
        state
    }

    pub(super) fn let_go(&self) {
        self.state().let_go = true;
        self.changed.notify_all();
    }
}

/// Whether the other end is closed.
fn gone(mut stream: &UnixStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    matches!(stream.read(&mut [0]), Ok(0))
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().opens -= 1;
    }
}

impl Driver for Open {
    fn version(&self) -> io::Result<VersionData> {
        Ok(self.0.version)
    }

    fn open_session(&self, arg: &mut OpenSessionArg, params: &mut [Param]) -> io::Result<()> {
        assert_eq!((arg.clnt_login, arg.clnt_uuid), (0, [0; 16]));
        let mut state = self.0.state();
        state.seen = params.to_vec();
        (arg.ret, arg.ret_origin) = (gp::ERROR_ITEM_NOT_FOUND, 3);
        if arg.uuid == TA.into_bytes() {
            state.last += 1;
            let session = state.last;
            state.sessions.insert(session, ());
            (arg.session, arg.ret, arg.ret_origin) = (session, 0, 4);
        }
        Ok(())
    }

    fn invoke(&self, arg: &mut InvokeArg, params: &mut [Param]) -> io::Result<()> {
        let mut state = self.0.state();
        assert!(state.sessions.contains_key(&arg.session));
        state.seen = params.to_vec();
        state.running += 1;
        state.most_running = state.most_running.max(state.running);
        drop(state);
        self.0.changed.notify_all();
        (arg.ret, arg.ret_origin) = (0, 4);
        let result = self.0.run(arg, params);
        self.0.state().running -= 1;
        self.0.changed.notify_all();
        result
    }

    fn cancel(&self, arg: CancelArg) -> io::Result<()> {
        self.0.state().cancels.push(arg);
        self.0.changed.notify_all();
        drop(self.0.wait_until(|state| state.let_go || !state.slow_to_cancel));
        Ok(())
    }

    fn close_session(&self, session: u32) -> io::Result<()> {
        self.0.state().sessions.remove(&session).ok_or_else(|| Errno::INVAL.into())
    }

    fn register(&self, view: &Mapping) -> io::Result<Shm> {
        let mut bytes = vec![0; view.len()];
        view.read_at(0, &mut bytes);
        let mut state = self.0.state();
        state.registrations += 1;
        let (shm, other) = state.shm();
        state.registered.insert(shm.id, (bytes, other));
        Ok(shm)
    }

    fn allocate(&self, len: usize) -> io::Result<Buffer> {
        let file = tempfile::tempfile()?;
        file.set_len(len as u64)?;
        let map = || Mapping::of_shm(file.as_fd(), len).unwrap();
        let mut state = self.0.state();
        state.allocations += 1;
        let (shm, other) = state.shm();
        state.allocated.insert(shm.id, (map(), other));
        Ok(Buffer { shm, mapping: map() })
    }
}

impl State {
    fn shm(&mut self) -> (Shm, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.last += 1;
        (Shm { id: self.last as i32, _fd: OwnedFd::from(theirs) }, ours)
    }

    /// How many registrations there are still.
    pub(super) fn pinned(&self) -> usize {
        self.registered.values().filter(|(_, stream)| !gone(stream)).count()
    }
}

impl Kernel {
    fn run(&self, arg: &mut InvokeArg, params: &mut [Param]) -> io::Result<()> {
        match arg.func {
            SWAP => {
                let Param { a, b, c, .. } = &mut params[0];
                std::mem::swap(a, b);
                *c += 1;
            }
            INCREMENT => {
                let mut state = self.state();
                let Param { attr, a, b, c } = params[0];
                assert!(attr >= ATTR_MEMREF_INPUT);
                if let Some((mapping, _)) = state.allocated.get_mut(&(c as i32)) {
                    let mut bytes = vec![0; b as usize];
                    mapping.read_at(a as usize, &mut bytes);
                    bytes.iter_mut().for_each(|byte| *byte += 1);
                    mapping.write_at(a as usize, &bytes);
                }
            }
            SHORT_BUFFER => {
                params[0].b = 12345;
                arg.ret = gp::ERROR_SHORT_BUFFER;
            }
            WAIT => {
                let name = CancelArg { cancel_id: arg.cancel_id, session: arg.session };
                drop(self.wait_until(|state| state.cancels.contains(&name)));
                arg.ret = gp::ERROR_CANCEL;
            }
            DEAF => drop(self.wait_until(|state| state.let_go)),
            FAIL => (arg.ret, arg.ret_origin) = (params[0].a as u32, params[0].b as u32),
            ERRNO => return Err(io::Error::from_raw_os_error(params[0].a as i32)),
            _ => arg.ret = gp::ERROR_NOT_SUPPORTED,
        }
        Ok(())
    }
}
