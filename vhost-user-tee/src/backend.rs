// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which TEE a VM gets.

use std::sync::Arc;

use soft_tee::{Config, Limits, SoftTee};
use tee::Tee;

use crate::config::VmConfig;
use crate::partition::MakeTee;

/// The software TEE, with the VM's TAs.
pub fn soft_tee(vm: &VmConfig) -> MakeTee {
    let config = Config {
        name: vm.name.clone(),
        ta_dir: vm.ta_dir.clone(),
        ta_runtime: vm.ta_runtime.clone(),
        limits: Limits { instances: vm.max_instances as usize, ..Limits::default() },
    };
    Arc::new(move || Ok(Arc::new(SoftTee::new(config.clone())?) as Arc<dyn Tee>))
}
