// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The turn with an instance: making a call, and serving the TA until it is over.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

use ta_protocol::mailbox::Turn as Mail;
use ta_protocol::memory;
use ta_protocol::message::{Call, Reply, ServiceRequest, OUTCOME_NOT_MAPPED};
use ta_protocol::session::{SessionRequest, SERVICE_LEND};
use ta_protocol::socket;
use tee::{Failure, GiveUp, Lifetime, Memory};

use super::{Instance, ABANDONED};
use crate::death::Death;
use crate::outward::{self, Outward, Passable};
use crate::terms::{earlier, Terms};
use crate::turns::Turn;

/// The turn with an instance: calls can be made.
pub(crate) struct CallTurn<'a> {
    pub(super) instance: &'a Instance,
    pub(super) turn: Option<Turn<'a>>,
    pub(super) terms: Cell<Terms<'a>>,
}

impl<'a> CallTurn<'a> {
    /// A call that has not ended at `deadline` ends with the instance, and so does one that it makes with its own.
    pub(crate) fn kill_at(&self, deadline: Instant) {
        let terms = self.terms.get();
        self.terms.set(Terms { kill_at: earlier(terms.kill_at, Some(deadline)), ..terms });
    }

    /// Makes a call of `memories`; waits for its end, however long the turn's terms let that take.
    pub(crate) fn call(&self, call: &Call, memories: &[Arc<Memory>]) -> Result<Reply, Failure> {
        let instance = self.instance;
        instance.session.store(call.session, Ordering::Relaxed);
        let (new, parts) = self.new_maps(memories);
        instance.mailbox.write(&Call { new_maps: new.len() as u32, ..*call });
        // The first part waits there when the process wakes up, which has taken in all that came before. The
        // others may not fit in the socket before it does.
        let mut parts = parts.iter();
        let mut sent = parts.next().map_or(Ok(()), |part| memory::send_now(&instance.memory_socket, part));
        instance.mailbox.hand_over(Mail::Call);
        for part in parts {
            sent = sent.and_then(|()| memory::send(&instance.memory_socket, part));
        }
        // Who has ended has hung up, and what of is seen below.
        let hung_up = matches!(sent, Err(socket::Error::HungUp));
        if let Err(error) = &sent {
            if !hung_up {
                self.violation(error);
            }
        }
        let mut passable = Passable::new(memories);
        let reply = self.await_reply(&mut passable);
        instance.session.store(0, Ordering::Relaxed);
        let reply = reply.ok_or_else(|| instance.failure())?;
        if hung_up {
            self.violation(&"it has hung up, and goes on");
            return Err(instance.failure());
        }
        if reply.outcome == OUTCOME_NOT_MAPPED {
            let mut mapped = instance.mapped();
            for memory in &new {
                mapped.remove(memory);
            }
        }
        Ok(reply)
    }

    /// What is to be sent for `memories`: which of them are new to the process, and their parts.
    fn new_maps<'m>(&self, memories: &'m [Arc<Memory>]) -> (Vec<u64>, Vec<memory::Part<&'m File>>) {
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

    /// Serves the TA until the call is over; `None` where the process has ended, as it does when the terms say so.
    fn await_reply(&self, passable: &mut Passable<'_>) -> Option<Reply> {
        let instance = self.instance;
        let Terms { mut cancel_at, kill_at, .. } = self.terms.get();
        let mut mine = Mail::Call;
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
        loop {
            // Either this sees the death, or what was handed over before was there when the
            // monitor replaced it with `Dead`: then the wait below sees that.
            if instance.dead.load(Ordering::SeqCst) {
                return None;
            }
            let until = earlier(kill_at, cancel_at);
            match instance.mailbox.wait_after_until(mine, &instance.patience, until) {
                Some(turn) if turn == mine => {}
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
            // Its time is up, whether it says nothing or asks for one thing after the other.
            if is_over(kill_at) {
                instance.kill(Death::Killed("it did not come to its end"));
                instance.wait_for_process();
                return None;
            }
            if is_over(cancel_at) {
                cancel_at = None;
                instance.mailbox.set_cancelled(true);
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
        self.terms.get()
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
