// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! MSI-X, INTx, and the ISR status.

use super::*;

const PENDING: u16 = 1 << 3;

/// The interrupt bit of the status register.
fn status(pci: &mut VirtioPci) -> u16 {
    pci.config16(6) & PENDING
}

#[test]
fn intx_is_up_until_the_isr_is_read() {
    let mut pci = running();
    assert!(!pci.intx_pending());
    assert_eq!(status(&mut pci), 0);
    assert_eq!(pci.raise_queue(0), Interrupt::Intx);
    assert!(pci.intx_pending());
    assert_eq!(status(&mut pci), PENDING);
    assert_eq!(pci.raise_queue(2), Interrupt::Intx, "again, for a line that is masked meanwhile");

    assert_eq!(pci.get8(ISR_AT), 1);
    assert!(!pci.intx_pending());
    assert_eq!(status(&mut pci), 0);
    assert_eq!(pci.get8(ISR_AT), 0);
    assert_eq!(pci.raise_queue(1), Interrupt::Intx);
}

#[test]
fn only_reads_of_the_isr_clear_it() {
    let mut pci = running();
    pci.raise_queue(0);
    pci.bar::<4096>(0);
    pci.bar::<1>(ISR_AT - 1);
    pci.bar::<0>(ISR_AT);
    pci.bar::<4>(ISR_AT + 1);
    pci.read_bar(1, ISR_AT, &mut [0; 4]);
    pci.config::<4096>(0);
    for value in [0, 1, 0xff] {
        assert_eq!(pci.set8(ISR_AT, value), Effect::None, "read-only");
    }
    assert!(pci.intx_pending());
    assert_eq!(pci.bar::<4>(ISR_AT), [1, 0, 0, 0]);
    assert!(!pci.intx_pending());
    pci.raise_queue(0);
    assert_eq!(pci.bar::<8>(ISR_AT - 3), [0, 0, 0, 1, 0, 0, 0, 0]);
    assert!(!pci.intx_pending());
}

#[test]
fn intx_can_be_disabled() {
    let mut pci = running();
    assert_eq!(pci.command(BUS_MASTER | INTX_DISABLE), Effect::None);
    assert_eq!(pci.raise_queue(0), Interrupt::None);
    assert!(!pci.intx_pending());
    assert_eq!(status(&mut pci), PENDING, "pending all the same");
    assert_eq!(pci.command(BUS_MASTER), Effect::Intx);
    assert!(pci.intx_pending());
    assert_eq!(pci.command(BUS_MASTER), Effect::None, "up already");
    assert_eq!(pci.get8(ISR_AT), 1);
    assert_eq!(pci.command(BUS_MASTER | INTX_DISABLE), Effect::None);
    assert_eq!(pci.command(BUS_MASTER), Effect::None, "nothing pending");
}

#[test]
fn intx_needs_no_bus_master() {
    let mut pci = running();
    pci.command(0);
    assert_eq!(pci.raise_queue(0), Interrupt::Intx, "a line is no access to memory");
}

#[test]
fn msix_takes_the_place_of_intx() {
    let mut pci = running();
    assert_eq!(pci.enable_msix(true), Effect::None);
    for index in 0..QUEUES {
        pci.set16(QUEUE_SELECT, index);
        pci.set16(QUEUE_VECTOR, index + 1);
        assert_eq!(pci.raise_queue(index), Interrupt::Msix(index + 1));
    }
    assert_eq!(pci.get8(ISR_AT), 0);
    assert!(!pci.intx_pending());
    assert_eq!(status(&mut pci), 0);
}

#[test]
fn a_queue_without_a_vector_stays_silent() {
    let mut pci = running();
    pci.enable_msix(true);
    assert_eq!(pci.raise_queue(0), Interrupt::None);
    pci.set16(QUEUE_SELECT, 0);
    pci.set16(QUEUE_VECTOR, 0);
    assert_eq!(pci.raise_queue(0), Interrupt::Msix(0));
    pci.set16(QUEUE_VECTOR, 0xffff);
    assert_eq!(pci.raise_queue(0), Interrupt::None);
    assert_eq!(pci.get8(ISR_AT), 0);
}

#[test]
fn queues_may_share_a_vector() {
    let mut pci = running();
    pci.enable_msix(true);
    for index in 0..QUEUES {
        pci.set16(QUEUE_SELECT, index);
        pci.set16(QUEUE_VECTOR, 1);
        assert_eq!(pci.raise_queue(index), Interrupt::Msix(1));
    }
}

#[test]
fn msix_needs_a_bus_master() {
    let mut pci = running();
    pci.enable_msix(true);
    pci.set16(QUEUE_SELECT, 0);
    pci.set16(QUEUE_VECTOR, 1);
    pci.command(INTX_DISABLE);
    assert_eq!(pci.raise_queue(0), Interrupt::None);
    pci.command(BUS_MASTER | INTX_DISABLE);
    assert_eq!(pci.raise_queue(0), Interrupt::Msix(1));
}

#[test]
fn what_is_pending_survives_msix() {
    let mut pci = running();
    pci.raise_queue(0);
    assert_eq!(pci.enable_msix(true), Effect::None);
    assert!(!pci.intx_pending());
    assert_eq!(status(&mut pci), 0);
    assert_eq!(pci.enable_msix(false), Effect::Intx);
    assert!(pci.intx_pending());
    assert_eq!(pci.get8(ISR_AT), 1);
}

#[test]
fn only_enabled_queues_interrupt() {
    let mut pci = device();
    pci.command(BUS_MASTER);
    for index in [0, 1, QUEUES, 0xffff] {
        assert_eq!(pci.raise_queue(index), Interrupt::None);
    }
    assert_eq!(pci.get8(ISR_AT), 0);
    pci.enable_msix(true);
    pci.set16(QUEUE_VECTOR, 1);
    assert_eq!(pci.raise_queue(0), Interrupt::None);
    assert_eq!(running().raise_queue(QUEUES), Interrupt::None);
}

#[test]
fn vectors_outlive_msix_being_off() {
    let mut pci = running();
    pci.set16(QUEUE_SELECT, 0);
    pci.set16(QUEUE_VECTOR, 2);
    assert_eq!(pci.raise_queue(0), Interrupt::Intx);
    pci.enable_msix(true);
    assert_eq!(pci.raise_queue(0), Interrupt::Msix(2));
}
