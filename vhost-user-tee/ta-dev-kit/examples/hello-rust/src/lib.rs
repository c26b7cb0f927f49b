// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Hello world: a value goes in, a value comes out. Build and run: see the dev kit's README.

use optee_utee::prelude::*;
use optee_utee::{ErrorKind, Result};

/// p0 value inout: `a` becomes `a + 1`.
const CMD_INCREMENT: u32 = 0;

/// A new instance of the TA.
#[ta_create]
fn create() -> Result<()> {
    Ok(())
}

/// A client wants a session. The parameters' types are checked before this is called.
#[ta_open_session]
fn open_session(_params: &mut ParametersNone) -> Result<()> {
    trace_println!("Hello from the TA");
    Ok(())
}

/// The client calls. What a parameter must be depends on the command, so it is looked at here.
#[ta_invoke_command]
fn invoke_command(command: u32, params: &mut ParametersAny) -> Result<()> {
    match command {
        CMD_INCREMENT => {
            let value = params.0.as_value_inout()?;
            value.set_a(value.get_a().wrapping_add(1));
            Ok(())
        }
        _ => Err(ErrorKind::NotSupported.into()),
    }
}

/// The client has closed its session.
#[ta_close_session]
fn close_session() {
    trace_println!("Goodbye");
}

/// The instance ends.
#[ta_destroy]
fn destroy() {}

// What build.rs wrote.
include!(concat!(env!("OUT_DIR"), "/user_ta_header.rs"));
