// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One thread that watches all processes of a TEE: what they print, and their end.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use event_manager::{EventManager, EventOps, EventSet, Events, MutEventSubscriber, SubscriberOps};
use vmm_sys_util::eventfd::{EventFd, EFD_CLOEXEC, EFD_NONBLOCK};

use crate::death::Death;
use crate::instance::{Instance, Watched};
use crate::ta_log::TaLog;

const EINTR: i32 = rustix::io::Errno::INTR.raw_os_error();

/// Told of each instance that has ended.
pub(crate) type OnEnd = Box<dyn Fn(&Arc<Instance>, Death) + Send>;

/// Why there is no monitor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No event loop.
    #[error("event manager: {0}")]
    EventManager(#[from] event_manager::Error),
    /// No eventfd, or no thread.
    #[error("monitor: {0}")]
    System(#[from] io::Error),
}

/// The thread, and the way to it. Dropping it ends the thread, and leaves alone what still runs.
pub(crate) struct Monitor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    new: Mutex<Vec<Watched>>,
    stop: AtomicBool,
    wake: EventFd,
}

impl Monitor {
    /// Starts the thread.
    pub(crate) fn start(on_end: OnEnd) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            new: Mutex::default(),
            stop: AtomicBool::new(false),
            wake: EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC)?,
        });
        let mut manager = EventManager::new()?;
        let watcher = Watcher { shared: shared.clone(), on_end, watched: HashMap::new(), next: WAKE + 2 };
        manager.add_subscriber(watcher);
        let stop = shared.clone();
        let thread = thread::Builder::new().name("ta-monitor".into()).spawn(move || {
            while !stop.stop.load(Ordering::Acquire) {
                match manager.run() {
                    Ok(_) => {}
                    // A signal.
                    Err(event_manager::Error::Epoll(error)) if error.errno() == EINTR => {}
                    Err(error) => log::error!("TA monitor: {error}"),
                }
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Watches a new instance.
    pub(crate) fn watch(&self, watched: Watched) {
        self.shared.new.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        self.shared.wake();
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        // On itself where it lets go of the last there is of the TEE: then it ends by itself.
        let other = |thread: &JoinHandle<()>| thread.thread().id() != thread::current().id();
        if let Some(thread) = self.thread.take().filter(other) {
            // It does not panic; if it did, its message is in the log.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn wake(&self) {
        // It fails where the counter is full: the thread is awake then.
        let _ = self.wake.write(1);
    }
}

/// Event data: of the eventfd; then an even number for a process, the odd one after it for its log.
const WAKE: u32 = 0;

struct Entry {
    instance: Arc<Instance>,
    child: Child,
    /// Its stderr, until it is closed.
    pipe: Option<File>,
    log: TaLog,
}

struct Watcher {
    shared: Arc<Shared>,
    on_end: OnEnd,
    watched: HashMap<u32, Entry>,
    next: u32,
}

impl MutEventSubscriber for Watcher {
    fn init(&mut self, ops: &mut EventOps) {
        add(ops, Events::with_data(&self.shared.wake, WAKE, EventSet::IN));
    }

    fn process(&mut self, events: Events, ops: &mut EventOps) {
        match events.data() {
            WAKE => self.take_new(ops),
            data if data % 2 == 0 => self.process_ended(data, ops),
            data => {
                if let Some(entry) = self.watched.get_mut(&(data - 1)) {
                    read_log(entry, data, ops);
                }
            }
        }
    }
}

impl Watcher {
    fn take_new(&mut self, ops: &mut EventOps) {
        // Only empties it; what it counts is of no interest.
        let _ = self.shared.wake.read();
        let new = std::mem::take(&mut *self.shared.new.lock().unwrap_or_else(PoisonError::into_inner));
        for Watched { instance, child, stderr, log } in new {
            let data = self.free_number();
            let pipe = File::from(stderr);
            add(ops, Events::with_data(instance.pidfd(), data, EventSet::IN));
            add(ops, Events::with_data(&pipe, data + 1, EventSet::IN));
            self.watched.insert(data, Entry { instance, child, pipe: Some(pipe), log });
        }
    }

    fn free_number(&mut self) -> u32 {
        loop {
            let number = self.next;
            self.next = self.next.checked_add(2).unwrap_or(WAKE + 2);
            if !self.watched.contains_key(&number) {
                return number;
            }
        }
    }

    fn process_ended(&mut self, data: u32, ops: &mut EventOps) {
        let Some(entry) = self.watched.get_mut(&data) else { return };
        let status = match entry.child.try_wait() {
            Ok(Some(status)) => status,
            // Not yet; there will be another event.
            Ok(None) => return,
            Err(error) => {
                // The kernel has told nobody how it ended (SIGCHLD is ignored), but ended it has.
                log::warn!("{}: waiting for its process: {error}", entry.instance.full_name());
                ExitStatus::default()
            }
        };
        let Some(mut entry) = self.watched.remove(&data) else { return };
        // What it printed before its end comes before the end in the log.
        read_log(&mut entry, data + 1, ops);
        entry.log.finish();
        if let Some(pipe) = &entry.pipe {
            remove(ops, Events::with_data(pipe, data + 1, EventSet::IN));
        }
        remove(ops, Events::with_data(entry.instance.pidfd(), data, EventSet::IN));
        let death = Death::new(status, entry.instance.last_words());
        (self.on_end)(&entry.instance, death);
    }
}

/// Takes what is in the pipe, but no more than a pipe holds: there are others.
fn read_log(entry: &mut Entry, data: u32, ops: &mut EventOps) {
    let Some(mut pipe) = entry.pipe.as_ref() else { return };
    let mut buffer = [0; 4096];
    for _ in 0..16 {
        match pipe.read(&mut buffer) {
            Ok(0) => {
                remove(ops, Events::with_data(pipe, data, EventSet::IN));
                entry.pipe = None;
                return;
            }
            Ok(len) => entry.log.take(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn add(ops: &mut EventOps, events: Events) {
    let fd = events.fd();
    if let Err(error) = ops.add(events) {
        log::error!("TA monitor: cannot watch descriptor {fd}: {error}");
    }
}

fn remove(ops: &mut EventOps, events: Events) {
    let fd = events.fd().as_raw_fd();
    if let Err(error) = ops.remove(events) {
        log::error!("TA monitor: cannot stop watching descriptor {fd}: {error}");
    }
}
