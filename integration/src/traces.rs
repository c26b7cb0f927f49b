// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What an Arm machine with OP-TEE ([`optee`](crate::optee)) holds for its clients, in both worlds: to be looked at
//! before something, and again when all that it began should have ended.

use std::collections::BTreeMap;
use std::fmt;
use std::num::ParseIntError;
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::daemon::Usage;
use crate::vm::{Guest, GuestError};

/// How long what has ended may take to be gone: the kernel sums up its counters once a second or so, and closes what
/// a killed process had when it comes to it.
const SETTLES: Duration = Duration::from_secs(60);
/// Bytes that OP-TEE's heap may be larger by: a client's memory is remembered for a while by a thread of its.
const HEAP: u64 = 2048;
/// KiB that come and go in the kernel's slabs.
const SLAB_KIB: u64 = 4096;
/// KiB that come and go in a daemon's own memory: the allocator's arenas.
const DAEMON_KIB: u64 = 4096;

/// Prints what the kernel holds, a name and a number a line.
const KERNEL: &str = "awk '/^nr_foll_pin_acquired/ { a = $2 } /^nr_foll_pin_released/ { r = $2 } \
     END { print \"pinned\", a - r; print \"pins\", a }' /proc/vmstat; awk '/^SUnreclaim/ { print \"slab\", $2 }' /proc/meminfo";

/// Why it cannot be told.
#[derive(Debug, Error)]
pub enum TracesError {
    /// The machine does not answer.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// What it answers has not what was looked for.
    #[error("no {what} in:\n{text}")]
    Missing {
        /// What.
        what: &'static str,
        /// What it printed.
        text: String,
    },
    /// What should be a number is none.
    #[error("{text}: {source}")]
    Number {
        /// What it is.
        text: String,
        /// Why.
        source: ParseIntError,
    },
    /// Something is held that was not before.
    #[error("left behind: {left}; now there are {now}")]
    Left {
        /// What is more than it was.
        left: String,
        /// All that is held.
        now: Box<Traces>,
    },
}

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// Bytes that OP-TEE has allocated, by its names for its pools.
    pub pools: BTreeMap<String, u64>,
    /// Pages that the kernel has pinned.
    pub pinned: i64,
    /// Pages that it has ever pinned.
    pub pins: u64,
    /// KiB of its slabs that cannot be shrunk.
    pub slab_kib: u64,
    /// What a daemon uses, if one was asked after.
    pub daemon: Option<Usage>,
}

impl Traces {
    /// Asks both worlds of the machine, and after a daemon of that process number.
    pub fn of(guest: &Guest, daemon: Option<u32>) -> Result<Self, TracesError> {
        let pools = pools(&guest.ok(&["xtest", "--stats", "--alloc"])?)?;
        let kernel = Numbers::of(guest.sh(KERNEL)?);
        Ok(Self {
            pools,
            pinned: kernel.get("pinned")?,
            pins: kernel.get("pins")?,
            slab_kib: kernel.get("slab")?,
            daemon: daemon.map(|pid| usage(guest, pid)).transpose()?,
        })
    }

    /// Waits until nothing is held but what was `before`; fails where that does not come about.
    pub fn settle(guest: &Guest, before: &Self, daemon: Option<u32>) -> Result<Self, TracesError> {
        let deadline = Instant::now() + SETTLES;
        loop {
            let now = Self::of(guest, daemon)?;
            match now.left_since(before) {
                None => return Ok(now),
                Some(left) if Instant::now() > deadline => {
                    return Err(TracesError::Left { left, now: Box::new(now) });
                }
                Some(_) => thread::sleep(Duration::from_secs(1)),
            }
        }
    }

    /// What is held that was not before, in words.
    fn left_since(&self, before: &Self) -> Option<String> {
        let mut left = Vec::new();
        for (pool, now) in &self.pools {
            let then = before.pools.get(pool).copied().unwrap_or_default();
            let slack = if pool.contains("Heap") { HEAP } else { 0 };
            if *now > then + slack {
                left.push(format!("OP-TEE's {pool}: {then} → {now} bytes"));
            }
        }
        if self.pinned > before.pinned {
            left.push(format!("pinned pages: {} → {}", before.pinned, self.pinned));
        }
        if self.slab_kib > before.slab_kib + SLAB_KIB {
            left.push(format!("slabs: {} → {} KiB", before.slab_kib, self.slab_kib));
        }
        if let (Some(then), Some(now)) = (before.daemon, self.daemon) {
            if now.descriptors > then.descriptors {
                left.push(format!("the daemon's descriptors: {} → {}", then.descriptors, now.descriptors));
            }
            if now.memory_kib > then.memory_kib + DAEMON_KIB {
                left.push(format!("the daemon's memory: {} → {} KiB", then.memory_kib, now.memory_kib));
            }
        }
        (!left.is_empty()).then(|| left.join("; "))
    }
}

impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pool, bytes) in &self.pools {
            write!(f, "{pool} {bytes} bytes, ")?;
        }
        write!(f, "{} pages pinned of {} ever, slabs {} KiB", self.pinned, self.pins, self.slab_kib)?;
        if let Some(daemon) = &self.daemon {
            let Usage { descriptors, memory_kib, mappings, threads, .. } = daemon;
            write!(
                f,
                "; daemon: {descriptors} descriptors, {memory_kib} KiB, {mappings} mappings, {threads} threads"
            )?;
        }
        Ok(())
    }
}

/// What a process of the machine uses.
fn usage(guest: &Guest, pid: u32) -> Result<Usage, TracesError> {
    let script = format!(
        "cd /proc/{pid}; echo fds $(ls fd | wc -l); echo mappings $(wc -l <maps); \
         awk '/^RssAnon/ {{ print \"memory\", $2 }} /^Threads/ {{ print \"threads\", $2 }}' status; \
         echo children $(cat task/*/children | wc -w)"
    );
    let numbers = Numbers::of(guest.sh(&script)?);
    Ok(Usage {
        descriptors: numbers.get("fds")?,
        memory_kib: numbers.get("memory")?,
        mappings: numbers.get("mappings")?,
        threads: numbers.get("threads")?,
        children: numbers.get("children")?,
    })
}

/// Lines of a name and a number each.
struct Numbers(String);

impl Numbers {
    fn of(text: String) -> Self {
        Self(text)
    }

    fn get<N: std::str::FromStr<Err = ParseIntError>>(&self, what: &'static str) -> Result<N, TracesError> {
        let number = self.0.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
        number.ok_or_else(|| TracesError::Missing { what, text: self.0.clone() }).and_then(self::number)
    }
}

fn number<N: std::str::FromStr<Err = ParseIntError>>(text: &str) -> Result<N, TracesError> {
    text.trim().parse().map_err(|source| TracesError::Number { text: text.to_owned(), source })
}

/// The pools in what `xtest --stats --alloc` prints: for each, its name and then its numbers.
fn pools(text: &str) -> Result<BTreeMap<String, u64>, TracesError> {
    let mut pools = BTreeMap::new();
    let mut pool = None;
    for line in text.lines() {
        let (key, value) = line.split_once(':').unwrap_or_default();
        match (key, &mut pool) {
            // OP-TEE names the pools that it has.
            ("Pool", pool) => *pool = Some(value.trim().to_owned()).filter(|name| !name.is_empty()),
            ("Bytes allocated", pool) => {
                pools.extend(pool.take().map(|pool| number(value).map(|bytes| (pool, bytes))).transpose()?);
            }
            _ => {}
        }
    }
    if pools.is_empty() {
        return Err(TracesError::Missing { what: "pool", text: text.to_owned() });
    }
    Ok(pools)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &str = "\
Pool:                                    Heap
Bytes allocated:                       40000
Max bytes allocated:                   50000
Size of pool:                          196608

Pool:                               Secure DDR
Bytes allocated:                       4096
";

    fn traces() -> Traces {
        let pools = pools(STATS).unwrap();
        Traces { pools, pinned: 0, pins: 7, slab_kib: 9000, daemon: None }
    }

    #[test]
    fn pools_are_read() {
        let pools = pools(STATS).unwrap();
        assert_eq!((pools.len(), pools["Heap"], pools["Secure DDR"]), (2, 40_000, 4096));
        assert!(super::pools("no statistics").is_err());
    }

    #[test]
    fn what_is_left_is_told() {
        let before = traces();
        assert_eq!(before.left_since(&before), None);
        let mut after = traces();
        after.pools.insert("Secure DDR".to_owned(), 4097);
        after.pinned = 1;
        let left = after.left_since(&before).unwrap();
        assert_eq!(left, "OP-TEE's Secure DDR: 4096 → 4097 bytes; pinned pages: 0 → 1");
    }
}
