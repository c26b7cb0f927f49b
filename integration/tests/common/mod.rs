// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the tests of virtual machines have in common.
#![allow(dead_code, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests call these")]

use std::fmt;
use std::panic::Location;

use integration::daemon::{Daemon, Usage};
use integration::vm::{Guest, GuestError, Output, Running, Vm};
use serde_json::Value;

/// What a test comes to: an error is shown as it reads, not as it is built.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a test failed, and where.
pub(crate) struct Failure(String);

impl<E: fmt::Display> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self(format!("{}: {error}", Location::caller()))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a check of `tee-guest`, which must hold; returns its report.
#[track_caller]
pub(crate) fn check(guest: &Guest, arguments: &str) -> Value {
    let output =
        guest.run(&words(arguments)).and_then(Output::success).unwrap_or_else(|error| panic!("{error}"));
    let last = output.stdout.lines().last().unwrap_or_default();
    let report: Value =
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{arguments}: {last}: {error}"));
    assert_eq!(report["ok"], true, "{report}");
    report
}

/// Starts a check of `tee-guest`.
#[track_caller]
pub(crate) fn start<'a>(guest: &'a Guest, arguments: &str) -> Running<'a> {
    guest.start(&words(arguments)).unwrap()
}

fn words(arguments: &str) -> Vec<&str> {
    ["tee-guest"].into_iter().chain(arguments.split_whitespace()).collect()
}

/// Waits for `/dev/tee0`.
#[track_caller]
pub(crate) fn wait_for_device(guest: &Guest) {
    wait_until(guest, "[ -e /dev/tee0 ]");
}

/// Waits until a condition of the guest's shell holds.
#[track_caller]
pub(crate) fn wait_until(guest: &Guest, condition: &str) {
    let script = format!("i=0; until {condition}; do i=$((i+1)); [ $i -lt 600 ]; sleep 0.1; done");
    guest.sh(&script).unwrap_or_else(|error| panic!("{error}"));
}

/// Where the kernel has its random numbers from.
const RNG_CURRENT: &str = "cat /sys/class/misc/hw_random/rng_current";

/// The kernel's own driver finds the TEE's source of random numbers on the TEE bus, and gives what comes
/// from there to `/dev/hwrng`; it does so anew when the device was gone, and leaves nothing behind.
pub(crate) fn random_numbers(guest: &Guest) -> Outcome {
    let on_bus = guest.sh("ls /sys/bus/tee/devices")?;
    assert!(on_bus.contains("-ta-ab7a617c-b8e7-4d8f-8301-d09b61036b64"), "{on_bus}");
    guest.sh("insmod /lib/optee-rng.ko")?;
    let device = virtio_name(guest);
    for _ in 0..2 {
        random_numbers_come(guest)?;
        let driver = "/sys/bus/virtio/drivers/virtio_tee";
        guest.sh(&format!("echo {device} >{driver}/unbind"))?;
        assert_eq!(guest.sh("ls /sys/bus/tee/devices")?, "");
        assert_ne!(guest.sh(RNG_CURRENT)?, "optee-rng\n");
        guest.sh(&format!("echo {device} >{driver}/bind"))?;
    }
    guest.sh("rmmod optee_rng")?;
    check(guest, "hello hello-c");
    Ok(())
}

/// What `/dev/hwrng` gives comes from the TEE.
pub(crate) fn random_numbers_come(guest: &Guest) -> Outcome {
    const READ: &str = "dd if=/dev/hwrng bs=64 count=1 2>&- | busybox md5sum";
    assert_eq!(guest.sh(RNG_CURRENT)?, "optee-rng\n");
    let calls = "awk '/^request/ { n += $3 } END { print n }' /sys/kernel/debug/virtio_tee-*/queues";
    let before: u64 = guest.sh(calls)?.trim().parse()?;
    let (one, two) = (guest.sh(READ)?, guest.sh(READ)?);
    assert_ne!(one, two);
    let after: u64 = guest.sh(calls)?.trim().parse()?;
    assert!(after >= before + 2, "{before} calls before, {after} after two reads");
    Ok(())
}

/// Resets the PCI device that the TEE device is of, and waits until the kernel's own driver has the source of
/// random numbers anew.
pub(crate) fn reset_with_random_numbers(guest: &Guest) -> Outcome {
    let link = "readlink /sys/bus/tee/devices/*-ta-ab7a617c-*/driver";
    let starts = "sed -n 's/^starts //p' /sys/kernel/debug/virtio_tee-*/limits";
    let before: u32 = guest.sh(starts)?.trim().parse()?;
    guest.sh(&format!("echo 1 >/sys/bus/virtio/devices/{}/../reset", virtio_name(guest)))?;
    assert_eq!(guest.sh(starts)?.trim().parse::<u32>()?, before + 1);
    // The kernel's log says nothing of it, but the context that the driver opened is of this start.
    wait_until(guest, &format!("{link} | grep -q optee-rng && [ $({OPEN_CONTEXTS}) -eq 1 ]"));
    wait_until(guest, &format!("{RNG_CURRENT} | grep -qx optee-rng"));
    Ok(())
}

/// How many contexts are open that count, since they are of the device's present start.
const OPEN_CONTEXTS: &str =
    "sed -n 's/^contexts \\([0-9]*\\) of.*/\\1/p' /sys/kernel/debug/virtio_tee-*/limits";

/// The TEE device's name among the virtio devices: `virtio1`.
#[track_caller]
pub(crate) fn virtio_name(guest: &Guest) -> String {
    guest.sh("basename /sys/bus/virtio/drivers/virtio_tee/virtio*").unwrap().trim().to_owned()
}

/// Where the TEE device is on the PCI bus: `0000:01:00.0`.
#[track_caller]
pub(crate) fn pci_address(guest: &Guest) -> String {
    let path = guest.sh("readlink -f /sys/bus/virtio/drivers/virtio_tee/virtio*").unwrap();
    let address = path.trim().rsplit('/').nth(1);
    address.unwrap_or_else(|| panic!("no PCI device above {path}")).to_owned()
}

/// The TEE device's lines of `/proc/interrupts`.
#[track_caller]
pub(crate) fn interrupt_lines(guest: &Guest) -> Vec<String> {
    let device = virtio_name(guest);
    let table = guest.ok(&["cat", "/proc/interrupts"]).unwrap();
    let of_device = |line: &&str| {
        line.split_whitespace()
            .any(|word| word.trim_end_matches(',').split('-').next() == Some(device.as_str()))
    };
    let lines: Vec<String> = table.lines().filter(of_device).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no interrupt of {device} in\n{table}");
    lines
}

/// How often the TEE device has interrupted, over all CPUs.
#[track_caller]
pub(crate) fn device_interrupts(guest: &Guest) -> u64 {
    let lines = interrupt_lines(guest);
    let counts = lines
        .iter()
        .flat_map(|line| line.split_whitespace().skip(1).map_while(|word| word.parse::<u64>().ok()));
    counts.sum()
}

/// A number of the guest's `/proc/meminfo`, in KiB.
#[track_caller]
pub(crate) fn meminfo(guest: &Guest, field: &str) -> i64 {
    number_of(&guest.ok(&["cat", "/proc/meminfo"]).unwrap(), field)
}

/// A number of the text of `/proc/meminfo`.
#[track_caller]
fn number_of(meminfo: &str, field: &str) -> i64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {field} in {meminfo}"))
}

/// What CPUs keep of free pages for themselves, by the text of `/proc/zoneinfo`, in KiB. `MemFree` is without them,
/// and a kernel lets it grow to some MiB for a CPU that frees and allocates much.
#[track_caller]
fn kept_by_cpus(zoneinfo: &str) -> i64 {
    let pages: i64 = zoneinfo
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("count:"))
        .map(|pages| pages.trim().parse::<i64>().unwrap())
        .sum();
    pages * 4
}

/// What the guest's kernel uses, once caches and deferred frees are done with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelMemory {
    /// Memory that is neither free, nor processes' own, nor a cache, in KiB.
    pub(crate) used: i64,
    /// Slabs that cannot be shrunk, in KiB.
    pub(crate) slab: i64,
    /// Mapped by vmalloc, in KiB.
    pub(crate) vmalloc: i64,
}

/// What comes and goes by itself in a guest's kernel memory, in KiB.
const NOISE: i64 = 2048;

impl KernelMemory {
    #[track_caller]
    pub(crate) fn of(guest: &Guest) -> Self {
        // Twice with a pause: RCU and work queues free some time later. A kernel with KASAN, which has kmemleak
        // too, keeps freed objects for a while, to see who uses them: until their cache is shrunk.
        guest
            .sh("for i in 1 2; do echo 3 >/proc/sys/vm/drop_caches; sleep 1; done
                 [ ! -e /sys/kernel/debug/kmemleak ] || for f in /sys/kernel/slab/*/shrink; do echo 1 >$f; done")
            .unwrap();
        let zoneinfo = guest.ok(&["cat", "/proc/zoneinfo"]).unwrap();
        let text = guest.ok(&["cat", "/proc/meminfo"]).unwrap();
        let not_the_kernels: i64 = ["MemFree", "AnonPages", "Cached", "Buffers", "SReclaimable"]
            .iter()
            .map(|field| number_of(&text, field))
            .sum();
        Self {
            used: number_of(&text, "MemTotal") - not_the_kernels - kept_by_cpus(&zoneinfo),
            slab: number_of(&text, "SUnreclaim"),
            vmalloc: number_of(&text, "VmallocUsed"),
        }
    }

    /// Fails where one of `times` repetitions of something left `bytes` or more behind since `before`.
    #[track_caller]
    pub(crate) fn assert_no_leak(self, before: Self, times: u32, bytes: i64) {
        println!("guest's kernel memory in KiB, before {before:?}, after {times} times {self:?}");
        let limit = (i64::from(times) * bytes / 1024).max(NOISE);
        assert!(self.used - before.used < limit, "memory: {before:?} → {self:?}");
        assert!(self.slab - before.slab < limit, "slabs: {before:?} → {self:?}");
        assert!(self.vmalloc - before.vmalloc < limit, "vmalloc: {before:?} → {self:?}");
    }
}

/// Does something `times` times to a guest with a TEE, after some times that fill caches, and fails where
/// that left something behind in the guest's kernel or in the daemon.
pub(crate) fn repeat_without_leak(
    daemon: &Daemon,
    vm: &Vm,
    times: u32,
    once: impl Fn(&Vm) -> Outcome,
) -> Outcome {
    for _ in 0..5 {
        once(vm)?;
    }
    check(&vm.guest, "hello hello-c");
    daemon.wait_for_children(0)?;
    let times = vm.kernel.repetitions(times);
    let kernel_before = KernelMemory::of(&vm.guest);
    let daemon_before = daemon.usage()?;
    for _ in 0..times {
        once(vm)?;
    }
    check(&vm.guest, "hello hello-c");
    daemon.wait_for_children(0)?;
    KernelMemory::of(&vm.guest).assert_no_leak(kernel_before, times, 16 << 10);
    assert_daemon_unchanged(daemon_before, daemon.usage()?, times);
    Ok(())
}

/// Fails where a daemon, having done something `times` times, uses more than it did before.
#[track_caller]
pub(crate) fn assert_daemon_unchanged(before: Usage, after: Usage, times: u32) {
    println!("daemon: {before:?} → after {times} times {after:?}");
    assert!(after.descriptors <= before.descriptors, "{before:?} → {after:?}");
    assert!(after.children <= before.children, "{before:?} → {after:?}");
    // Threads that make calls stay, up to a limit; each has two stacks and an arena, with guards.
    let threads = after.threads.saturating_sub(before.threads);
    assert!(threads <= 64, "{before:?} → {after:?}");
    assert!(after.mappings <= before.mappings + 8 + 6 * threads, "{before:?} → {after:?}");
}

/// What the driver says of its limits; nothing may be open, or registered.
pub(crate) fn limits_of_nothing(guest: &Guest) -> Result<String, GuestError> {
    let limits = guest.sh("cat /sys/kernel/debug/virtio_tee-*/limits")?;
    for line in ["contexts 0 of", "sessions 0 of", "registered_bytes 0 of"] {
        assert!(limits.contains(line), "{line}: {limits}");
    }
    Ok(limits)
}
