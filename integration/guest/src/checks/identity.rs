// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `identity`: who the client is, as Linux finds out (`tee_session_calc_client_uuid` in
//! drivers/tee/tee_core.c), reaches the TA.

use serde_json::json;
use tee_client::{code, Access, Context, Login, Operation, Param};
use uuid::{uuid, Uuid};

use crate::probe;
use crate::report::{ensure, Cases, Failure, Outcome, Report};

/// Linux's name space for the UUIDs of clients.
const NAMESPACE: Uuid = uuid!("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6");
const EPERM: i32 = 1;
const EINVAL: i32 = 22;

/// The UUID that Linux makes of a name.
fn client_uuid(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

pub(super) fn run(context: &Context, report: &mut Report, ta: Uuid) -> Outcome {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let mut cases = Cases::default();
    let mut logins = Vec::new();
    for (login, number, uuid) in [
        (Login::Public, 0, Uuid::nil()),
        (Login::User, 1, client_uuid(&format!("uid={user:x}"))),
        (Login::Group(group), 2, client_uuid(&format!("gid={group:x}"))),
    ] {
        let outcome = identified(context, ta, login, number, uuid);
        logins.push(json!({ "login": number, "uuid": uuid.to_string(), "ok": outcome.is_ok() }));
        cases.note(report, &format!("{login:?} is {uuid}"), outcome);
    }
    report.set("logins", logins);
    // One group that nobody is in, and the logins that Linux has no identity for.
    for (login, errno) in [
        (Login::Group(0x7fff_fff0), EPERM),
        (Login::Application, EINVAL),
        (Login::UserApplication, EINVAL),
        (Login::GroupApplication(group), EINVAL),
    ] {
        cases.note(report, &format!("{login:?} is refused"), refused(context, ta, login, errno));
    }
    cases.finish(report)
}

fn identified(context: &Context, ta: Uuid, login: Login, number: u32, uuid: Uuid) -> Outcome {
    let session = context.open_session(ta, login, &mut Operation::default())?;
    let mut bytes = [0; 16];
    let mut operation =
        Operation::new([Param::value(Access::Output, 0, 0), Param::TemporaryOutput(&mut bytes)]);
    session.invoke(probe::IDENTITY, &mut operation)?;
    let (seen, _) = operation.value(0);
    session.close()?;
    // GP's TEE_UUID has its first fields in the TA's byte order, which is little-endian.
    let client = Uuid::from_bytes_le(bytes);
    ensure!(seen == number, "the TA sees login {seen}; {number} was due");
    ensure!(client == uuid, "the TA sees client {client}; {uuid} was due");
    Ok(())
}

fn refused(context: &Context, ta: Uuid, login: Login, errno: i32) -> Outcome {
    match context.open_session(ta, login, &mut Operation::default()) {
        Ok(_) => Err(Failure::Wrong("a session was opened".to_owned())),
        Err(error) if error.errno() == Some(errno) => Ok(()),
        // A driver may have the TEE refuse what its kernel cannot identify.
        Err(error) if error.ret() == code::ERROR_ACCESS_DENIED => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_5_in_linuxs_name_space() {
        // python3 -c 'import uuid; print(uuid.uuid5(uuid.UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6"), "uid=0"))'
        assert_eq!(client_uuid("uid=0"), uuid!("ef0180a3-13f3-5d1c-b7f5-888c0e21059a"));
    }
}
