// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which TEE a VM gets.

use std::sync::Arc;

use tee::{gp, CancelToken, Context, Failure, Memory, OpenSession, Param, Session, Tee, Version};

use crate::config::VmConfig;
use crate::vm::MakeTee;

/// A TEE with no TA in it, to boot guests with until the software TEE is here.
struct NoTas(Version);

impl Tee for NoTas {
    fn version(&self) -> &Version {
        &self.0
    }

    fn open_context(&self) -> Result<Arc<dyn Context>, Failure> {
        Ok(Arc::new(NoTas(self.0.clone())))
    }
}

impl Context for NoTas {
    fn open_session(
        &self,
        _request: &OpenSession,
        _params: &mut [Param],
        _cancel: &CancelToken,
    ) -> Result<Arc<dyn Session>, Failure> {
        Err(Failure::tee(gp::ERROR_ITEM_NOT_FOUND))
    }

    fn release_memory(&self, _memory: &Memory) {}
}

/// The software TEE, with the VM's TAs.
pub fn soft_tee(_config: &VmConfig) -> MakeTee {
    Box::new(|| {
        let version = Version { impl_id: 1, impl_caps: 0, gen_caps: 0xd, revision: "no TAs".into() };
        Ok(Arc::new(NoTas(version)))
    })
}
