// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Contexts of a guest's clients, and their sessions: the `tee` crate's traits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use tee::{gp, CancelToken, Context, Failure, Memory, OpenSession, Param};
use uuid::Uuid;

use crate::instances::Instances;
use crate::params::{outgoing, take_results};
use crate::release::release;
use crate::sessions::{Client, Session};
use crate::terms::Terms;

/// A context has no state of its own: sessions and memories are the device's to keep apart.
pub(crate) struct SoftContext {
    instances: Arc<Instances>,
}

impl SoftContext {
    pub(crate) fn new(instances: Arc<Instances>) -> Self {
        Self { instances }
    }
}

impl Context for SoftContext {
    fn open_session(
        &self,
        request: &OpenSession,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Result<Arc<dyn tee::Session>, Failure> {
        let client = client(request)?;
        let out = outgoing(params)?;
        let mut results = None;
        let terms = Terms::new(&self.instances, cancel);
        let opened = Session::open(terms, request.uuid, client, &out, &mut results);
        take_results(params, results.as_ref());
        let session = opened?;
        let instances = self.instances.clone();
        Ok(Arc::new(SoftSession { instances, session, closed: AtomicBool::new(false) }))
    }

    fn release_memory(&self, memory: &Memory) {
        for instance in self.instances.alive() {
            release(&instance, memory.id());
        }
    }
}

/// Who the guest says that its client is. A guest may say what it likes of its own; not that it is a TA, which
/// OP-TEE refuses in the same way.
fn client(request: &OpenSession) -> Result<Client, Failure> {
    let uuid = match request.login {
        // These are no one in particular, whatever comes with them.
        gp::LOGIN_PUBLIC | gp::LOGIN_REE_KERNEL => Uuid::nil(),
        gp::LOGIN_USER
        | gp::LOGIN_GROUP
        | gp::LOGIN_APPLICATION
        | gp::LOGIN_USER_APPLICATION
        | gp::LOGIN_GROUP_APPLICATION => request.client,
        _ => return Err(Failure::tee(gp::ERROR_BAD_PARAMETERS)),
    };
    Ok(Client { login: request.login, uuid })
}

/// A session. Closed when dropped, if it has not been.
struct SoftSession {
    instances: Arc<Instances>,
    session: Session,
    closed: AtomicBool,
}

impl tee::Session for SoftSession {
    fn invoke(&self, func: u32, params: &mut [Param], cancel: &CancelToken) -> Result<(), Failure> {
        let out = outgoing(params)?;
        let mut results = None;
        let result = self.session.invoke(Terms::new(&self.instances, cancel), func, &out, &mut results);
        take_results(params, results.as_ref());
        result
    }

    fn close(&self, cancel: &CancelToken) {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.session.close(Terms::new(&self.instances, cancel));
        }
    }
}

impl Drop for SoftSession {
    fn drop(&mut self) {
        tee::Session::close(self, &CancelToken::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_says_who_its_client_is_but_not_that_it_is_a_ta() {
        let somebody = Uuid::from_u128(7);
        let client = |login| client(&OpenSession { uuid: Uuid::nil(), login, client: somebody });
        for login in [gp::LOGIN_USER, gp::LOGIN_GROUP, gp::LOGIN_APPLICATION, 5, 6] {
            let client = client(login).unwrap();
            assert_eq!((client.login, client.uuid), (login, somebody));
        }
        for login in [gp::LOGIN_PUBLIC, gp::LOGIN_REE_KERNEL] {
            assert_eq!(client(login).unwrap().uuid, Uuid::nil());
        }
        for login in [3, 7, 0x7fff_ffff, 0x8000_0001, 0xefff_ffff, gp::LOGIN_TRUSTED_APP, u32::MAX] {
            assert_eq!(client(login).unwrap_err(), Failure::tee(gp::ERROR_BAD_PARAMETERS));
        }
    }
}
