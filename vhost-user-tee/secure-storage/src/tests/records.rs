// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Records that are exchanged, missing, or as they once were, in a file whose blocks are all right.

use redb::{ReadableTable, TableDefinition};

use super::*;
use crate::index::{BUCKETS, ROOT};
use crate::object::{CHUNKS, HEADS};
use crate::Error;

fn store() -> Store {
    let store = Store::in_memory(&KEY, QUOTA).unwrap();
    for name in ["a", "b"] {
        store
            .space(TA, 1)
            .unwrap()
            .create(&id(name), b"meta", &data(name.as_bytes()[0], 100_000), false)
            .unwrap();
    }
    store
}

/// All records of a table.
fn records<K: redb::Key + 'static>(
    store: &Store,
    table: TableDefinition<'static, K, &'static [u8]>,
    key: impl Fn(K::SelfType<'_>) -> Vec<u8>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    store
        .database()
        .read(|transaction| {
            let table = transaction.open_table(table)?;
            let records = table.iter()?.map(|record| {
                let (name, value) = record?;
                Ok((key(name.value()), value.value().to_vec()))
            });
            records.collect()
        })
        .unwrap()
}

fn heads(store: &Store) -> Vec<([u8; 48], Vec<u8>)> {
    let records = records(store, HEADS, |key| key.to_vec());
    records.into_iter().map(|(key, value)| (key.try_into().unwrap(), value)).collect()
}

type Chunk = (([u8; 16], u32), Vec<u8>);

fn chunks(store: &Store) -> Vec<Chunk> {
    let key = |(file, number): ([u8; 16], u32)| [&file[..], &number.to_le_bytes()].concat();
    let parse =
        |key: Vec<u8>| (key[..16].try_into().unwrap(), u32::from_le_bytes(key[16..].try_into().unwrap()));
    records(store, CHUNKS, key).into_iter().map(|(key, value)| (parse(key), value)).collect()
}

fn put<K: redb::Key + 'static>(
    store: &Store,
    table: TableDefinition<'static, K, &'static [u8]>,
    key: impl for<'k> std::borrow::Borrow<K::SelfType<'k>> + Copy,
    value: Option<&[u8]>,
) {
    let change = |transaction: &redb::WriteTransaction| {
        let mut table = transaction.open_table(table)?;
        match value {
            Some(value) => drop(table.insert(key, value)?),
            None => drop(table.remove(key)?),
        }
        Ok(())
    };
    store.database().write(change).unwrap();
}

/// Of the objects, which are corrupt; the others are right. None is where it is not.
fn corrupt(store: &Store) -> Vec<&'static str> {
    ["a", "b"]
        .into_iter()
        .filter(|name| match contents(store, TA, &id(name)) {
            Ok(found) => {
                assert!(found == data(name.as_bytes()[0], 100_000), "{name}");
                false
            }
            Err(Error::Corrupt(_)) => true,
            Err(error) => panic!("{name}: {error}"),
        })
        .collect()
}

#[test]
fn chunks_are_each_in_their_place() {
    let store = store();
    assert!(corrupt(&store).is_empty());
    let sound = chunks(&store);
    assert_eq!(sound.len(), 4);
    for (key, value) in &sound {
        for wrong in sound.iter().map(|(_, value)| Some(&value[..])).chain([None, Some(&[][..])]) {
            if wrong == Some(value) {
                continue;
            }
            put(&store, CHUNKS, *key, wrong);
            assert_eq!(corrupt(&store).len(), 1);
            put(&store, CHUNKS, *key, Some(value));
        }
    }
    assert!(corrupt(&store).is_empty());
}

#[test]
fn heads_are_each_in_their_place() {
    let store = store();
    let sound = heads(&store);
    assert_eq!(sound.len(), 2);
    for (key, value) in &sound {
        for wrong in sound.iter().map(|(_, value)| Some(&value[..])).chain([None, Some(&[][..])]) {
            if wrong == Some(value) {
                continue;
            }
            put(&store, HEADS, *key, wrong);
            assert_eq!(corrupt(&store).len(), 1);
            put(&store, HEADS, *key, Some(value));
        }
    }
    assert!(corrupt(&store).is_empty());
}

#[test]
fn a_record_that_is_as_it_once_was_is_noticed() {
    let store = store();
    let space = store.space(TA, 1).unwrap();
    let (old_heads, old_chunks) = (heads(&store), chunks(&store));
    let buckets = |store: &Store| records(store, BUCKETS, |key| vec![key]);
    let old_buckets = buckets(&store);
    // Everything is written once more, with the same content.
    for name in ["a", "b"] {
        space.write(&id(name), 0, &data(name.as_bytes()[0], 100_000)).unwrap();
    }
    assert!(corrupt(&store).is_empty());
    let (new_heads, new_chunks, new_buckets) = (heads(&store), chunks(&store), buckets(&store));
    for ((key, old), (_, new)) in old_heads.iter().zip(&new_heads) {
        put(&store, HEADS, *key, Some(old));
        assert_eq!(corrupt(&store).len(), 1);
        put(&store, HEADS, *key, Some(new));
    }
    for ((key, old), (_, new)) in old_chunks.iter().zip(&new_chunks) {
        put(&store, CHUNKS, *key, Some(old));
        assert_eq!(corrupt(&store).len(), 1);
        put(&store, CHUNKS, *key, Some(new));
    }
    for ((key, old), (_, new)) in old_buckets.iter().zip(&new_buckets) {
        for old in [Some(&old[..]), None] {
            put(&store, BUCKETS, key[0], old);
            assert_eq!(corrupt(&store).len(), 1);
        }
        put(&store, BUCKETS, key[0], Some(new));
    }
    assert!(corrupt(&store).is_empty());
    // An object with all of its own records as they were.
    for (key, old) in &old_heads {
        put(&store, HEADS, *key, Some(old));
    }
    for (key, old) in &old_chunks {
        put(&store, CHUNKS, *key, Some(old));
    }
    assert_eq!(corrupt(&store), ["a", "b"]);
}

#[test]
fn an_object_that_was_removed_does_not_come_back() {
    let store = store();
    let (old_heads, old_chunks) = (heads(&store), chunks(&store));
    let space = store.space(TA, 1).unwrap();
    space.remove(&id("a")).unwrap();
    for (key, old) in &old_heads {
        put(&store, HEADS, *key, Some(old));
    }
    for (key, old) in &old_chunks {
        put(&store, CHUNKS, *key, Some(old));
    }
    assert!(matches!(space.info(&id("a")), Err(Error::NotFound)));
    assert_eq!(contents(&store, TA, &id("b")).unwrap(), data(b'b', 100_000));
}

#[test]
fn a_root_that_is_as_it_once_was_or_missing_gives_nothing_away() {
    let store = store();
    let root = |store: &Store| records(store, ROOT, |()| Vec::new()).remove(0).1;
    let old = root(&store);
    let space = store.space(TA, 1).unwrap();
    space.write(&id("a"), 0, b"new").unwrap();
    let new = root(&store);
    put(&store, ROOT, (), Some(&old));
    assert!(matches!(space.info(&id("a")), Err(Error::Corrupt(_))));
    assert_eq!(contents(&store, TA, &id("b")).unwrap(), data(b'b', 100_000));
    put(&store, ROOT, (), None);
    assert!(matches!(space.info(&id("a")), Err(Error::Unavailable(_))));
    assert!(matches!(space.create(&id("c"), b"", b"", false), Err(Error::Unavailable(_))));
    put(&store, ROOT, (), Some(&new));
    assert_eq!(contents(&store, TA, &id("a")).unwrap()[..3], b"new"[..]);
}

#[test]
fn a_corrupt_object_can_be_removed_and_replaced() {
    for replace in [false, true] {
        let store = store();
        let space = store.space(TA, 1).unwrap();
        for (key, _) in heads(&store) {
            put(&store, HEADS, key, Some(b"nonsense"));
        }
        assert!(matches!(space.next(None).unwrap().unwrap().info, Err(Error::Corrupt(_))));
        if replace {
            space.create(&id("a"), b"", b"new", true).unwrap();
        } else {
            space.remove(&id("a")).unwrap();
            assert!(matches!(space.info(&id("a")), Err(Error::NotFound)));
            space.create(&id("a"), b"", b"new", false).unwrap();
        }
        assert_eq!(contents(&store, TA, &id("a")).unwrap(), b"new");
        // Nothing of it is left.
        assert_eq!(chunks(&store).len(), 3);
    }
}
