// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the TEE makes of calls, on a kernel of the test's own.

mod fake;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fake::{Kernel, DEAF, ERRNO, FAIL, INCREMENT, SHORT_BUFFER, SWAP, TA, WAIT};
use tee::{
    gp, Access, CancelToken, Context, Failure, GiveUp, Lifetime, MemRef, Memory, OpenSession, Origin, Param,
    Run, Session, Tee,
};
use tee_uapi::uapi;
use uuid::Uuid;

use crate::{Config, Error, Gate, KernelTee};

const GP: u32 = 1;
const REG_MEM: u32 = 4;
const ALL: u32 = 0xd;

fn open(context: &Arc<dyn Context>) -> Arc<dyn Session> {
    let request = OpenSession { uuid: TA, login: gp::LOGIN_PUBLIC, client: Uuid::nil() };
    context.open_session(&request, &mut [], &CancelToken::new()).unwrap()
}

/// A TEE that copies nothing, a context, a session.
fn session(kernel: &Arc<Kernel>) -> (KernelTee, Arc<dyn Context>, Arc<dyn Session>) {
    let tee = kernel.tee(&Gate::new(2), 0).unwrap();
    let context = tee.open_context().unwrap();
    let session = open(&context);
    (tee, context, session)
}

fn invoke(session: &Arc<dyn Session>, func: u32, params: &mut [Param]) -> Result<(), Failure> {
    session.invoke(func, params, &CancelToken::new())
}

/// A call without parameters, in a thread of its own.
fn begin(session: &Arc<dyn Session>, func: u32, token: &Arc<CancelToken>) -> JoinHandle<Result<(), Failure>> {
    let (session, token) = (session.clone(), token.clone());
    thread::spawn(move || session.invoke(func, &mut [], &token))
}

fn value(access: Access, a: u64, b: u64) -> Param {
    Param::Value { access, a, b, c: 0 }
}

/// Pages of a file, the second before the first, whose bytes are 1 and 2.
fn memory(lifetime: Lifetime) -> (Arc<File>, Arc<Memory>, u64) {
    let page = rustix::param::page_size() as u64;
    let mut file = tempfile::tempfile().unwrap();
    for byte in 1..=2 {
        file.write_all(&vec![byte; page as usize]).unwrap();
    }
    let file = Arc::new(file);
    let run = |offset| Run { file: file.clone(), offset, len: page };
    let memory = Arc::new(Memory::new(vec![run(page), run(0)], lifetime));
    (file, memory, page)
}

fn memref(access: Access, memory: &Arc<Memory>, offset: u64, size: u64) -> Param {
    Param::MemRef { access, buffer: Some(MemRef { memory: memory.clone(), offset }), size }
}

#[test]
fn capabilities_are_the_hosts_as_far_as_they_are_known() {
    let tee = Kernel::new(ALL | 1 << 30).tee(&Gate::new(1), 0).unwrap();
    let version = tee.version();
    assert_eq!((version.impl_id, version.impl_caps, version.gen_caps), (1, 1, ALL));
    assert!(version.revision.contains("/dev/tee0"), "{}", version.revision);
    assert_eq!(Kernel::new(GP).tee(&Gate::new(1), 0).unwrap().version().gen_caps, GP);
}

#[test]
fn each_unusable_device_has_a_line_of_its_own() {
    let refusal = |device: &str| {
        let gate = Gate::new(1);
        let config = Config { name: "vm".into(), device: device.into(), gate, copy_up_to: 0 };
        let error = KernelTee::new(config).err().unwrap().to_string();
        assert!(error.starts_with(device) && !error.contains('\n'), "{error}");
        error
    };
    assert!(refusal("/nonexistent/tee0").contains("modprobe optee"));
    assert!(refusal("/dev/null").contains("not a TEE device"));
    assert!(refusal("/dev/teepriv0").contains("supplicant"));
    assert!(refusal("/").contains("cannot open"));
    let error = Error::opening("/dev/tee0".as_ref(), std::io::ErrorKind::PermissionDenied.into());
    assert!(error.to_string().contains("group"), "{error}");
    assert!(matches!(Kernel::new(2).tee(&Gate::new(1), 0), Err(Error::Privileged(_))));
    assert!(matches!(Kernel::new(4).tee(&Gate::new(1), 0), Err(Error::NotGp { gen_caps: 4, .. })));
}

#[test]
fn contexts_are_opens_and_sessions_are_closed() {
    let kernel = Kernel::new(ALL);
    let (tee, context, session) = session(&kernel);
    let other = tee.open_context().unwrap();
    assert_eq!(kernel.state().opens, 2);
    assert_eq!(kernel.state().sessions.len(), 1);
    session.close(&CancelToken::new());
    assert_eq!(kernel.state().sessions.len(), 0);
    drop(session);
    drop(open(&other));
    assert_eq!(kernel.state().sessions.len(), 0);
    drop((context, other));
    assert_eq!(kernel.state().opens, 0);
}

#[test]
fn only_the_public_login_reaches_the_kernel() {
    let kernel = Kernel::new(ALL);
    let (_tee, context, _session) = session(&kernel);
    for login in [gp::LOGIN_USER, gp::LOGIN_GROUP, gp::LOGIN_APPLICATION, gp::LOGIN_REE_KERNEL] {
        let request = OpenSession { uuid: TA, login, client: Uuid::from_u128(1) };
        let refused = context.open_session(&request, &mut [], &CancelToken::new()).err().unwrap();
        assert_eq!(refused, Failure::tee(gp::ERROR_ACCESS_DENIED));
    }
}

#[test]
fn results_and_origins_come_back_as_they_are() {
    let kernel = Kernel::new(ALL);
    let (_tee, context, session) = session(&kernel);
    let mut params = [value(Access::InOut, 1, u64::MAX), Param::None];
    invoke(&session, SWAP, &mut params).unwrap();
    assert!(matches!(params[0], Param::Value { a: u64::MAX, b: 1, c: 1, .. }));
    let mut params = [value(Access::Input, 1, 2)];
    invoke(&session, SWAP, &mut params).unwrap();
    assert!(matches!(params[0], Param::Value { a: 1, b: 2, c: 0, .. }));
    for (number, origin) in [(1, Origin::Api), (2, Origin::Comms), (3, Origin::Tee), (4, Origin::TrustedApp)]
    {
        let failed = invoke(&session, FAIL, &mut [value(Access::Input, 0xffff_000d, number)]);
        assert_eq!(failed, Err(Failure { ret: 0xffff_000d, origin }));
    }
    let nobody = OpenSession { uuid: Uuid::nil(), login: gp::LOGIN_PUBLIC, client: Uuid::nil() };
    let missing = context.open_session(&nobody, &mut [], &CancelToken::new()).err().unwrap();
    assert_eq!(missing, Failure::tee(gp::ERROR_ITEM_NOT_FOUND));
    for (errno, ret) in
        [(12, gp::ERROR_OUT_OF_MEMORY), (22, gp::ERROR_BAD_PARAMETERS), (19, gp::ERROR_COMMUNICATION)]
    {
        let refused = invoke(&session, ERRNO, &mut [value(Access::Input, errno, 0)]);
        assert_eq!(refused, Err(Failure::comms(ret)));
    }
}

#[test]
fn null_memrefs_and_sizes_that_would_be_needed() {
    let kernel = Kernel::new(ALL);
    let (_tee, _context, session) = session(&kernel);
    let mut params = [Param::MemRef { access: Access::Output, buffer: None, size: 8 }];
    let short = Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER));
    assert_eq!(invoke(&session, SHORT_BUFFER, &mut params), short);
    assert!(matches!(params[0], Param::MemRef { size: 12345, .. }));
    assert_eq!(kernel.state().seen, [uapi::Param { attr: 6, a: 0, b: 8, c: u64::MAX }]);
    let mut params = [Param::MemRef { access: Access::Input, buffer: None, size: 8 }];
    assert_eq!(invoke(&session, SHORT_BUFFER, &mut params), short);
    assert!(matches!(params[0], Param::MemRef { size: 8, .. }));
}

#[test]
fn registered_memory_is_registered_once_as_one_stretch() {
    let kernel = Kernel::new(ALL);
    let (_tee, context, session) = session(&kernel);
    let (_file, memory, page) = memory(Lifetime::Registered);
    for _ in 0..3 {
        invoke(&session, INCREMENT, &mut [memref(Access::InOut, &memory, 100, 50)]).unwrap();
    }
    let state = kernel.state();
    assert_eq!((state.registrations, state.allocations, state.pinned()), (1, 0, 1));
    let (id, (bytes, _)) = state.registered.iter().next().unwrap();
    assert_eq!((bytes.len() as u64, bytes[0], bytes[page as usize]), (2 * page, 2, 1));
    assert_eq!(state.seen, [uapi::Param { attr: 7, a: 100, b: 50, c: *id as u64 }]);
    drop(state);
    context.release_memory(&memory);
    assert_eq!(kernel.state().pinned(), 0);
    context.release_memory(&memory);
}

#[test]
fn memory_of_one_call_is_registered_for_it() {
    let kernel = Kernel::new(ALL);
    let (_tee, _context, session) = session(&kernel);
    let (_file, memory, _) = memory(Lifetime::Transient);
    invoke(&session, INCREMENT, &mut [memref(Access::InOut, &memory, 0, 50)]).unwrap();
    assert_eq!(kernel.shm_made(), (1, 0));
    assert_eq!(kernel.state().pinned(), 0);
}

#[test]
fn small_memory_of_one_call_is_copied_there_and_back() {
    let kernel = Kernel::new(ALL);
    let tee = kernel.tee(&Gate::new(2), 64).unwrap();
    let context = tee.open_context().unwrap();
    let session = open(&context);
    let (file, memory, page) = memory(Lifetime::Transient);
    // Around the end of the first run, which is the file's second page.
    let at = page - 10;
    let mut bytes = [0; 12];
    for (access, expected) in [(Access::InOut, 1), (Access::Output, 2), (Access::Input, 2)] {
        invoke(&session, INCREMENT, &mut [memref(access, &memory, at, 20)]).unwrap();
        file.read_exact_at(&mut bytes[..11], 2 * page - 11).unwrap();
        assert_eq!(bytes[..11], [&[2][..], &[2 + expected; 10]].concat());
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes, [&[1 + expected; 10][..], &[1; 2]].concat()[..]);
    }
    assert_eq!(kernel.shm_made(), (0, 1));
    invoke(&session, INCREMENT, &mut [memref(Access::InOut, &memory, at, 65)]).unwrap();
    assert_eq!(kernel.state().registrations, 1);
}

#[test]
fn where_nothing_can_be_registered_all_is_copied() {
    let kernel = Kernel::new(GP);
    let (_tee, context, session) = session(&kernel);
    let (file, memory, page) = memory(Lifetime::Registered);
    invoke(&session, INCREMENT, &mut [memref(Access::InOut, &memory, 0, 2 * page)]).unwrap();
    assert_eq!(kernel.state().registrations, 0);
    let mut bytes = vec![0; 2 * page as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!((bytes[0], bytes[page as usize]), (2, 3));
    context.release_memory(&memory);
    assert_eq!(Kernel::new(REG_MEM | GP).tee(&Gate::new(1), 0).unwrap().version().gen_caps, 5);
}

#[test]
fn a_cancel_names_its_call() {
    let kernel = Kernel::new(ALL);
    let (_tee, _context, session) = session(&kernel);
    let token = Arc::new(CancelToken::new());
    let call = begin(&session, WAIT, &token);
    drop(kernel.wait_until(|state| state.running == 1));
    token.cancel();
    assert_eq!(call.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
    assert_eq!(kernel.state().cancels.len(), 1);
    // One that is cancelled before it is made is not made.
    assert_eq!(session.invoke(DEAF, &mut [], &token), Err(Failure::tee(gp::ERROR_CANCEL)));
}

/// What cancels it would be taken for the session's next call.
#[test]
fn a_call_is_not_over_while_it_is_being_cancelled() {
    let kernel = Kernel::new(ALL);
    let (_tee, _context, session) = session(&kernel);
    kernel.state().slow_to_cancel = true;
    let token = Arc::new(CancelToken::new());
    let call = begin(&session, WAIT, &token);
    drop(kernel.wait_until(|state| state.running == 1));
    token.cancel();
    drop(kernel.wait_until(|state| state.cancels.len() == 1 && state.running == 0));
    thread::sleep(Duration::from_millis(50));
    assert!(!call.is_finished());
    kernel.let_go();
    assert_eq!(call.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
}

#[test]
fn calls_of_a_session_wait_for_each_other_outside_of_the_tee() {
    let kernel = Kernel::new(ALL);
    let (_tee, _context, session) = session(&kernel);
    let call = |token: &Arc<CancelToken>| begin(&session, DEAF, token);
    let first = call(&Arc::default());
    drop(kernel.wait_until(|state| state.running == 1));
    let token = Arc::default();
    let (second, third) = (call(&token), call(&Arc::default()));
    thread::sleep(Duration::from_millis(50));
    assert_eq!(kernel.state().running, 1);
    // The TEE does not hear of it: it would cancel the first.
    token.cancel();
    assert_eq!(second.join().unwrap(), Err(Failure::tee(gp::ERROR_CANCEL)));
    assert_eq!(kernel.state().cancels, []);
    kernel.let_go();
    [first, third].into_iter().for_each(|call| call.join().unwrap().unwrap());
    assert_eq!(kernel.state().most_running, 1);
}

#[test]
fn a_call_that_does_not_heed_being_abandoned_holds_up_no_other() {
    let kernel = Kernel::new(ALL);
    let (tee, _context, stuck) = session(&kernel);
    let (_file, memory, _) = memory(Lifetime::Transient);
    let token = Arc::new(CancelToken::new());
    let call = {
        let token = token.clone();
        let params = [memref(Access::InOut, &memory, 0, 10)];
        thread::spawn(move || stuck.invoke(DEAF, &mut params.clone(), &token))
    };
    drop(kernel.wait_until(|state| state.running == 1));
    token.ask(GiveUp::Abandon);
    drop(kernel.wait_until(|state| state.cancels.len() == 1));
    let other = open(&tee.open_context().unwrap());
    invoke(&other, SWAP, &mut [value(Access::InOut, 1, 2)]).unwrap();
    assert!(!call.is_finished());
    assert_eq!(kernel.state().pinned(), 1);
    kernel.let_go();
    call.join().unwrap().unwrap();
    assert_eq!(kernel.state().pinned(), 0);
}

#[test]
fn the_gate_bounds_the_calls_of_all_vms_together() {
    let kernel = Kernel::new(ALL);
    let gate = Gate::new(3);
    let tees = [kernel.tee(&gate, 0).unwrap(), kernel.tee(&gate, 0).unwrap()];
    let sessions: Vec<_> = (0..12).map(|n| open(&tees[n % 2].open_context().unwrap())).collect();
    let calls: Vec<_> =
        sessions.into_iter().map(|session| thread::spawn(move || invoke(&session, DEAF, &mut []))).collect();
    drop(kernel.wait_until(|state| state.running == 3));
    kernel.let_go();
    calls.into_iter().for_each(|call| call.join().unwrap().unwrap());
    assert_eq!(kernel.state().most_running, 3);
}
