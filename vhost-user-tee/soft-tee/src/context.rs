// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Contexts and sessions: the `tee` crate's traits on instances.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use ta_protocol::message::{
    Call, Reply, OP_CLOSE, OP_INVOKE, OP_OPEN, OUTCOME_NOT_CREATED, OUTCOME_NOT_MAPPED, OUTCOME_RETURNED,
};
use tee::{gp, CancelToken, Context, Failure, Memory, OpenSession, Param, Session};

use crate::instance::CallTurn;
use crate::instances::{Instances, Lease};
use crate::params::{outgoing, take_results, Outgoing};
use crate::release::release;
use crate::turns::NoTurn;

/// A context has no state of its own: sessions and memories are the device's to keep apart.
pub(crate) struct SoftContext {
    instances: Arc<Instances>,
}

impl SoftContext {
    pub(crate) fn new(instances: Arc<Instances>) -> Self {
        Self { instances }
    }

    /// Opens a session on the instance of `lease`; `None` if that has ended as planned, and a new
    /// one is to be asked for.
    fn open(
        &self,
        lease: &Lease,
        request: &OpenSession,
        out: &Outgoing,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Option<Result<u32, Failure>> {
        let session = lease.instance().new_session();
        let call = Call {
            op: OP_OPEN,
            session,
            param_types: out.types,
            login: request.login,
            client: request.client.into_bytes(),
            params: out.params,
            ..Call::default()
        };
        let opened = lease.instance().with_turn(cancel, |turn| {
            let result = turn.call(&call, &out.memories).and_then(|reply| outcome(&reply, params));
            if result.is_err() {
                self.instances.give_back(lease, &turn);
            }
            result.map(|()| session)
        });
        match opened {
            Ok(result) => {
                self.instances.wait_if_ending(lease);
                Some(result)
            }
            Err(NoTurn::Cancelled) => {
                self.instances.give_back_unused(lease);
                Some(Err(Failure::tee(gp::ERROR_CANCEL)))
            }
            Err(NoTurn::Ended) => {
                // Until it has ended it would be found again.
                self.instances.wait_for_end(lease);
                self.instances.give_back_dead(lease);
                let planned = lease.instance().has_ended_as_planned();
                (!planned).then(|| Err(lease.instance().failure()))
            }
        }
    }
}

impl Context for SoftContext {
    fn open_session(
        &self,
        request: &OpenSession,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Result<Arc<dyn Session>, Failure> {
        let out = outgoing(params)?;
        loop {
            let lease = self.instances.lease(request.uuid)?;
            if let Some(result) = self.open(&lease, request, &out, params, cancel) {
                let number = result?;
                let instances = self.instances.clone();
                return Ok(Arc::new(SoftSession {
                    instances,
                    lease,
                    number,
                    closed: AtomicBool::new(false),
                }));
            }
        }
    }

    fn release_memory(&self, memory: &Memory) {
        for instance in self.instances.alive() {
            release(&instance, memory.id());
        }
    }
}

/// A session. Closed when dropped, if it has not been.
struct SoftSession {
    instances: Arc<Instances>,
    lease: Lease,
    number: u32,
    closed: AtomicBool,
}

impl Session for SoftSession {
    fn invoke(&self, func: u32, params: &mut [Param], cancel: &CancelToken) -> Result<(), Failure> {
        let out = outgoing(params)?;
        let call = Call {
            op: OP_INVOKE,
            session: self.number,
            func,
            param_types: out.types,
            params: out.params,
            ..Call::default()
        };
        let invoked = self.lease.instance().with_turn(cancel, |turn| {
            turn.call(&call, &out.memories).and_then(|reply| outcome(&reply, params))
        });
        match invoked {
            Ok(result) => result,
            Err(NoTurn::Cancelled) => Err(Failure::tee(gp::ERROR_CANCEL)),
            Err(NoTurn::Ended) => Err(self.lease.instance().failure()),
        }
    }

    fn close(&self, cancel: &CancelToken) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        let call = Call { op: OP_CLOSE, session: self.number, ..Call::default() };
        let close = |turn: CallTurn<'_>| {
            // Where the TA dies of it, it is closed as well.
            let _ = turn.call(&call, &[]);
            self.instances.give_back(&self.lease, &turn);
        };
        match self.lease.instance().with_certain_turn(cancel, close) {
            Ok(()) => self.instances.wait_if_ending(&self.lease),
            Err(_) => self.instances.give_back_dead(&self.lease),
        }
    }
}

impl Drop for SoftSession {
    fn drop(&mut self) {
        self.close(&CancelToken::new());
    }
}

/// What a reply means to the client; takes over what it says of `params`.
fn outcome(reply: &Reply, params: &mut [Param]) -> Result<(), Failure> {
    match reply.outcome {
        OUTCOME_RETURNED => {
            take_results(params, &reply.params);
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
