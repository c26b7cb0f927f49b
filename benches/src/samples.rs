// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How long things take: samples, and their medians.

use std::time::{Duration, Instant};

use crate::Error;

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Does it so many times, after once that does not count.
    pub fn take(&mut self, times: usize, mut call: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
        call()?;
        for _ in 0..times {
            self.time(&mut call)?;
        }
        Ok(())
    }

    /// Does it once.
    pub fn time<T>(&mut self, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let start = Instant::now();
        let result = call()?;
        self.0.push(start.elapsed());
        Ok(result)
    }

    /// In nanoseconds; 0 without samples.
    pub fn median(mut self) -> u64 {
        self.0.sort_unstable();
        self.0.get(self.0.len() / 2).map_or(0, |median| median.as_nanos() as u64)
    }

    /// The shortest, in nanoseconds: what is left when nothing else wants the processor. 0 without samples.
    pub fn shortest(&self) -> u64 {
        self.0.iter().min().map_or(0, |shortest| shortest.as_nanos() as u64)
    }
}
