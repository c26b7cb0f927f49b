// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The TA as a client of other TAs, and of pseudo TAs.
//!
//! Memory of the TA's own client is passed on as it is: the other TA gets the same pages. Memory of the TA itself
//! is [`Lent`]: the front end copies it into memory that both map for the call, and back.

use ta_protocol::message::{Param, ServiceReply, ServiceRequest, MAP_NULL, NUM_PARAMS};
use ta_protocol::session::{
    SessionReply, SessionRequest, SERVICE_CLOSE_SESSION, SERVICE_INVOKE, SERVICE_LEND, SERVICE_OPEN_SESSION,
};
use tee::{gp, Failure, Origin};
use uuid::Uuid;

use super::memory::{self, Owner};
use crate::guest_memory::{self, CallMaps};
use crate::{call, process};

/// Where a buffer is that the TA passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere.
    Null,
    /// In memory of the client's: in this map, at this offset.
    Client(u64, u64),
    /// In the TA's own: it is to be lent.
    Own,
}

/// Finds out where the `len` bytes at `at` are, which the other TA is to read, or, with `write`, to write.
///
/// # Errors
///
/// `TEE_ERROR_ACCESS_DENIED` where the TA itself may not do that (OP-TEE lets memory pass that the client has given
/// to be read, to be written; GP does not), `TEE_ERROR_BAD_PARAMETERS` where it is nobody's, or nowhere but not
/// empty.
pub(crate) fn place(at: usize, len: usize, write: bool) -> Result<Place, u32> {
    if at == 0 {
        return if len == 0 { Ok(Place::Null) } else { Err(gp::ERROR_BAD_PARAMETERS) };
    }
    match memory::owner(at, len) {
        Owner::Ta(access) if access.read && (access.write || !write) => Ok(Place::Own),
        Owner::Client(_) => match call::in_map(&(at..at + len), write) {
            Some((map, offset)) => Ok(Place::Client(map, offset)),
            None => Err(gp::ERROR_ACCESS_DENIED),
        },
        Owner::Ta(_) => Err(gp::ERROR_ACCESS_DENIED),
        Owner::Nobody => Err(gp::ERROR_BAD_PARAMETERS),
    }
}

/// Memory to lend, of zeros; gone when dropped.
#[derive(Debug)]
pub(crate) struct Lent {
    map: u64,
    len: u64,
    _maps: CallMaps,
}

impl Lent {
    /// Makes `len` bytes.
    ///
    /// # Errors
    ///
    /// The daemon's, as a GP result code: it does not lend more than a TA may have.
    pub(crate) fn new(len: u64) -> Result<Self, u32> {
        let process = process::this();
        let request =
            ServiceRequest { service: SERVICE_LEND, args: [len, 0, 0, 0, 0, 0], ..Default::default() };
        let ServiceReply { ret, values: [map, ..], .. } = process.request(&request);
        if ret != gp::SUCCESS {
            return Err(ret);
        }
        match CallMaps::take_in(process.memory_socket(), 1) {
            Ok(maps) => Ok(Self { map, len, _maps: maps }),
            Err(guest_memory::Error::Map(_)) => Err(gp::ERROR_OUT_OF_MEMORY),
            Err(guest_memory::Error::Socket(_)) => process::exit(1),
        }
    }

    /// Address of `len` bytes at `offset`, for the front end to copy.
    pub(crate) fn at(&self, offset: u64, len: u64) -> usize {
        match guest_memory::address(self.map, offset, len) {
            Some(at) if offset + len <= self.len => at,
            // It has been made as long as what is lent.
            _ => process::exit(1),
        }
    }

    /// A memref of `len` bytes at `offset`.
    pub(crate) fn param(&self, offset: u64, len: u64) -> Param {
        Param { a: self.map, b: offset, size: len }
    }
}

/// A memref of `len` bytes in the client's memory, or nowhere.
pub(crate) fn client_param(place: Place, len: u64) -> Param {
    match place {
        Place::Client(map, offset) => Param { a: map, b: offset, size: len },
        Place::Null | Place::Own => Param { a: MAP_NULL, b: 0, size: len },
    }
}

/// On what terms another TA is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// After how many milliseconds the call is cancelled, or `TEE_TIMEOUT_INFINITE`.
    pub(crate) timeout: u32,
    /// Whether it is cancelled when the client cancels the call that runs.
    pub(crate) cancellable: bool,
}

/// What has come of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    /// The result; the session's number where one was opened.
    pub(crate) result: Result<u32, Failure>,
    /// The parameters as the other TA left them, if it has returned; only outputs count.
    pub(crate) params: Option<[Param; NUM_PARAMS]>,
}

impl From<SessionReply> for Called {
    fn from(reply: SessionReply) -> Self {
        let origin = [Origin::Api, Origin::Comms, Origin::Tee, Origin::TrustedApp]
            .into_iter()
            .find(|origin| *origin as u32 == reply.origin)
            .unwrap_or(Origin::Tee);
        let result = match reply.ret {
            gp::SUCCESS => Ok(reply.session),
            ret => Err(Failure { ret, origin }),
        };
        Self { result, params: (reply.returned != 0).then_some(reply.params) }
    }
}

/// Opens a session with TA `destination`.
pub(crate) fn open(destination: Uuid, terms: Terms, types: u32, params: &[Param; NUM_PARAMS]) -> Called {
    let request = SessionRequest {
        service: SERVICE_OPEN_SESSION,
        destination: destination.into_bytes(),
        param_types: types,
        timeout: terms.timeout,
        cancellable: terms.cancellable.into(),
        params: *params,
        ..SessionRequest::default()
    };
    process::this().request_session(&request).into()
}

/// Calls a function.
pub(crate) fn invoke(
    session: u32,
    terms: Terms,
    command: u32,
    types: u32,
    params: &[Param; NUM_PARAMS],
) -> Called {
    let request = SessionRequest {
        service: SERVICE_INVOKE,
        session,
        command,
        param_types: types,
        timeout: terms.timeout,
        cancellable: terms.cancellable.into(),
        params: *params,
        ..SessionRequest::default()
    };
    process::this().request_session(&request).into()
}

/// Closes a session.
///
/// # Errors
///
/// `TEE_ERROR_ITEM_NOT_FOUND` where there is none of that number.
pub(crate) fn close(session: u32) -> Result<(), u32> {
    let request = SessionRequest { service: SERVICE_CLOSE_SESSION, session, ..SessionRequest::default() };
    match process::this().request_session(&request).ret {
        gp::SUCCESS => Ok(()),
        ret => Err(ret),
    }
}
