// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the device is to a guest's stock kernel and tools: a PCI device with virtio's own ID.

use integration::vm::VmConfig;
use integration::Scene;

use crate::common::{check, interrupt_lines, pci_address, virtio_name, wait_for_device, Outcome};
use crate::DOOR;

/// The control queue and two request queues, as the daemon has them by default.
const QUEUES: usize = 3;

#[test]
fn stock_tools_see_a_virtio_tee() -> Outcome {
    let scene = Scene::set("identity", DOOR, 1)?;
    let config = VmConfig { programs: vec!["usr/bin/lspci"], ..scene.config(0) };
    let vm = scene.boot_as(&config)?;
    let guest = &vm.guest;

    // Before any driver: what the buses say.
    let ids = guest.sh("cat /sys/bus/virtio/devices/*/device")?;
    assert_eq!(ids.lines().filter(|id| *id == "0x002e").count(), 1, "{ids}");
    let list = guest.ok(&["lspci", "-nn", "-d", "1af4:106e"])?;
    println!("{}", list.trim());
    assert_eq!(list.lines().count(), 1, "{list}");

    vm.load_driver()?;
    wait_for_device(guest);
    let script = guest.sh("cat /bin/load-driver")?;
    assert!(script.contains("insmod /lib/virtio_tee.ko") && !script.contains("device_id"), "{script}");
    let id = guest.sh("cat /sys/bus/virtio/drivers/virtio_tee/virtio*/device")?;
    assert_eq!(id.trim(), "0x002e");

    // A vector for changes of the configuration, and one for each queue.
    let details = guest.ok(&["lspci", "-vv", "-d", "1af4:106e"])?;
    println!("{details}");
    let vectors = QUEUES + 1;
    assert!(details.contains(&format!("MSI-X: Enable+ Count={vectors} ")), "{details}");
    check(guest, "hello hello-c");
    let lines = interrupt_lines(guest);
    println!("{}", lines.join("\n"));
    assert_eq!(lines.len(), vectors);
    let name = virtio_name(guest);
    for queue in ["config", "control", "request.0", "request.1"] {
        let name = format!("{name}-{queue}");
        let count = lines.iter().filter(|line| line.split_whitespace().any(|word| word == name)).count();
        assert_eq!(count, 1, "{name} in {lines:#?}");
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn without_msi_the_device_has_one_interrupt_line() -> Outcome {
    let scene = Scene::set("intx", DOOR, 1)?;
    let config =
        VmConfig { programs: vec!["usr/bin/lspci"], append: "pci=nomsi".to_owned(), ..scene.config(0) };
    let vm = scene.boot_as(&config)?;
    vm.load_driver()?;
    let details = vm.guest.ok(&["lspci", "-vv", "-d", "1af4:106e"])?;
    assert!(details.contains("MSI-X: Enable- "), "{details}");
    assert!(details.contains("Interrupt: pin A routed to IRQ"), "{details}");
    check(&vm.guest, "parameters probe");
    // Answers of several queues, at the same time.
    println!("{}", check(&vm.guest, "stress probe --threads 4 --seconds 5"));
    let lines = interrupt_lines(&vm.guest);
    println!("{}", lines.join("\n"));
    assert_eq!(lines.len(), 1);
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}

#[test]
fn a_function_that_is_reset_works_again() -> Outcome {
    let scene = Scene::set("function-reset", DOOR, 1)?;
    let vm = scene.boot_with_driver(0)?;
    check(&vm.guest, "hello hello-c");
    let address = pci_address(&vm.guest);
    let device = format!("/sys/bus/pci/devices/{address}");
    let methods = vm.guest.sh(&format!("cat {device}/reset_method"))?;
    println!("{address} can be reset by: {}", methods.trim());
    assert!(methods.split_whitespace().any(|method| method == "flr"), "{methods}");
    vm.guest.sh(&format!("echo flr >{device}/reset_method"))?;
    let driver = "/sys/bus/pci/drivers/virtio-pci";
    for _ in 0..3 {
        vm.guest.sh(&format!("echo {address} >{driver}/unbind; echo 1 >{device}/reset"))?;
        vm.guest.sh(&format!("echo {address} >{driver}/bind"))?;
        wait_for_device(&vm.guest);
        check(&vm.guest, "hello hello-c");
    }
    vm.shut_down()?;
    scene.daemon.terminate()?;
    Ok(())
}
