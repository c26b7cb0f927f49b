// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls as a test makes them: that cannot be cancelled, and with short names for parameters.

use std::borrow::Borrow;
use std::sync::Arc;

use tee::{gp, Access, CancelToken, Context, Failure, MemRef, Memory, OpenSession, Param, Session};
use uuid::Uuid;

use crate::probe;

/// A session with TA `uuid`, for nobody in particular.
pub fn request(uuid: Uuid) -> OpenSession {
    OpenSession { uuid, login: gp::LOGIN_PUBLIC, client: Uuid::nil() }
}

/// Opens such a session.
pub fn open(context: &Arc<dyn Context>, uuid: Uuid) -> Result<Arc<dyn Session>, Failure> {
    open_with(context, uuid, &mut [])
}

/// The same with parameters.
pub fn open_with(
    context: &Arc<dyn Context>,
    uuid: Uuid,
    params: &mut [Param],
) -> Result<Arc<dyn Session>, Failure> {
    context.open_session(&request(uuid), params, &CancelToken::new())
}

/// Calls without cancelling.
pub fn invoke(session: &Arc<dyn Session>, func: u32, params: &mut [Param]) -> Result<(), Failure> {
    session.invoke(func, params, &CancelToken::new())
}

/// Closes it, be it lent or given.
pub fn close(session: impl Borrow<Arc<dyn Session>>) {
    session.borrow().close(&CancelToken::new());
}

/// A value.
pub fn value(access: Access, a: u64, b: u64) -> Param {
    Param::Value { access, a, b, c: 0 }
}

/// A value's numbers that GP knows.
pub fn values(param: &Param) -> (u64, u64) {
    match param {
        Param::Value { a, b, .. } => (*a, *b),
        other => panic!("{other:?} is no value"),
    }
}

/// A part of a memory.
pub fn memref(access: Access, memory: &Arc<Memory>, offset: u64, size: u64) -> Param {
    Param::MemRef { access, buffer: Some(MemRef { memory: memory.clone(), offset }), size }
}

/// Size of a memref, as the TA left it.
pub fn size(param: &Param) -> u64 {
    match param {
        Param::MemRef { size, .. } => *size,
        other => panic!("{other:?} is no memref"),
    }
}

/// Calls of the probe's instance and of the session, this one included.
pub fn count(session: &Arc<dyn Session>) -> (u64, u64) {
    let mut params = [value(Access::Output, 0, 0)];
    invoke(session, probe::COUNT, &mut params).unwrap();
    values(&params[0])
}

/// Has the probe `TOUCH` byte `at` of a memref; returns what it has written there.
pub fn touch(session: &Arc<dyn Session>, memory: &Arc<Memory>, offset: u64, size: u64, at: u64) -> u64 {
    let mut params = [memref(Access::InOut, memory, offset, size), value(Access::InOut, at, 0)];
    invoke(session, probe::TOUCH, &mut params).unwrap();
    values(&params[1]).1
}

/// The probe's sum of the bytes of a memref.
pub fn sum(session: &Arc<dyn Session>, memory: &Arc<Memory>, offset: u64, size: u64) -> u64 {
    let mut params = [memref(Access::Input, memory, offset, size), value(Access::Output, 0, 0)];
    invoke(session, probe::SUM, &mut params).unwrap();
    let (low, high) = values(&params[1]);
    low | high << 32
}
