// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The registers of the common configuration, one by one.

use super::*;

#[test]
fn registers_begin_as_specified() {
    let mut pci = device();
    assert_eq!(pci.get32(DEVICE_FEATURE_SELECT), 0);
    assert_eq!(pci.get32(DEVICE_FEATURE), EVENT_IDX as u32);
    assert_eq!(pci.get32(DRIVER_FEATURE_SELECT), 0);
    assert_eq!(pci.get32(DRIVER_FEATURE), 0);
    assert_eq!(pci.get16(CONFIG_VECTOR), 0xffff);
    assert_eq!(pci.get16(NUM_QUEUES), QUEUES);
    assert_eq!(pci.get8(STATUS), 0);
    assert_eq!(pci.get8(GENERATION), 0);
    assert_eq!(pci.get16(QUEUE_SELECT), 0);
    assert_eq!(pci.get16(QUEUE_SIZE), MAX_SIZE);
    assert_eq!(pci.get16(QUEUE_VECTOR), 0xffff);
    assert_eq!(pci.get16(QUEUE_ENABLE), 0);
    assert_eq!(pci.get16(QUEUE_NOTIFY_OFF), 0);
    assert_eq!(pci.get64(QUEUE_DESC), 0);
    assert_eq!(pci.get64(QUEUE_DRIVER), 0);
    assert_eq!(pci.get64(QUEUE_DEVICE), 0);
    assert_eq!(pci.get16(QUEUE_NOTIFY_DATA), 0);
    assert_eq!(pci.get16(QUEUE_RESET), 0);
    assert_eq!(pci.get16(ADMIN_INDEX), 0);
    assert_eq!(pci.get16(ADMIN_NUM), 0);
    assert!(!pci.driver_ok());
    assert_eq!(pci.driver_features(), 0);
}

#[test]
fn device_features_are_shown_by_halves() {
    let mut pci = device();
    let offered = VERSION_1 | EVENT_IDX | RING_RESET;
    for (select, features) in
        [(0, offered as u32), (1, (offered >> 32) as u32), (2, 0), (3, 0), (u32::MAX, 0), (0, offered as u32)]
    {
        pci.set32(DEVICE_FEATURE_SELECT, select);
        assert_eq!(pci.get32(DEVICE_FEATURE_SELECT), select);
        assert_eq!(pci.get32(DEVICE_FEATURE), features);
        pci.set32(DEVICE_FEATURE, u32::MAX);
        assert_eq!(pci.get32(DEVICE_FEATURE), features, "read-only");
    }
}

#[test]
fn driver_features_are_taken_by_halves() {
    let mut pci = device();
    for (select, features) in [(0, 0x1122_3344), (1, 0x5566_7788)] {
        pci.set32(DRIVER_FEATURE_SELECT, select);
        assert_eq!(pci.get32(DRIVER_FEATURE_SELECT), select);
        pci.set32(DRIVER_FEATURE, features);
        assert_eq!(pci.get32(DRIVER_FEATURE), features);
    }
    for select in [2, 3, u32::MAX] {
        pci.set32(DRIVER_FEATURE_SELECT, select);
        pci.set32(DRIVER_FEATURE, u32::MAX);
        assert_eq!(pci.get32(DRIVER_FEATURE), 0);
    }
    assert_eq!(pci.driver_features(), 0x5566_7788_1122_3344);
    pci.set32(DRIVER_FEATURE_SELECT, 0);
    pci.set32(DRIVER_FEATURE, 0);
    assert_eq!(pci.driver_features(), 0x5566_7788_0000_0000, "bits can be taken back");
}

#[test]
fn only_acceptable_features_are_acknowledged() {
    for (features, taken) in [
        (VERSION_1, true),
        (VERSION_1 | EVENT_IDX, true),
        (VERSION_1 | EVENT_IDX | RING_RESET, true),
        (0, false),
        (EVENT_IDX, false),
        (VERSION_1 | 1, false),
        (VERSION_1 | 1 << 28, false),
        (VERSION_1 | 1 << 63, false),
        (u64::MAX, false),
    ] {
        let mut pci = device();
        assert_eq!(pci.negotiate(features), taken, "{features:#x}");
        assert_eq!(pci.get8(STATUS), ACKNOWLEDGE | DRIVER | if taken { FEATURES_OK } else { 0 });
    }
}

#[test]
fn features_are_settled_once() {
    let mut pci = device();
    assert!(!pci.negotiate(1), "refused");
    assert!(pci.negotiate(VERSION_1), "and tried again");
    pci.set32(DRIVER_FEATURE_SELECT, 0);
    pci.set32(DRIVER_FEATURE, u32::MAX);
    assert_eq!(pci.driver_features(), VERSION_1);
    assert_eq!(pci.get32(DRIVER_FEATURE), 0);
}

#[test]
fn a_device_without_version_1_cannot_be_driven() {
    let mut pci = VirtioPci::new(EVENT_IDX, 1, 256, &[]);
    assert!(!pci.negotiate(EVENT_IDX));
    assert!(!pci.negotiate(VERSION_1));
}

#[test]
fn vectors_are_those_of_the_table() {
    for register in [CONFIG_VECTOR, QUEUE_VECTOR] {
        for mut pci in [device(), running()] {
            for (vector, kept) in
                [(0, 0), (3, 3), (4, 0xffff), (2, 2), (0xfffe, 0xffff), (1, 1), (0xffff, 0xffff)]
            {
                assert_eq!(pci.set16(register, vector), Effect::None);
                assert_eq!(pci.get16(register), kept);
            }
        }
    }
}

#[test]
fn each_queue_has_its_vector() {
    let mut pci = device();
    for index in 0..QUEUES {
        pci.set16(QUEUE_SELECT, index);
        pci.set16(QUEUE_VECTOR, index + 1);
    }
    for index in 0..QUEUES {
        pci.set16(QUEUE_SELECT, index);
        assert_eq!(pci.get16(QUEUE_VECTOR), index + 1);
        assert_eq!(pci.queue(index).unwrap().vector, index + 1);
    }
    assert_eq!(pci.get16(CONFIG_VECTOR), 0xffff);
}

#[test]
fn what_is_read_only_stays() {
    let mut pci = running();
    let before: [u8; 64] = pci.bar(0);
    for (register, len) in [
        (DEVICE_FEATURE, 4),
        (DRIVER_FEATURE, 4),
        (NUM_QUEUES, 2),
        (GENERATION, 1),
        (QUEUE_SIZE, 2),
        (QUEUE_NOTIFY_OFF, 2),
        (QUEUE_DESC, 4),
        (QUEUE_DESC, 8),
        (QUEUE_DESC + 4, 4),
        (QUEUE_DRIVER, 4),
        (QUEUE_DRIVER, 8),
        (QUEUE_DRIVER + 4, 4),
        (QUEUE_DEVICE, 4),
        (QUEUE_DEVICE, 8),
        (QUEUE_DEVICE + 4, 4),
        (QUEUE_NOTIFY_DATA, 2),
        (ADMIN_INDEX, 2),
        (ADMIN_NUM, 2),
    ] {
        for byte in [0, 1, 0x10, 0xff] {
            assert_eq!(pci.write_bar(0, register, &vec![byte; len]), Effect::None);
            assert_eq!(pci.bar::<64>(0), before, "register {register}, of a queue that is enabled");
        }
    }
}

#[test]
fn status_bits_are_only_added() {
    let mut pci = device();
    pci.set8(STATUS, ACKNOWLEDGE);
    pci.set8(STATUS, DRIVER);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE | DRIVER);
    pci.set8(STATUS, 0x10 | 0x20 | 0x40);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE | DRIVER, "not the driver's bits");
    pci.set8(STATUS, DRIVER_OK);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE | DRIVER, "not before FEATURES_OK");
    assert!(pci.negotiate(VERSION_1));
    pci.set8(STATUS, ACKNOWLEDGE);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

#[test]
fn the_driver_is_ready_when_it_says_so() {
    let mut pci = device();
    pci.command(BUS_MASTER);
    assert!(pci.negotiate(VERSION_1));
    assert!(!pci.driver_ok());
    pci.set8(STATUS, READY);
    assert!(pci.driver_ok());
    pci.command(0);
    assert!(!pci.driver_ok(), "no access to memory");
    pci.command(BUS_MASTER);
    assert!(pci.driver_ok());
    pci.set8(STATUS, READY | FAILED);
    assert_eq!(pci.get8(STATUS), READY | FAILED);
    assert!(!pci.driver_ok(), "given up");

    // What Linux leaves behind where it could not bind a driver, and begins with the next time.
    let mut pci = device();
    pci.command(BUS_MASTER);
    pci.set8(STATUS, FAILED);
    assert!(pci.negotiate(VERSION_1));
    pci.set8(STATUS, READY | FAILED);
    assert_eq!(pci.get8(STATUS), READY | FAILED);
    assert!(pci.driver_ok());

    // All in one write.
    let mut pci = device();
    pci.command(BUS_MASTER);
    pci.set32(DRIVER_FEATURE_SELECT, 1);
    pci.set32(DRIVER_FEATURE, 1);
    pci.set8(STATUS, READY);
    assert!(pci.driver_ok());
    let mut pci = device();
    pci.set8(STATUS, READY);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE | DRIVER);
}

#[test]
fn queue_select_shows_each_queue() {
    let mut pci = device();
    for index in 0..QUEUES {
        pci.set16(QUEUE_SELECT, index);
        assert_eq!(pci.get16(QUEUE_SELECT), index);
        assert_eq!(pci.get16(QUEUE_SIZE), MAX_SIZE);
        assert_eq!(pci.get16(QUEUE_NOTIFY_OFF), index);
        pci.set64(QUEUE_DESC, 0x1000 * u64::from(index + 1));
    }
    for index in 0..QUEUES {
        assert_eq!(pci.queue(index).unwrap().desc, 0x1000 * u64::from(index + 1));
    }
}

#[test]
fn there_is_nothing_at_a_queue_that_there_is_not() {
    for mut pci in [device(), running()] {
        for index in [QUEUES, QUEUES + 1, 0x7fff, 0xffff] {
            pci.set16(QUEUE_SELECT, index);
            assert_eq!(pci.get16(QUEUE_SELECT), index);
            for offset in (QUEUE_SIZE..COMMON_END).step_by(2) {
                assert_eq!(pci.set16(offset, 1), Effect::None);
                assert_eq!(pci.set32(offset, 1), Effect::None);
                assert_eq!(pci.set64(offset, 1), Effect::None);
            }
            assert_eq!(pci.bar::<40>(QUEUE_SIZE), [0; 40]);
            assert_eq!(pci.queue(index), None);
        }
    }
}

#[test]
fn queue_sizes_are_powers_of_two() {
    let mut pci = device();
    pci.set16(QUEUE_SELECT, 1);
    for (size, kept) in [
        (256, 256),
        (0, 256),
        (3, 256),
        (255, 256),
        (1, 1),
        (1024, 1024),
        (2048, 1024),
        (0x8000, 1024),
        (0xffff, 1024),
    ] {
        assert_eq!(pci.set16(QUEUE_SIZE, size), Effect::None);
        assert_eq!(pci.get16(QUEUE_SIZE), kept, "{size}");
    }
    assert_eq!(pci.queue(0).unwrap().size, MAX_SIZE, "another queue");
}

#[test]
fn queue_addresses_are_written_whole_or_by_halves() {
    let mut pci = device();
    for register in [QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE] {
        pci.set32(register, 0x5566_7788);
        assert_eq!(pci.get64(register), 0x5566_7788);
        pci.set32(register + 4, 0x1122_3344);
        assert_eq!(pci.get64(register), 0x1122_3344_5566_7788);
        pci.set32(register, 0);
        assert_eq!(pci.get64(register), 0x1122_3344_0000_0000);
        pci.set64(register, u64::MAX - register);
        assert_eq!(pci.get32(register), u32::MAX - register as u32);
        assert_eq!(pci.get32(register + 4), u32::MAX);
    }
    let queue = pci.queue(0).unwrap();
    assert_eq!(
        (queue.desc, queue.driver, queue.device),
        (u64::MAX - QUEUE_DESC, u64::MAX - QUEUE_DRIVER, u64::MAX - QUEUE_DEVICE)
    );
    assert!(!queue.enabled && !queue.resetting);
}

#[test]
fn queues_are_enabled_once_and_for_all() {
    let mut pci = device();
    assert_eq!(pci.enable(1), Effect::None, "features are not settled");
    assert!(pci.negotiate(VERSION_1));
    assert_eq!(pci.set16(QUEUE_ENABLE, 0), Effect::None);
    for value in [2, 3, 0x100, 0xffff] {
        assert_eq!(pci.set16(QUEUE_ENABLE, value), Effect::None);
        assert_eq!(pci.get16(QUEUE_ENABLE), 0);
    }
    assert_eq!(pci.enable(1), Effect::QueueEnabled(1));
    assert_eq!(pci.get16(QUEUE_ENABLE), 1);
    assert!(pci.queue(1).unwrap().enabled);
    assert_eq!(pci.enable(1), Effect::None, "it is already");
    assert_eq!(pci.set16(QUEUE_ENABLE, 0), Effect::None);
    assert_eq!(pci.get16(QUEUE_ENABLE), 1);
    assert!(!pci.queue(0).unwrap().enabled && !pci.queue(2).unwrap().enabled);
}

#[test]
fn a_queue_without_a_size_cannot_be_enabled() {
    let mut pci = VirtioPci::new(VERSION_1, 1, 0, &[]);
    assert!(pci.negotiate(VERSION_1));
    assert_eq!(pci.enable(0), Effect::None);
}

#[test]
fn registers_are_written_at_their_own_width() {
    let widths: &[(u64, &[usize])] = &[
        (DEVICE_FEATURE_SELECT, &[4]),
        (DRIVER_FEATURE_SELECT, &[4]),
        (DRIVER_FEATURE, &[4]),
        (CONFIG_VECTOR, &[2]),
        (STATUS, &[1]),
        (QUEUE_SELECT, &[2]),
        (QUEUE_SIZE, &[2]),
        (QUEUE_VECTOR, &[2]),
        (QUEUE_ENABLE, &[2]),
        (QUEUE_DESC, &[4, 8]),
        (QUEUE_DESC + 4, &[4]),
        (QUEUE_DRIVER, &[4, 8]),
        (QUEUE_DRIVER + 4, &[4]),
        (QUEUE_DEVICE, &[4, 8]),
        (QUEUE_DEVICE + 4, &[4]),
        (QUEUE_RESET, &[2]),
    ];
    for offset in 0..COMMON_END {
        let own = widths.iter().find(|(register, _)| *register == offset).map_or(&[][..], |(_, own)| own);
        for len in (0..=16).chain([32, 64, 4096]) {
            let mut pci = device();
            assert!(pci.negotiate(VERSION_1 | RING_RESET));
            let before: [u8; 64] = pci.bar(0);
            let mut data = vec![0; len];
            if let Some(first) = data.first_mut() {
                *first = 1;
            }
            let effect = pci.write_bar(0, offset, &data);
            if !own.contains(&len) {
                assert_eq!((effect, pci.bar::<64>(0)), (Effect::None, before), "{len} bytes at {offset}");
            }
        }
    }
}

#[test]
fn registers_are_read_at_any_width() {
    let mut pci = running();
    pci.set16(QUEUE_SELECT, 2);
    let whole: [u8; 64] = pci.bar(0);
    for offset in 0..80 {
        for len in 0..=80 {
            let mut data = vec![0xaa; len];
            pci.read_bar(0, offset as u64, &mut data);
            for (i, byte) in data.iter().enumerate() {
                assert_eq!(*byte, whole.get(offset + i).copied().unwrap_or(0), "{len} bytes at {offset}");
            }
        }
    }
}
