// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Two VMs that call OP-TEE all the time, by one daemon, while one of them is killed again and again.
//!
//! The survivor is a guest ([`nested`]), which makes calls of all kinds, and opens sessions that are instances of
//! their TA. The other one is `virtio-tee-frontend`, a VM without a guest: it calls at once when it is started, so
//! that it can be killed every [`LIFE`] in the midst of it. Its sessions are all with one instance: this OP-TEE has
//! memory for three instances of the probe, of which the survivor has two at times.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::nested::{self, PROBE_SHARED};
use crate::progress::say;
use crate::provision::NestedGuest;
use crate::traces::{Traces, TracesError};
use crate::vm::{Guest, GuestError, VmError};

/// How long one life of the VM lasts that is killed.
pub const LIFE: Duration = Duration::from_secs(5);
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// Why it failed.
#[derive(Debug, Error)]
pub enum HammerError {
    /// The machine.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// A command in the machine: the survivor's, if a call of it has failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// Something was left behind, or cannot be looked at.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// What came of it; no call of the survivor has failed.
#[derive(Debug)]
pub struct Report {
    /// How often the one VM was killed.
    pub kills: u32,
    /// What the survivor says.
    pub survivor: String,
    /// What was held before, with nobody connected to the daemon.
    pub before: Traces,
    /// The same afterwards.
    pub after: Traces,
}

/// Does it for so long, in a machine of its own; its logs go to `dir/hammer`.
pub fn run(parts: &NestedGuest, dir: &Path, duration: Duration) -> Result<Report, HammerError> {
    let vm = nested::boot(parts, dir, "hammer")?;
    let guest = &vm.guest;
    let (daemon, pid) = nested::daemon(guest, "hammer", &["survivor", "killed"])?;
    // The first ones fill caches.
    for vm in ["survivor", "killed", "survivor", "killed"] {
        life_and_death(guest, vm, Duration::from_secs(1))?;
    }
    thread::sleep(LIFE);
    let before = Traces::of(guest, Some(pid))?;
    say(&format!("before: {before}"));

    let stress = format!("stress probe --threads 1 --seconds {}", duration.as_secs());
    let mut survivor = nested::guest(guest, "survivor", &stress)?;
    survivor.wait_for("threads for")?;
    say("the guest that survives makes calls");
    let start = Instant::now();
    let mut kills = 0;
    while start.elapsed() < duration {
        life_and_death(guest, "killed", LIFE)?;
        kills += 1;
    }
    let output = survivor.wait()?.success()?;
    let said = output.stdout.lines().find(|line| line.contains("every answer right"));
    let after = Traces::settle(guest, &before, Some(pid))?;
    daemon.signal(SIGTERM)?;
    daemon.wait()?.success()?;
    let survivor = said.unwrap_or_default().to_owned();
    vm.shut_down()?;
    Ok(Report { kills, survivor, before, after })
}

/// A VM without a guest: started, and killed `life` after its first calls.
fn life_and_death(guest: &Guest, vm: &str, life: Duration) -> Result<(), GuestError> {
    let mut vm = guest.start(&["virtio-tee-frontend", &nested::socket(vm), PROBE_SHARED, "hammer"])?;
    vm.wait_for("hammering")?;
    thread::sleep(life);
    vm.signal(SIGKILL)?;
    let output = vm.wait()?;
    if output.status == guest_agent::Status::Signal(SIGKILL) {
        return Ok(());
    }
    // It ended before: one of its own calls failed.
    let text = format!("{}{}", output.stdout, output.stderr);
    Err(GuestError::Failed { command: output.command, status: output.status, output: text })
}
