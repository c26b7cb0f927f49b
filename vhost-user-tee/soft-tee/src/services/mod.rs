// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the daemon does for a TA while one of its calls runs, on the thread that waits for the call.
//!
//! Requests come from a process that may be hostile: every argument is checked here.

mod time;

use std::sync::Arc;

use ta_protocol::message::{ServiceReply, ServiceRequest, SERVICE_ARGS, SERVICE_REE_TIME};
use tee::gp;
use uuid::Uuid;

use crate::state::State;

/// What a service answers, or a GP result code.
type Answer = Result<[u64; SERVICE_ARGS], u32>;

/// What the daemon does for one instance.
pub(crate) struct Services {
    /// The TA.
    _uuid: Uuid,
    /// The VM's.
    _state: Arc<State>,
}

impl Services {
    /// For an instance of TA `uuid`.
    pub(crate) fn new(uuid: Uuid, state: Arc<State>) -> Self {
        Self { _uuid: uuid, _state: state }
    }

    /// Carries a request out. One at a time: an instance has one call at a time.
    pub(crate) fn serve(&self, request: &ServiceRequest) -> ServiceReply {
        let answer = match request.service {
            SERVICE_REE_TIME => time::ree_time(),
            _ => Err(gp::ERROR_NOT_SUPPORTED),
        };
        match answer {
            Ok(values) => ServiceReply { ret: gp::SUCCESS, values, ..ServiceReply::default() },
            Err(ret) => ServiceReply { ret, ..ServiceReply::default() },
        }
    }

    /// The process has ended: what it had of others is theirs again. Nothing is served any more.
    pub(crate) fn end(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Services {
        Services::new(Uuid::nil(), Arc::new(State::in_memory().unwrap()))
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
