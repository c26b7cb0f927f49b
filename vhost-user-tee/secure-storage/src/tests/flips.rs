// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A bit of the file that is not what was written: right data, a corrupt object, or a store that is refused.

use redb::ReadableTableMetadata;

use super::disks::Memory;
use super::*;
use crate::object::CHUNKS;
use crate::store::create_on;
use crate::Error;

/// How the objects of a damaged store are found.
#[derive(Debug, Default)]
struct Outcome {
    right: usize,
    corrupt: usize,
    refused: usize,
}

const LENS: [usize; 6] = [0, 10, 5_000, 70_000, 200_000, 1_000];

fn sound() -> Vec<u8> {
    let disk = Memory::default();
    create_on(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let store = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    for (index, len) in LENS.into_iter().enumerate() {
        let space = store.space(TA, 1).unwrap();
        space.create(&id(&index.to_string()), b"meta", &data(index as u8, len), false).unwrap();
    }
    drop(store);
    disk.bytes()
}

fn look(bytes: Vec<u8>, at: usize, outcome: &mut Outcome) {
    let refused = |error: &Error| {
        let text = error.to_string();
        // redb has not met it.
        assert_ne!(text, Error::broken().to_string(), "byte {at}");
        assert!(!text.contains('\n') && !text.is_empty());
    };
    let store = match Store::on_disk(Memory::of(bytes), &KEY, QUOTA).unwrap() {
        Ok(store) => store,
        Err(error) => {
            refused(&error);
            outcome.refused += 1;
            return;
        }
    };
    let mut corrupt = 0;
    for (index, len) in LENS.into_iter().enumerate() {
        match contents(&store, TA, &id(&index.to_string())) {
            Ok(found) => assert_eq!(found, data(index as u8, len), "byte {at}"),
            Err(Error::Corrupt(_)) => corrupt += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    if corrupt == 0 {
        outcome.right += 1;
    } else {
        outcome.corrupt += 1;
        // The object can be got rid of, or is in the way of others: then all stays as it is.
        let space = store.space(TA, 1).unwrap();
        for index in 0..LENS.len() {
            match space.create(&id(&index.to_string()), b"", b"new", true) {
                Ok(()) => assert_eq!(contents(&store, TA, &id(&index.to_string())).unwrap(), b"new"),
                Err(error) => refused(&error),
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let sound = sound();
    let mut outcome = Outcome::default();
    let mut random = fastrand::Rng::with_seed(4);
    // In each block of the file, and often where it begins.
    let mut places: Vec<usize> = (0..400).step_by(5).collect();
    places.extend((400..sound.len() - 4112).step_by(4112).map(|at| at + random.usize(..4112)));
    for at in places {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << random.u8(..8);
        look(bytes, at, &mut outcome);
    }
    assert!(outcome.right > 0 && outcome.corrupt > 10 && outcome.refused > 0, "{outcome:?}");
}

/// Where copies of heads begin: two in each slot.
const COPIES: [usize; 4] = [0, 2048, 4096, 6144];

#[test]
fn a_damaged_head_brings_nothing_back() {
    let disk = Memory::default();
    create_on(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let store = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let secrets = id("secrets");
    for round in 0..4 {
        store.space(TA, 1).unwrap().create(&secrets, b"", &data(round, 1_000), true).unwrap();
        // As whoever is killed leaves it: the store is not closed.
        let bytes = disk.bytes();
        let with_damage_at = |places: &[usize]| {
            let mut bytes = bytes.clone();
            places.iter().for_each(|at| bytes[at + 50] ^= 1);
            Store::on_disk(Memory::of(bytes), &KEY, QUOTA).unwrap()
        };
        for copy in COPIES {
            let store = with_damage_at(&[copy]).unwrap();
            assert_eq!(contents(&store, TA, &secrets).unwrap(), data(round, 1_000), "{round}, {copy}");
        }
        for slot in COPIES.chunks(2) {
            assert!(with_damage_at(slot).is_err(), "{round}, {slot:?}");
        }
    }
}

#[test]
fn a_file_that_was_cut_is_noticed() {
    let sound = sound();
    let mut outcome = Outcome::default();
    for len in (0..sound.len()).step_by(sound.len() / 40) {
        look(sound[..len].to_vec(), len, &mut outcome);
    }
    assert!(outcome.refused >= 40 && outcome.corrupt == 0, "{outcome:?}");
}

#[test]
fn a_block_that_was_lost_is_noticed() {
    let sound = sound();
    let mut outcome = Outcome::default();
    for at in (0..sound.len()).step_by(2 * 4112) {
        let mut bytes = sound.clone();
        let end = (at + 8224).min(bytes.len());
        bytes[at..end].fill(0);
        look(bytes, at, &mut outcome);
    }
    assert!(outcome.right > 0 && outcome.corrupt > 10 && outcome.refused > 0, "{outcome:?}");
}

/// Where blocks begin in the file: some of them, of each part of it.
fn some_blocks(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (8192..bytes.len()).step_by(5 * 4112)
}

#[test]
fn a_damaged_block_takes_few_objects() {
    const OBJECTS: u8 = 60;
    let name = |object: u8| Id::new(&[object]).unwrap();
    let disk = Memory::default();
    create_on(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let store = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    for object in 0..OBJECTS {
        store.space(TA, 1).unwrap().create(&name(object), b"meta", &data(object, 100), false).unwrap();
    }
    drop(store);
    let sound = disk.bytes();
    let (mut few, mut many) = (0, 0);
    for at in some_blocks(&sound) {
        let mut bytes = sound.clone();
        bytes[at + 2000] ^= 1;
        // What redb keeps of the file is read at once.
        let Ok(store) = Store::on_disk(Memory::of(bytes), &KEY, QUOTA).unwrap() else { continue };
        let is_corrupt = |object: &u8| match contents(&store, TA, &name(*object)) {
            Ok(found) => {
                assert_eq!(found, data(*object, 100));
                false
            }
            Err(Error::Corrupt(_)) => true,
            Err(error) => panic!("{error}"),
        };
        match (0..OBJECTS).filter(is_corrupt).count() {
            0 => {}
            1..=3 => few += 1,
            _ => many += 1,
        }
    }
    assert!(few > 20 && many * 10 < few, "{few} blocks take few objects, {many} take many");
}

#[test]
fn chunks_that_cannot_be_removed_count_until_they_are() {
    let disk = Memory::default();
    create_on(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let store = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
    let used =
        |store: &Store| store.database().read(|transaction| store.read_root(transaction)).unwrap().used;
    let create = |store: &Store, name, len| {
        store.space(TA, 1).unwrap().create(&id(name), b"", &data(3, len), true).unwrap();
    };
    create(&store, "stays", 50_000);
    let without = used(&store);
    create(&store, "goes", 200_000);
    let with = used(&store);
    drop(store);
    let sound = disk.bytes();

    let mut seen = 0;
    for at in some_blocks(&sound) {
        let mut bytes = sound.clone();
        bytes[at + 100] ^= 1;
        let disk = Memory::of(bytes);
        let Ok(store) = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap() else { continue };
        if store.space(TA, 1).unwrap().remove(&id("goes")).is_err() || used(&store) == without {
            // Something else is in the way; or nothing is.
            continue;
        }
        seen += 1;
        assert_eq!(used(&store), with, "byte {at}");
        assert!(matches!(store.space(TA, 1).unwrap().info(&id("goes")), Err(Error::NotFound)));
        // Another of its name has nothing to do with it, unless its own place is in that block.
        match store.space(TA, 1).unwrap().create(&id("goes"), b"", &data(3, 1_000), true) {
            Err(Error::Unavailable(_)) => continue,
            made => made.unwrap(),
        }
        store.space(TA, 1).unwrap().remove(&id("goes")).unwrap();
        drop(store);
        let store = Store::on_disk(disk.clone(), &KEY, QUOTA).unwrap().unwrap();
        assert_eq!(used(&store), with, "byte {at}: it is still in the way");
        drop(store);

        // The block is as it was.
        let mut bytes = disk.bytes();
        bytes[at + 100] ^= 1;
        let store = Store::on_disk(Memory::of(bytes), &KEY, QUOTA).unwrap().unwrap();
        assert_eq!(used(&store), without, "byte {at}");
        let chunks = store.database().read(|transaction| Ok(transaction.open_table(CHUNKS)?.len()?)).unwrap();
        assert_eq!(chunks, 1, "byte {at}");
        assert_eq!(contents(&store, TA, &id("stays")).unwrap(), data(3, 50_000));
    }
    assert!(seen > 5, "{seen} blocks were in the way");
}
