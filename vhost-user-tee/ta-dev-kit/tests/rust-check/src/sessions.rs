// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Sessions with another instance of this TA, which has a process of its own.

use optee_utee::{
    Error, ErrorKind, LoginType, ParamIndex, Result, TaSession, TaSessionBuilder, TeeParams, Uuid,
};

use crate::{check, fails, CLIENT, PARAMETERS, PARTS, UPDATES, UUID};

fn session() -> Result<TaSession> {
    TaSessionBuilder::new(Uuid::parse_str(UUID.trim())?).build()
}

pub(crate) fn sessions() -> Result<()> {
    let mut session = session()?;
    session.invoke_command(0, &mut TeeParams::default())?;
    session.invoke_command_with_timeout(0, &mut TeeParams::new(), 60_000)?;
    let unknown = session.invoke_command(PARTS.len() as u32, &mut TeeParams::new());
    let Err(error) = unknown else { return Err(ErrorKind::Generic.into()) };
    // The TA itself has said it: origin 4.
    check(error.kind() == ErrorKind::NotSupported && error.origin().map(u32::from) == Some(4))?;
    let origin = error.origin().unwrap_or_default();
    check(Error::new(ErrorKind::Busy).with_origin(origin).origin() == error.origin())?;

    let mut params = TeeParams::new().with_value_out(ParamIndex::Arg0, 0, 0);
    let mut uuid = [0; 36];
    params.set_memref_out(ParamIndex::Arg1, &mut uuid);
    session.invoke_command(CLIENT, &mut params)?;
    let login = params[ParamIndex::Arg0].output_value().map(|(login, _)| LoginType::from(login));
    check(login == Some(LoginType::TrustedApp))?;
    check(params[ParamIndex::Arg1].written_slice() == Some(UUID.trim().as_bytes()))?;

    let nobody = TaSessionBuilder::new(Uuid::from_bytes([0xee; 16])).with_timeout(60_000).build();
    fails(nobody, ErrorKind::ItemNotFound)
}

/// Parameters of each type; the opening has them too.
pub(crate) fn session_parameters() -> Result<()> {
    let greeting = TeeParams::new().with_value_in(ParamIndex::Arg0, 20, 0);
    let mut session = TaSessionBuilder::new(Uuid::parse_str(UUID.trim())?).with_params(greeting).build()?;

    let mut reversed = [0; 10];
    let mut params = TeeParams::new()
        .with_value_in(ParamIndex::Arg0, 1, 2)
        .with_value_out(ParamIndex::Arg1, 0, 0)
        .with_memref_in(ParamIndex::Arg2, b"abc")
        .with_memref_out(ParamIndex::Arg3, &mut reversed);
    session.invoke_command(PARAMETERS, &mut params)?;
    check(params[ParamIndex::Arg1].output_value() == Some((2, 1)))?;
    check(params[ParamIndex::Arg3].written_slice() == Some(b"cba"))?;
    // It takes what is new.
    params.set_value_in(ParamIndex::Arg0, 3, 4).set_value_out(ParamIndex::Arg1, 0, 0);
    params.set_memref_in(ParamIndex::Arg2, b"defg");
    session.invoke_command(PARAMETERS, &mut params)?;
    check(params[ParamIndex::Arg1].output_value() == Some((4, 3)))?;
    check(params[ParamIndex::Arg3].written_slice() == Some(b"gfed"))?;

    let (mut first, mut second) = (*b"abcdef", *b"ghijkl");
    let mut params = TeeParams::new()
        .with_value_inout(ParamIndex::Arg0, 5, 6)
        .with_memref_inout(ParamIndex::Arg1, &mut first);
    session.invoke_command(UPDATES, &mut params)?;
    // The session remembers what it was opened with.
    check(params[ParamIndex::Arg0].output_value() == Some((25, 7)))?;
    check(params[ParamIndex::Arg1].written_slice() == Some(b"aCBd"))?;
    params.set_value_inout(ParamIndex::Arg0, 7, 8).set_memref_inout(ParamIndex::Arg1, &mut second);
    session.invoke_command(UPDATES, &mut params)?;
    check(params[ParamIndex::Arg0].output_value() == Some((27, 9)))?;
    check(params[ParamIndex::Arg1].written_slice() == Some(b"gIHj"))
}
