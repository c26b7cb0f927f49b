// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the daemon does for a TA while one of its calls runs, on the thread that waits for the call.
//!
//! Requests come from a process that may be hostile: every argument is checked here.

mod persistent_time;
mod storage;
mod time;

use std::sync::Arc;

use ta_protocol::exchange::ExchangeFile;
use ta_protocol::message::{ServiceReply, ServiceRequest, SERVICE_ARGS, SERVICE_REE_TIME};
use ta_protocol::storage as protocol;
use tee::gp;
use uuid::Uuid;

use crate::ration::ErrorLog;
use crate::state::State;
use storage::Storage;

/// What a service answers, or a GP result code.
type Answer = Result<[u64; SERVICE_ARGS], u32>;

/// Nothing but that it has been done.
const DONE: Answer = Ok([0; SERVICE_ARGS]);

/// What the daemon does for one instance.
pub(crate) struct Services {
    storage: Storage,
}

impl Services {
    /// For the instance `name` of TA `uuid`, of which the header has `flags`.
    pub(crate) fn new(
        name: &str,
        uuid: Uuid,
        flags: u32,
        state: Arc<State>,
        errors: Arc<ErrorLog>,
        exchange: ExchangeFile,
    ) -> Self {
        Self { storage: Storage::new(name, uuid, flags, state, errors, exchange) }
    }

    /// Carries a request out. One at a time: an instance has one call at a time.
    pub(crate) fn serve(&self, request: &ServiceRequest) -> ServiceReply {
        let answer = match request.service {
            SERVICE_REE_TIME => time::ree_time(),
            protocol::OPEN..=protocol::SET_TIME => self.storage.serve(request),
            _ => Err(gp::ERROR_NOT_SUPPORTED),
        };
        match answer {
            Ok(values) => ServiceReply { ret: gp::SUCCESS, values, ..ServiceReply::default() },
            Err(ret) => ServiceReply { ret, ..ServiceReply::default() },
        }
    }

    /// The process has ended: what it had of others is theirs again. Nothing is served any more.
    pub(crate) fn end(&self) {
        self.storage.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn services() -> Services {
        let state = Arc::new(State::in_memory(1 << 20).unwrap());
        let errors = Arc::new(ErrorLog::new("vm".into(), state.log_rations().clone()));
        Services::new("TA", Uuid::nil(), 0, state, errors, ExchangeFile::create().unwrap())
    }

    #[test]
    fn an_unknown_service_is_refused() {
        let request = ServiceRequest { service: 0xffff_ffff, ..ServiceRequest::default() };
        assert_eq!(services().serve(&request).ret, gp::ERROR_NOT_SUPPORTED);
    }

    #[test]
    fn ree_time_is_the_hosts() {
        let request = ServiceRequest { service: SERVICE_REE_TIME, ..ServiceRequest::default() };
        let reply = services().serve(&request);
        let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(reply.ret == gp::SUCCESS && now.as_secs() - reply.values[0] < 60);
    }
}
