// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What each function does.

use super::*;
use crate::object::CHUNK;
use crate::{Cursor, Error, Found, OpenError, MAX_META, MAX_SIZE};

fn store() -> Store {
    Store::in_memory(&KEY, QUOTA).unwrap()
}

#[test]
fn objects_are_made_read_and_removed() {
    let store = store();
    let space = store.space(TA, 1).unwrap();
    let long = Id::new(&[0xff; 64]).unwrap();
    assert!(Id::new(&[0; 65]).is_none());
    for (id, len) in [(id(""), 0), (id("a"), 1), (long, CHUNK), (id("b"), 3 * CHUNK + 5)] {
        assert!(matches!(space.info(&id), Err(Error::NotFound)));
        space.create(&id, b"meta", &data(1, len), false).unwrap();
        let info = space.info(&id).unwrap();
        assert_eq!((&info.id, &info.meta[..], info.size), (&id, &b"meta"[..], len as u64));
        assert_eq!(contents(&store, TA, &id).unwrap(), data(1, len));
        assert!(matches!(space.create(&id, b"", b"", false), Err(Error::Exists)));
        space.create(&id, b"other", &data(2, 7), true).unwrap();
        assert_eq!(contents(&store, TA, &id).unwrap(), data(2, 7));
        space.set_meta(&id, b"third").unwrap();
        assert_eq!(space.info(&id).unwrap().meta[..], b"third"[..]);
        space.remove(&id).unwrap();
        assert!(matches!(space.remove(&id), Err(Error::NotFound)));
        assert!(matches!(space.read(&id, 0, &mut [0]), Err(Error::NotFound)));
        assert!(matches!(space.write(&id, 0, b"x"), Err(Error::NotFound)));
    }
}

#[test]
fn gaps_are_zeros_and_what_was_cut_does_not_come_back() {
    let store = store();
    let (space, id) = (store.space(TA, 1).unwrap(), id("a"));
    space.create(&id, b"", b"begin", false).unwrap();
    let far = 2 * CHUNK + 100;
    space.write(&id, far as u64, b"end").unwrap();
    let mut expected = vec![0; far + 3];
    expected[..5].copy_from_slice(b"begin");
    expected[far..].copy_from_slice(b"end");
    assert_eq!(contents(&store, TA, &id).unwrap(), expected);
    for size in [CHUNK + 1, CHUNK, 3, 0] {
        space.create(&id, b"", &data(3, far), true).unwrap();
        space.set_size(&id, size as u64).unwrap();
        assert_eq!(contents(&store, TA, &id).unwrap(), data(3, size));
        space.set_size(&id, far as u64).unwrap();
        let mut expected = data(3, size);
        expected.resize(far, 0);
        assert_eq!(contents(&store, TA, &id).unwrap(), expected, "{size}");
    }
    // A gap takes no room.
    space.set_size(&id, MAX_SIZE).unwrap();
    space.write(&id, MAX_SIZE - 1, b"x").unwrap();
    let mut last = [9; 4];
    assert_eq!(space.read(&id, MAX_SIZE - 3, &mut last).unwrap(), 3);
    assert_eq!(last, [0, 0, b'x', 9]);
    assert_eq!(space.read(&id, MAX_SIZE + 5, &mut last).unwrap(), 0);
    for (offset, len) in [(MAX_SIZE, 1), (MAX_SIZE - 1, 2), (u64::MAX, 1)] {
        assert!(matches!(space.write(&id, offset, &vec![0; len]), Err(Error::TooLong)));
    }
    assert!(matches!(space.set_size(&id, MAX_SIZE + 1), Err(Error::TooLong)));
    assert!(matches!(space.set_meta(&id, &[0; MAX_META + 1]), Err(Error::TooLong)));
}

#[test]
fn renaming_moves_the_object_and_replaces_none() {
    let store = store();
    let space = store.space(TA, 1).unwrap();
    space.create(&id("a"), b"m", &data(1, 100_000), false).unwrap();
    space.create(&id("b"), b"", b"", false).unwrap();
    assert!(matches!(space.rename(&id("a"), &id("b")), Err(Error::Exists)));
    assert!(matches!(space.rename(&id("a"), &id("a")), Err(Error::Exists)));
    assert!(matches!(space.rename(&id("c"), &id("d")), Err(Error::NotFound)));
    space.rename(&id("a"), &id("c")).unwrap();
    assert!(matches!(space.info(&id("a")), Err(Error::NotFound)));
    assert_eq!(contents(&store, TA, &id("c")).unwrap(), data(1, 100_000));
}

#[test]
fn nobody_sees_anothers_objects() {
    let store = store();
    store.space(TA, 1).unwrap().create(&id("a"), b"", b"mine", false).unwrap();
    for (ta, storage) in [(OTHER_TA, 1), (TA, 2)] {
        let other = store.space(ta, storage).unwrap();
        assert!(matches!(other.info(&id("a")), Err(Error::NotFound)));
        assert!(other.next(None).unwrap().is_none());
        other.create(&id("a"), b"", b"another's", false).unwrap();
    }
    assert_eq!(contents(&store, TA, &id("a")).unwrap(), b"mine");
}

#[test]
fn an_enumeration_comes_to_each_object_once() {
    let store = store();
    let space = store.space(TA, 1).unwrap();
    store.space(OTHER_TA, 1).unwrap().create(&id("x"), b"", b"", false).unwrap();
    let mut expected: Vec<Id> = (0..600_u32).map(|n| Id::new(&n.to_le_bytes()).unwrap()).collect();
    for id in &expected {
        space.create(id, id.bytes(), b"", false).unwrap();
    }
    let mut found = Vec::new();
    let mut cursor: Option<Cursor> = None;
    while let Some(Found { cursor: next, info }) = space.next(cursor).unwrap() {
        let info = info.unwrap();
        assert_eq!(info.id.bytes(), &info.meta[..]);
        found.push(info.id);
        cursor = Some(next);
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_quota_holds_and_nothing_is_lost() {
    let store = Store::in_memory(&KEY, 1 << 20).unwrap();
    let space = store.space(TA, 1).unwrap();
    let mut made = 0;
    while space.create(&id(&made.to_string()), b"", &data(1, 100_000), false).is_ok() {
        made += 1;
    }
    assert_eq!(made, 10);
    assert!(matches!(space.write(&id("0"), 0, &data(2, 500_000)), Err(Error::NoSpace)));
    assert!(matches!(space.create(&id("0"), b"", &data(2, 500_000), true), Err(Error::NoSpace)));
    for made in 0..made {
        assert_eq!(contents(&store, TA, &id(&made.to_string())).unwrap(), data(1, 100_000));
    }
    // What takes no more room goes on.
    space.write(&id("0"), 0, b"new").unwrap();
    space.remove(&id("1")).unwrap();
    space.create(&id("1"), b"", &data(1, 90_000), false).unwrap();
}

#[test]
fn a_file_keeps_its_objects_for_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    // Left by one that was killed.
    std::fs::write(path.with_extension("new"), "half").unwrap();
    let store = Store::open(&path, &KEY, QUOTA).unwrap();
    store.space(TA, 1).unwrap().create(&id("name"), b"", &data(1, 1_000_000), false).unwrap();
    drop(store);
    assert!(matches!(Store::open(&path, &[8; 32], QUOTA), Err(OpenError::Store(..))));
    let store = Store::open(&path, &KEY, QUOTA).unwrap();
    assert_eq!(contents(&store, TA, &id("name")).unwrap(), data(1, 1_000_000));
    let bytes = std::fs::read(&path).unwrap();
    for clear in [&b"name"[..], &data(1, 1_000_000)[..16]] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear));
    }
}
