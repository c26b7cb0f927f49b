// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The system calls that a TA process may make.
//!
//! Filters stack, and the strictest answer counts: the one for loading, then the one for running,
//! each beside one that declines, with EPERM, a few calls that the C library can do without. A call
//! that is neither allowed nor declined ends the process (see
//! [`syscall_trap`](crate::sys::syscall_trap)).

use std::collections::BTreeMap;

use seccompiler::{
    apply_filter_all_threads, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::Error;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Argument, how it compares, with what.
type Condition = (u8, SeccompCmpOp, u64);

/// Allowed from the start to the end.
const ALWAYS: &[i64] = &[
    // The mailbox and the sockets. New sockets cannot be had.
    libc::SYS_futex,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_close,
    // Memory without new code; mmap and mprotect have rules below.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_munmap,
    // qsort asks how much memory there is, once in a process.
    libc::SYS_sysinfo,
    // Time, random numbers, the processor.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    // Crashing and ending; rt_sigaction, tgkill and write have rules below.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// What the dynamic linker needs on top, and closing the sandbox itself. Landlock sees to it that
/// openat opens nothing but memory files.
const LOADING: &[i64] = &[
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_mprotect,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_seccomp,
];

/// Declined from the start to the end. mremap grows a view of guest memory into what lies beside it in
/// the file, and doubles one; `realloc` of a large block asks for it, and copies the block where it is
/// declined.
const DECLINED: &[i64] = &[libc::SYS_mremap];

/// What the C library asks by the way, as `printf` does before it writes: declined once the TA is
/// loaded, which the library takes without harm.
const DECLINED_RUNNING: &[i64] = &[libc::SYS_fstat, libc::SYS_newfstatat];

/// The bits of mmap's flags that say whose memory it is.
const KIND: i32 = libc::MAP_TYPE | libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN | libc::MAP_HUGETLB;

/// The kinds of memory to be had: views of a file, and what counts as private. RLIMIT_DATA counts
/// neither shared memory without a file nor what grows downwards, and huge pages are the host's store.
/// What the kernel may drop counts as private: the C library (glibc 2.41) keeps the state of getrandom's
/// part in user space in it, and blocks all signals before it asks, so that nobody would hear of a refusal.
const KINDS: [i32; 4] = [
    libc::MAP_SHARED,
    libc::MAP_PRIVATE,
    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    libc::MAP_DROPPABLE | libc::MAP_ANONYMOUS,
];

/// Closes the sandbox, for all threads, but for what loading needs.
pub(super) fn apply_loading() -> Result<(), Error> {
    let mut rules = always()?;
    rules.extend(plain(LOADING));
    rules.insert(libc::SYS_mmap, mappings(&[])?);
    // The heap's limit is set once more, on this process; not on another.
    rules.insert(libc::SYS_prlimit64, vec![rule(&[(0, SeccompCmpOp::Eq, 0)])?]);
    rules.insert(libc::SYS_prctl, vec![rule(&[(0, SeccompCmpOp::Eq, libc::PR_SET_NO_NEW_PRIVS as u64)])?]);
    decline(DECLINED)?;
    install(rules, SeccompAction::Trap, SeccompAction::Allow)
}

/// Closes the sandbox, for all threads, for good.
pub(super) fn apply_running() -> Result<(), Error> {
    let mut rules = always()?;
    rules.extend(plain(DECLINED_RUNNING));
    let no_code = (2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0);
    rules.insert(libc::SYS_mmap, mappings(std::slice::from_ref(&no_code))?);
    rules.insert(libc::SYS_mprotect, vec![rule(&[no_code])?]);
    let running = program(rules, SeccompAction::Trap, SeccompAction::Allow)?;
    decline(DECLINED_RUNNING)?;
    Ok(apply_filter_all_threads(&running)?)
}

/// Has `calls` fail with EPERM, where another filter does not end the process for them.
fn decline(calls: &[i64]) -> Result<(), Error> {
    install(plain(calls), SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))
}

/// mmap of one of [`KINDS`], on these conditions on top.
fn mappings(more: &[Condition]) -> Result<Vec<SeccompRule>, Error> {
    let of_kind = |kind| (3, SeccompCmpOp::MaskedEq(KIND as u64), kind as u64);
    KINDS.into_iter().map(|kind| rule(&[more, &[of_kind(kind)]].concat())).collect()
}

fn always() -> Result<Rules, Error> {
    let mut rules = plain(ALWAYS);
    rules.extend(plain(DECLINED));
    for write in [libc::SYS_write, libc::SYS_writev] {
        let to = |fd| rule(&[(0, SeccompCmpOp::Eq, fd)]);
        rules.insert(write, vec![to(1)?, to(2)?]);
    }
    // Rust's library asks whether what it closes is open, when built for debugging.
    let ask = rule(&[(1, SeccompCmpOp::Eq, libc::F_GETFD as u64)])?;
    rules.insert(libc::SYS_fcntl, vec![ask]);
    // The handler of SIGSYS stays (see `syscall_trap`).
    let not_sigsys = rule(&[(0, SeccompCmpOp::Ne, libc::SIGSYS as u64)])?;
    rules.insert(libc::SYS_rt_sigaction, vec![not_sigsys]);
    // abort().
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(&[(0, SeccompCmpOp::Eq, own)])?]);
    Ok(rules)
}

fn plain(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// All of `conditions`, on the low 32 bits of their arguments, as the kernel takes these.
fn rule(conditions: &[Condition]) -> Result<SeccompRule, Error> {
    let conditions = conditions
        .iter()
        .map(|(argument, op, value)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, op.clone(), *value)
        })
        .collect::<Result<_, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}

fn program(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<BpfProgram, Error> {
    let arch =
        TargetArch::try_from(std::env::consts::ARCH).map_err(|_| Error::Machine(std::env::consts::ARCH))?;
    Ok(SeccompFilter::new(rules, otherwise, matching, arch)?.try_into()?)
}

fn install(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<(), Error> {
    Ok(apply_filter_all_threads(&program(rules, otherwise, matching)?)?)
}
