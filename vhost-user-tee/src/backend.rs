// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which TEE a VM gets.

use std::sync::{Arc, Mutex, PoisonError};

use soft_tee::{Config, Limits, SoftTee, State, StateError};
use tee::Tee;

use crate::config::VmConfig;
use crate::partition::MakeTee;

/// The software TEE, with the VM's TAs.
pub fn soft_tee(vm: &VmConfig) -> MakeTee {
    let vm = vm.clone();
    // Opened with the first TEE; every further one has the same.
    let kept: Mutex<Option<Arc<State>>> = Mutex::default();
    Arc::new(move || {
        let state = {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            match &*kept {
                Some(state) => state.clone(),
                None => kept.insert(Arc::new(open_state(&vm)?)).clone(),
            }
        };
        let config = Config {
            name: vm.name.clone(),
            ta_dir: vm.ta_dir.clone(),
            ta_runtime: vm.ta_runtime.clone(),
            limits: Limits { instances: vm.max_instances as usize, ..Limits::default() },
            state,
        };
        Ok(Arc::new(SoftTee::new(config)?) as Arc<dyn Tee>)
    })
}

fn open_state(vm: &VmConfig) -> Result<State, StateError> {
    match &vm.state_dir {
        Some(folder) => State::open(&folder.join(&vm.name)),
        None => {
            log::info!("{}: no --state-dir, so what its TAs store lives as long as this daemon", vm.name);
            State::in_memory()
        }
    }
}
