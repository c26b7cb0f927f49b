// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which TEE a VM gets.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kernel_tee::{Gate, KernelTee};
use soft_tee::{Limits, SoftTee, State, StateError};
use tee::Tee;
use uuid::Uuid;

use crate::config::{KernelConfig, SoftConfig, TeeConfig, VmConfig};
use crate::partition::MakeTee;
use crate::policy::Guarded;

/// The TEEs of a daemon's VMs.
#[derive(Debug, Default)]
pub struct Backends {
    /// One gate for each of the host's devices, whatever paths VMs know it by.
    gates: HashMap<PathBuf, Arc<Gate>>,
}

impl Backends {
    /// The TEE that `vm` is configured to have, with the VM's policy over it.
    pub fn make(&mut self, vm: &VmConfig) -> MakeTee {
        let make = match &vm.tee {
            TeeConfig::Soft(config) => soft_tee(&vm.name, config, &vm.policy.deny),
            TeeConfig::Kernel(config) => self.kernel_tee(&vm.name, config),
        };
        let (name, policy) = (vm.name.clone(), vm.policy.clone());
        Arc::new(move || Ok(Arc::new(Guarded::new(make()?, &name, policy.clone())) as Arc<dyn Tee>))
    }

    /// The host's own.
    fn kernel_tee(&mut self, name: &str, vm: &KernelConfig) -> MakeTee {
        let known_as = fs::canonicalize(&vm.device).unwrap_or_else(|_| vm.device.clone());
        let config = kernel_tee::Config {
            name: name.to_owned(),
            device: vm.device.clone(),
            gate: self.gates.entry(known_as).or_insert_with(|| Gate::new(vm.calls as usize)).clone(),
            copy_up_to: vm.copy_up_to,
        };
        Arc::new(move || Ok(Arc::new(KernelTee::new(config.clone())?) as Arc<dyn Tee>))
    }
}

/// The software TEE, with the VM's TAs. The policy does not see what TAs ask of each other, so the TEE itself knows
/// which are denied.
fn soft_tee(name: &str, vm: &SoftConfig, denied: &HashSet<Uuid>) -> MakeTee {
    let (name, vm, denied) = (name.to_owned(), vm.clone(), denied.clone());
    // Opened with the first TEE; every further one has the same.
    let kept: Mutex<Option<Arc<State>>> = Mutex::default();
    Arc::new(move || {
        let state = {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            match &*kept {
                Some(state) => state.clone(),
                None => kept.insert(Arc::new(open_state(&name, &vm)?)).clone(),
            }
        };
        let config = soft_tee::Config {
            name: name.clone(),
            ta_dir: vm.ta_dir.clone(),
            ta_runtime: vm.ta_runtime.clone(),
            limits: Limits { instances: vm.max_instances as usize, ..Limits::default() },
            state,
            sockets: vm.ta_sockets.clone(),
            denied: denied.clone(),
        };
        Ok(Arc::new(SoftTee::new(config)?) as Arc<dyn Tee>)
    })
}

fn open_state(name: &str, vm: &SoftConfig) -> Result<State, StateError> {
    match &vm.state_dir {
        Some(folder) => State::open(&folder.join(name), vm.max_storage_bytes),
        None => {
            log::info!("{name}: no --state-dir, so what its TAs store lives as long as this daemon");
            State::in_memory(vm.max_storage_bytes)
        }
    }
}
