// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Plays a script on a TEE, and records what comes of each step.

use std::collections::HashMap;

use serde_json::{json, Value};
use tee_client::{Access, Context, Error, Operation, Param, Session};

use super::script::{Act, Arg, Script, Step, UNTOUCHED};

/// After how many calls in a row of a TA that is dead there is no more to be seen.
const DEAD: usize = 4;

/// Plays a script; `record` is told of each step what came of it.
pub(super) fn play(context: &Context, script: &Script, mut record: impl FnMut(&Step, Value)) {
    let mut sessions = HashMap::new();
    let mut dead = 0;
    for step in &script.steps {
        let came = act(context, &mut sessions, &step.act);
        dead = if came["ret"] == "0xffff3024" { dead + 1 } else { 0 };
        record(step, came);
        if dead == DEAD {
            return;
        }
    }
}

fn act(context: &Context, sessions: &mut HashMap<usize, Session>, act: &Act) -> Value {
    match act {
        Act::Open { session, ta, login, args } => call(args, |operation| {
            let opened = context.open_session(*ta, *login, operation)?;
            sessions.insert(*session, opened);
            Ok(())
        }),
        Act::Invoke { session, command, args } => match sessions.get(session) {
            Some(session) => call(args, |operation| session.invoke(*command, operation)),
            None => json!({ "session": "not open" }),
        },
        Act::Close { session } => match sessions.remove(session).map(Session::close) {
            Some(result) => outcome(&result),
            None => json!({ "session": "not open" }),
        },
    }
}

/// What came of a call with `args`: its result, and of each parameter what the call left there.
fn call(args: &[Arg], make: impl FnOnce(&mut Operation<'_>) -> Result<(), Error>) -> Value {
    let mut buffers: Vec<Vec<u8>> = args
        .iter()
        .map(|arg| match arg {
            Arg::Memref(_, bytes) => bytes.clone(),
            _ => Vec::new(),
        })
        .collect();
    let (mut record, numbers) = {
        let mut params: [Param<'_>; 4] = Default::default();
        for (param, (arg, buffer)) in params.iter_mut().zip(args.iter().zip(&mut buffers)) {
            *param = match *arg {
                Arg::None => Param::None,
                Arg::Value(access, a, b) => Param::value(access, a, b),
                Arg::Null(access, size) => Param::Null { access, size },
                Arg::Memref(Access::Input, _) => Param::TemporaryInput(buffer),
                Arg::Memref(Access::Output, _) => Param::TemporaryOutput(buffer),
                Arg::Memref(Access::Inout, _) => Param::TemporaryInout(buffer),
            };
        }
        let mut operation = Operation::new(params);
        let result = make(&mut operation);
        let numbers: Vec<_> = (0..args.len()).map(|i| (operation.value(i), operation.size(i))).collect();
        (outcome(&result), numbers)
    };
    let out: Vec<Value> = args
        .iter()
        .zip(numbers)
        .zip(&buffers)
        .map(|((arg, ((a, b), size)), buffer)| match arg {
            Arg::None => Value::Null,
            Arg::Value(..) => json!([a, b]),
            Arg::Null(..) => json!({ "size": size }),
            Arg::Memref(..) => json!({ "size": size, "bytes": hex(touched(buffer)) }),
        })
        .collect();
    if !out.is_empty() {
        record["out"] = out.into();
    }
    record
}

fn outcome(result: &Result<(), Error>) -> Value {
    match result {
        Ok(()) => json!({ "ret": "0x00000000" }),
        Err(error) => match error.errno() {
            Some(errno) => json!({ "errno": errno }),
            None => {
                json!({ "ret": format!("{:#010x}", error.ret()), "origin": format!("{:?}", error.origin()) })
            }
        },
    }
}

/// A buffer as far as something has been written there.
fn touched(buffer: &[u8]) -> &[u8] {
    let end = buffer.iter().rposition(|byte| *byte != UNTOUCHED).map_or(0, |last| last + 1);
    &buffer[..end]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_recorded() {
        assert_eq!(hex(touched(&[1, UNTOUCHED, 2, UNTOUCHED, UNTOUCHED])), "01e702");
        assert_eq!(touched(&[UNTOUCHED; 3]), [0; 0]);
    }

    #[test]
    fn a_call_leaves_a_record_of_its_parameters() {
        let args = [Arg::Value(Access::Input, 7, 8), Arg::None, super::super::script::room(4)];
        let record = call(&args, |_| Err(Error::Invoke { func: 1, ret: 0xffff_0010, origin: 4.into() }));
        assert_eq!(record["ret"], "0xffff0010");
        assert_eq!(record["origin"], "TrustedApp");
        assert_eq!(record["out"][2], json!({ "size": 0, "bytes": "" }));
        assert_eq!(record["out"][1], Value::Null);
    }
}
