// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a VM may ask of its TEE: a layer over any [`Tee`].
//!
//! It decides which TAs the VM may open, and what becomes of the client identities that its kernel
//! sends. How much of everything it may have is the [partition](crate::partition::Limits)'s affair.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tee::{gp, CancelToken, Context, Failure, Memory, OpenSession, Param, Session, Tee, Version};
use uuid::Uuid;

use crate::rate_limit::RateLimit;

/// Lines in the log about refusals, per minute.
const REFUSALS_LOGGED: u32 = 10;

/// What becomes of a login method other than the public one, with the identity that the guest's kernel
/// has found out for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Logins {
    /// TAs are told what the guest's kernel says. Right where the TAs serve this VM alone.
    Guest,
    /// TAs are told of a public client: nobody vouches for it.
    Public,
    /// The session is refused.
    Refuse,
}

/// A VM's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The TAs that it may open, if not all. These may open others, as they need.
    pub allow: Option<HashSet<Uuid>>,
    /// TAs that it may not open, be they allowed or not. With the software TEE, its TAs may not either.
    pub deny: HashSet<Uuid>,
    /// What becomes of client identities.
    pub logins: Logins,
}

struct Rules {
    vm: String,
    policy: Policy,
    refusals: RateLimit,
}

/// A TEE with rules.
pub struct Guarded {
    tee: Arc<dyn Tee>,
    rules: Arc<Rules>,
}

impl Guarded {
    /// Lays `policy` over the TEE of the VM `vm`.
    pub fn new(tee: Arc<dyn Tee>, vm: &str, policy: Policy) -> Self {
        let refusals = RateLimit::new(REFUSALS_LOGGED, Duration::from_secs(60));
        Self { tee, rules: Arc::new(Rules { vm: vm.to_owned(), policy, refusals }) }
    }
}

impl Tee for Guarded {
    fn version(&self) -> &Version {
        self.tee.version()
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        let context = self.tee.open_context()?;
        Ok(Arc::new(GuardedContext { context, rules: self.rules.clone() }))
    }
}

struct GuardedContext {
    context: Arc<dyn Context>,
    rules: Arc<Rules>,
}

impl Context for GuardedContext {
    fn open_session(
        &self,
        request: &OpenSession,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Result<Arc<dyn Session>, Failure> {
        let request = self.rules.admit(request)?;
        self.context.open_session(&request, params, cancel)
    }

    fn release_memory(&self, memory: &Memory) {
        self.context.release_memory(memory);
    }
}

impl Rules {
    /// The session that the guest may open where it asks for `request`.
    fn admit(&self, request: &OpenSession) -> Result<OpenSession, Failure> {
        let Policy { allow, deny, logins } = &self.policy;
        let ta = request.uuid;
        if deny.contains(&ta) {
            return Err(self.refuse(&format_args!("TA {ta} is denied")));
        }
        if allow.as_ref().is_some_and(|allowed| !allowed.contains(&ta)) {
            return Err(self.refuse(&format_args!("TA {ta} is not among those allowed")));
        }
        match logins {
            _ if request.login == gp::LOGIN_PUBLIC => Ok(request.clone()),
            Logins::Guest => Ok(request.clone()),
            Logins::Public => Ok(OpenSession { uuid: ta, login: gp::LOGIN_PUBLIC, client: Uuid::nil() }),
            Logins::Refuse => {
                let login = request.login;
                Err(self.refuse(&format_args!("TA {ta}: login method {login:#x} is not vouched for here")))
            }
        }
    }

    fn refuse(&self, why: &dyn std::fmt::Display) -> Failure {
        match self.refusals.admit() {
            Some(0) => log::warn!("{}: session refused: {why}", self.vm),
            Some(more) => log::warn!("{}: session refused: {why} (and {more} not logged)", self.vm),
            None => {}
        }
        Failure::tee(gp::ERROR_ACCESS_DENIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TA: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn admit(policy: Policy, uuid: Uuid, login: u32) -> Result<(u32, Uuid), Failure> {
        let refusals = RateLimit::new(1, Duration::from_secs(60));
        let rules = Rules { vm: "vm".into(), policy, refusals };
        let request = OpenSession { uuid, login, client: Uuid::from_u128(u128::from(login)) };
        rules.admit(&request).map(|admitted| (admitted.login, admitted.client))
    }

    #[test]
    fn lists_of_tas() {
        let denied = Err(Failure::tee(gp::ERROR_ACCESS_DENIED));
        let public = Ok((gp::LOGIN_PUBLIC, Uuid::nil()));
        let policy = |allow: Option<&[Uuid]>, deny: &[Uuid]| Policy {
            allow: allow.map(|list| list.iter().copied().collect()),
            deny: deny.iter().copied().collect(),
            logins: Logins::Guest,
        };
        for (allow, deny, ta, other) in [
            (None, &[][..], public, public),
            (None, &[TA], denied, public),
            (Some(&[TA][..]), &[], public, denied),
            (Some(&[TA, OTHER]), &[TA], denied, public),
            (Some(&[]), &[], denied, denied),
        ] {
            assert_eq!(admit(policy(allow, deny), TA, gp::LOGIN_PUBLIC), ta);
            assert_eq!(admit(policy(allow, deny), OTHER, gp::LOGIN_PUBLIC), other);
        }
    }

    #[test]
    fn login_methods() {
        let policy = |logins| Policy { allow: None, deny: HashSet::new(), logins };
        for login in [gp::LOGIN_USER, gp::LOGIN_GROUP, gp::LOGIN_APPLICATION, gp::LOGIN_REE_KERNEL] {
            let as_it_is = Ok((login, Uuid::from_u128(u128::from(login))));
            assert_eq!(admit(policy(Logins::Guest), TA, login), as_it_is);
            assert_eq!(admit(policy(Logins::Public), TA, login), Ok((gp::LOGIN_PUBLIC, Uuid::nil())));
            let denied = Err(Failure::tee(gp::ERROR_ACCESS_DENIED));
            assert_eq!(admit(policy(Logins::Refuse), TA, login), denied);
        }
        assert!(admit(policy(Logins::Refuse), TA, gp::LOGIN_PUBLIC).is_ok());
    }
}
