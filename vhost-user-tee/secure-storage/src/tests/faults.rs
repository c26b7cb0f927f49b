// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Disks that are full, and power that fails.

use super::disks::Memory;
use super::model::{all, Model, Step};
use super::*;
use crate::store::create_on;
use crate::Error;

/// A new store, its disk, and what is in it.
fn filled(random: &mut fastrand::Rng) -> (Memory, Store, Model) {
    let disk = Memory::default();
    create_on(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let store = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let mut model = Model::new();
    for _ in 0..10 {
        let step = Step::random(random);
        let _ = step.apply(&store.space(TA, 1).unwrap());
        model = step.model(&model);
    }
    (disk, store, model)
}

#[test]
fn a_full_disk_loses_nothing() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut full = 0;
    for left in 0..40 {
        let (disk, store, mut model) = filled(&mut random);
        disk.fail_after(Some(left));
        for _ in 0..10 {
            let step = Step::random(&mut random);
            match step.apply(&store.space(TA, 1).unwrap()) {
                Ok(()) | Err(Error::NotFound | Error::Exists) => model = step.model(&model),
                Err(Error::NoSpace) => full += 1,
                Err(error) => panic!("{step:?}: {error}"),
            }
        }
        disk.fail_after(None);
        // The same store goes on, and so does one that is opened on what there is.
        assert!(all(&store).unwrap() == model, "{left}");
        store.space(TA, 1).unwrap().create(&id("new"), b"", b"new", true).unwrap();
        drop(store);
        let store = Store::on_disk(disk, &KEY, QUOTA).unwrap().unwrap();
        assert_eq!(contents(&store, TA, &id("new")).unwrap(), b"new");
        store.space(TA, 1).unwrap().remove(&id("new")).unwrap();
        assert!(all(&store).unwrap() == model, "{left}");
    }
    assert!(full > 100, "{full}");
}

#[test]
fn power_that_fails_at_any_write_loses_nothing() {
    let mut random = fastrand::Rng::with_seed(3);
    for left in 0..40 {
        let (disk, store, mut model) = filled(&mut random);
        disk.fail_after(Some(left));
        let mut last = model.clone();
        for _ in 0..10 {
            let step = Step::random(&mut random);
            let result = step.apply(&store.space(TA, 1).unwrap());
            last = step.model(&model);
            if matches!(result, Err(Error::NoSpace)) {
                break;
            }
            model.clone_from(&last);
        }
        for _ in 0..5 {
            let disk = Memory::of(disk.after_power_failure(&mut random));
            let store = Store::on_disk(disk, &KEY, QUOTA).unwrap().unwrap();
            let found = all(&store).unwrap();
            // The step that the power failed in is done, or is not.
            assert!(found == model || found == last, "{left}");
        }
    }
}

#[test]
fn making_a_store_on_a_full_disk_fails() {
    for left in 0..10 {
        let disk = Memory::default();
        disk.fail_after(Some(left));
        match create_on(disk.clone(), &KEY, QUOTA).unwrap() {
            Ok(()) => assert!(left > 3),
            Err(error) => assert!(matches!(error, Error::NoSpace), "{error}"),
        }
    }
}
