// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What an instance has died of.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use ta_protocol::control::Refusal;
use ta_protocol::mailbox::LastWords;
use tee::{gp, Failure};

/// What an instance has died of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// It was ended because nobody needs it any more.
    Ended,
    /// It was killed, for this.
    Killed(&'static str),
    /// It was not started: no code of the TA's ran, but for constructors.
    NotStarted(Refusal, String),
    /// `TEE_Panic` with this code.
    Panic(u32),
    /// A system call, by its number, that the sandbox forbids.
    ForbiddenSyscall(Option<u32>),
    /// A signal.
    Signal(i32),
    /// It has exited, which is not a TA's to do.
    Exit(i32),
}

const SIGSYS: i32 = 31;

impl Death {
    /// Puts together what the kernel says and what the process said of itself: its own words count
    /// where they explain what the kernel says.
    pub(crate) fn new(status: ExitStatus, words: Option<LastWords>) -> Self {
        match (status.signal(), words) {
            (Some(SIGSYS), Some(LastWords::ForbiddenSyscall(number))) => Self::ForbiddenSyscall(Some(number)),
            (Some(SIGSYS), _) => Self::ForbiddenSyscall(None),
            (Some(signal), _) => Self::Signal(signal),
            (None, Some(LastWords::Panic(code))) => Self::Panic(code),
            (None, _) => Self::Exit(status.code().unwrap_or_default()),
        }
    }

    /// What the calls that wait for it get.
    pub(crate) fn failure(&self) -> Failure {
        Failure::tee(match self {
            Self::NotStarted(Refusal::Ta, _) => gp::ERROR_BAD_FORMAT,
            Self::NotStarted(Refusal::Machine, _) => gp::ERROR_GENERIC,
            _ => gp::ERROR_TARGET_DEAD,
        })
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => write!(f, "ended"),
            Self::Killed(why) => write!(f, "killed: {why}"),
            Self::NotStarted(Refusal::Ta, why) => write!(f, "cannot be loaded: {why}"),
            Self::NotStarted(Refusal::Machine, why) => write!(f, "cannot be run here: {why}"),
            Self::Panic(code) => write!(f, "panicked with code {code:#010x}"),
            Self::ForbiddenSyscall(Some(number)) => {
                write!(f, "killed by the sandbox: forbidden system call, number {number}")
            }
            Self::ForbiddenSyscall(None) => write!(f, "killed by the sandbox: forbidden system call"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "crashed with {name}"),
                None => write!(f, "ended by signal {signal}"),
            },
            Self::Exit(code) => write!(f, "exited by itself with status {code}"),
        }
    }
}

/// The signals that a TA is likely to die of.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT (it, or a library beneath it, gave up)",
        7 => "SIGBUS (memory that its VM has taken away, perhaps)",
        8 => "SIGFPE",
        9 => "SIGKILL (by the kernel for want of memory, or by someone)",
        11 => "SIGSEGV",
        25 => "SIGXFSZ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_believed_first() {
        let exited = |code: i32| ExitStatus::from_raw(code << 8);
        let killed = ExitStatus::from_raw;
        let panic = Some(LastWords::Panic(7));
        let syscall = Some(LastWords::ForbiddenSyscall(59));
        assert_eq!(Death::new(exited(1), panic), Death::Panic(7));
        assert_eq!(Death::new(killed(11), panic), Death::Signal(11));
        assert_eq!(Death::new(killed(31), syscall), Death::ForbiddenSyscall(Some(59)));
        assert_eq!(Death::new(killed(31), panic), Death::ForbiddenSyscall(None));
        assert_eq!(Death::new(exited(3), syscall), Death::Exit(3));
    }
}
