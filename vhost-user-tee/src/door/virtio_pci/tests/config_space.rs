// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The header, and accesses to the configuration space of any size.

use super::*;

#[test]
fn the_header_says_what_the_device_is() {
    let mut pci = device();
    assert_eq!(pci.config16(0x00), 0x1af4, "vendor");
    assert_eq!(pci.config16(0x02), 0x1040 + 46, "device");
    assert_eq!(pci.config16(0x04), 0, "command");
    assert_eq!(pci.config16(0x06), 0x0010, "status: a list of capabilities");
    assert_eq!(pci.config8(0x08), 1, "revision");
    assert_eq!(pci.config::<3>(0x09), [0x00, 0x80, 0x10], "class");
    assert_eq!(pci.config::<4>(0x0c), [0; 4], "cache line, latency, header type 0, no self test");
    assert_eq!(pci.config::<24>(0x10), [0; 24], "base addresses");
    assert_eq!(pci.config32(0x28), 0, "CardBus");
    assert_eq!(pci.config16(0x2c), 0x1af4, "subsystem vendor");
    assert_eq!(pci.config16(0x2e), 0x1100, "subsystem");
    assert_eq!(pci.config32(0x30), 0, "no ROM");
    assert_eq!(pci.config8(0x34), 0x40, "capabilities");
    assert_eq!(pci.config::<7>(0x35), [0; 7], "reserved");
    assert_eq!(pci.config::<4>(0x3c), [0, 1, 0, 0], "line, pin A, latencies");
}

#[test]
fn what_is_read_only_stays() {
    let mut pci = device();
    let before: [u8; 4096] = pci.config(0);
    let writable = [(0x04, 2), (0x0c, 1), (0x10, 8), (0x3c, 1)];
    for offset in 0..0x40_u64 {
        if !writable.iter().any(|(at, len)| (*at..at + len).contains(&offset)) {
            assert_eq!(pci.write_config(offset, &[!before[offset as usize]]), Effect::None);
        }
    }
    for offset in (0x100..0x1000_u64).step_by(4) {
        assert_eq!(pci.set_config32(offset, u32::MAX), Effect::None);
    }
    assert_eq!(pci.config::<4096>(0), before);
}

#[test]
fn the_command_register_has_three_bits() {
    let mut pci = device();
    assert_eq!(pci.command(0xffff), Effect::None);
    assert_eq!(pci.config16(0x04), 1 << 1 | 1 << 2 | 1 << 10);
    pci.command(0);
    assert_eq!(pci.config16(0x04), 0);
    // A byte at a time.
    pci.write_config(0x05, &[4]);
    pci.write_config(0x04, &[2]);
    assert_eq!(pci.config16(0x04), 0x402);
}

#[test]
fn cache_line_and_interrupt_line_are_storage() {
    let mut pci = device();
    pci.set_config32(0x0c, u32::MAX);
    assert_eq!(pci.config32(0x0c), 0xff);
    pci.set_config32(0x3c, 0xffff_ff0b);
    assert_eq!(pci.config32(0x3c), 0x10b);
}

#[test]
fn base_addresses_tell_their_size() {
    let mut pci = device();
    for bar in 0..6 {
        let at = 0x10 + 4 * bar as u64;
        pci.set_config32(at, u32::MAX);
        let read = pci.config32(at);
        assert_eq!(read & 0xf, 0, "32-bit memory, not prefetchable");
        assert_eq!(u64::from(read.wrapping_neg()), VirtioPci::bar_size(bar));
        pci.set_config32(at, 0xfebd_5678);
        assert_eq!(pci.config32(at), 0xfebd_5678 & read);
    }
    assert_eq!((0..8).map(VirtioPci::bar_size).collect::<Vec<_>>(), [0x4000, 0x2000, 0, 0, 0, 0, 0, 0]);
    assert_eq!(VirtioPci::bar_size(256), 0);
    assert_eq!(VirtioPci::bar_size(usize::MAX), 0);
    pci.set_config32(0x30, u32::MAX);
    assert_eq!(pci.config32(0x30), 0, "no ROM");
}

#[test]
fn there_are_no_extended_capabilities() {
    assert_eq!(device().config::<0xf00>(0x100), [0; 0xf00]);
    assert_eq!(CONFIG_SPACE_SIZE, 4096);
}

#[test]
fn reads_of_any_size_give_the_bytes() {
    let mut pci = device();
    let whole: [u8; 4096] = pci.config(0);
    for offset in (0..0x110).chain(4000..4096) {
        for len in (0..=64).chain([96]) {
            let mut data = vec![0xaa; len];
            pci.read_config(offset as u64, &mut data);
            for (i, byte) in data.iter().enumerate() {
                assert_eq!(*byte, whole.get(offset + i).copied().unwrap_or(0xff), "{offset:#x} {len}");
            }
        }
    }
    for offset in [4096, 4097, 1 << 32, u64::MAX - 1, u64::MAX] {
        assert_eq!(pci.config::<4>(offset), [0xff; 4]);
    }
}

#[test]
fn writes_are_of_one_double_word() {
    let mut pci = device();
    let before: [u8; 4096] = pci.config(0);
    for len in (5..=64).chain([4096]) {
        assert_eq!(pci.write_config(0x04, &vec![0xff; len]), Effect::None);
    }
    pci.write_config(0x03, &[0xff; 2]);
    pci.write_config(0x02, &[0xff; 4]);
    pci.write_config(0x04, &[]);
    for offset in [4095, 4096, 4097, 1 << 32, u64::MAX - 3, u64::MAX] {
        pci.write_config(offset, &[0xff; 4]);
        pci.write_config(offset, &[0xff]);
    }
    assert_eq!(pci.config::<4096>(0), before);
    // Three bytes are odd, but a bus can carry them.
    pci.write_config(0x04, &[2, 4, 0xff]);
    assert_eq!(pci.config32(0x04), 0x0010_0402);
}
