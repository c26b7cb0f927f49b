// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The MSI-X capability, table and pending bits.

use super::*;

fn table<const N: usize>(pci: &mut VirtioPci, offset: u64) -> [u8; N] {
    let mut data = [0xaa; N];
    pci.read_bar(1, offset, &mut data);
    data
}

fn register(pci: &mut VirtioPci, offset: u64) -> u32 {
    u32::from_le_bytes(table(pci, offset))
}

#[test]
fn the_capability_says_where_and_how_many() {
    for (queues, vectors) in [(1, 2), (3, 4), (64, 65), (255, 256), (u16::MAX, 256)] {
        let mut pci = VirtioPci::new(VERSION_1, queues, 256, &[]);
        assert_eq!(pci.vectors(), vectors);
        let at = pci.msix_capability();
        assert_eq!(pci.config16(at + 2), vectors - 1, "off, no mask");
        assert_eq!(pci.config32(at + 4), 1, "table: at 0 in BAR 1");
        assert_eq!(pci.config32(at + 8), 0x1001, "pending bits: at 0x1000 in BAR 1");
        assert!(u64::from(vectors) * 16 <= 0x1000);
        assert!(0x1000 + u64::from(vectors).div_ceil(64) * 8 <= VirtioPci::bar_size(1));
    }
}

#[test]
fn enable_and_function_mask_can_be_written() {
    let mut pci = device();
    let at = pci.msix_capability() + 2;
    pci.set_config16(at, 0xffff);
    assert_eq!(pci.config16(at), 0xc003);
    pci.set_config16(at, 0);
    assert_eq!(pci.config16(at), 0x0003);
    pci.write_config(at + 1, &[0x80]);
    assert_eq!(pci.config16(at), 0x8003);
    pci.set_config32(at - 2, 0x4000_0000);
    assert_eq!(pci.config16(at), 0x4003);
}

#[test]
fn vectors_begin_masked() {
    let mut pci = device();
    for vector in 0..4 {
        assert_eq!(table::<16>(&mut pci, 16 * vector), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }
}

#[test]
fn the_table_is_storage() {
    let mut pci = device();
    for vector in 0..4 {
        for register in 0..4 {
            pci.write_bar(1, 16 * vector + 4 * register, &[0xff; 4]);
        }
    }
    for vector in 0..4 {
        assert_eq!(register(&mut pci, 16 * vector), 0xffff_fffc, "address");
        assert_eq!(register(&mut pci, 16 * vector + 4), u32::MAX, "upper address");
        assert_eq!(register(&mut pci, 16 * vector + 8), u32::MAX, "data");
        assert_eq!(register(&mut pci, 16 * vector + 12), 1, "control");
    }
    // Two registers at once; also where the second is of the next vector.
    pci.write_bar(1, 16, &0x1122_3344_fee0_1007_u64.to_le_bytes());
    assert_eq!(table::<8>(&mut pci, 16), 0x1122_3344_fee0_1004_u64.to_le_bytes());
    pci.write_bar(1, 28, &[0; 8]);
    assert_eq!(table::<8>(&mut pci, 28), [0; 8]);
}

#[test]
fn odd_accesses_to_the_table_do_nothing() {
    let mut pci = device();
    let before: [u8; 0x2000] = table(&mut pci, 0);
    for len in (0..=64).chain([4096]).filter(|len| ![4, 8].contains(len)) {
        pci.write_bar(1, 0, &vec![0xff; len]);
    }
    for offset in [1, 2, 3, 5, 0x1fff, 0x2000, 1 << 40, u64::MAX - 3, u64::MAX] {
        pci.write_bar(1, offset, &[0xff; 4]);
        pci.write_bar(1, offset, &[0xff; 8]);
    }
    assert_eq!(table::<0x2000>(&mut pci, 0), before);
}

#[test]
fn there_is_nothing_beyond_the_last_vector() {
    let mut pci = device();
    for offset in (64..0x2000).step_by(4) {
        pci.write_bar(1, offset, &[0xff; 4]);
    }
    pci.write_bar(1, 60, &[0; 8]);
    assert_eq!(table::<{ 0x2000 - 64 }>(&mut pci, 64), [0; 0x2000 - 64]);
    assert_eq!(register(&mut pci, 60), 0, "the half that was in the table");
}

#[test]
fn masks_hold_nothing_back() {
    let mut pci = running();
    pci.enable_msix(true);
    pci.set16(QUEUE_SELECT, 1);
    pci.set16(QUEUE_VECTOR, 2);
    // All vectors are masked in the table, and the function as well.
    let at = pci.msix_capability() + 2;
    pci.set_config16(at, 0xc000);
    assert_eq!(pci.raise_queue(1), Interrupt::Msix(2));
    assert_eq!(table::<8>(&mut pci, 0x1000), [0; 8], "nothing is pending");
}

#[test]
fn a_device_may_have_none() {
    let mut pci = VirtioPci::new(VERSION_1, 2, 256, &[]).without_msix();
    assert_eq!(pci.vectors(), 0);
    let mut at = [0];
    pci.read_config(0x34, &mut at);
    while at[0] != 0 {
        let mut header = [0; 2];
        pci.read_config(u64::from(at[0]), &mut header);
        assert_ne!(header[0], 0x11, "MSI-X at {:#x}", at[0]);
        at[0] = header[1];
    }
    // Where it was there is nothing, and it cannot be switched on.
    assert_eq!(pci.write_config(0x42, &[0xff, 0xff]), Effect::None);
    let mut gone = [1; 12];
    pci.read_config(0x40, &mut gone);
    assert_eq!(gone, [0; 12]);
    // Neither now nor after resets can a vector be assigned.
    for _ in 0..2 {
        pci.write_bar(0, 0x10, &[0, 0]);
        let mut vector = [0; 2];
        pci.read_bar(0, 0x10, &mut vector);
        assert_eq!(vector, [0xff, 0xff]);
        pci.function_reset();
    }
}
