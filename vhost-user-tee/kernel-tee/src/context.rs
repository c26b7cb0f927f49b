// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Contexts and sessions: the `tee` crate's traits on an open device.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;

use tee::{gp, CancelToken, Context, Failure, GiveUp, Memory, OpenSession, Origin, Param, Session};
use tee_uapi::uapi::{self, CancelArg, InvokeArg, OpenSessionArg};
use uuid::Uuid;

use crate::attendant::InFlight;
use crate::copies::Pool;
use crate::driver::Driver;
use crate::error::failure;
use crate::gate::{Gate, GaveUp, Member};
use crate::memories::Memories;
use crate::params::Lowered;
use crate::Vm;

/// Of a call that gave up before it reached the TEE.
const NOT_BEGUN: Failure = Failure::tee(gp::ERROR_CANCEL);

/// One open of the device, with what it holds. Closed when the context, its sessions and their calls
/// have gone.
pub(crate) struct Connection {
    pub(crate) vm: Arc<Vm>,
    pub(crate) memories: Memories,
    pub(crate) copies: Pool,
    last_call: AtomicU32,
    pub(crate) driver: Arc<dyn Driver>,
}

pub(crate) struct KernelContext(Arc<Connection>);

impl KernelContext {
    pub(crate) fn new(vm: Arc<Vm>, driver: Arc<dyn Driver>) -> Self {
        Self(Arc::new(Connection {
            memories: Memories::default(),
            copies: Pool::new(vm.kept_copies.clone()),
            vm,
            last_call: AtomicU32::new(0),
            driver,
        }))
    }
}

/// What an ioctl's argument says of the call's result.
struct Answer {
    ret: u32,
    origin: u32,
}

impl Answer {
    fn into_result(self) -> Result<(), Failure> {
        match self.ret {
            gp::SUCCESS => Ok(()),
            ret => Err(Failure { ret, origin: origin(self.origin) }),
        }
    }
}

/// GP has four origins; a number that is none of them can only come from the way here.
fn origin(number: u32) -> Origin {
    match number {
        1 => Origin::Api,
        3 => Origin::Tee,
        4 => Origin::TrustedApp,
        _ => Origin::Comms,
    }
}

impl Connection {
    /// Makes a call when its turn has come: `ioctl` gets the number that cancels it, and the parameters.
    /// `opens` is the TA that it opens a session with.
    fn call(
        &self,
        session: u32,
        opens: Option<Uuid>,
        params: &mut [Param],
        cancel: &CancelToken,
        ioctl: impl FnOnce(u32, &mut [uapi::Param]) -> io::Result<Answer>,
    ) -> Result<(), Failure> {
        let place = self.vm.member.enter(cancel, GiveUp::Cancel).map_err(|GaveUp| NOT_BEGUN)?;
        let mut lowered = Lowered::new(self, params)?;
        if cancel.is_cancelled() {
            return Err(NOT_BEGUN);
        }
        let name = CancelArg { cancel_id: self.next_cancel_id(), session };
        let in_flight = Arc::new(InFlight::new(self.driver.clone(), name));
        if let Some(ta) = opens {
            self.vm.attendant.watch_opening(ta, &in_flight);
        }
        let handler = {
            let (attendant, in_flight) = (self.vm.attendant.clone(), Arc::downgrade(&in_flight));
            move |_| attendant.cancel(&in_flight)
        };
        let answer = cancel.with_handler(handler, || ioctl(name.cancel_id, lowered.raw()));
        in_flight.end();
        drop(in_flight);
        let answer = answer.map_err(|error| failure(&error))?;
        // Memory of this call is the TEE's no more before the place is another's: that takes the TEE too.
        let taken = lowered.take_results(params);
        drop(place);
        answer.into_result().and(taken)
    }

    /// Zero is for calls that are not to be cancelled.
    fn next_cancel_id(&self) -> u32 {
        self.last_call.fetch_add(1, Ordering::Relaxed) | 1 << 31
    }

    fn close_session(&self, session: u32) {
        if let Err(error) = self.driver.close_session(session) {
            log::debug!("session {session} was not there to be closed: {error}");
        }
    }
}

impl Context for KernelContext {
    fn open_session(
        &self,
        request: &OpenSession,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Result<Arc<dyn Session>, Failure> {
        if request.login != gp::LOGIN_PUBLIC {
            // The kernel would take the daemon for the client, and vouch for it.
            return Err(Failure::tee(gp::ERROR_ACCESS_DENIED));
        }
        let connection = &self.0;
        let mut opened = None;
        let result = connection.call(0, Some(request.uuid), params, cancel, |cancel_id, raw| {
            let mut arg = OpenSessionArg {
                uuid: request.uuid.into_bytes(),
                clnt_login: gp::LOGIN_PUBLIC,
                cancel_id,
                ..Default::default()
            };
            connection.driver.open_session(&mut arg, raw)?;
            opened = (arg.ret == gp::SUCCESS).then_some(arg.session);
            Ok(Answer { ret: arg.ret, origin: arg.ret_origin })
        });
        let session = opened.map(|id| KernelSession {
            connection: connection.clone(),
            id,
            turn: Gate::new(1).join(""),
            closed: AtomicBool::new(false),
        });
        if result == Err(Failure::tee(gp::ERROR_ITEM_NOT_FOUND)) {
            connection.vm.attendant.missing(request.uuid);
        }
        // If the results cannot be carried, it is closed again.
        result?;
        match session {
            Some(session) => Ok(Arc::new(session)),
            None => Err(Failure::comms(gp::ERROR_COMMUNICATION)),
        }
    }

    fn release_memory(&self, memory: &Memory) {
        self.0.memories.release(memory);
    }
}

/// A session. Closed when dropped, if it has not been.
struct KernelSession {
    connection: Arc<Connection>,
    id: u32,
    /// Its calls are made one at a time. The TEE would make them wait, each with one of its threads; and OP-TEE takes
    /// what cancels one that waits for a cancellation of the one that runs.
    turn: Arc<Member>,
    closed: AtomicBool,
}

impl Session for KernelSession {
    fn invoke(&self, func: u32, params: &mut [Param], cancel: &CancelToken) -> Result<(), Failure> {
        let _turn = self.turn.enter(cancel, GiveUp::Cancel).map_err(|GaveUp| NOT_BEGUN)?;
        let connection = &self.connection;
        connection.call(self.id, None, params, cancel, |cancel_id, raw| {
            let mut arg = InvokeArg { func, session: self.id, cancel_id, ..Default::default() };
            connection.driver.invoke(&mut arg, raw)?;
            Ok(Answer { ret: arg.ret, origin: arg.ret_origin })
        })
    }

    fn close(&self, cancel: &CancelToken) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        // Abandoned before its turn, it is closed with the context.
        if let Ok(_place) = self.connection.vm.member.enter(cancel, GiveUp::Abandon) {
            self.connection.close_session(self.id);
        }
    }
}

impl Drop for KernelSession {
    fn drop(&mut self) {
        self.close(&CancelToken::new());
    }
}
