// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls every function of `optee-utee`; soft-tee's test `rust_tas` asks for all of it. A command succeeds where all
//! is as it must be. The test `rust_ta_calls` finds functions that are not called. What cannot be, and why, is in the
//! dev kit's README.
//!
//! [`PARTS`] are commands without parameters, a subject each; then there are commands that do with parameters what
//! [`parameters`] says, that say who calls, and that talk to servers.

extern crate alloc; // What `ta_close_session` makes of a session's context names it.

mod arithmetic;
mod asymmetric;
mod objects;
mod parameters;
mod sessions;
mod sockets;
mod storage;
mod surroundings;
mod symmetric;

use core::panic::Location;

use optee_utee::prelude::*;
use optee_utee::{
    deprecated, AttributeId, AttributeMemref, ErrorKind, Result, TransientObject, TransientObjectType,
};

/// The TA's own UUID, as text.
const UUID: &str = include_str!("../uuid.txt");

const PARTS: [fn() -> Result<()>; 22] = [
    symmetric::digests,
    symmetric::ciphers,
    symmetric::two_keys,
    symmetric::macs,
    symmetric::authenticated,
    asymmetric::asymmetric,
    asymmetric::curves,
    asymmetric::derivation,
    objects::objects,
    objects::attributes,
    storage::data,
    storage::keys,
    storage::enumerators,
    arithmetic::arithmetic,
    surroundings::time_and_random,
    surroundings::persistent_time,
    surroundings::properties,
    surroundings::tee,
    surroundings::own_properties,
    surroundings::uuids_and_errors,
    surroundings::traces_and_plug_ins,
    parameters::taken_apart,
];

/// Commands after [`PARTS`]: sessions of the TA with itself, by their place in [`SESSIONS`].
const SESSIONS_BASE: u32 = 100;
const SESSIONS: [fn() -> Result<()>; 2] = [sessions::sessions, sessions::session_parameters];

/// [`parameters::in_and_out`].
const PARAMETERS: u32 = 200;
/// [`parameters::updates`].
const UPDATES: u32 = 201;
/// p0 value out: the login of who calls; p1 memref out: its UUID.
const CLIENT: u32 = 202;
/// p0 value in: the ports of a TCP and of a UDP server.
const SOCKETS: u32 = 203;

/// An error where `condition` does not hold, and a trace that says where that is.
#[track_caller]
fn check(condition: bool) -> Result<()> {
    if condition {
        return Ok(());
    }
    trace_println!("{}: not as it must be", Location::caller());
    Err(ErrorKind::Generic.into())
}

/// An error unless there is this one.
#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind) -> Result<()> {
    check(result.is_err_and(|error| error.kind() == kind))
}

fn key(of: TransientObjectType, bits: usize, secret: &[u8]) -> Result<TransientObject> {
    let mut key = TransientObject::allocate(of, bits)?;
    key.populate(&[AttributeMemref::from_ref(AttributeId::SecretValue, secret).into()])?;
    Ok(key)
}

/// What a session remembers.
#[derive(Default)]
struct Opened {
    with: u32,
}

/// A new instance.
#[ta_create]
fn create() -> Result<()> {
    Ok(())
}

/// A client wants a session: see [`parameters::opening`].
#[ta_open_session]
fn open_session(params: &mut deprecated::Parameters, session: &mut Opened) -> Result<()> {
    session.with = parameters::opening(params)?;
    Ok(())
}

/// A client asks for one of [`PARTS`], or one of the other commands.
#[ta_invoke_command]
fn invoke_command(session: &mut Opened, command: u32, params: &mut ParametersAny) -> Result<()> {
    match command {
        PARAMETERS => parameters::in_and_out(params),
        UPDATES => parameters::updates(params, session.with),
        CLIENT => {
            let (login, uuid) = surroundings::client()?;
            params.0.as_value_output()?.set_a(login.into());
            params.1.as_memref_output()?.set_output(uuid)
        }
        SOCKETS => {
            let ports = params.0.as_value_input()?;
            sockets::talk(ports.get_a() as u16, ports.get_b() as u16)
        }
        _ => {
            let part = PARTS.get(command as usize);
            let session = command.checked_sub(SESSIONS_BASE).and_then(|at| SESSIONS.get(at as usize));
            part.or(session).ok_or(ErrorKind::NotSupported)?()
        }
    }
}

/// A client has closed its session.
#[ta_close_session]
fn close_session(session: &mut Opened) {
    trace_println!("opened with {}", session.with);
}

/// The instance ends.
#[ta_destroy]
fn destroy() {}

// What build.rs wrote.
include!(concat!(env!("OUT_DIR"), "/user_ta_header.rs"));
