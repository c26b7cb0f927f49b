// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the daemon does for a TA while one of its calls runs, on the thread that waits for the call.
//!
//! Requests come from a process that may be hostile: every argument is checked here.

use std::time::SystemTime;

use ta_protocol::message::{ServiceReply, ServiceRequest, SERVICE_REE_TIME};
use tee::gp;

/// Carries a request out.
pub(crate) fn serve(request: &ServiceRequest) -> ServiceReply {
    match request.service {
        SERVICE_REE_TIME => ree_time(),
        _ => ServiceReply { ret: gp::ERROR_NOT_SUPPORTED, ..ServiceReply::default() },
    }
}

fn ree_time() -> ServiceReply {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(now) => ServiceReply {
            ret: gp::SUCCESS,
            values: [now.as_secs(), now.subsec_millis().into(), 0, 0, 0, 0],
            ..ServiceReply::default()
        },
        // A host whose clock has never been set.
        Err(_) => ServiceReply { ret: gp::ERROR_BAD_STATE, ..ServiceReply::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_service_is_refused() {
        let request = ServiceRequest { service: 0xffff_ffff, ..ServiceRequest::default() };
        assert_eq!(serve(&request).ret, gp::ERROR_NOT_SUPPORTED);
    }

    #[test]
    fn ree_time_is_the_hosts() {
        let request = ServiceRequest { service: SERVICE_REE_TIME, ..ServiceRequest::default() };
        let reply = serve(&request);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert!(reply.ret == gp::SUCCESS && now - reply.values[0] < 60);
    }
}
