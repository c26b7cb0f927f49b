// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The thread that looks after a VM's calls while they are in the TEE.
//!
//! It asks the TEE to cancel them: with OP-TEE that takes a thread of the TEE's, for which it may have to
//! wait, and whoever wants a call cancelled must not. And it tells the log of sessions that do not
//! open: of a TA that is not there, and of one that takes too long. For a user-space supplicant loads
//! OP-TEE's TAs, and without it the kernel lets clients wait for ever, while nothing shows whether there
//! is one.

use std::fmt::Display;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Builder;
use std::time::{Duration, Instant};

use tee_uapi::uapi::CancelArg;
use uuid::Uuid;

use crate::driver::Driver;

/// How long a session may take to open before the log hears of it.
const LONG: Duration = Duration::from_secs(10);
/// How long the log hears of no other of the kind.
const SILENCE: Duration = Duration::from_secs(60);

/// A call that is in the TEE, for as long as its thread keeps this.
pub(crate) struct InFlight {
    driver: Arc<dyn Driver>,
    name: CancelArg,
    /// The attendant has been asked to cancel it, and has not come to it yet: a call that is abandoned is asked about
    /// again and again, and the attendant may have to wait.
    asked: AtomicBool,
    /// It has come back. Locked while it is being cancelled.
    over: Mutex<bool>,
}

impl InFlight {
    /// A call that `driver` is about to make under this name.
    pub(crate) fn new(driver: Arc<dyn Driver>, name: CancelArg) -> Self {
        Self { driver, name, asked: AtomicBool::new(false), over: Mutex::new(false) }
    }

    /// Notes that it has come back. When this returns, nobody is about to cancel it: OP-TEE takes a cancellation for
    /// the session's next call where there is none.
    pub(crate) fn end(&self) {
        *self.lock() = true;
    }

    fn cancel(&self) -> io::Result<()> {
        let over = self.lock();
        self.asked.store(false, Ordering::SeqCst);
        if *over {
            return Ok(());
        }
        self.driver.cancel(self.name)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Job {
    Cancel(Weak<InFlight>),
    WatchOpening(Uuid, Weak<InFlight>),
    Missing(Uuid),
}

/// What the log hears of now and then.
#[derive(Default)]
struct Rarely {
    silent_until: Option<Instant>,
}

impl Rarely {
    fn warn(&mut self, line: &dyn Display) {
        let now = Instant::now();
        if self.silent_until.is_none_or(|until| now >= until) {
            self.silent_until = Some(now + SILENCE);
            log::warn!("{line}");
        }
    }
}

/// The way to the thread, which ends when this and its clones are gone.
#[derive(Clone)]
pub(crate) struct Attendant(Sender<Job>);

impl Attendant {
    /// Starts it for the VM `name`.
    pub(crate) fn new(name: String) -> io::Result<Self> {
        let (jobs, queue) = channel();
        Builder::new().name("tee-attendant".into()).spawn(move || attend(&name, &queue))?;
        Ok(Self(jobs))
    }

    /// Has a call cancelled, unless it has ended by then.
    pub(crate) fn cancel(&self, call: &Weak<InFlight>) {
        if call.upgrade().is_some_and(|call| !call.asked.swap(true, Ordering::SeqCst)) {
            // The thread lives as long as there is anyone to send.
            let _ = self.0.send(Job::Cancel(call.clone()));
        }
    }

    /// Has the log told if this call, which opens a session with `ta`, takes long.
    pub(crate) fn watch_opening(&self, ta: Uuid, call: &Arc<InFlight>) {
        let _ = self.0.send(Job::WatchOpening(ta, Arc::downgrade(call)));
    }

    /// Has the log told that a TA is not there.
    pub(crate) fn missing(&self, ta: Uuid) {
        let _ = self.0.send(Job::Missing(ta));
    }
}

fn attend(vm: &str, queue: &Receiver<Job>) {
    let mut openings: Vec<(Instant, Uuid, Weak<InFlight>)> = Vec::new();
    let (mut of_missing, mut of_slow) = (Rarely::default(), Rarely::default());
    loop {
        let job = match openings.first() {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some((due, ..)) => queue.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match job {
            Ok(Job::Cancel(call)) => {
                if let Some(call) = call.upgrade() {
                    if let Err(error) = call.cancel() {
                        log::debug!("{vm}: a call cannot be cancelled: {error}");
                    }
                }
            }
            Ok(Job::Missing(ta)) => of_missing.warn(&format_args!("{vm}: the host's TEE has no TA {ta}")),
            Ok(Job::WatchOpening(ta, call)) => openings.push((Instant::now() + LONG, ta, call)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        openings.retain(|(due, ta, call)| {
            if call.strong_count() == 0 {
                return false;
            }
            if *due > now {
                return true;
            }
            let seconds = LONG.as_secs();
            of_slow.warn(&format_args!(
                "{vm}: a session with TA {ta} has not opened in {seconds} s: is tee-supplicant running?"
            ));
            false
        });
    }
}
