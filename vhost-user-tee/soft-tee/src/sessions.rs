// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sessions with TAs and pseudo TAs, whoever has them: a guest's client (`context`) or a TA (`outward`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use ta_protocol::message::{
    Call, Param, Reply, NUM_PARAMS, OP_CLOSE, OP_INVOKE, OP_OPEN, OUTCOME_NOT_CREATED, OUTCOME_NOT_MAPPED,
    OUTCOME_RETURNED,
};
use tee::{gp, Failure};
use uuid::Uuid;

use crate::instance::CallTurn;
use crate::instances::Lease;
use crate::params::Outgoing;
use crate::pseudo_ta::{self, PseudoTa};
use crate::terms::Terms;
use crate::turns::NoTurn;

/// Who opens a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// `TEE_LOGIN_*`.
    pub(crate) login: u32,
    /// Who, under that login.
    pub(crate) uuid: Uuid,
}

/// The parameters as a TA left them, where it has returned.
pub(crate) type Results = Option<[Param; NUM_PARAMS]>;

/// A session.
#[derive(Clone)]
pub(crate) enum Session {
    /// With a TA.
    Ta(TaSession),
    /// With a pseudo TA.
    Pseudo(Arc<dyn PseudoTa>),
}

/// A session with a TA.
#[derive(Clone)]
pub(crate) struct TaSession {
    lease: Lease,
    number: u32,
}

impl Session {
    /// Opens a session with `uuid`.
    pub(crate) fn open(
        terms: Terms<'_>,
        uuid: Uuid,
        client: Client,
        out: &Outgoing,
        results: &mut Results,
    ) -> Result<Self, Failure> {
        if terms.instances.denies(uuid) {
            let who = terms.caller.map_or("a guest".to_owned(), |ta| format!("TA {}", ta.uuid()));
            terms.instances.errors().error(format_args!("session of {who} refused: TA {uuid} is denied"));
            return Err(Failure::tee(gp::ERROR_ACCESS_DENIED));
        }
        if let Some(pseudo_ta) = terms.instances.pseudo_tas().get(uuid) {
            let mut call = pseudo_ta::Call::new(terms, out);
            let opened = pseudo_ta.open(&mut call);
            *results = Some(call.into_results());
            return opened.map(|own| Self::Pseudo(own.unwrap_or(pseudo_ta))).map_err(Failure::trusted_app);
        }
        loop {
            let lease = terms.instances.lease(uuid)?;
            if let Some(result) = open_with(terms, &lease, client, out, results) {
                return result.map(|number| Self::Ta(TaSession { lease, number }));
            }
        }
    }

    /// Calls a function.
    pub(crate) fn invoke(
        &self,
        terms: Terms<'_>,
        func: u32,
        out: &Outgoing,
        results: &mut Results,
    ) -> Result<(), Failure> {
        match self {
            Self::Ta(session) => session.invoke(terms, func, out, results),
            Self::Pseudo(pseudo_ta) => {
                let mut call = pseudo_ta::Call::new(terms, out);
                let invoked = pseudo_ta.invoke(func, &mut call);
                *results = Some(call.into_results());
                invoked.map_err(Failure::trusted_app)
            }
        }
    }

    /// Closes it; later, on another thread, where the TA cannot be told now. Cannot be cancelled.
    pub(crate) fn close(&self, terms: Terms<'_>) {
        match self {
            Self::Ta(session) => session.close(terms, None),
            Self::Pseudo(_) => {}
        }
    }

    /// The same where nobody waits for it, or could give up: once it is the TA's turn, that has so long as one has that
    /// comes to its end.
    pub(crate) fn close_for_nobody(&self, terms: Terms<'_>) {
        match self {
            Self::Ta(session) => session.close(terms, Some(terms.instances.grace())),
            Self::Pseudo(_) => {}
        }
    }

    /// The instance, where it is with a TA.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Ta(session) => Some(&session.lease),
            Self::Pseudo(_) => None,
        }
    }
}

/// Opens a session on the instance of `lease`; `None` if that has ended as planned, and a new one is to be asked
/// for.
fn open_with(
    terms: Terms<'_>,
    lease: &Lease,
    client: Client,
    out: &Outgoing,
    results: &mut Results,
) -> Option<Result<u32, Failure>> {
    let instances = terms.instances;
    let Some(_waiting) = terms.wait_for(lease.instance()) else {
        instances.give_back_unused(lease);
        return Some(Err(Failure::tee(gp::ERROR_BUSY)));
    };
    let session = lease.instance().new_session();
    let call = Call {
        op: OP_OPEN,
        session,
        param_types: out.types,
        login: client.login,
        client: client.uuid.into_bytes(),
        params: out.params,
        ..Call::default()
    };
    let opened = lease.instance().with_turn(terms, |turn| {
        let result = turn.call(&call, &out.memories).and_then(|reply| outcome(&reply, results));
        if result.is_err() {
            instances.give_back(lease, &turn);
        }
        result.map(|()| session)
    });
    if !matches!(opened, Ok(Ok(_))) {
        lease.instance().forget_session(session);
    }
    match opened {
        Ok(result) => {
            instances.wait_if_ending(lease);
            Some(result)
        }
        Err(NoTurn::Cancelled) => {
            instances.give_back_unused(lease);
            Some(Err(Failure::tee(gp::ERROR_CANCEL)))
        }
        Err(NoTurn::Ended) => {
            // Until it has ended it would be found again.
            instances.wait_for_end(lease);
            instances.give_back_dead(lease);
            let planned = lease.instance().has_ended_as_planned();
            (!planned).then(|| Err(lease.instance().failure()))
        }
    }
}

impl TaSession {
    fn invoke(
        &self,
        terms: Terms<'_>,
        func: u32,
        out: &Outgoing,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let instance = self.lease.instance();
        let Some(_waiting) = terms.wait_for(instance) else { return Err(Failure::tee(gp::ERROR_BUSY)) };
        let call = Call {
            op: OP_INVOKE,
            session: self.number,
            func,
            param_types: out.types,
            params: out.params,
            ..Call::default()
        };
        let invoked = instance.with_turn(terms, |turn| {
            turn.call(&call, &out.memories).and_then(|reply| outcome(&reply, results))
        });
        match invoked {
            Ok(result) => result,
            Err(NoTurn::Cancelled) => Err(Failure::tee(gp::ERROR_CANCEL)),
            Err(NoTurn::Ended) => Err(instance.failure()),
        }
    }

    /// Closes it; a TA that takes longer than `grace`, where there is one, is killed.
    fn close(&self, terms: Terms<'_>, grace: Option<Duration>) {
        let later = || terms.instances.close_later(vec![Session::Ta(self.clone())]);
        let Some(_waiting) = terms.wait_for(self.lease.instance()) else { return later() };
        let call = Call { op: OP_CLOSE, session: self.number, ..Call::default() };
        let close = |turn: CallTurn<'_>| {
            if let Some(grace) = grace {
                turn.kill_at(Instant::now() + grace);
            }
            // Where the TA dies of it, it is closed as well.
            let _ = turn.call(&call, &[]);
            self.lease.instance().forget_session(self.number);
            terms.instances.give_back(&self.lease, &turn);
        };
        match self.lease.instance().with_certain_turn(terms, close) {
            Ok(()) => terms.instances.wait_if_ending(&self.lease),
            Err(NoTurn::Cancelled) => later(),
            Err(NoTurn::Ended) => terms.instances.give_back_dead(&self.lease),
        }
    }
}

/// What a reply means to the client; takes over what it says of the parameters.
fn outcome(reply: &Reply, results: &mut Results) -> Result<(), Failure> {
    match reply.outcome {
        OUTCOME_RETURNED => {
            *results = Some(reply.params);
            match reply.ret {
                gp::SUCCESS => Ok(()),
                ret => Err(Failure::trusted_app(ret)),
            }
        }
        OUTCOME_NOT_CREATED => Err(Failure::trusted_app(match reply.ret {
            // It says that it failed.
            gp::SUCCESS => gp::ERROR_GENERIC,
            ret => ret,
        })),
        OUTCOME_NOT_MAPPED => Err(Failure::tee(gp::ERROR_OUT_OF_MEMORY)),
        _ => Err(Failure::tee(gp::ERROR_COMMUNICATION)),
    }
}
