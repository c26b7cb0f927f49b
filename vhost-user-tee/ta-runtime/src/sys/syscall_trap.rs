// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Telling which forbidden system call a TA has died of.
//!
//! The seccomp filters answer a forbidden call with SIGSYS. The handler here notes its number in the
//! mailbox and then makes a forbidden call itself: with SIGSYS blocked, as it is in its own handler,
//! the kernel kills the process. The filters keep this handler from being replaced, so a TA gets no
//! further whatever it does.

use std::{io, mem, ptr};

use ta_protocol::mailbox::LastWords;

use crate::process;

/// `si_code` of a signal that a seccomp filter has sent.
const SYS_SECCOMP: i32 = 1;

/// Installs the handler.
pub(crate) fn install() -> io::Result<()> {
    // SAFETY: zeros are a valid `sigaction`: no flags, empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    action.sa_sigaction = on_sigsys as extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    // SAFETY: the handler has the type that SA_SIGINFO asks for, and does only what a signal handler
    // may: atomic stores and system calls.
    if unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// `siginfo_t` of SIGSYS on 64-bit Linux (`include/uapi/asm-generic/siginfo.h`).
#[repr(C)]
struct SigsysInfo {
    signo: i32,
    errno: i32,
    code: i32,
    _pad: i32,
    call_addr: *mut libc::c_void,
    syscall: i32,
    arch: u32,
}

extern "C" fn on_sigsys(_signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a `siginfo_t`, which for SIGSYS begins as `SigsysInfo` does and is
    // longer.
    let info = unsafe { &*info.cast::<SigsysInfo>() };
    if info.code == SYS_SECCOMP {
        process::this().mailbox().leave(LastWords::ForbiddenSyscall(info.syscall as u32));
    }
    // SAFETY: it is forbidden, so it has no effect but the end of the process.
    unsafe { libc::syscall(libc::SYS_execve, 0, 0, 0) };
    process::exit(1);
}
