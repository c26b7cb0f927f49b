// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The list of capabilities, PCI Express, and the window to the BARs.

use super::*;

const EXPRESS: u8 = 0x10;
const VENDOR: u8 = 0x09;

/// A virtio capability, as a driver reads it.
#[derive(Debug, PartialEq)]
struct Virtio {
    at: u64,
    len: u8,
    bar: usize,
    offset: u64,
    length: u64,
}

/// Looks for the first virtio capability of a type, as a driver does.
fn find(pci: &mut VirtioPci, cfg_type: u8) -> Virtio {
    for (id, at) in pci.capabilities() {
        let [len, found, bar, cap_id, pad_0, pad_1] = pci.config(at + 2);
        if id == VENDOR && found == cfg_type {
            assert_eq!([cap_id, pad_0, pad_1], [0; 3]);
            return Virtio {
                at,
                len,
                bar: bar.into(),
                offset: pci.config32(at + 8).into(),
                length: pci.config32(at + 12).into(),
            };
        }
    }
    panic!("no capability of type {cfg_type}");
}

#[test]
fn the_list_can_be_walked() {
    let ids: Vec<u8> = device().capabilities().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [0x11, EXPRESS, VENDOR, VENDOR, VENDOR, VENDOR, VENDOR]);
}

#[test]
fn the_list_does_not_overlap() {
    let mut pci = device();
    let mut free = 0x40;
    for (id, at) in pci.capabilities() {
        assert!(at >= free, "{at:#x} is in the capability before");
        free = at
            + match id {
                VENDOR => u64::from(pci.config8(at + 2)),
                EXPRESS => 60,
                _ => 12,
            };
    }
    assert!(free <= 0x100);
}

#[test]
fn virtio_structures_are_within_their_bars() {
    let mut pci = device();
    let common = find(&mut pci, 1);
    assert_eq!((common.len, common.bar, common.offset, common.length), (16, 0, 0, 64));
    let notify = find(&mut pci, 2);
    assert_eq!((notify.len, notify.bar, notify.offset, notify.length), (20, 0, 0x3000, 4 * 3));
    assert_eq!(pci.config32(notify.at + 16), 4, "multiplier");
    let isr = find(&mut pci, 3);
    assert_eq!((isr.len, isr.bar, isr.offset, isr.length), (16, 0, 0x1000, 1));
    let config = find(&mut pci, 4);
    assert_eq!((config.len, config.bar, config.offset, config.length), (16, 0, 0x2000, 6));
    let window = find(&mut pci, 5);
    assert_eq!((window.len, window.bar, window.offset, window.length), (20, 0, 0, 0));

    for structure in [common, notify, isr, config] {
        assert!(structure.offset % 4 == 0);
        assert!(structure.offset + structure.length <= VirtioPci::bar_size(structure.bar));
    }
}

#[test]
fn structures_fit_whatever_the_device() {
    for (queues, config_len) in [(0, 0), (1, 1), (64, 64), (65, 4096), (255, 4097), (u16::MAX, 100_000)] {
        let mut pci = VirtioPci::new(VERSION_1, queues, 256, &vec![7; config_len]);
        for cfg_type in 1..=4 {
            let found = find(&mut pci, cfg_type);
            assert!(found.offset + found.length <= VirtioPci::bar_size(found.bar), "{found:?}");
        }
        assert_eq!(find(&mut pci, 2).length, 4 * u64::from(queues.min(255)));
        assert_eq!(find(&mut pci, 4).length, config_len.min(4096) as u64);
        assert_eq!(pci.get16(NUM_QUEUES), queues.min(255));
        assert_eq!(pci.vectors(), queues.min(255) + 1);
    }
}

#[test]
fn capabilities_are_read_only() {
    let mut pci = device();
    let express = pci.capability(EXPRESS, 0).unwrap();
    let msix = pci.msix_capability();
    let window = find(&mut pci, 5).at;
    let writable = [
        (msix + 2, 2),
        (express + 8, 2),
        (express + 0x10, 2),
        (window + 4, 1),
        (window + 8, 8),
        (window + 16, 4),
    ];
    let before: [u8; 256] = pci.config(0);
    for offset in 0x40..0x100_u64 {
        if !writable.iter().any(|(at, len)| (*at..at + len).contains(&offset)) {
            assert_eq!(pci.write_config(offset, &[!before[offset as usize]]), Effect::None);
        }
    }
    assert_eq!(pci.config::<256>(0), before);
}

#[test]
fn it_is_a_pci_express_endpoint() {
    let mut pci = device();
    let at = pci.capability(EXPRESS, 0).unwrap();
    assert_eq!(pci.config16(at + 0x02), 0x0002, "version 2, endpoint");
    assert_eq!(pci.config32(at + 0x04), 1 << 28 | 1 << 15, "FLR, role-based error reporting");
    assert_eq!(pci.config16(at + 0x08), 0x2810, "device control");
    assert_eq!(pci.config16(at + 0x0a), 0, "device status");
    assert_eq!(pci.config32(at + 0x0c), 1 | 1 << 4 | 1 << 22, "2.5 GT/s, x1, ASPM optionality");
    assert_eq!(pci.config16(at + 0x10), 0, "link control");
    assert_eq!(pci.config16(at + 0x12), 0x0011, "link status: 2.5 GT/s, x1");
    assert_eq!(
        pci.config::<40>(at + 0x14),
        [0; 40],
        "slot, root, and second device, link and slot registers"
    );
}

#[test]
fn device_and_link_control_are_storage() {
    let mut pci = device();
    let at = pci.capability(EXPRESS, 0).unwrap();
    assert_eq!(pci.set_config16(at + 8, 0x7fff), Effect::None);
    assert_eq!(pci.config16(at + 8), 0x78ff);
    assert_eq!(pci.set_config16(at + 8, 0), Effect::None);
    assert_eq!(pci.config16(at + 8), 0);
    assert_eq!(pci.set_config32(at + 8, 0xffff_0010), Effect::None);
    assert_eq!(pci.config32(at + 8), 0x10, "the status is the device's");
    assert_eq!(pci.set_config32(at + 0x10, u32::MAX), Effect::None);
    assert_eq!(pci.config32(at + 0x10), 0x0011_00cb);
}

#[test]
fn a_function_level_reset_can_be_initiated() {
    let mut pci = running();
    let at = pci.capability(EXPRESS, 0).unwrap();
    for (offset, data) in
        [(8, &[0x10, 0xa8][..]), (8, &[0x10, 0xa8, 0, 0]), (9, &[0x80]), (9, &[0x80, 0xff]), (9, &[0xff; 3])]
    {
        assert_eq!(pci.write_config(at + offset, data), Effect::FunctionReset);
        assert_eq!(pci.config32(0), u32::MAX, "not ready");
        assert_eq!(pci.write_config(at + offset, data), Effect::None, "under way");
        // What is restored too early is not taken, so that nobody finds half of it later.
        assert_eq!(pci.write_config(4, &[6, 0]), Effect::None);
        pci.function_reset();
        assert_eq!(pci.config16(at + 8) & 1 << 15, 0, "reads as 0");
        assert_eq!(pci.config16(4), 0);
    }
    assert_eq!(pci.write_config(at + 8, &[0x80]), Effect::None, "not that byte");
}

/// Sets the window up.
fn aim(pci: &mut VirtioPci, bar: u8, offset: u32, len: u32) -> u64 {
    let at = find(pci, 5).at;
    assert_eq!(pci.write_config(at + 4, &[bar]), Effect::None);
    assert_eq!(pci.set_config32(at + 8, offset), Effect::None);
    assert_eq!(pci.set_config32(at + 12, len), Effect::None);
    assert_eq!(pci.config8(at + 4), bar);
    assert_eq!(pci.config::<8>(at + 8), (u64::from(len) << 32 | u64::from(offset)).to_le_bytes());
    at + 16
}

#[test]
fn the_window_reads_and_writes_the_common_configuration() {
    let mut pci = device();
    let data = aim(&mut pci, 0, QUEUE_SELECT as u32, 2);
    assert_eq!(pci.set_config16(data, 2), Effect::None);
    assert_eq!(pci.get16(QUEUE_SELECT), 2);

    let data = aim(&mut pci, 0, QUEUE_SIZE as u32, 2);
    assert_eq!(pci.config16(data), MAX_SIZE);
    pci.set_config16(data, 64);
    assert_eq!(pci.queue(2).unwrap().size, 64);

    let data = aim(&mut pci, 0, DEVICE_FEATURE as u32, 4);
    assert_eq!(pci.config32(data), EVENT_IDX as u32);

    let data = aim(&mut pci, 0, STATUS as u32, 1);
    assert_eq!(pci.write_config(data, &[ACKNOWLEDGE]), Effect::None);
    assert_eq!(pci.get8(STATUS), ACKNOWLEDGE);
    assert_eq!(pci.config8(data), ACKNOWLEDGE);
}

#[test]
fn the_window_has_the_effects_of_the_bar() {
    let mut pci = running();
    let data = aim(&mut pci, 0, 0x3004, 2);
    assert_eq!(pci.set_config16(data, 1), Effect::Kick(1));
    let data = aim(&mut pci, 0, STATUS as u32, 1);
    assert_eq!(pci.write_config(data, &[0]), Effect::Reset);

    let mut pci = running();
    pci.raise_queue(0);
    let data = aim(&mut pci, 0, ISR_AT as u32, 1);
    assert_eq!(pci.config8(data), 1);
    assert_eq!(pci.get8(ISR_AT), 0, "reading it there has cleared it");
}

#[test]
fn the_window_only_counts_its_length() {
    let mut pci = device();
    let data = aim(&mut pci, 0, DEVICE_AT as u32, 2);
    pci.set_config32(data, 0x4433_2211);
    assert_eq!(pci.config32(data), 0x4433_0b0a, "the rest stays");
    let data = aim(&mut pci, 0, QUEUE_SELECT as u32, 2);
    pci.set_config32(data, 0xffff_0001);
    assert_eq!(pci.get16(QUEUE_SELECT), 1);
}

#[test]
fn the_window_opens_on_its_data_only() {
    let mut pci = running();
    pci.raise_queue(0);
    let data = aim(&mut pci, 0, ISR_AT as u32, 1);
    pci.config::<16>(data - 16);
    pci.config::<28>(data + 4);
    assert!(pci.intx_pending());
    pci.config::<256>(0);
    assert!(!pci.intx_pending(), "the whole space has the data in it");
}

#[test]
fn a_window_that_makes_no_sense_does_nothing() {
    let mut pci = running();
    pci.raise_queue(0);
    for (bar, offset, len) in [
        (0, 0x1000, 0),
        (0, 0x1000, 3),
        (0, 0x1000, 5),
        (0, 0x1000, 8),
        (0, 0x1000, u32::MAX),
        (0, 0x0ffe, 4),
        (0, 0x0fff, 2),
    ] {
        let data = aim(&mut pci, bar, offset, len);
        pci.config32(data);
        assert!(pci.intx_pending(), "{offset:#x} {len}");
        assert_eq!(pci.set_config32(data, u32::MAX), Effect::None);
        assert_eq!(pci.config32(data), u32::MAX, "storage");
    }
    for (bar, offset) in [(2, 0), (6, 0), (255, 0), (0, 0x4000), (0, u32::MAX - 3), (1, 0x2000)] {
        let data = aim(&mut pci, bar, offset, 4);
        assert_eq!(pci.set_config32(data, 0), Effect::None);
        assert_eq!(pci.config32(data), u32::MAX, "nothing is there");
    }
}

#[test]
fn the_window_reaches_the_msix_table() {
    let mut pci = device();
    let data = aim(&mut pci, 1, 8, 4);
    pci.set_config32(data, 0x1234);
    let mut entry = [0; 16];
    pci.read_bar(1, 0, &mut entry);
    assert_eq!(entry[8..12], [0x34, 0x12, 0, 0]);
}
