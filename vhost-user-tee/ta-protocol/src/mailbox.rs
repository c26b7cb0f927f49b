// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The page through which calls go.
//!
//! One message is in it at a time, and one side owns it: the side that waits does not touch it.
//!
//! ```text
//!   daemon: CALL ─▶ TA … SERVICE ─▶ daemon … SERVICED ─▶ TA … REPLY ─▶ daemon
//! ```
//!
//! Handing over is one atomic exchange, and a futex wake only where the other side sleeps. A waiter
//! looks for a while before it sleeps, as long as looking pays ([`Patience`]).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{futex, sched_getaffinity};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::shared_page::{SharedPage, WORDS};

/// What the mailbox holds, and so whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Turn {
    /// Nothing yet. The TA process waits.
    Idle = 0,
    /// A [`Call`](crate::message::Call) for the TA process.
    Call = 1,
    /// A [`Reply`](crate::message::Reply) for the daemon.
    Reply = 2,
    /// A [`ServiceRequest`](crate::message::ServiceRequest) for the daemon.
    Service = 3,
    /// A [`ServiceReply`](crate::message::ServiceReply) for the TA process.
    Serviced = 4,
    /// The TA process has ended; only the daemon writes this, to itself.
    Dead = 5,
}

impl Turn {
    fn from_word(word: u32) -> Option<Self> {
        [Self::Idle, Self::Call, Self::Reply, Self::Service, Self::Serviced, Self::Dead]
            .into_iter()
            .find(|turn| *turn as u32 == word)
    }
}

/// Set in the turn word by the side that sleeps.
const SLEEPER: u32 = 1 << 31;

/// Why a TA process ends, in its own words: to be believed no more than the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWords {
    /// `TEE_Panic` with this code.
    Panic(u32),
    /// A system call that the sandbox forbids, by its number.
    ForbiddenSyscall(u32),
}

/// Either side's end of a mailbox.
pub struct Mailbox {
    page: SharedPage,
}

impl Mailbox {
    /// Makes a mailbox, and the file that gives it to the TA process.
    pub fn create() -> io::Result<(Self, OwnedFd)> {
        let (page, file) = SharedPage::create("ta-mailbox")?;
        Ok((Self { page }, file))
    }

    /// The TA process's end of the mailbox in `file`.
    pub fn open(file: impl AsFd) -> io::Result<Self> {
        Ok(Self { page: SharedPage::open(file)? })
    }

    /// Writes a message. The caller has the turn.
    pub fn write<T: IntoBytes + Immutable>(&self, message: &T) {
        const { assert!(size_of::<T>() % 8 == 0 && size_of::<T>() <= WORDS * 8) };
        for (word, bytes) in self.page.message.iter().zip(message.as_bytes().chunks_exact(8)) {
            let mut value = [0; 8];
            value.copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(value), Ordering::Relaxed);
        }
    }

    /// Takes a private copy of the message. The caller has the turn.
    pub fn read<T: FromBytes + IntoBytes + Immutable>(&self) -> T {
        const { assert!(size_of::<T>() % 8 == 0 && size_of::<T>() <= WORDS * 8) };
        let mut message = T::new_zeroed();
        for (word, bytes) in self.page.message.iter().zip(message.as_mut_bytes().chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        message
    }

    /// Hands the mailbox over: the other side sees all that was written before.
    pub fn hand_over(&self, turn: Turn) {
        let before = self.page.turn.swap(turn as u32, Ordering::SeqCst);
        if before & SLEEPER != 0 {
            wake(&self.page.turn);
        }
    }

    /// The daemon's, once the TA process has ended: nobody else will hand over any more. Wakes in any
    /// case, as the process may have taken the sleeper's mark away and ended before it woke it.
    pub fn end(&self) {
        self.page.turn.store(Turn::Dead as u32, Ordering::SeqCst);
        wake(&self.page.turn);
    }

    /// Waits until the turn is no longer `mine`, which the caller has handed over as; returns what
    /// it is then, `None` for a value that no honest side writes.
    pub fn wait_after(&self, mine: Turn, patience: &Patience) -> Option<Turn> {
        self.wait_after_until(mine, patience, None)
    }

    /// The same, but no longer than until `deadline`: then it returns `mine`.
    pub fn wait_after_until(
        &self,
        mine: Turn,
        patience: &Patience,
        deadline: Option<Instant>,
    ) -> Option<Turn> {
        let turn = mine as u32;
        let look = || {
            let word = self.page.turn.load(Ordering::Acquire);
            (word & !SLEEPER != turn).then_some(word)
        };
        let word = patience.look(look).unwrap_or_else(|| loop {
            if let Some(word) = look() {
                break word;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break turn;
            }
            // Longer than a timespec holds is for ever.
            let left = left.and_then(|left| futex::Timespec::try_from(left).ok());
            let asleep = turn | SLEEPER;
            // Whether it is set now or was already, by a wake that came to nothing: sleep on it.
            let _ = self.page.turn.compare_exchange(turn, asleep, Ordering::SeqCst, Ordering::Acquire);
            // Any return is a reason to look again.
            let _ = futex::wait(&self.page.turn, futex::Flags::empty(), asleep, left.as_ref());
        });
        Turn::from_word(word & !SLEEPER)
    }

    /// The daemon's: whether the call that runs next, or now, is asked to give up.
    pub fn set_cancelled(&self, cancelled: bool) {
        self.page.cancelled.store(cancelled.into(), Ordering::SeqCst);
        if cancelled {
            wake(&self.page.cancelled);
        }
    }

    /// Whether the call that runs is asked to give up.
    pub fn is_cancelled(&self) -> bool {
        self.page.cancelled.load(Ordering::Acquire) != 0
    }

    /// The TA process's: sleeps until the call is asked to give up, or until `deadline`; for ever
    /// without one. Returns whether it was asked.
    pub fn wait_cancelled(&self, deadline: Option<Instant>) -> bool {
        loop {
            if self.is_cancelled() {
                return true;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            // Longer than a timespec holds is for ever.
            let left = left.and_then(|left| futex::Timespec::try_from(left).ok());
            let _ = futex::wait(&self.page.cancelled, futex::Flags::empty(), 0, left.as_ref());
        }
    }

    /// The TA process's, before it ends: says why. Callable from a signal handler.
    pub fn leave(&self, words: LastWords) {
        let (kind, value) = match words {
            LastWords::Panic(code) => (1, code),
            LastWords::ForbiddenSyscall(number) => (2, number),
        };
        self.page.last_words.store(kind << 32 | u64::from(value), Ordering::SeqCst);
    }

    /// The daemon's, once the TA process has ended: what it said.
    pub fn last_words(&self) -> Option<LastWords> {
        let word = self.page.last_words.load(Ordering::SeqCst);
        let value = (word & u64::from(u32::MAX)) as u32;
        match word >> 32 {
            1 => Some(LastWords::Panic(value)),
            2 => Some(LastWords::ForbiddenSyscall(value)),
            _ => None,
        }
    }
}

fn wake(word: &AtomicU32) {
    // It fails for bad addresses only.
    let woken = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
    debug_assert!(woken.is_ok());
}

/// How long one side looks for the other's answer before it sleeps. Looking saves the price of a
/// sleep and a wake where answers come quickly, and takes the processor from others where they do
/// not: so the time grows while it pays, and shrinks to nothing while it does not.
#[derive(Debug)]
pub struct Patience {
    /// Nanoseconds.
    limit: AtomicU32,
    waits: AtomicU32,
    max: u32,
}

impl Patience {
    /// About what a sleep and a wake cost: looking longer cannot pay.
    const MAX: Duration = Duration::from_micros(20);
    const MIN: u32 = 1_000;
    /// With no patience left, every so many waits try again.
    const RETRY: u32 = 32;

    /// For one end of one mailbox.
    pub fn new() -> Self {
        // With one processor, the other side cannot answer while this one looks. (The standard library would
        // ask the control groups as well: half a dozen files, for each process.)
        let processors = sched_getaffinity(None).map_or(1, |processors| processors.count());
        let max = if processors > 1 { Self::MAX.as_nanos() as u32 } else { 0 };
        Self { limit: AtomicU32::new(max), waits: AtomicU32::new(0), max }
    }

    fn look<T>(&self, mut done: impl FnMut() -> Option<T>) -> Option<T> {
        if let Some(result) = done() {
            return Some(result);
        }
        let mut limit = self.limit.load(Ordering::Relaxed);
        if limit == 0 {
            if self.max == 0 || self.waits.fetch_add(1, Ordering::Relaxed) % Self::RETRY != 0 {
                return None;
            }
            limit = Self::MIN;
        }
        let until = Instant::now() + Duration::from_nanos(limit.into());
        loop {
            for _ in 0..32 {
                if let Some(result) = done() {
                    self.limit.store((limit * 2).min(self.max), Ordering::Relaxed);
                    return Some(result);
                }
                std::hint::spin_loop();
            }
            if Instant::now() >= until {
                let less = limit / 2;
                self.limit.store(if less < Self::MIN { 0 } else { less }, Ordering::Relaxed);
                return None;
            }
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_message_arrives_whole() {
        let (ours, file) = Mailbox::create().unwrap();
        let theirs = Mailbox::open(file).unwrap();
        ours.write(&[1u64, 2, 3]);
        ours.hand_over(Turn::Call);
        assert_eq!(theirs.wait_after(Turn::Idle, &Patience::new()), Some(Turn::Call));
        assert_eq!(theirs.read::<[u64; 3]>(), [1, 2, 3]);
    }

    #[test]
    fn ping_pong_loses_no_turn() {
        const ROUNDS: u64 = 20_000;
        let (ours, file) = Mailbox::create().unwrap();
        let theirs = Mailbox::open(file).unwrap();
        let echo = thread::spawn(move || {
            let patience = Patience::new();
            let mut mine = Turn::Idle;
            for round in 0..ROUNDS {
                assert_eq!(theirs.wait_after(mine, &patience), Some(Turn::Call));
                // Every so often, be slower than the other side's patience.
                if round % 1000 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
                theirs.write(&(theirs.read::<u64>() + 1));
                mine = Turn::Reply;
                theirs.hand_over(mine);
            }
        });
        let patience = Patience::new();
        for round in 0..ROUNDS {
            ours.write(&round);
            ours.hand_over(Turn::Call);
            assert_eq!(ours.wait_after(Turn::Call, &patience), Some(Turn::Reply));
            assert_eq!(ours.read::<u64>(), round + 1);
        }
        echo.join().unwrap();
    }

    #[test]
    fn waiting_ends_at_its_deadline() {
        let (ours, _file) = Mailbox::create().unwrap();
        ours.hand_over(Turn::Call);
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(ours.wait_after_until(Turn::Call, &Patience::new(), Some(deadline)), Some(Turn::Call));
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn the_end_wakes_whom_the_process_did_not() {
        let (ours, file) = Mailbox::create().unwrap();
        let theirs = Mailbox::open(file).unwrap();
        ours.hand_over(Turn::Call);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| ours.wait_after(Turn::Call, &Patience { max: 0, ..Patience::new() }));
            while theirs.page.turn.load(Ordering::SeqCst) != Turn::Call as u32 | SLEEPER {
                thread::yield_now();
            }
            // Once the mark is there, the sleep is near.
            thread::sleep(Duration::from_millis(50));
            // Handed over, and killed before the wake.
            theirs.page.turn.store(Turn::Reply as u32, Ordering::SeqCst);
            ours.end();
            assert!(matches!(waiter.join().unwrap(), Some(Turn::Dead | Turn::Reply)));
        });
    }

    #[test]
    fn a_turn_that_does_not_exist_is_told() {
        let (ours, _file) = Mailbox::create().unwrap();
        ours.page.turn.store(77, Ordering::SeqCst);
        assert_eq!(ours.wait_after(Turn::Call, &Patience::new()), None);
    }

    #[test]
    fn cancelling_ends_a_wait() {
        let (ours, file) = Mailbox::create().unwrap();
        let theirs = Mailbox::open(file).unwrap();
        let waiter = thread::spawn(move || theirs.wait_cancelled(None));
        thread::sleep(Duration::from_millis(5));
        ours.set_cancelled(true);
        assert!(waiter.join().unwrap());
        ours.set_cancelled(false);
        assert!(!ours.wait_cancelled(Some(Instant::now() + Duration::from_millis(1))));
    }

    #[test]
    fn last_words_are_read_back() {
        let (ours, _file) = Mailbox::create().unwrap();
        assert_eq!(ours.last_words(), None);
        for words in [LastWords::Panic(0xffff_0000), LastWords::ForbiddenSyscall(59)] {
            ours.leave(words);
            assert_eq!(ours.last_words(), Some(words));
        }
    }

    #[test]
    fn a_file_that_could_shrink_is_refused() {
        let file = memfd_file();
        assert!(Mailbox::open(file).is_err());
    }

    fn memfd_file() -> OwnedFd {
        use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
        let file = memfd_create("plain", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, 4096).unwrap();
        file
    }
}
