// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The device configuration, notifications, and the edges of the BARs.

use super::*;

#[test]
fn the_device_configuration_is_what_the_device_says() {
    let mut pci = device();
    assert_eq!(pci.bar::<6>(DEVICE_AT), DEVICE_CONFIG);
    assert_eq!(pci.get8(DEVICE_AT + 5), 15);
    assert_eq!(pci.get16(DEVICE_AT + 1), 0x0c0b);
    assert_eq!(pci.bar::<4>(DEVICE_AT + 4), [14, 15, 0, 0], "zeros beyond");
    for len in [1, 2, 4, 8] {
        assert_eq!(pci.write_bar(0, DEVICE_AT, &vec![0xff; len]), Effect::None);
    }
    assert_eq!(pci.bar::<6>(DEVICE_AT), DEVICE_CONFIG, "read-only");
}

#[test]
fn a_device_configuration_ends_with_its_page() {
    let mut pci = VirtioPci::new(VERSION_1, 1, 256, &[7; 5000]);
    assert_eq!(pci.bar::<4096>(DEVICE_AT), [7; 4096]);
    assert_eq!(pci.get8(NOTIFY_AT), 0);
}

#[test]
fn a_queue_is_notified_at_its_address() {
    let mut pci = running();
    for index in 0..QUEUES {
        let at = NOTIFY_AT + 4 * u64::from(index);
        assert_eq!(pci.set16(at, index), Effect::Kick(index));
        assert_eq!(pci.set32(at, index.into()), Effect::Kick(index));
        assert_eq!(pci.set16(at, 0xffff), Effect::Kick(index), "whatever the value");
        assert_eq!(pci.set8(at, 0), Effect::None);
        assert_eq!(pci.set64(at, 0), Effect::None);
        assert_eq!(pci.write_bar(0, at, &[]), Effect::None);
        for off in 1..4 {
            assert_eq!(pci.set16(at + off, index), Effect::None);
        }
        assert_eq!(pci.get32(at), 0, "there is nothing to read");
    }
    for at in [
        NOTIFY_AT + 12,
        0x3ffc,
        0x3ffe,
        0x4000,
        NOTIFY_AT + 4 * 0xffff,
        NOTIFY_AT + 4 * 0x10000,
        u64::MAX - 3,
    ] {
        assert_eq!(pci.set16(at, 0), Effect::None, "{at:#x}");
    }
}

#[test]
fn only_queues_in_use_are_notified() {
    let mut pci = device();
    assert_eq!(pci.set16(NOTIFY_AT, 0), Effect::None);
    pci.command(BUS_MASTER);
    assert!(pci.negotiate(VERSION_1 | RING_RESET));
    assert_eq!(pci.enable(1), Effect::QueueEnabled(1));
    assert_eq!(pci.set16(NOTIFY_AT + 4, 1), Effect::None, "the driver is not ready");
    pci.set8(STATUS, READY);
    assert_eq!(pci.set16(NOTIFY_AT + 4, 1), Effect::Kick(1));
    assert_eq!(pci.set16(NOTIFY_AT, 0), Effect::None, "not enabled");
    pci.command(0);
    assert_eq!(pci.set16(NOTIFY_AT + 4, 1), Effect::None, "no access to memory");
    pci.command(BUS_MASTER);
    assert_eq!(pci.set16(QUEUE_RESET, 1), Effect::QueueReset(1));
    assert_eq!(pci.set16(NOTIFY_AT + 4, 1), Effect::None, "being reset");
}

#[test]
fn reads_of_any_size_give_the_bytes() {
    let mut pci = running();
    let mut whole = vec![0xaa; 0x4000];
    pci.read_bar(0, 0, &mut whole);
    let edges =
        [0, 0x3f, 0x40, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x2005, 0x2006, 0x2fff, 0x3000, 0x3fff];
    for offset in edges {
        for len in (0..=64).chain([4096]) {
            let mut data = vec![0xaa; len];
            pci.read_bar(0, offset as u64, &mut data);
            for (i, byte) in data.iter().enumerate() {
                assert_eq!(
                    *byte,
                    whole.get(offset + i).copied().unwrap_or(0xff),
                    "{len} bytes at {offset:#x}"
                );
            }
        }
    }
}

#[test]
fn there_are_ones_beyond_the_end() {
    let mut pci = running();
    for (bar, size) in [(0, 0x4000_u64), (1, 0x2000), (2, 0), (5, 0), (6, 0), (256, 0), (usize::MAX, 0)] {
        assert_eq!(VirtioPci::bar_size(bar), size);
        for offset in [size, size + 1, size + 0x1000, 1 << 32, u64::MAX - 7, u64::MAX] {
            for len in (0..=64).chain([4096]) {
                let mut data = vec![0; len];
                pci.read_bar(bar, offset, &mut data);
                assert!(data.iter().all(|byte| *byte == 0xff), "{len} bytes at {offset:#x} in BAR {bar}");
                assert_eq!(pci.write_bar(bar, offset, &data), Effect::None);
            }
        }
    }
    let mut data = [0xaa; 4];
    pci.read_bar(1, 0x1ffe, &mut data);
    assert_eq!(data, [0, 0, 0xff, 0xff]);
}

#[test]
fn writes_across_an_edge_do_nothing() {
    let mut pci = running();
    let mut before = vec![0; 0x4000];
    pci.read_bar(0, 0, &mut before);
    for edge in [0x40, 0x1000, 0x1001, 0x2000, 0x2006, 0x3000, 0x300c, 0x4000_u64] {
        for len in (2..=64).chain([4096]) {
            assert_eq!(pci.write_bar(0, edge - 1, &vec![0xff; len]), Effect::None);
        }
    }
    let mut after = vec![0; 0x4000];
    pci.read_bar(0, 0, &mut after);
    assert_eq!(before, after);
}
