// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the device knows of a TEE, and all it knows: three traits.
//!
//! ```text
//!   Tee ──open_context──▶ Context ──open_session──▶ Session ──invoke──▶ the TA
//!   one per VM            one per open of           one per
//!                         the guest's /dev/tee0     TEEC_Session
//! ```
//!
//! Calls block until the TEE has answered; the device makes each from a thread of its own, holds no
//! lock meanwhile, and gives every call a [`CancelToken`] through which another thread can ask the
//! TEE to give up. Memory arrives as [`Memory`], page runs of files that the implementation maps the
//! way that suits it, and copies only where the TEE beneath cannot share, or where that is cheaper.
//!
//! An implementation keeps its own state right when calls come from many threads at once: a call in one
//! session delays none in another, unless both are of one TA instance or the TEE has no more threads. Handles
//! are the device's affair: what a guest may name has been checked before a trait here is called.
//!
//! What is promised here is held against every implementation by one suite, crate `tee-testing`. It names
//! as well what a TEE can but need not promise: that TAs work on the guest's own pages, that a TA which sleeps
//! wakes up when it is cancelled, that a late cancellation is lost, that an abandoned call is ended by force.

mod cancel;
pub mod gp;
mod memory;
mod params;

use std::sync::Arc;

pub use cancel::{CancelToken, GiveUp};
pub use memory::{Lifetime, Memory, Run};
pub use params::{Access, MemRef, Param};
use uuid::Uuid;

/// What a TEE is, as Linux's `struct tee_ioctl_version_data` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `TEE_IMPL_ID_*`.
    pub impl_id: u32,
    /// Capabilities particular to `impl_id`.
    pub impl_caps: u32,
    /// `TEE_GEN_CAP_*`.
    pub gen_caps: u32,
    /// For people to read.
    pub revision: String,
}

/// Who returned a result (GP TEE Client API 1.0, table 4-3: `TEEC_ORIGIN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Origin {
    /// The client's own library.
    Api = 1,
    /// What carries calls to the TEE.
    Comms = 2,
    /// The TEE itself.
    Tee = 3,
    /// The TA.
    TrustedApp = 4,
}

/// A result that is not `TEEC_SUCCESS`, and who returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A GP result code, see [`gp`]. Any value where a TA returned it.
    pub ret: u32,
    /// Who returned it.
    pub origin: Origin,
}

impl Failure {
    /// A failure that the TEE itself reports.
    pub const fn tee(ret: u32) -> Self {
        Self { ret, origin: Origin::Tee }
    }

    /// A failure on the way to the TEE.
    pub const fn comms(ret: u32) -> Self {
        Self { ret, origin: Origin::Comms }
    }

    /// A failure that the TA returned.
    pub const fn trusted_app(ret: u32) -> Self {
        Self { ret, origin: Origin::TrustedApp }
    }
}

/// What a client asks for when it opens a session.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The TA.
    pub uuid: Uuid,
    /// How the client was identified: `TEE_IOCTL_LOGIN_*`. The TA is told just this, or else the session
    /// is refused with [`gp::ERROR_ACCESS_DENIED`]: never is another client vouched for.
    pub login: u32,
    /// Who the client is under that login; nil with the public login.
    pub client: Uuid,
}

/// One VM's TEE.
pub trait Tee: Send + Sync {
    /// What it is; the same as long as it lives.
    fn version(&self) -> &Version;

    /// Makes a context. It is there until it and all its sessions have been dropped, and then holds
    /// nothing any more. Memory that its calls have used is to be
    /// [released](Context::release_memory) before: what is registered may stay with TAs that go on.
    fn open_context(&self) -> Result<Arc<dyn Context>, Failure>;
}

/// One client's connection to the TEE.
pub trait Context: Send + Sync {
    /// Opens a session with a TA; blocks. `params` carry results back also where it fails, if the TA has
    /// returned. Without such a TA it fails with [`gp::ERROR_ITEM_NOT_FOUND`], from the TEE; if asked to give up before
    /// it begins, with [`gp::ERROR_CANCEL`], from the TEE.
    fn open_session(
        &self,
        request: &OpenSession,
        params: &mut [Param],
        cancel: &CancelToken,
    ) -> Result<Arc<dyn Session>, Failure>;

    /// Unmaps `memory` wherever this TEE has it mapped, before it returns: no TA sees it then, and no page of it is
    /// pinned. Called once no call uses it, of memory that calls of this context alone have used; a TEE that
    /// never saw it, or has released it, has nothing to do. Waits for no TA.
    fn release_memory(&self, memory: &Memory);
}

/// One session with a TA.
pub trait Session: Send + Sync {
    /// Calls a function of the TA; blocks. `params` carry results back also where it fails, if the TA has
    /// returned. The TA never hears of a call that is asked to give up before it begins, which fails with
    /// [`gp::ERROR_CANCEL`], from the TEE; nor of one whose memory cannot be mapped, which fails with whatever
    /// tells why, from another origin than the TA.
    ///
    /// Where the TA dies of it, this call and every one in each session of that instance fails with
    /// [`gp::ERROR_TARGET_DEAD`], from the TEE; a new session has a new instance.
    fn invoke(&self, func: u32, params: &mut [Param], cancel: &CancelToken) -> Result<(), Failure>;

    /// Ends the session; blocks while the TA is told. Called once, with no call under way. Cannot
    /// be cancelled, but abandoned: then it is closed all the same, at the latest with its context. A session
    /// that is dropped without is closed as well.
    fn close(&self, cancel: &CancelToken);
}
