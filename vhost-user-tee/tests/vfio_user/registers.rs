// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a driver finds and negotiates in the registers, over the socket. Each register by itself is
//! tested beside its code.

use virtio_bindings::bindings::virtio_config::{
    VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER, VIRTIO_CONFIG_S_DRIVER_OK,
    VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_F_RING_RESET, VIRTIO_F_VERSION_1,
};
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use virtio_tee_frontend::link::Link;
use virtio_tee_frontend::vfio_user::pci::{common, Pci};
use virtio_tee_frontend::vfio_user::VfioUser;
use virtio_tee_frontend::Error;

use crate::common::{BackEnd, REQUEST_QUEUES};

const BEGUN: u8 = (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER) as u8;
const FEATURES_OK: u8 = VIRTIO_CONFIG_S_FEATURES_OK as u8;
const DRIVER_OK: u8 = VIRTIO_CONFIG_S_DRIVER_OK as u8;

/// The status that a driver reads after it has written `status`.
fn set_status(pci: &Pci, status: u8) -> u8 {
    pci.write(common::DEVICE_STATUS, &[status]).unwrap();
    pci.status().unwrap()
}

fn accept(pci: &Pci, features: u64) {
    for half in 0..2_u32 {
        pci.write(common::DRIVER_FEATURE_SELECT, &half.to_le_bytes()).unwrap();
        pci.write(common::DRIVER_FEATURE, &((features >> (32 * half)) as u32).to_le_bytes()).unwrap();
    }
}

#[test]
fn features_are_negotiated() {
    let back_end = BackEnd::start();
    let mut link = VfioUser::connect(&back_end.socket()).unwrap();
    let offered = link.offered_features();
    assert_eq!(
        offered,
        1 << VIRTIO_F_VERSION_1
            | 1 << VIRTIO_F_RING_RESET
            | 1 << VIRTIO_RING_F_EVENT_IDX
            | 1 << VIRTIO_RING_F_INDIRECT_DESC
    );
    for (features, taken) in [
        (offered, true),
        (1 << VIRTIO_F_VERSION_1, true),
        (offered | 1 << 50, false),
        (offered | 1, false),
        (offered & !(1 << VIRTIO_F_VERSION_1), false),
        (0, false),
    ] {
        let pci = link.pci();
        assert_eq!(set_status(pci, BEGUN), BEGUN);
        // Too early.
        assert_eq!(set_status(pci, BEGUN | DRIVER_OK), BEGUN);
        accept(pci, features);
        let expected = if taken { BEGUN | FEATURES_OK } else { BEGUN };
        assert_eq!(set_status(pci, BEGUN | FEATURES_OK), expected, "{features:#x}");
        let expected = if taken { expected | DRIVER_OK } else { expected };
        assert_eq!(set_status(pci, BEGUN | FEATURES_OK | DRIVER_OK), expected, "{features:#x}");
        // What was accepted stays.
        accept(pci, 0);
        pci.write(common::DRIVER_FEATURE_SELECT, &0_u32.to_le_bytes()).unwrap();
        let low = u32::from_le_bytes(pci.read(common::DRIVER_FEATURE).unwrap());
        assert_eq!(low, if taken { features as u32 } else { 0 });
        link.reset().unwrap();
    }
}

#[test]
fn queues_are_there_and_no_more() {
    let back_end = BackEnd::start();
    let mut link = VfioUser::connect(&back_end.socket()).unwrap();
    let queues = REQUEST_QUEUES + 1;
    assert_eq!(link.pci().vectors(), queues + 1);
    assert_eq!(link.pci().read_16(common::NUM_QUEUES).unwrap(), queues);
    // Not before the negotiation.
    link.pci().write(common::QUEUE_ENABLE, &1_u16.to_le_bytes()).unwrap();
    assert_eq!(link.pci().read_16(common::QUEUE_ENABLE).unwrap(), 0);
    link.negotiate(link.offered_features()).unwrap();
    let pci = link.pci();
    let mut places = Vec::new();
    for queue in 0..queues {
        pci.set_16(common::QUEUE_SELECT, queue).unwrap();
        assert_eq!(pci.read_16(common::QUEUE_SIZE).unwrap(), 1024);
        places.push(pci.notification().unwrap());
        for size in [0, 3, 1000, 2048] {
            pci.write(common::QUEUE_SIZE, &u16::to_le_bytes(size)).unwrap();
            assert_eq!(pci.read_16(common::QUEUE_SIZE).unwrap(), 1024);
        }
        pci.write(common::QUEUE_MSIX_VECTOR, &(queues + 1).to_le_bytes()).unwrap();
        assert_eq!(pci.read_16(common::QUEUE_MSIX_VECTOR).unwrap(), 0xffff);
    }
    places.dedup();
    assert_eq!(places.len(), usize::from(queues));
    for queue in [queues, u16::MAX] {
        pci.set_16(common::QUEUE_SELECT, queue).unwrap();
        assert_eq!(pci.read::<34>(common::QUEUE_SIZE).unwrap(), [0; 34]);
        pci.write(common::QUEUE_ENABLE, &1_u16.to_le_bytes()).unwrap();
        assert_eq!(pci.read_16(common::QUEUE_ENABLE).unwrap(), 0);
    }
}

#[test]
fn only_what_is_in_a_region_is_accessed() {
    let back_end = BackEnd::start();
    let link = VfioUser::connect(&back_end.socket()).unwrap();
    let connection = link.pci().connection();
    // BARs 0 and 1, no others, no ROM; the configuration space; no VGA.
    for (region, size) in [
        (0, 0x4000),
        (1, 0x2000),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 0),
        (6, 0),
        (7, 4096),
        (8, 0),
        (9, 0),
        (u32::MAX, 0),
    ] {
        if size > 0 {
            connection.read::<1>(region, size - 1).unwrap();
            connection.read_bytes(region, size - 4096, 4096).unwrap();
            connection.write(region, size - 1, &[0xff]).unwrap();
        }
        for (offset, len) in [(size, 1), (size.saturating_sub(1), 2), (0, 4097), (1 << 32, 4), (u64::MAX, 1)]
        {
            let refused = |result: Result<(), Error>| {
                assert!(
                    matches!(result, Err(Error::Refused { errno: 22, .. })),
                    "{len} at {offset:#x} of {region}: {result:?}"
                );
            };
            refused(connection.read_bytes(region, offset, len).map(|_| ()));
            if len <= 4096 {
                refused(connection.write(region, offset, &vec![0xff; len as usize]));
            }
        }
    }
}
