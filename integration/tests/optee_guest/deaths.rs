// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A guest, a daemon, the host's tee-supplicant: each dies in the midst of a call, and neither OP-TEE nor the kernel
//! keeps anything of it, while others go on. VMs that die many times are in [`hammer`](crate::hammer).

use std::time::Instant;

use guest_agent::Status;
use integration::nested::{self, PROBE, PROBE_SHARED};
use integration::traces::Traces;
use integration::vm::{Guest, GuestError, Output, Running};

use crate::common::Outcome;
use crate::machine;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// Pages that are pinned, at least, while a client is in a call that uses 1 MiB of memory, and the bystander has as much.
const PAGES: i64 = 256 + 128;

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

    /// Lets it end; what it says.
    fn end(self) -> Result<String, GuestError> {
        self.machine.sh("touch /tmp/enough")?;
        let output = self.running.wait()?.success()?;
        Ok(format!("the other VM: {}", output.stdout.lines().last().unwrap_or_default()))
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
    let calls = bystander.end()?;
    println!("{calls}; after the supplicant's death: {}", Traces::settle(machine, &before, Some(pid))?);

    daemon.signal(SIGTERM)?;
    let log = daemon.wait()?.success()?.stdout;
    assert!(log.contains("is tee-supplicant running?"), "{log}");
    vm.shut_down()?;
    Ok(())
}

/// What a guest is in when it dies: a call that uses registered memory, for 10 s more once it was cancelled; and one that
/// sleeps, for longer than it takes to see that it is still there when the guest is not.
const REGISTERED: &str = "hold probe --registered 1M --ms 50000";
const ASLEEP: &str = "hold probe --ms 30000";

/// Bytes of OP-TEE's memory for TAs that are in use: an instance has some MiB.
fn ta_memory(traces: &Traces) -> u64 {
    traces.pools.iter().filter(|(pool, _)| pool.contains("TA")).map(|(_, bytes)| bytes).sum()
}

#[test]
fn a_guest_killed_in_a_call_leaves_nothing_and_fails_no_other() -> Outcome {
    let vm = machine("guest-death")?;
    let machine = &vm.guest;
    let (daemon, pid) = nested::daemon(machine, "daemon", &["bystander", "victim"])?;
    opens(machine, "victim")?.success()?;
    opens(machine, "bystander")?.success()?;
    let before = Traces::of(machine, Some(pid))?;
    println!("before: {before}");

    for call in [REGISTERED, ASLEEP] {
        let bystander = Bystander::start(machine, &[])?;
        let mut guest = nested::guest(machine, "victim", call)?;
        guest.wait_for("holding session")?;
        let held = Traces::of(machine, Some(pid))?;
        println!("{call}: {held}");
        if call == REGISTERED {
            assert!(held.pinned >= before.pinned + PAGES, "{held}");
        }
        machine.sh("kill -9 $(busybox pidof qemu-system-aarch64)")?;
        let death = Instant::now();
        guest.wait()?;
        if call == ASLEEP {
            // OP-TEE ends a TA's sleep no sooner than it is over: docs/host-tee.md.
            let after = Traces::of(machine, Some(pid))?;
            assert!(ta_memory(&after) > ta_memory(&before), "the call was over when its guest died: {after}");
        }
        let calls = bystander.end()?;
        let settled = Traces::settle(machine, &before, Some(pid))?;
        println!("{call}: {calls}; nothing is left {:.1?} after the death: {settled}", death.elapsed());
    }

    // The next guest in its place.
    opens(machine, "victim")?.success()?;
    daemon.signal(SIGTERM)?;
    let log = daemon.wait()?.success()?.stdout;
    assert!(log.contains("calls that could not be ended"), "{log}");
    vm.shut_down()?;
    Ok(())
}

#[test]
fn a_daemon_killed_in_a_call_leaves_nothing_and_can_be_replaced() -> Outcome {
    let vm = machine("daemon-death")?;
    let machine = &vm.guest;
    let (other, pid) = nested::daemon(machine, "other", &["bystander"])?;
    let (killed, _) = nested::daemon(machine, "killed", &["victim"])?;
    opens(machine, "victim")?.success()?;
    opens(machine, "bystander")?.success()?;
    let before = Traces::of(machine, Some(pid))?;
    println!("before: {before}");

    let bystander = Bystander::start(machine, &[])?;
    let mut client = front_end(machine, "victim", &["hold", "--until", "/tmp/released"])?;
    client.wait_for("holding")?;
    let held = Traces::of(machine, Some(pid))?;
    println!("in the call: {held}");
    assert!(held.pinned >= before.pinned + PAGES, "{held}");
    killed.signal(SIGKILL)?;
    // It ends when the call does, and with it all that it had open: the connections of its VMs.
    machine.sh("sleep 1")?;
    let held = Traces::of(machine, Some(pid))?;
    assert!(held.pinned >= before.pinned + PAGES, "{held}");
    machine.sh("touch /tmp/released")?;
    let released = Instant::now();
    assert_eq!(killed.wait()?.status, Status::Signal(SIGKILL));
    println!("the killed daemon has ended {:.1?} after its call was let go", released.elapsed());
    let output = client.wait()?;
    assert_eq!(output.status, Status::Code(1), "{output:?}");

    let (second, _) = nested::daemon(machine, "killed", &["victim"])?;
    opens(machine, "victim")?.success()?;
    let calls = bystander.end()?;
    second.signal(SIGTERM)?;
    second.wait()?.success()?;
    println!("{calls}; after the daemon's death: {}", Traces::settle(machine, &before, Some(pid))?);
    other.signal(SIGTERM)?;
    other.wait()?.success()?;
    vm.shut_down()?;
    Ok(())
}
