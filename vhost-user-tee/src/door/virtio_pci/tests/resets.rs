// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Negotiation as Linux does it, and the three resets.

use super::*;

/// Everything that can be read without a side effect.
fn image(pci: &mut VirtioPci) -> Vec<u8> {
    let mut image = pci.config::<4096>(0).to_vec();
    for index in 0..QUEUES {
        image.extend(format!("{:?}", pci.queue(index)).bytes());
    }
    image.extend(pci.bar::<64>(0));
    let mut table = [0; 0x2000];
    pci.read_bar(1, 0, &mut table);
    image.extend(table);
    image
}

/// What `virtio_pci` of Linux does from its probe to `virtio_device_ready`, with a vector per queue.
fn probe_like_linux(pci: &mut VirtioPci) {
    pci.command(0x2);
    pci.command(0x6);
    // register_virtio_device: a reset, and it waits for it.
    assert_eq!(pci.set8(STATUS, 0), Effect::None);
    assert_eq!(pci.get8(STATUS), 0);
    pci.set8(STATUS, ACKNOWLEDGE);
    // virtio_dev_probe
    let status = pci.get8(STATUS);
    pci.set8(STATUS, status | DRIVER);
    let mut offered = 0;
    for select in 0..2 {
        pci.set32(DEVICE_FEATURE_SELECT, select);
        offered |= u64::from(pci.get32(DEVICE_FEATURE)) << (32 * select);
    }
    assert_eq!(offered, VERSION_1 | EVENT_IDX | RING_RESET);
    for select in 0..2 {
        pci.set32(DRIVER_FEATURE_SELECT, select);
        pci.set32(DRIVER_FEATURE, (offered >> (32 * select)) as u32);
    }
    let status = pci.get8(STATUS);
    pci.set8(STATUS, status | FEATURES_OK);
    assert_ne!(pci.get8(STATUS) & FEATURES_OK, 0);
    assert_eq!(pci.driver_features(), offered);
    // vp_find_vqs_msix: PCI's part first, the line off with it.
    let control = pci.msix_capability() + 2;
    pci.set_config16(control, 0xc000);
    pci.command(0x406);
    for offset in (0..64).step_by(4) {
        pci.write_bar(1, offset, &0_u32.to_le_bytes());
    }
    pci.set_config16(control, 0x8000);
    pci.set16(CONFIG_VECTOR, 0);
    assert_eq!(pci.get16(CONFIG_VECTOR), 0);
    for index in 0..QUEUES {
        assert!(pci.get16(NUM_QUEUES) > index);
        pci.set16(QUEUE_SELECT, index);
        assert_ne!(pci.get16(QUEUE_SIZE), 0);
        assert_eq!(pci.get16(QUEUE_ENABLE), 0);
        pci.set16(QUEUE_SIZE, 128);
        for (register, address) in
            [(QUEUE_DESC, 0x1_0000_1000), (QUEUE_DRIVER, 0x2000), (QUEUE_DEVICE, 0x3000)]
        {
            let address = address + (u64::from(index) << 16);
            pci.set32(register, address as u32);
            pci.set32(register + 4, (address >> 32) as u32);
        }
        pci.set16(QUEUE_VECTOR, index + 1);
        assert_eq!(pci.get16(QUEUE_VECTOR), index + 1);
        assert_eq!(pci.get16(QUEUE_NOTIFY_OFF), index);
    }
    for index in 0..QUEUES {
        assert_eq!(pci.enable(index), Effect::QueueEnabled(index));
    }
    let status = pci.get8(STATUS);
    assert!(!pci.driver_ok());
    pci.set8(STATUS, status | DRIVER_OK);
    assert!(pci.driver_ok());
}

#[test]
fn linux_gets_it_running() {
    let mut pci = device();
    probe_like_linux(&mut pci);
    for index in 0..QUEUES {
        let offset = u64::from(index) << 16;
        assert_eq!(
            pci.queue(index),
            Some(&QueueRegisters {
                size: 128,
                vector: index + 1,
                enabled: true,
                desc: 0x1_0000_1000 + offset,
                driver: 0x2000 + offset,
                device: 0x3000 + offset,
                resetting: false
            })
        );
        assert_eq!(pci.set16(NOTIFY_AT + 4 * u64::from(index), index), Effect::Kick(index));
        assert_eq!(pci.raise_queue(index), Interrupt::Msix(index + 1));
    }
}

#[test]
fn a_reset_takes_until_it_is_done() {
    let mut pci = device();
    let power_on = image(&mut pci);
    probe_like_linux(&mut pci);
    assert_eq!(pci.set8(STATUS, 0), Effect::Reset);
    assert_eq!(pci.get8(STATUS), READY, "the driver polls it");
    assert!(!pci.driver_ok());
    let meanwhile = image(&mut pci);

    // Nothing can be written.
    assert_eq!(pci.set8(STATUS, 0), Effect::None);
    assert_eq!(pci.set8(STATUS, FAILED), Effect::None);
    for offset in 0..COMMON_END {
        for len in [1, 2, 4, 8] {
            let mut data = vec![0; len];
            data[0] = 1;
            assert_eq!(pci.write_bar(0, offset, &data), Effect::None);
        }
    }
    assert_eq!(pci.set16(NOTIFY_AT, 0), Effect::None);
    assert_eq!(image(&mut pci), meanwhile);
    // Calls that end meanwhile are told of as before.
    assert_eq!(pci.raise_queue(0), Interrupt::Msix(1));

    pci.reset_done();
    assert_eq!(pci.get8(STATUS), 0);
    assert_eq!(pci.raise_queue(0), Interrupt::None);
    assert!(pci.queue(0).is_some_and(|queue| !queue.enabled && queue.vector == 0xffff));
    assert_eq!(pci.driver_features(), 0);
    assert_eq!(pci.get16(CONFIG_VECTOR), 0xffff);
    // What is PCI's stays.
    let control = pci.msix_capability() + 2;
    assert_eq!(pci.config16(control), 0x8003);
    assert_eq!(pci.config16(COMMAND), 0x406);
    pci.set_config16(control, 0);
    pci.command(0);
    let mut table = [0; 64];
    pci.read_bar(1, 0, &mut table);
    assert_eq!(table, [0; 64], "unmasked, as it was");
    let (common, at_power_on) = (image(&mut pci), power_on);
    let table_at = common.len() - 0x2000;
    assert_eq!(common[..table_at], at_power_on[..table_at]);

    probe_like_linux(&mut pci);
}

#[test]
fn a_reset_before_anything_is_done_at_once() {
    let mut pci = device();
    pci.set32(DRIVER_FEATURE, 1);
    pci.set16(QUEUE_SELECT, 1);
    pci.set16(QUEUE_SIZE, 8);
    pci.set16(CONFIG_VECTOR, 1);
    assert_eq!(pci.set8(STATUS, 0), Effect::None);
    assert_eq!(image(&mut pci), image(&mut device()));
    pci.set8(STATUS, ACKNOWLEDGE);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE);
    assert_eq!(pci.set8(STATUS, 0), Effect::Reset);
}

#[test]
fn a_reset_clears_the_isr() {
    let mut pci = running();
    pci.raise_queue(0);
    pci.set8(STATUS, 0);
    assert!(pci.intx_pending());
    pci.reset_done();
    assert!(!pci.intx_pending());
    assert_eq!(pci.get8(ISR_AT), 0);
}

#[test]
fn a_reset_that_nobody_asked_for_is_none() {
    let mut pci = running();
    pci.raise_queue(0);
    let before = image(&mut pci);
    pci.reset_done();
    for index in [0, 1, QUEUES, 0xffff] {
        pci.queue_reset_done(index);
    }
    assert_eq!(image(&mut pci), before);
    assert!(pci.intx_pending());
}

#[test]
fn a_queue_reset_takes_until_it_is_done() {
    let mut pci = device();
    probe_like_linux(&mut pci);
    pci.set16(QUEUE_SELECT, 1);
    assert_eq!(pci.set16(QUEUE_RESET, 0), Effect::None);
    assert_eq!(pci.set16(QUEUE_RESET, 2), Effect::None);
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::QueueReset(1));
    assert_eq!(pci.get16(QUEUE_RESET), 1, "the driver polls it");
    assert_eq!(pci.get16(QUEUE_ENABLE), 1);
    assert!(pci.queue(1).unwrap().resetting);
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::None, "under way");
    assert_eq!(pci.set16(QUEUE_ENABLE, 1), Effect::None);
    pci.set16(QUEUE_SIZE, 2);
    pci.set64(QUEUE_DESC, 0);
    assert_eq!(pci.queue(1).unwrap().size, 128);
    assert_eq!(pci.set16(NOTIFY_AT + 4, 1), Effect::None);
    assert_eq!(pci.set16(NOTIFY_AT, 0), Effect::Kick(0), "others go on");
    assert_eq!(pci.raise_queue(1), Interrupt::Msix(2));
    assert!(pci.driver_ok());

    pci.queue_reset_done(1);
    assert_eq!(pci.queue(1), device().queue(1));
    assert_eq!(pci.get16(QUEUE_RESET), 0);
    assert_eq!(pci.get16(QUEUE_ENABLE), 0);
    assert_eq!(pci.get16(QUEUE_SIZE), MAX_SIZE);
    assert_eq!(pci.raise_queue(1), Interrupt::None);
    assert_eq!(pci.queue(0).unwrap().size, 128);

    // As Linux: vp_modern_enable_vq_after_reset.
    pci.set16(QUEUE_SIZE, 64);
    pci.set64(QUEUE_DESC, 0x5000);
    pci.set16(QUEUE_VECTOR, 2);
    assert_eq!(pci.enable(1), Effect::QueueEnabled(1));
    assert_eq!(pci.set16(NOTIFY_AT + 4, 1), Effect::Kick(1));
    pci.queue_reset_done(1);
    assert!(pci.queue(1).unwrap().enabled, "no reset is under way");
}

#[test]
fn only_enabled_queues_are_reset_and_only_if_agreed() {
    let mut pci = device();
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::None);
    assert!(pci.negotiate(VERSION_1 | RING_RESET));
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::None);
    assert_eq!(pci.get16(QUEUE_RESET), 0);

    let mut pci = device();
    assert!(pci.negotiate(VERSION_1));
    pci.enable(0);
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::None);
    assert_eq!(pci.get16(QUEUE_RESET), 0);
}

#[test]
fn a_device_reset_overtakes_a_queue_reset() {
    let mut pci = running();
    pci.set16(QUEUE_SELECT, 2);
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::QueueReset(2));
    assert_eq!(pci.set8(STATUS, 0), Effect::Reset);
    pci.queue_reset_done(2);
    assert!(pci.queue(2).unwrap().resetting, "neither is over");
    pci.reset_done();
    assert!(!pci.queue(2).unwrap().resetting);
    assert!(pci.negotiate(VERSION_1 | RING_RESET));
    assert_eq!(pci.enable(2), Effect::QueueEnabled(2));
    pci.queue_reset_done(2);
    assert!(pci.queue(2).unwrap().enabled, "too late");
}

#[test]
fn a_function_reset_leaves_nothing() {
    let mut pci = device();
    let power_on = image(&mut pci);
    probe_like_linux(&mut pci);
    pci.set_config32(0x10, 0xfebd_0000);
    pci.set_config32(0x3c, 11);
    let express = pci.capability(0x10, 0).unwrap();
    assert_eq!(pci.set_config16(express + 8, 0xa810), Effect::FunctionReset);
    assert_eq!(pci.get8(STATUS), READY, "not done yet");
    assert!(!pci.driver_ok());
    assert_eq!(pci.set16(NOTIFY_AT, 0), Effect::None);
    assert_eq!(pci.set8(STATUS, 0), Effect::None);
    pci.reset_done();
    assert_eq!(pci.get8(STATUS), READY, "the device's reset is not the function's");

    pci.function_reset();
    assert_eq!(image(&mut pci), power_on);
    assert_eq!(pci.get8(ISR_AT), 0);
    probe_like_linux(&mut pci);
}

#[test]
fn a_function_reset_overtakes_a_device_reset() {
    let mut pci = running();
    let express = pci.capability(0x10, 0).unwrap();
    assert_eq!(pci.set8(STATUS, 0), Effect::Reset);
    assert_eq!(pci.set_config16(express + 8, 0x8000), Effect::FunctionReset);
    pci.function_reset();
    pci.set8(STATUS, ACKNOWLEDGE);
    pci.reset_done();
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE, "too late");
}

#[test]
fn a_function_reset_needs_no_asking() {
    let mut pci = running();
    pci.raise_queue(0);
    pci.function_reset();
    assert!(!pci.intx_pending());
    assert_eq!(image(&mut pci), image(&mut device()));
}
