// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Threads that make a VM's blocking calls.
//!
//! ```text
//!   door thread ──submit──▶ FIFO ──▶ worker ──▶ Tee (blocks) ──▶ answer, in whatever order calls end
//! ```
//!
//! Calls, closings of sessions and control work have a lane each: what waits for a TA never delays a
//! control command, and a call never the closing that frees what it waits for. A lane starts a thread
//! when work waits and none is idle, up to its bound; the rest waits in FIFO. Idle threads sleep on a
//! condition variable: nothing polls.

use std::collections::VecDeque;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

/// Why an executor could not be made.
#[derive(Debug, Error)]
#[error("cannot start worker thread {name:?}: {source}")]
pub struct SpawnError {
    name: String,
    source: io::Error,
}

impl SpawnError {
    pub(crate) fn new(name: &str, source: io::Error) -> Self {
        Self { name: name.to_owned(), source }
    }
}

/// A piece of work; it may block.
pub type Job = Box<dyn FnOnce() + Send>;

struct Queued {
    id: u64,
    job: Job,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Queued>,
    /// Threads that wait for work, also those that have been signalled and have not woken yet.
    idle: usize,
    /// Threads that have not ended.
    live: usize,
    closed: bool,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when there is work for an idle thread, or none will come.
    work: Condvar,
    /// Signalled when the last thread ends.
    ended: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One FIFO with its threads.
pub struct Lane {
    name: String,
    max_threads: usize,
    shared: Arc<Shared>,
}

impl Lane {
    /// Makes a lane of at most `max_threads` threads (at least one, which starts now, so that work
    /// gets done even where the host refuses more).
    pub fn new(name: &str, max_threads: usize) -> Result<Self, SpawnError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            ended: Condvar::new(),
        });
        let lane = Self { name: name.to_owned(), max_threads: max_threads.max(1), shared };
        lane.spawn(&mut lane.shared.lock()).map_err(|source| SpawnError::new(&lane.name, source))?;
        Ok(lane)
    }

    /// Queues `job`. `id` names it for [`Lane::take`]. Once the lane is closed, `job` runs here and
    /// now: it comes from a thread that was stuck when the others ended, and cleans up after it.
    pub fn submit(&self, id: u64, job: Job) {
        let mut state = self.shared.lock();
        if state.closed {
            drop(state);
            return job();
        }
        state.queue.push_back(Queued { id, job });
        // Every queued job has an idle thread, or a new one, or all threads there may be are at work.
        if state.queue.len() > state.idle && state.live < self.max_threads {
            if let Err(e) = self.spawn(&mut state) {
                log::warn!("{}: no further worker thread, {} serve on: {e}", self.name, state.live);
            }
        }
        let wake = state.idle > 0;
        drop(state);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// Takes a job back that no thread has begun.
    pub fn take(&self, id: u64) -> Option<Job> {
        let mut state = self.shared.lock();
        let index = state.queue.iter().position(|queued| queued.id == id)?;
        state.queue.remove(index).map(|queued| queued.job)
    }

    /// Takes no more work, lets the threads finish what is queued, and waits for them until
    /// `deadline`. Returns how many are stuck in a job; they end by themselves if the job does.
    pub fn close(&self, deadline: Instant) -> usize {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.work.notify_all();
        while state.live > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return state.live;
            }
            state = self.shared.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        for thread in threads {
            // A worker catches its jobs' panics, so there is no panic of its own to report.
            let _ = thread.join();
        }
        0
    }

    fn spawn(&self, state: &mut State) -> io::Result<()> {
        let shared = self.shared.clone();
        let thread = Builder::new().name(self.name.clone()).spawn(move || work(&shared))?;
        state.live += 1;
        state.threads.push(thread);
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // Whoever wants to wait has called `close`; here the threads are only told.
        self.close(Instant::now());
    }
}

fn work(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        if let Some(queued) = state.queue.pop_front() {
            drop(state);
            if catch_unwind(AssertUnwindSafe(queued.job)).is_err() {
                log::error!("a worker's job panicked; its thread serves on");
            }
            state = shared.lock();
        } else if state.closed {
            break;
        } else {
            state.idle += 1;
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
    state.live -= 1;
    if state.live == 0 {
        shared.ended.notify_all();
    }
}

/// The lanes of one VM.
pub struct Executor {
    /// Calls into TAs.
    pub calls: Lane,
    /// Closing sessions, which waits for TAs too.
    pub closes: Lane,
    /// What the control queue must not wait for, and what waits for no TA: unmapping memory, freeing
    /// contexts that have no sessions left.
    pub control: Lane,
}

impl Executor {
    /// Threads that control work may use. No TA holds one, so a few are enough.
    const CONTROL_THREADS: usize = 8;

    /// Makes the lanes; at most `max_calls` calls run at a time, and as many closings of sessions.
    pub fn new(max_calls: usize) -> Result<Self, SpawnError> {
        Ok(Self {
            calls: Lane::new("tee-call", max_calls)?,
            closes: Lane::new("tee-close", max_calls)?,
            control: Lane::new("tee-control", Self::CONTROL_THREADS)?,
        })
    }

    /// Closes the lanes, see [`Lane::close`]; one before those that its jobs have work for.
    pub fn close(&self, grace: Duration) -> usize {
        let deadline = Instant::now() + grace;
        self.calls.close(deadline) + self.closes.close(deadline) + self.control.close(deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const HANG: Duration = Duration::from_secs(60);

    #[test]
    fn runs_as_many_at_once_as_it_may_and_the_rest_in_order() {
        let lane = Lane::new("test", 2).unwrap();
        let (started, starts) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for id in 0..2 {
            let (started, gate) = (started.clone(), gate.clone());
            lane.submit(
                id,
                Box::new(move || {
                    started.send(id).unwrap();
                    gate.lock().unwrap().recv().unwrap();
                }),
            );
        }
        let mut first = [starts.recv_timeout(HANG).unwrap(), starts.recv_timeout(HANG).unwrap()];
        first.sort_unstable();
        assert_eq!(first, [0, 1]);

        for id in 2..5 {
            let started = started.clone();
            lane.submit(id, Box::new(move || started.send(id).unwrap()));
        }
        assert!(starts.try_recv().is_err(), "a third job ran beside two");
        assert!(lane.take(3).is_some());
        assert!(lane.take(3).is_none());
        // One thread goes on, so the order of the rest is the order of submission.
        release.send(()).unwrap();
        assert_eq!(starts.recv_timeout(HANG).unwrap(), 2);
        assert_eq!(starts.recv_timeout(HANG).unwrap(), 4);
        release.send(()).unwrap();
        assert_eq!(lane.close(Instant::now() + HANG), 0);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let lane = Lane::new("test", 1).unwrap();
        lane.submit(0, Box::new(|| panic!("as a faulty TEE would")));
        let (done, result) = mpsc::channel();
        lane.submit(1, Box::new(move || done.send(()).unwrap()));
        result.recv_timeout(HANG).unwrap();
        assert_eq!(lane.close(Instant::now() + HANG), 0);
    }

    #[test]
    fn close_reports_what_is_stuck() {
        let lane = Lane::new("test", 1).unwrap();
        let (release, gate) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        lane.submit(
            0,
            Box::new(move || {
                started.send(()).unwrap();
                let _ = gate.recv();
            }),
        );
        starts.recv_timeout(HANG).unwrap();
        assert_eq!(lane.close(Instant::now()), 1);
        release.send(()).unwrap();
        assert_eq!(lane.close(Instant::now() + HANG), 0);
    }
}
