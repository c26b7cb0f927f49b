// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! One TA instance: its process, as the threads that make calls see it.
//!
//! ```text
//!   calling threads ── turns ──▶ one at a time ── mailbox ──▶ process
//!   release_memory ─── control ──────────────────────────────▶ its service thread
//!   monitor ── pidfd, stderr ◀─────────────────────────────────
//! ```
//!
//! No lock is held while the TA works: only the turn is. When the process ends, for whatever
//! reason, the monitor says so here ([`Instance::died`]), and every call that waits is over. Calls are
//! made with a [`CallTurn`].

mod call_turn;
mod numbers;

use std::cell::Cell;
use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{pidfd_send_signal, Signal};
use ta_protocol::control::{self, Notice, Start};
use ta_protocol::mailbox::{Mailbox, Patience};
use ta_protocol::ta_head::{self, TaHead};
use tee::{gp, Failure, GiveUp};
use uuid::Uuid;

pub(crate) use call_turn::CallTurn;
use numbers::Numbers;

use crate::death::Death;
use crate::debugging::Debugging;
use crate::outward::Outward;
use crate::ration::ErrorLog;
use crate::registry::TaImage;
use crate::services::Services;
use crate::sessions::Session;
use crate::spawn::{self, Spawned};
use crate::state::State;
use crate::ta_log::{printable, TaLog};
use crate::terms::{earlier, Terms};
use crate::turns::{NoTurn, Ticket, Turns};

/// Stack for the libraries beneath a TA, on top of what its header says; in bytes.
const RUNTIME_STACK: u64 = 1 << 20;

/// How an instance dies in which an abandoned call runs.
const ABANDONED: Death = Death::Killed("its client has gone, and it would not end");

/// One TA instance.
pub(crate) struct Instance {
    /// Which TA, which process: for the log.
    name: String,
    errors: Arc<ErrorLog>,
    uuid: Uuid,
    head: TaHead,
    turns: Turns,
    mailbox: Mailbox,
    patience: Patience,
    memory_socket: OwnedFd,
    control: Mutex<OwnedFd>,
    pidfd: OwnedFd,
    services: Services,
    /// What it has with other TAs.
    outward: Outward,
    /// The TA's code, as the process was given it.
    image: OwnedFd,
    /// Registered memories that are mapped in the process.
    mapped: Mutex<HashSet<u64>>,
    sessions: Mutex<Numbers>,
    /// Session of the call that runs; 0 for none.
    session: AtomicU32,
    /// It has answered a call.
    answered: AtomicBool,
    /// Why it was killed, where it was on purpose.
    killed: OnceLock<Death>,
    dead: AtomicBool,
    death: OnceLock<Death>,
}

/// What the monitor watches of an instance.
pub(crate) struct Watched {
    /// The instance.
    pub(crate) instance: Arc<Instance>,
    /// Its process.
    pub(crate) child: Child,
    /// Its stderr.
    pub(crate) stderr: OwnedFd,
    /// What takes in all of that, and logs what may be logged.
    pub(crate) log: TaLog,
}

/// What a new instance is made with.
pub(crate) struct Birth<'a> {
    /// The VM's log.
    pub(crate) errors: &'a Arc<ErrorLog>,
    /// The runtime's program.
    pub(crate) runtime: &'a Path,
    /// What tells the VM's TEE from others.
    pub(crate) device_id: Uuid,
    /// Most bytes of heap.
    pub(crate) heap: u64,
    /// What the VM's TEE keeps.
    pub(crate) state: &'a Arc<State>,
    /// How it is debugged, where it is.
    pub(crate) debugging: Option<&'a Debugging>,
}

impl Instance {
    /// Starts the process of a new instance. Its TA is loaded and created by its first call.
    pub(crate) fn spawn(image: TaImage, birth: &Birth<'_>) -> Result<Watched, spawn::Error> {
        let TaImage { head, file: image } = image;
        let start = Start {
            uuid: head.uuid().into_bytes(),
            device_id: birth.device_id.into_bytes(),
            heap: birth.heap,
            stack: u64::from(head.stack_size) + RUNTIME_STACK,
            flags: head.flags.into(),
            daemon: std::process::id().into(),
            debug: birth.debugging.map_or(0, Debugging::flags),
            ..Start::new()
        };
        let Spawned { child, pidfd, stderr, mailbox, exchange, control, memory } =
            spawn::spawn(birth.runtime, &start, &image, birth.debugging)?;
        let name = format!("TA {} [{}]", head.uuid(), child.id());
        let services = Services::new(
            &name,
            head.uuid(),
            head.flags,
            birth.state.clone(),
            birth.errors.clone(),
            exchange,
        );
        let instance = Self {
            name,
            errors: birth.errors.clone(),
            uuid: head.uuid(),
            head,
            turns: Turns::default(),
            mailbox,
            patience: Patience::new(),
            memory_socket: memory,
            control: Mutex::new(control),
            pidfd,
            services,
            outward: Outward::default(),
            image,
            mapped: Mutex::default(),
            sessions: Mutex::default(),
            session: AtomicU32::new(0),
            answered: AtomicBool::new(false),
            killed: OnceLock::new(),
            dead: AtomicBool::new(false),
            death: OnceLock::new(),
        };
        let log = match birth.debugging {
            // What a sanitizer says begins with what it found, and goes on for hundreds of lines.
            Some(_) => TaLog::unrationed(birth.errors.vm(), &instance.name),
            None => TaLog::new(birth.errors.vm(), &instance.name, birth.errors.rations().clone()),
        };
        Ok(Watched { instance: Arc::new(instance), child, stderr, log })
    }

    /// Which VM's, which TA, which process: for the log.
    pub(crate) fn full_name(&self) -> String {
        format!("{}: {}", self.errors.vm(), self.name)
    }

    /// The TA.
    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Whether it is shared by all sessions of its TA.
    pub(crate) fn is_single(&self) -> bool {
        self.head.has(ta_head::FLAG_SINGLE_INSTANCE)
    }

    /// Whether it takes several sessions at a time.
    pub(crate) fn is_multi_session(&self) -> bool {
        self.head.has(ta_head::FLAG_MULTI_SESSION)
    }

    /// Whether it stays when its last session is closed.
    pub(crate) fn is_kept_alive(&self) -> bool {
        self.head.has(ta_head::FLAG_SINGLE_INSTANCE | ta_head::FLAG_INSTANCE_KEEP_ALIVE)
    }

    /// Whether it stays, dead, when it has crashed.
    pub(crate) fn is_kept_crashed(&self) -> bool {
        self.is_kept_alive() && self.head.has(ta_head::FLAG_INSTANCE_KEEP_CRASHED)
    }

    /// A number that no session of this instance has, until [`forget_session`](Self::forget_session).
    pub(crate) fn new_session(&self) -> u32 {
        self.sessions().take()
    }

    /// There is no session of this number any more.
    pub(crate) fn forget_session(&self, number: u32) {
        self.sessions().give_back(number);
    }

    fn sessions(&self) -> MutexGuard<'_, Numbers> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn, and with it runs `work`, which makes calls. Cancelling ends the wait for the
    /// turn, and is passed on to the TA once the turn has come. A call that is abandoned ends with the
    /// instance, if its turn has come.
    pub(crate) fn with_turn<R>(
        self: &Arc<Self>,
        terms: Terms<'_>,
        work: impl FnOnce(CallTurn<'_>) -> R,
    ) -> Result<R, NoTurn> {
        let give_up = |instance: &Self, ticket: &Arc<Ticket>, what| {
            instance.turns.cancel(ticket, || {
                match what {
                    GiveUp::Cancel => instance.mailbox.set_cancelled(true),
                    GiveUp::Abandon => instance.kill(ABANDONED),
                }
                instance.outward.ask(what);
            });
        };
        self.take_turn(terms, earlier(terms.begin_until, terms.kill_at), give_up, work)
    }

    /// The same for work that cannot be cancelled. Where it is abandoned in its turn, the instance
    /// ends; while it waits, others have the instance, who may well have a client.
    pub(crate) fn with_certain_turn<R>(
        self: &Arc<Self>,
        terms: Terms<'_>,
        work: impl FnOnce(CallTurn<'_>) -> R,
    ) -> Result<R, NoTurn> {
        let give_up = |instance: &Self, ticket: &Arc<Ticket>, what| {
            if what == GiveUp::Abandon {
                instance.turns.if_running_with(ticket, || {
                    instance.kill(ABANDONED);
                    instance.outward.ask(what);
                });
            }
        };
        let terms = Terms { cancel_at: None, ..terms };
        self.take_turn(terms, terms.kill_at, give_up, work)
    }

    fn take_turn<R>(
        self: &Arc<Self>,
        terms: Terms<'_>,
        until: Option<Instant>,
        give_up: impl Fn(&Self, &Arc<Ticket>, GiveUp) + Send + 'static,
        work: impl FnOnce(CallTurn<'_>) -> R,
    ) -> Result<R, NoTurn> {
        let ticket = Arc::new(Ticket::default());
        let handler = {
            let (instance, ticket) = (self.clone(), ticket.clone());
            move |what| give_up(&instance, &ticket, what)
        };
        terms.cancel.with_handler(handler, || {
            let turn = self.turns.take(&ticket, until)?;
            Ok(work(CallTurn { instance: self, turn: Some(turn), terms: Cell::new(terms) }))
        })
    }

    /// Asks the call that runs, if one does, to give up.
    pub(crate) fn cancel_running(&self) {
        self.turns.if_running(|| {
            self.mailbox.set_cancelled(true);
            self.outward.ask(GiveUp::Cancel);
        });
    }

    /// Waits for the end of the process, which has been killed.
    pub(crate) fn wait_for_process(&self) {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        while poll(&mut fds, None) == Err(Errno::INTR) {}
    }

    /// There are no more turns.
    pub(crate) fn end_turns(&self) {
        self.turns.end();
    }

    /// Kills the process, as is logged, for `death`.
    pub(crate) fn kill(&self, death: Death) {
        // The first reason is the one.
        let _ = self.killed.set(death);
        match pidfd_send_signal(&self.pidfd, Signal::KILL) {
            // It has ended.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => log::error!("{}: it cannot be killed: {error}", self.full_name()),
        }
    }

    /// The process has ended, of `death`: every call that waits is over. Returns the sessions that it had with others,
    /// which are to be closed. The monitor's to call.
    pub(crate) fn died(&self, observed: Death) -> Vec<Session> {
        let death = self.killed.get().cloned().or_else(|| self.refusal()).unwrap_or(observed);
        let session = self.session.load(Ordering::Relaxed);
        match (&death, session) {
            (Death::Ended, _) => log::debug!("{}: ended", self.full_name()),
            (death @ Death::NotStarted(..), _) => self.errors.error(format_args!("{}: {death}", self.name)),
            (death, 0) => self.errors.error(format_args!("{}: {death}, with no call under way", self.name)),
            (death, session) => {
                self.errors.error(format_args!("{}: {death}, in a call of session {session}", self.name));
            }
        }
        let _ = self.death.set(death);
        self.services.end();
        // In this order: a call that hands over now sees one or the other (`CallTurn::await_reply`).
        self.dead.store(true, Ordering::SeqCst);
        self.mailbox.end();
        self.turns.end();
        self.outward.end()
    }

    /// What calls get where the instance has died.
    pub(crate) fn failure(&self) -> Failure {
        self.death.get().map_or(Failure::tee(gp::ERROR_TARGET_DEAD), Death::failure)
    }

    /// Whether it has come to its end as planned, rather than died.
    pub(crate) fn has_ended_as_planned(&self) -> bool {
        self.killed.get() == Some(&Death::Ended)
    }

    /// The TA's code, as the process was given it: sealed.
    pub(crate) fn image(&self) -> &OwnedFd {
        &self.image
    }

    /// What the process itself said of its end.
    pub(crate) fn last_words(&self) -> Option<ta_protocol::mailbox::LastWords> {
        self.mailbox.last_words()
    }

    /// Why the process says that it could not start its TA; of one that has answered a call, nothing
    /// of the kind is believed.
    fn refusal(&self) -> Option<Death> {
        if self.answered.load(Ordering::Relaxed) {
            return None;
        }
        let control = self.control();
        loop {
            match control::receive_notice(&*control) {
                Ok(Notice::NotStarted(refusal, text)) => {
                    return Some(Death::NotStarted(refusal, printable(text.as_bytes())));
                }
                Ok(Notice::Unmapped(_)) => {}
                Err(_) => return None,
            }
        }
    }

    /// The process: readable once it has ended.
    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// The control socket, for one thread at a time.
    pub(crate) fn control(&self) -> MutexGuard<'_, OwnedFd> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registered memories that are mapped in the process.
    pub(crate) fn mapped(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.mapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
