// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! On what terms a call is made: for whom, and who ends it, and when.

use std::time::Instant;

use tee::CancelToken;

use crate::instance::Instance;
use crate::instances::Instances;
use crate::nesting::Waiting;

/// On what terms a call is made. A call that a TA makes while it is called inherits what bounds its own.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// The TEE that it is made in.
    pub(crate) instances: &'a Instances,
    /// The TA that makes it; none where a guest does.
    pub(crate) caller: Option<&'a Instance>,
    /// How it is asked to give up.
    pub(crate) cancel: &'a CancelToken,
    /// When it is cancelled, unless it is over.
    pub(crate) cancel_at: Option<Instant>,
    /// When it is cancelled, unless it has begun.
    pub(crate) begin_until: Option<Instant>,
    /// When the instance is killed that carries it out, unless it is over.
    pub(crate) kill_at: Option<Instant>,
    /// How many calls of TAs it is made for, one within the other.
    pub(crate) depth: u32,
}

impl<'a> Terms<'a> {
    /// Of a call that a guest makes, or the TEE itself.
    pub(crate) fn new(instances: &'a Instances, cancel: &'a CancelToken) -> Self {
        Self { instances, caller: None, cancel, cancel_at: None, begin_until: None, kill_at: None, depth: 0 }
    }

    /// Notes that the caller waits for `callee` until what is returned is dropped; `None` where it would wait for
    /// itself.
    pub(crate) fn wait_for(&self, callee: &Instance) -> Option<Waiting<'a>> {
        self.instances.nesting().wait_for(self.caller, callee)
    }
}

/// The earlier of two times, of which either may be never.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}
