// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory that the device cannot reach, as in confidential guests: addresses come from the DMA API
//! (VIRTIO_F_ACCESS_PLATFORM), and the kernel bounces what the driver does not take from it (`swiotlb=force`).

use std::time::Duration;

use guest_agent::Status;
use integration::vm::{Guest, VmConfig};
use integration::Scene;

use crate::common::{check, start, virtio_name, wait_until, Failure, Outcome};
use crate::DOOR;

/// VIRTIO_F_ACCESS_PLATFORM, counted from 0.
const ACCESS_PLATFORM: usize = 33;
/// Bytes of a slot for bouncing (IO_TLB_SIZE).
const SLOT: u64 = 2048;
/// Slots, of 128 MiB: the checks share memory of 64 MiB at once.
const SLOTS: u64 = 65536;
/// Slots in use; debugfs has them.
const USED: &str = "/sys/kernel/debug/swiotlb/io_tlb_used";
/// Much less than the call lasts that is cut short, were its client not killed.
const SOON: Duration = Duration::from_secs(120);
const SIGKILL: i32 = 9;

fn slots_in_use(guest: &Guest) -> Result<u64, Failure> {
    Ok(guest.ok(&["cat", USED])?.trim().parse()?)
}

#[test]
fn every_byte_is_right_where_the_device_cannot_reach_memory() -> Outcome {
    let scene = Scene::set_access_platform("confidential", DOOR)?;
    let vm = scene.boot_as(&VmConfig { append: format!("swiotlb={SLOTS},force"), ..scene.config(0) })?;
    vm.load_driver()?;
    let guest = &vm.guest;
    let features = guest.sh(&format!("cat /sys/bus/virtio/devices/{}/features", virtio_name(guest)))?;
    assert_eq!(features.chars().nth(ACCESS_PLATFORM), Some('1'), "not negotiated: {features}");
    assert!(vm.kernel_log().contains("request queues, by the DMA API"), "{}", vm.kernel_log());
    let idle = slots_in_use(guest)?;

    println!("{}", check(guest, "bytes probe"));
    println!("{}", check(guest, "bytes probe --threads 4"));
    check(guest, "parameters probe");
    check(guest, "memory-limits probe");
    for memory in ["registered", "allocated", "temporary", "user-buffer", "scattered"] {
        check(guest, &format!("sha256 sha256-c --size 3M --memory {memory}"));
    }
    println!("{}", check(guest, "stress probe --threads 4 --seconds 10"));

    // More than there is room for is refused, and disturbs nobody.
    let too_large = guest.run(&["tee-guest", "sha256", "sha256-c", "--size", "160M"])?;
    assert!(too_large.stdout.contains("os error 12"), "not ENOMEM: {too_large:?}");
    check(guest, "hello hello-c");

    // What the driver allocates is the device's memory itself; what is registered is bounced.
    println!("{}", check(guest, "zero-copy probe --layout contiguous"));
    let size = 4 << 20;
    let mut held = start(guest, &format!("hold probe --ms 50000 --registered {size}"));
    held.wait_for("holding")?;
    let bounced = slots_in_use(guest)? - idle;
    assert!(bounced >= size / SLOT, "{bounced} slots hold {size} bytes: they are not bounced");
    // A client's slots come back where it is killed, as did all others'.
    held.signal(SIGKILL)?;
    let output = held.wait_within(SOON)?;
    assert_eq!(output.status, Status::Signal(SIGKILL), "{output:?}");
    wait_until(guest, &format!("[ $(cat {USED}) -le {idle} ]"));
    guest.sh("rmmod virtio_tee")?;
    vm.load_driver()?;
    check(guest, "bytes probe");
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
