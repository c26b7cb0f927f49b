// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The guest's checks in user-mode Linux, beside the same in QEMU.

mod common;

use std::time::{Duration, Instant};

use common::{
    assert_daemon_unchanged, check, device_interrupts, random_numbers, random_numbers_come,
    reset_with_random_numbers, start, KernelMemory, Outcome,
};
use guest_agent::Status;
use integration::daemon::Daemon;
use integration::provision::{self, UmlKind};
use integration::uml::UmlVm;
use integration::vm::{Door, Guest, Vm};
use integration::Scene;

/// Much less than the calls last that are to be cut short.
const SOON: Duration = Duration::from_secs(120);
/// How long those last, in ms.
const LONG: u32 = 600_000;
const SIGKILL: i32 = 9;
/// Processes of TAs that stay when nobody uses them: `probe-shared` has one.
const RESIDENT: usize = 1;

/// What `tee-guest` is asked for on each machine; none of it takes a set time.
const CHECKS: [&str; 27] = [
    "version --impl-id 1 --impl-caps 0 --gen-caps 0xd",
    "hello hello-c",
    "hello hello-rust",
    "parameters probe",
    "identity probe",
    "memory-limits probe",
    "bad-input probe",
    "sha256 sha256-c --size 1M --memory registered",
    "sha256 sha256-c --size 1M --memory allocated",
    "sha256 sha256-c --size 1M --memory temporary",
    "sha256 sha256-c --size 1M --memory user-buffer",
    "sha256 sha256-c --size 1M --memory scattered",
    "sha256 sha256-rust --size 64M --memory registered",
    "sha256 sha256-rust --size 8M --memory user-buffer",
    "zero-copy probe --layout contiguous",
    "zero-copy probe --layout scattered",
    "panic probe",
    "panic probe-shared",
    "crash probe",
    "crash probe-shared",
    "sleepers probe --ms 2000 --calls 100",
    "session-scan probe",
    "sessions probe-shared --same-ta --count 50",
    "sessions probe-shared --count 1000",
    "sessions probe --count 100",
    "temporary probe --count 1000",
    "temporary probe --count 1000 --user-buffer",
];

/// How often the device is reset.
const RESETS: u32 = 50;

/// A machine under test.
struct Machine<'a> {
    guest: &'a Guest,
    daemon: &'a Daemon,
    /// Counts the interrupts of the TEE device.
    interrupts: fn(&Guest) -> u64,
    /// What was done, and how long it took.
    times: Vec<(&'static str, Duration)>,
}

impl Machine<'_> {
    /// Runs all checks.
    fn run(&mut self) -> Outcome {
        for arguments in CHECKS {
            self.time(arguments, |machine| {
                check(machine.guest, arguments);
                Ok(())
            })?;
        }
        self.time("twice 1000 calls, one round trip each", Self::round_trips)?;
        self.time("clients killed in calls", Self::killed_clients)?;
        self.time("a client killed with registered memory", Self::killed_memory)?;
        self.time("a device unbound in calls", Self::unbound)?;
        self.time("random numbers for the kernel", |machine| random_numbers(machine.guest))?;
        self.time("100 loads of the module", |machine| machine.loads(100))
    }

    fn time(&mut self, name: &'static str, step: impl FnOnce(&Self) -> Outcome) -> Outcome {
        let begun = Instant::now();
        step(self)?;
        self.times.push((name, begun.elapsed()));
        println!("{name:50} {:8.2} s", begun.elapsed().as_secs_f64());
        Ok(())
    }

    fn round_trips(&self) -> Outcome {
        // As in suite/memory.rs: what else a run needs cancels out between runs of two lengths.
        for how in ["", "--user-buffer"] {
            let mut interrupts = [0; 2];
            for (count, interrupts) in [100, 1100].into_iter().zip(&mut interrupts) {
                let before = (self.interrupts)(self.guest);
                check(self.guest, &format!("temporary probe --count {count} {how}"));
                *interrupts = (self.interrupts)(self.guest) - before;
            }
            let answers = interrupts[1] - interrupts[0];
            assert!((950..=1050).contains(&answers), "{answers} interrupts for 1000 calls {how}");
        }
        Ok(())
    }

    fn killed_clients(&self) -> Outcome {
        for how in ["sleep", "masked", "spin"] {
            let mut client = start(self.guest, &format!("hold probe --ms {LONG} --how {how}"));
            client.wait_for("holding")?;
            client.signal(SIGKILL)?;
            let output = client.wait_within(SOON)?;
            assert_eq!(output.status, Status::Signal(SIGKILL), "{how}: {output:?}");
            check(self.guest, "hello hello-c");
            self.daemon.wait_for_children(RESIDENT)?;
        }
        Ok(())
    }

    fn killed_memory(&self) -> Outcome {
        let mut client = start(self.guest, "hold probe --ms 50000 --registered 1048576");
        client.wait_for("holding")?;
        client.signal(SIGKILL)?;
        let output = client.wait_within(SOON)?;
        assert_eq!(output.status, Status::Signal(SIGKILL), "{output:?}");
        self.daemon.wait_for_children(RESIDENT)?;
        self.guest.sh("rmmod virtio_tee")?;
        // Nothing that was pinned for the device still is. The kernel sums up each second, at times.
        self.guest.sh(
            "i=0; until awk '/^nr_foll_pin_acquired/ { a = $2 } /^nr_foll_pin_released/ { r = $2 } \
             END { exit !(a > 0 && a == r) }' /proc/vmstat; \
             do i=$((i+1)); [ $i -lt 600 ]; sleep 0.1; done",
        )?;
        self.guest.ok(&["load-driver"])?;
        Ok(())
    }

    fn unbound(&self) -> Outcome {
        for how in ["sleep", "masked"] {
            let mut client = start(self.guest, &format!("hold probe --ms {LONG} --how {how}"));
            client.wait_for("holding")?;
            let driver = "/sys/bus/virtio/drivers/virtio_tee";
            let device = self.guest.sh(&format!("basename {driver}/virtio*"))?;
            let device = device.trim();
            self.guest.sh(&format!("echo {device} >{driver}/unbind"))?;
            let output = client.wait_within(SOON)?;
            assert_eq!(output.status, Status::Code(1), "{how}: {output:?}");
            self.guest.sh("! [ -e /dev/tee0 ]")?;
            self.guest.sh(&format!("echo {device} >{driver}/bind"))?;
            check(self.guest, "hello hello-c");
            self.daemon.wait_for_children(RESIDENT)?;
        }
        Ok(())
    }

    fn loads(&self, count: u32) -> Outcome {
        let script =
            format!("i=0; while [ $i -lt {count} ]; do rmmod virtio_tee; load-driver; i=$((i+1)); done");
        self.guest.sh(&script)?;
        Ok(())
    }

    /// What is done often leaves nothing behind.
    fn leaves_nothing(&self, loads: u32, sessions: u32) -> Outcome {
        // The first ones fill caches.
        self.loads(50)?;
        check(self.guest, "sessions probe --count 100");
        self.daemon.wait_for_children(RESIDENT)?;
        let (before, daemon_before) = (KernelMemory::of(self.guest), self.daemon.usage()?);
        self.loads(loads)?;
        KernelMemory::of(self.guest).assert_no_leak(before, loads, 2048);
        assert_daemon_unchanged(daemon_before, self.daemon.usage()?, loads);
        check(self.guest, &format!("sessions probe --count {sessions}"));
        self.daemon.wait_for_children(RESIDENT)?;
        KernelMemory::of(self.guest).assert_no_leak(before, sessions, 256);
        assert_daemon_unchanged(daemon_before, self.daemon.usage()?, sessions);
        Ok(())
    }
}

/// After each reset of the device the kernel's own driver has the TEE's random numbers anew, and nothing is left
/// behind. User-mode Linux has nothing that resets a device.
fn resets(vm: &Vm) -> Outcome {
    let guest = &vm.guest;
    guest.sh("insmod /lib/optee-rng.ko")?;
    for _ in 0..5 {
        reset_with_random_numbers(guest)?;
        random_numbers_come(guest)?;
    }
    let before = KernelMemory::of(guest);
    for _ in 0..RESETS {
        reset_with_random_numbers(guest)?;
    }
    random_numbers_come(guest)?;
    KernelMemory::of(guest).assert_no_leak(before, RESETS, 16 << 10);
    guest.sh("rmmod optee_rng")?;
    check(guest, "hello hello-c");
    Ok(())
}

/// The TEE device's interrupts in user-mode Linux, where all of a device's queues have one.
#[allow(clippy::unwrap_used, clippy::panic, reason = "only tests call this")]
fn uml_interrupts(guest: &Guest) -> u64 {
    let table = guest.ok(&["cat", "/proc/interrupts"]).unwrap();
    let line = table.lines().find(|line| line.contains("virtio-uml."));
    let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    count.unwrap_or_else(|| panic!("no interrupt of virtio-uml in\n{table}"))
}

#[test]
fn the_guests_checks_beside_qemu() -> Outcome {
    let kernel = provision::uml(UmlKind::Plain)?;
    let uml = {
        let scene = Scene::set("uml", Door::VhostUser, 1)?;
        let begun = Instant::now();
        let vm = UmlVm::boot(&scene.parts, &kernel, &scene.dir.join("uml"), &scene.tee(0).socket)?;
        assert_eq!(vm.guest.sh("cat /sys/bus/virtio/devices/*/device")?, "0x002e\n");
        vm.load_driver()?;
        let times = vec![("boot and load the driver", begun.elapsed())];
        let mut machine =
            Machine { guest: &vm.guest, daemon: &scene.daemon, interrupts: uml_interrupts, times };
        machine.run()?;
        machine.leaves_nothing(200, 1000)?;
        let times = machine.times;
        vm.shut_down()?;
        scene.daemon.terminate()?;
        times
    };
    let qemu = {
        let scene = Scene::set("beside-uml", Door::VfioUser, 1)?;
        let begun = Instant::now();
        let vm = scene.boot_with_driver(0)?;
        let times = vec![("boot and load the driver", begun.elapsed())];
        let mut machine =
            Machine { guest: &vm.guest, daemon: &scene.daemon, interrupts: device_interrupts, times };
        machine.run()?;
        let times = machine.times;
        resets(&vm)?;
        vm.shut_down()?;
        scene.daemon.terminate()?;
        times
    };
    compare(&uml, &qemu);
    Ok(())
}

/// Prints what took how long where.
fn compare(uml: &[(&str, Duration)], qemu: &[(&str, Duration)]) {
    let line = |name: &str, uml: Duration, qemu: Duration| {
        let (uml, qemu) = (uml.as_secs_f64(), qemu.as_secs_f64());
        println!("{name:50} {uml:8.2} s {qemu:8.2} s {:6.1}", qemu / uml);
    };
    println!("{:50} {:>10} {:>10} {:>6}", "", "user-mode", "QEMU", "ratio");
    for ((name, uml), (_, qemu)) in uml.iter().zip(qemu) {
        line(name, *uml, *qemu);
    }
    let total = |times: &[(&str, Duration)]| times.iter().map(|(_, time)| *time).sum();
    line("all", total(uml), total(qemu));
}

#[test]
#[ignore = "builds a kernel for minutes; its own command is: cargo test -p integration --test uml -- --ignored"]
fn the_guests_checks_under_kasan_and_lockdep() -> Outcome {
    let kernel = provision::uml(UmlKind::Debug)?;
    let scene = Scene::set("uml-debug", Door::VhostUser, 1)?;
    let begun = Instant::now();
    let vm = UmlVm::boot(&scene.parts, &kernel, &scene.dir.join("uml"), &scene.tee(0).socket)?;
    vm.load_driver()?;
    let times = vec![("boot and load the driver", begun.elapsed())];
    let mut machine = Machine { guest: &vm.guest, daemon: &scene.daemon, interrupts: uml_interrupts, times };
    machine.run()?;
    machine.time("stress", |machine| {
        println!("{}", check(machine.guest, "stress probe --threads 4 --seconds 20"));
        Ok(())
    })?;
    let locks = vm.guest.sh("grep debug_locks /proc/lockdep_stats")?;
    assert!(locks.trim().ends_with(" 1"), "lockdep has switched itself off: {locks}");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
