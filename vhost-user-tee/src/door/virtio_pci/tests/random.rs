// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Accesses of a hostile driver, or a hostile VMM.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Access {
    ReadBar(usize, u64, usize),
    WriteBar(usize, u64, Vec<u8>),
    ReadConfig(u64, usize),
    WriteConfig(u64, Vec<u8>),
    Raise(u16),
    ResetDone,
    QueueResetDone(u16),
    FunctionReset,
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let width = prop_oneof![8 => prop::sample::select(vec![1, 2, 4, 8]), 1 => 0..70_usize, 1 => Just(4096)];
    let small = prop_oneof![0..16_u64, Just(0x1000), Just(0x3000), any::<u64>()];
    (width, small).prop_map(|(width, value)| {
        let mut data = value.to_le_bytes().to_vec();
        data.resize(width, value as u8);
        data
    })
}

fn bar_offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        10 => 0..COMMON_END,
        3 => (0..4_u64, 0..16_u64).prop_map(|(page, offset)| page * 0x1000 + offset),
        1 => 0..0x4100_u64,
        1 => any::<u64>(),
        1 => (0..16_u64).prop_map(|back| u64::MAX - back),
    ]
}

fn config_offset() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..0x110_u64, 1 => 0..0x1010_u64, 1 => any::<u64>()]
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![0..70_usize, Just(4096), Just(0x4000)]
}

fn access() -> impl Strategy<Value = Access> {
    let bar = || prop_oneof![8 => Just(0), 2 => Just(1_usize), 1 => 0..8_usize, 1 => any::<usize>()];
    let index = || prop_oneof![0..QUEUES + 1, any::<u16>()];
    prop_oneof![
        4 => (bar(), bar_offset(), len()).prop_map(|(bar, offset, len)| Access::ReadBar(bar, offset, len)),
        20 => (bar(), bar_offset(), value()).prop_map(|(bar, at, data)| Access::WriteBar(bar, at, data)),
        // What gets far: selects, statuses, enables, resets and notifications as they should be.
        10 => (0..3_u16).prop_map(|n| Access::WriteBar(0, QUEUE_SELECT, n.to_le_bytes().to_vec())),
        4 => any::<u8>().prop_map(|status| Access::WriteBar(0, STATUS, vec![status])),
        2 => Just(Access::WriteBar(0, STATUS, vec![0])),
        6 => (0..2_u32).prop_map(|n| Access::WriteBar(0, DRIVER_FEATURE_SELECT, n.to_le_bytes().to_vec())),
        6 => (0..2_u32).prop_map(|n| Access::WriteBar(0, DRIVER_FEATURE, n.to_le_bytes().to_vec())),
        10 => Just(Access::WriteBar(0, QUEUE_ENABLE, vec![1, 0])),
        4 => Just(Access::WriteBar(0, QUEUE_RESET, vec![1, 0])),
        4 => (0..4_u64).prop_map(|n| Access::WriteBar(0, NOTIFY_AT + 4 * n, vec![0, 0])),
        4 => Just(Access::WriteConfig(COMMAND, vec![6, 0])),
        4 => (config_offset(), len()).prop_map(|(offset, len)| Access::ReadConfig(offset, len)),
        8 => (config_offset(), value()).prop_map(|(offset, data)| Access::WriteConfig(offset, data)),
        4 => index().prop_map(Access::Raise),
        2 => Just(Access::ResetDone),
        2 => index().prop_map(Access::QueueResetDone),
        1 => Just(Access::FunctionReset),
    ]
}

/// What holds whatever was done.
fn check(pci: &mut VirtioPci) {
    for index in 0..QUEUES {
        let queue = pci.queue(index).unwrap().clone();
        assert!(queue.size.is_power_of_two() && queue.size <= MAX_SIZE, "{queue:?}");
        assert!(queue.vector < pci.vectors() || queue.vector == 0xffff, "{queue:?}");
        assert!(queue.enabled || !queue.resetting, "{queue:?}");
        if queue.enabled {
            assert_ne!(pci.get8(STATUS) & FEATURES_OK, 0);
            assert_eq!(pci.driver_features() & !(VERSION_1 | EVENT_IDX | RING_RESET), 0);
        }
    }
    assert_eq!(pci.queue(QUEUES), None);
    let vector = pci.get16(CONFIG_VECTOR);
    assert!(vector < pci.vectors() || vector == 0xffff);
    if pci.driver_ok() {
        let set = FEATURES_OK | DRIVER_OK;
        assert_eq!(pci.get8(STATUS) & set, set);
        assert_ne!(pci.driver_features() & VERSION_1, 0);
    }
    assert_eq!(pci.get8(STATUS) & 0x70, 0);
    if pci.common.is_function_resetting() {
        assert_eq!(pci.config32(0), u32::MAX);
    } else {
        assert_eq!(pci.config32(0), 0x106e_1af4);
        assert_eq!(pci.capabilities().len(), 7);
    }
}

/// What an effect promises.
fn check_effect(pci: &VirtioPci, effect: Effect) {
    match effect {
        Effect::Kick(n) => {
            assert!(pci.driver_ok());
            assert!(pci.queue(n).is_some_and(|queue| queue.enabled && !queue.resetting));
        }
        Effect::QueueEnabled(n) => {
            assert!(pci.queue(n).is_some_and(|queue| queue.enabled && !queue.resetting));
        }
        Effect::QueueReset(n) => assert!(pci.queue(n).is_some_and(|queue| queue.enabled && queue.resetting)),
        Effect::Reset | Effect::FunctionReset => assert!(!pci.driver_ok()),
        Effect::Intx => assert!(pci.intx_pending()),
        Effect::None => {}
    }
}

fn run(pci: &mut VirtioPci, access: &Access) {
    match access {
        Access::ReadBar(bar, offset, len) => pci.read_bar(*bar, *offset, &mut vec![0; *len]),
        Access::WriteBar(bar, offset, data) => {
            let effect = pci.write_bar(*bar, *offset, data);
            check_effect(pci, effect);
        }
        Access::ReadConfig(offset, len) => pci.read_config(*offset, &mut vec![0; *len]),
        Access::WriteConfig(offset, data) => {
            let effect = pci.write_config(*offset, data);
            check_effect(pci, effect);
        }
        Access::Raise(index) => {
            let interrupt = pci.raise_queue(*index);
            match interrupt {
                Interrupt::Msix(vector) => assert!(vector < pci.vectors()),
                Interrupt::Intx => assert!(pci.intx_pending()),
                Interrupt::None => {}
            }
        }
        Access::ResetDone => pci.reset_done(),
        Access::QueueResetDone(index) => pci.queue_reset_done(*index),
        Access::FunctionReset => pci.function_reset(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_access_panics_or_breaks_a_promise(
        accesses in prop::collection::vec(access(), 0..100),
        from_start in any::<bool>(),
    ) {
        let mut pci = if from_start { device() } else { running() };
        for access in &accesses {
            run(&mut pci, access);
            check(&mut pci);
        }
        pci.function_reset();
        prop_assert_eq!(pci.config::<4096>(0), device().config::<4096>(0));
        prop_assert_eq!(pci.bar::<4096>(0), device().bar::<4096>(0));
    }

    #[test]
    fn a_model_of_any_shape_can_be_made(
        features in any::<u64>(),
        queues in any::<u16>(),
        size in any::<u16>(),
        len in 0..10_000_usize,
        accesses in prop::collection::vec(access(), 0..20),
    ) {
        let mut pci = VirtioPci::new(features, queues, size, &vec![1; len]);
        for access in &accesses {
            run(&mut pci, access);
        }
        prop_assert!(pci.vectors() <= 256);
    }
}
