// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The host's tee-supplicant dies in the midst of a call: neither OP-TEE nor the kernel keeps anything of it, and
//! others go on. VMs that die are in [`hammer`](crate::hammer).

use guest_agent::Status;
use integration::nested::{self, PROBE, PROBE_SHARED};
use integration::traces::Traces;
use integration::vm::{Guest, GuestError, Output, Running};

use crate::common::Outcome;
use crate::machine;

const SIGTERM: i32 = 15;

/// A VM without a guest, at the socket that the daemon has for `vm`. The bystander's sessions are all with one
/// instance of their TA: this OP-TEE has memory for three.
fn front_end<'a>(machine: &'a Guest, vm: &str, what: &[&str]) -> Result<Running<'a>, GuestError> {
    let socket = nested::socket(vm);
    let ta = if vm == "bystander" { PROBE_SHARED } else { PROBE };
    machine.start(&[&["virtio-tee-frontend", &socket, ta], what].concat())
}

/// One call of a new VM, which opens a session.
fn opens(machine: &Guest, vm: &str) -> Result<Output, GuestError> {
    front_end(machine, vm, &["open"])?.wait()
}

/// Another VM, all of whose calls must succeed.
struct Bystander<'a> {
    machine: &'a Guest,
    running: Running<'a>,
}

impl<'a> Bystander<'a> {
    fn start(machine: &'a Guest, more: &[&str]) -> Result<Self, GuestError> {
        machine.sh("rm -f /tmp/enough")?;
        let what = [&["hammer", "--until", "/tmp/enough"], more].concat();
        let mut running = front_end(machine, "bystander", &what)?;
        running.wait_for("hammering")?;
        Ok(Self { machine, running })
    }

    /// Lets it end.
    fn end(self) -> Result<(), GuestError> {
        self.machine.sh("touch /tmp/enough")?;
        let output = self.running.wait()?.success()?;
        println!("the other VM: {}", output.stdout.lines().last().unwrap_or_default());
        Ok(())
    }
}

#[test]
fn a_supplicant_killed_in_a_call_fails_that_call_alone() -> Outcome {
    let vm = machine("supplicant")?;
    let machine = &vm.guest;
    let (daemon, pid) = nested::daemon(machine, "daemon", &["bystander", "victim"])?;
    opens(machine, "victim")?.success()?;
    opens(machine, "bystander")?.success()?;
    let before = Traces::of(machine, Some(pid))?;
    println!("before: {before}");

    // It is to load a TA, and has got no further when it is killed.
    let bystander = Bystander::start(machine, &["--one-session"])?;
    machine.sh("kill -STOP $(busybox pidof tee-supplicant)")?;
    let loading = front_end(machine, "victim", &["open"])?;
    machine.sh("sleep 2; kill -9 $(busybox pidof tee-supplicant)")?;
    let output = loading.wait()?;
    println!("a session that was being opened: {}", output.stderr.trim());
    assert_eq!(output.status, Status::Code(1), "{output:?}");
    assert!(output.stderr.contains("open session: returned"), "{output:?}");

    // Without one sessions wait; a new one serves them.
    let waiting = front_end(machine, "victim", &["open"])?;
    machine.sh("sleep 12; /usr/sbin/tee-supplicant -d")?;
    waiting.wait()?.success()?;
    bystander.end()?;
    println!("after the supplicant's death: {}", Traces::settle(machine, &before, Some(pid))?);

    daemon.signal(SIGTERM)?;
    let log = daemon.wait()?.success()?.stdout;
    assert!(log.contains("is tee-supplicant running?"), "{log}");
    vm.shut_down()?;
    Ok(())
}
