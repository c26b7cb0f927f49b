// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Instances that die: of panics, crashes and forbidden system calls, or because their VM has gone.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::*;
use tee::{gp, CancelToken, Failure, Session};

const DEAD: Failure = Failure::tee(gp::ERROR_TARGET_DEAD);

/// `func` kills the instance: the call, and every later one, says so; a new session works.
fn dies(func: u32, a: u64, b: u64) {
    let tee = soft_tee("dies");
    let context = context(&tee);
    let session = open(&context, MULTI).unwrap();
    assert_eq!(invoke_value(&session, func, a, b), Err(DEAD), "command {func}, {a}");
    assert_eq!(invoke(&session, NOP, &mut []), Err(DEAD));
    session.close(&CancelToken::new());
    let session = open(&context, MULTI).unwrap();
    invoke(&session, NOP, &mut []).unwrap();
    session.close(&CancelToken::new());
}

#[test]
fn a_panic_is_death() {
    dies(PANIC, 0xdead, 0);
}

#[test]
fn a_crash_is_death() {
    dies(CRASH, 0, 0);
}

/// The numbers are x86-64's and arm64's.
#[test]
fn forbidden_system_calls_are_death() {
    let forbidden: &[(&str, u64)] = if cfg!(target_arch = "x86_64") {
        &[
            ("open", 2),
            ("openat", 257),
            ("socket", 41),
            ("clone", 56),
            ("fork", 57),
            ("execve", 59),
            ("ptrace", 101),
            ("setuid", 105),
            ("mount", 165),
            ("memfd_create", 319),
            ("execveat", 322),
            ("io_uring_setup", 425),
            ("clone3", 435),
            ("process_vm_readv", 310),
            ("kill", 62),
            ("no such call", 100_000),
        ]
    } else {
        &[("openat", 56), ("socket", 198), ("clone", 220), ("execve", 221), ("ptrace", 117), ("kill", 129)]
    };
    for (name, number) in forbidden {
        eprintln!("{name}");
        dies(SYSCALL, *number, 0);
    }
}

/// SIGSYS's handler, which says which call it was, cannot be replaced.
#[test]
fn sigsys_cannot_be_handled() {
    let rt_sigaction = if cfg!(target_arch = "x86_64") { 13 } else { 134 };
    dies(SYSCALL, rt_sigaction, 31);
}

/// Signals go to the process itself only.
#[test]
fn other_processes_cannot_be_signalled() {
    let tgkill = if cfg!(target_arch = "x86_64") { 234 } else { 131 };
    dies(SYSCALL, tgkill, u64::from(std::process::id()));
}

#[test]
fn a_harmless_system_call_is_allowed() {
    let tee = soft_tee("allowed");
    let session = open(&context(&tee), MULTI).unwrap();
    let getpid = if cfg!(target_arch = "x86_64") { 39 } else { 172 };
    invoke_value(&session, SYSCALL, getpid, 0).unwrap();
    // Declined, rather than allowed: fstat.
    let fstat = if cfg!(target_arch = "x86_64") { 5 } else { 80 };
    let declined = invoke_value(&session, SYSCALL, fstat, 1);
    assert_eq!(declined, Err(Failure::trusted_app(gp::ERROR_ACCESS_DENIED)));
    session.close(&CancelToken::new());
}

/// A library in the daemon may hold files that are not closed on exec.
#[test]
fn files_of_the_daemon_are_not_passed_on() {
    let secret = Ram::new(1);
    let number = rustix::io::fcntl_dupfd_cloexec(&*secret.file, 900).unwrap();
    rustix::io::fcntl_setfd(&number, rustix::io::FdFlags::empty()).unwrap();
    let tee = soft_tee("inherited");
    let session = open(&context(&tee), MULTI).unwrap();
    let close = if cfg!(target_arch = "x86_64") { 3 } else { 57 };
    let closed = invoke_value(&session, SYSCALL, close, std::os::fd::AsRawFd::as_raw_fd(&number) as u64);
    assert_eq!(closed, Err(Failure::trusted_app(gp::ERROR_GENERIC)), "there is nothing to close");
    session.close(&CancelToken::new());
}

/// A TA that is to be kept crashed fails all sessions from there on.
#[test]
fn a_kept_crash_stays() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ".stack_size = 4096, .flags = TA_FLAG_SINGLE_INSTANCE | TA_FLAG_MULTI_SESSION
        | TA_FLAG_INSTANCE_KEEP_ALIVE | TA_FLAG_INSTANCE_KEEP_CRASHED,";
    let source = ta_source("").replace(".stack_size = 4096,", flags).replace(
        "uint32_t c, uint32_t t, TEE_Param p[4])",
        "uint32_t c, uint32_t t, TEE_Param p[4]) { __builtin_trap(); }
        TEE_Result never(void)",
    );
    soft_tee_testing::compile(&source, &folder.path().join(format!("{MULTI}.ta")));
    let tee = soft_tee_with("kept", |config| config.ta_dir = folder.path().to_owned());
    let context = context(&tee);
    let session = open(&context, MULTI).unwrap();
    assert_eq!(invoke(&session, NOP, &mut []), Err(DEAD));
    session.close(&CancelToken::new());
    for _ in 0..2 {
        assert_eq!(open(&context, MULTI).err(), Some(DEAD));
    }
}

/// As TAs of others may do for debugging.
#[test]
fn printing_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let print = "#include <stdio.h>
        int print(void) { fprintf(stderr, \"to the log\\n\"); return printf(\"nowhere\\n\") < 0 || fflush(stdout); }";
    let create = "TA_CreateEntryPoint(void) { int print(void); return print() ? TEE_ERROR_GENERIC :";
    let source = ta_source(print).replace("TA_CreateEntryPoint(void) { return", create);
    soft_tee_testing::compile(&source, &folder.path().join(format!("{MULTI}.ta")));
    let tee = soft_tee_with("printing", |config| config.ta_dir = folder.path().to_owned());
    open(&context(&tee), MULTI).unwrap().close(&CancelToken::new());
}

#[test]
fn the_death_of_a_shared_instance_is_every_sessions() {
    let tee = soft_tee("shared-death");
    let context = context(&tee);
    let sessions: Vec<_> = (0..3).map(|_| open(&context, SHARED).unwrap()).collect();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| invoke_value(&sessions[0], SLEEP, 100, 0));
        let queued = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            invoke_value(&sessions[1], CRASH, 0, 0)
        });
        sleeper.join().unwrap().unwrap();
        assert_eq!(queued.join().unwrap(), Err(DEAD));
    });
    for session in &sessions {
        assert_eq!(invoke(session, NOP, &mut []), Err(DEAD));
    }
    // Before any of them is closed: GP's client may take its time.
    let fresh = open(&context, SHARED).unwrap();
    assert_eq!(invoke_value(&fresh, COUNT, 0, 0).unwrap().0, 1);
    sessions.iter().for_each(|session| session.close(&CancelToken::new()));
    assert_eq!(invoke_value(&fresh, COUNT, 0, 0).unwrap().0, 2, "closing the dead does no harm");
    fresh.close(&CancelToken::new());
}

#[test]
fn too_much_memory_is_an_error_and_not_death() {
    let tee = soft_tee("memory");
    let session = open(&context(&tee), MULTI).unwrap();
    let refused = invoke_value(&session, ALLOC, 1 << 30, 0);
    assert_eq!(refused, Err(Failure::trusted_app(gp::ERROR_OUT_OF_MEMORY)));
    invoke_value(&session, ALLOC, 4096, 0).unwrap();
    session.close(&CancelToken::new());
}

/// Whatever they do: nothing is left when the TEE has been dropped.
#[test]
fn the_end_of_the_vm_is_the_end_of_its_tas() {
    let name = "vm-gone";
    let tee = soft_tee_with(name, |config| config.limits.grace = Duration::from_millis(300));
    let context = context(&tee);
    let sessions: Vec<_> =
        [MULTI, MULTI, MULTI, SHARED].map(|uuid| open(&context, uuid).unwrap()).into_iter().collect();
    let call = |session: &Arc<dyn Session>, func, a| {
        let session = session.clone();
        std::thread::spawn(move || invoke_value(&session, func, a, 0))
    };
    let spinner = call(&sessions[0], SPIN, 0);
    let sleeper = call(&sessions[1], SLEEP, 60_000);
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    drop(tee);
    assert!(start.elapsed() >= Duration::from_millis(300), "the spinner has had its grace");
    assert_eq!(spinner.join().unwrap(), Err(DEAD));
    assert_eq!(sleeper.join().unwrap(), Err(Failure::trusted_app(gp::ERROR_CANCEL)));
    assert_eq!(invoke(&sessions[2], NOP, &mut []), Err(DEAD));
    assert_eq!(open(&context, MULTI).err(), Some(DEAD));
    let late = context.open_session(&request(SHARED), &mut [], &CancelToken::new());
    assert_eq!(late.err(), Some(DEAD));
    sessions.iter().for_each(|session| session.close(&CancelToken::new()));
}
