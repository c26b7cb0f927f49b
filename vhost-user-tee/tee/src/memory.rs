// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Shared memory of a guest, as the TEEs beneath are handed it.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// How long a memory is of use, which decides whether a mapping of it is worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// One call. The mapping goes with it.
    Transient,
    /// Until [`Context::release_memory`](crate::Context::release_memory).
    Registered,
}

/// A stretch of a file that backs guest memory.
#[derive(Clone, Debug)]
pub struct Run {
    /// The file, as the VMM handed it over.
    pub file: Arc<File>,
    /// Where the run begins in it, in bytes; page-aligned.
    pub offset: u64,
    /// Length in bytes; page-aligned, not zero.
    pub len: u64,
}

/// Guest memory that a TEE may map: runs which, laid end to end, are one buffer.
#[derive(Debug)]
pub struct Memory {
    id: u64,
    lifetime: Lifetime,
    runs: Vec<Run>,
    size: u64,
}

impl Memory {
    /// Makes a memory of `runs`, whose lengths the caller has checked to add up in 64 bits.
    pub fn new(runs: Vec<Run>, lifetime: Lifetime) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let size = runs.iter().map(|run| run.len).sum();
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), lifetime, runs, size }
    }

    /// A number that no other memory of this process has, ever: the key to cache a mapping under.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How long it is of use.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// Its runs, in order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// All runs together, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}
