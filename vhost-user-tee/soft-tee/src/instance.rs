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
//! reason, the monitor says so here ([`Instance::died`]), and every call that waits is over.

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
use ta_protocol::mailbox::{Mailbox, Patience, Turn as Mail};
use ta_protocol::memory;
use ta_protocol::message::{Call, Reply, ServiceRequest, OUTCOME_NOT_MAPPED};
use ta_protocol::session::{SessionRequest, SERVICE_LEND};
use ta_protocol::ta_head::{self, TaHead};
use tee::{gp, Failure, GiveUp, Lifetime, Memory};
use uuid::Uuid;

use crate::death::Death;
use crate::outward::{self, Outward, Passable};
use crate::ration::ErrorLog;
use crate::registry::TaImage;
use crate::services::Services;
use crate::sessions::Session;
use crate::spawn::{self, Spawned};
use crate::state::State;
use crate::ta_log::printable;
use crate::terms::{earlier, Terms};
use crate::turns::{NoTurn, Ticket, Turn, Turns};

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
    next_session: AtomicU32,
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
    pub(crate) log: OwnedFd,
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
            ..Start::new()
        };
        let Spawned { child, pidfd, log, mailbox, control, memory } =
            spawn::spawn(birth.runtime, &start, &image)?;
        let instance = Self {
            name: format!("TA {} [{}]", head.uuid(), child.id()),
            errors: birth.errors.clone(),
            uuid: head.uuid(),
            head,
            turns: Turns::default(),
            mailbox,
            patience: Patience::new(),
            memory_socket: memory,
            control: Mutex::new(control),
            pidfd,
            services: Services::new(head.uuid(), birth.state.clone()),
            outward: Outward::default(),
            image,
            mapped: Mutex::default(),
            next_session: AtomicU32::new(1),
            session: AtomicU32::new(0),
            answered: AtomicBool::new(false),
            killed: OnceLock::new(),
            dead: AtomicBool::new(false),
            death: OnceLock::new(),
        };
        Ok(Watched { instance: Arc::new(instance), child, log })
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

    /// A number that no session of this instance has had: in wrapping order, as there are never
    /// anywhere near as many at a time.
    pub(crate) fn new_session(&self) -> u32 {
        loop {
            match self.next_session.fetch_add(1, Ordering::Relaxed) {
                0 => {}
                number => return number,
            }
        }
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
        self.take_turn(terms, earlier(terms.cancel_at, terms.kill_at), give_up, work)
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
            Ok(work(CallTurn { instance: self, turn: Some(turn), terms }))
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
        // It fails only where the process has ended.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
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
        // In this order: a call that hands over now sees one or the other (`CallTurn::call`).
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

/// The turn with an instance: calls can be made.
pub(crate) struct CallTurn<'a> {
    instance: &'a Instance,
    turn: Option<Turn<'a>>,
    terms: Terms<'a>,
}

impl<'a> CallTurn<'a> {
    /// Makes a call of `memories`; waits for its end, however long that takes.
    pub(crate) fn call(&self, call: &Call, memories: &[Arc<Memory>]) -> Result<Reply, Failure> {
        self.call_until(call, memories, None)
    }

    /// The same, but where it has not ended at `deadline` the instance is killed.
    pub(crate) fn call_until(
        &self,
        call: &Call,
        memories: &[Arc<Memory>],
        deadline: Option<Instant>,
    ) -> Result<Reply, Failure> {
        let instance = self.instance;
        instance.session.store(call.session, Ordering::Relaxed);
        let (new, parts) = self.new_maps(memories);
        instance.mailbox.write(&Call { new_maps: new.len() as u32, ..*call });
        // The first part waits there when the process wakes up. The others may not fit in the
        // socket before it does.
        let mut parts = parts.iter();
        let mut sent = parts.next().map_or(Ok(()), |part| memory::send(&instance.memory_socket, part));
        instance.mailbox.hand_over(Mail::Call);
        for part in parts {
            sent = sent.and_then(|()| memory::send(&instance.memory_socket, part));
        }
        if let Err(error) = sent {
            self.violation(&error);
        }
        let mut passable = Passable { memories, lent: None };
        let reply = self.await_reply(earlier(self.terms.kill_at, deadline), &mut passable);
        instance.session.store(0, Ordering::Relaxed);
        let reply = reply.ok_or_else(|| instance.failure())?;
        if reply.outcome == OUTCOME_NOT_MAPPED {
            let mut mapped = instance.mapped();
            for memory in &new {
                mapped.remove(memory);
            }
        }
        Ok(reply)
    }

    /// What is to be sent for `memories`: which of them are new to the process, and their parts.
    fn new_maps<'m>(&self, memories: &'m [Arc<Memory>]) -> (Vec<u64>, Vec<memory::Part<&'m std::fs::File>>) {
        let mut new = Vec::new();
        let mut parts = Vec::new();
        for memory in memories {
            let transient = memory.lifetime() == Lifetime::Transient;
            if !transient && !self.instance.mapped().insert(memory.id()) {
                continue;
            }
            new.push(memory.id());
            let runs = memory.runs().iter().map(|run| (&*run.file, run.offset, run.len));
            parts.extend(memory::parts(memory.id(), transient, runs, memory.size(), |a, b| {
                std::ptr::eq(*a, *b)
            }));
        }
        (new, parts)
    }

    /// Serves the TA until the call is over; `None` where the process has ended. At `kill_at` it ends.
    fn await_reply(&self, kill_at: Option<Instant>, passable: &mut Passable<'_>) -> Option<Reply> {
        let instance = self.instance;
        let mut cancel_at = self.terms.cancel_at;
        let mut mine = Mail::Call;
        loop {
            // Either this sees the death, or what was handed over before was there when the
            // monitor replaced it with `Dead`: then the wait below sees that.
            if instance.dead.load(Ordering::SeqCst) {
                return None;
            }
            let until = earlier(kill_at, cancel_at);
            match instance.mailbox.wait_after_until(mine, &instance.patience, until) {
                Some(turn) if turn == mine => {
                    if kill_at.is_some_and(|kill_at| kill_at <= Instant::now()) {
                        instance.kill(Death::Killed("it did not come to its end"));
                        instance.wait_for_process();
                        return None;
                    }
                    cancel_at = None;
                    instance.mailbox.set_cancelled(true);
                }
                Some(Mail::Reply) => {
                    instance.answered.store(true, Ordering::Relaxed);
                    return Some(instance.mailbox.read());
                }
                Some(Mail::Service) => {
                    self.serve(passable);
                    mine = Mail::Serviced;
                    instance.mailbox.hand_over(mine);
                }
                Some(Mail::Dead) if instance.dead.load(Ordering::SeqCst) => return None,
                other => {
                    self.violation(&format_args!("turn {other:?} in the mailbox"));
                    instance.wait_for_process();
                    return None;
                }
            }
        }
    }

    fn serve(&self, passable: &mut Passable<'_>) {
        let mailbox = &self.instance.mailbox;
        let request: ServiceRequest = mailbox.read();
        match request.service {
            SERVICE_LEND => mailbox.write(&self.lend(&request, passable)),
            service if outward::serves(service) => {
                let request = SessionRequest { service, ..mailbox.read() };
                mailbox.write(&self.serve_session(&request, passable));
            }
            _ => mailbox.write(&self.instance.services.serve(&request)),
        }
    }

    /// The instance.
    pub(crate) fn instance(&self) -> &'a Instance {
        self.instance
    }

    /// On what terms its calls are made.
    pub(crate) fn terms(&self) -> Terms<'a> {
        self.terms
    }

    /// What the instance has with other TAs.
    pub(crate) fn outward(&self) -> &'a Outward {
        &self.instance.outward
    }

    /// The socket for memory.
    pub(crate) fn memory_socket(&self) -> &'a OwnedFd {
        &self.instance.memory_socket
    }

    /// Whether the call has been asked to give up.
    pub(crate) fn asked_to_give_up(&self) -> Option<GiveUp> {
        if self.instance.killed.get() == Some(&ABANDONED) {
            return Some(GiveUp::Abandon);
        }
        self.instance.mailbox.is_cancelled().then_some(GiveUp::Cancel)
    }

    /// Whether the process has ended, or will any moment.
    pub(crate) fn is_dying(&self) -> bool {
        self.instance.killed.get().is_some() || self.instance.dead.load(Ordering::SeqCst)
    }

    /// Logs an error.
    pub(crate) fn log_error(&self, what: &dyn std::fmt::Display) {
        self.instance.errors.error(format_args!("{}: {what}", self.instance.name));
    }

    /// The process does what no honest runtime does.
    pub(crate) fn violation(&self, what: &dyn std::fmt::Display) {
        self.log_error(&format_args!("breaks the protocol: {what}"));
        self.instance.kill(Death::Killed("it broke the protocol"));
    }
}

impl Drop for CallTurn<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            // The next call's cancellation is its own.
            turn.finish(|| self.instance.mailbox.set_cancelled(false));
        }
    }
}
