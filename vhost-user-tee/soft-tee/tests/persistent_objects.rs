// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Persistent objects and their enumerators, as a TA sees them (API 1.3.1, sections 5.7 and 5.8).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;
mod stored;

use std::sync::Arc;

use crypto::common::soft_tee;
use crypto::*;
use stored::*;
use ta_protocol::storage::flag::*;
use tee::gp;

#[test]
fn a_key_is_kept_with_its_data_and_used() {
    for api in APIS {
        let tee = Arc::new(soft_tee(&format!("kept-key-{api:?}")));
        let ta = Ta::of(tee.clone(), api);
        let key: Vec<u8> = (0..16).collect();
        ta.key(0, AES, 256, &key);
        ta.ok(Call::Restrict1, args(&[0, 7]));
        let flags = ACCESS_READ | SHARE_READ | SHARE_WRITE;
        let create = create_args(1, PRIVATE, b"key", flags, 0).bytes(b"data");
        ta.ok(Call::Create, create);
        assert_eq!(info(&ta, 1), [AES, 128, 256, 7, 4, 0, PERSISTENT | INITIALIZED | flags]);
        // The transient one is as it was.
        assert_eq!(info(&ta, 0), [AES, 128, 256, 7, 0, 0, INITIALIZED]);
        ta.ok(Call::FreeObject, args(&[0]));

        // Another instance finds it, and uses it.
        let other = Ta::of(tee, api);
        assert_eq!(open(&other, 2, b"key", flags), gp::SUCCESS);
        assert_eq!(other.call(Call::BufferAttribute, args(&[2, SECRET_VALUE, 16])).bytes(), key);
        assert_eq!(read(&other, 2, 10), b"data");
        const AES_ECB: u32 = 0x1000_0010;
        let encrypt = |ta: &Ta, slot| {
            ta.operation(0, AES_ECB, ENCRYPT, 256, slot);
            ta.ok(Call::CipherInit, args(&[0]).bytes(b""));
            let block = ta.call(Call::CipherFinal, args(&[0]).bytes(&[9; 16]).u32(16)).bytes();
            ta.free(&[0], &[]);
            block
        };
        let block = encrypt(&other, 2);
        other.key(3, AES, 256, &key);
        assert_eq!(encrypt(&other, 3), block);
        // A copy.
        other.ok(Call::AllocateObject, args(&[4, AES, 128]));
        other.ok(Call::CopyAttributes1, args(&[4, 2]));
        assert_eq!(encrypt(&other, 4), block);
        // A persistent copy of a persistent object.
        other.ok(Call::Create, create_args(5, PRIVATE, b"copy", 0, 2).bytes(b""));
        assert_eq!(info(&other, 5)[..5], [AES, 128, 256, 7, 0]);

        // What one restricts is so for all, and for good.
        other.ok(Call::Restrict1, args(&[2, 3]));
        assert_eq!((info(&ta, 1)[3], info(&other, 2)[3]), (3, 3));
        ta.ok(Call::Restrict, args(&[1, 2]));
        assert_eq!((info(&ta, 1)[3], info(&other, 2)[3]), (2, 2));
        close(&other, 2);
        close(&ta, 1);
        assert_eq!(open(&ta, 1, b"key", flags), gp::SUCCESS);
        assert_eq!(info(&ta, 1)[3], 2);
    }
}

#[test]
fn without_a_handle_the_transient_object_becomes_the_persistent_one() {
    let mut ta = Ta::new("no-handle", Api::Now);
    let none = |slot: u32, id: &[u8], flags, attributes, data: &[u8]| {
        args(&[0, slot, PRIVATE]).bytes(id).u32(flags).u32(attributes).bytes(data)
    };
    ta.key(0, AES, 128, &[1; 16]);
    ta.ok(Call::Create, none(NONE, b"key", ACCESS_READ, 0, b"data"));
    assert_eq!(info(&ta, 0), [AES, 128, 128, ALL, 4, 0, PERSISTENT | INITIALIZED | ACCESS_READ]);
    assert_eq!(read(&ta, 0, 10), b"data");
    assert_eq!(open(&ta, 1, b"key", ACCESS_READ), gp::ERROR_ACCESS_CONFLICT);
    // A persistent one stays what it is.
    ta.ok(Call::Create, none(NONE, b"other", 0, 0, b""));
    assert_eq!(read(&ta, 0, 10), b"");
    assert_eq!(open(&ta, 2, b"other", ACCESS_WRITE_META), gp::SUCCESS);
    ta.ok(Call::Create, none(NONE, b"third", 0, NONE, b"abc"));
    assert_eq!(open(&ta, 3, b"third", ACCESS_READ | ACCESS_WRITE_META), gp::SUCCESS);
    ta.panics(Call::FreeObject, args(&[0]), Api::Now);
    // API 1.1 has no such thing.
    let mut ta = Ta::new("no-handle", Api::Gp11);
    ta.panics(Call::Create, none(NONE, b"x", 0, NONE, b""), Api::Gp11);
}

#[test]
fn names_are_unique_and_storages_apart() {
    for api in APIS {
        let ta = Ta::new("names", api);
        let long = [0xff; 64];
        for (slot, id) in (0..).zip([&b""[..], b"a", b"A", b"a\0", &long]) {
            assert_eq!(create(&ta, slot, id, 0, id), gp::SUCCESS);
        }
        for slot in 0..5 {
            close(&ta, slot);
        }
        assert_eq!(create(&ta, 0, b"a", 0, b""), gp::ERROR_ACCESS_CONFLICT);
        assert_eq!(open(&ta, 0, b"b", 0), gp::ERROR_ITEM_NOT_FOUND);
        // REE is private, RPMB is not.
        assert_eq!(open_in(&ta, 0, PRIVATE_REE, b"a", ACCESS_READ), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 10), b"a");
        assert_eq!(open_in(&ta, 1, PRIVATE, b"a", ACCESS_READ), gp::ERROR_ACCESS_CONFLICT);
        assert_eq!(open_in(&ta, 1, PRIVATE_RPMB, b"a", ACCESS_READ), gp::ERROR_ITEM_NOT_FOUND);
        let rpmb = create_args(1, PRIVATE_RPMB, b"a", ACCESS_READ, NONE).bytes(b"rpmb");
        ta.ok(Call::Create, rpmb);
        assert_eq!(read(&ta, 1, 10), b"rpmb");
        for storage in [0, 2, 3, 0x8000_0200, u32::MAX] {
            assert_eq!(open_in(&ta, 2, storage, b"a", 0), gp::ERROR_ITEM_NOT_FOUND);
            let created = ta.call(Call::Create, create_args(2, storage, b"b", 0, NONE).bytes(b""));
            assert_eq!(created.result, gp::ERROR_ITEM_NOT_FOUND);
        }
        // Overwriting replaces what is there, attributes and data.
        close(&ta, 0);
        ta.key(2, AES, 128, &[1; 16]);
        let again = create_args(0, PRIVATE, b"a", ACCESS_READ | OVERWRITE, 2).bytes(b"new");
        ta.ok(Call::Create, again);
        assert_eq!((info(&ta, 0)[0], read(&ta, 0, 10)), (AES, b"new".to_vec()));
    }
}

#[test]
fn handles_exclude_each_other_across_instances() {
    let tee = Arc::new(soft_tee("sharing"));
    let (one, other) = (Ta::of(tee.clone(), Api::Now), Ta::of(tee, Api::Gp11));
    // The TAs are two: nobody sees another's.
    assert_eq!(create(&other, 0, b"a", 0, b""), gp::SUCCESS);
    assert_eq!(create(&one, 0, b"a", ACCESS_WRITE_META, b"x"), gp::SUCCESS);
    close(&one, 0);

    let tee = Arc::new(soft_tee("sharing-2"));
    let mut one = Ta::of(tee.clone(), Api::Now);
    let other = Ta::of(tee, Api::Now);
    assert_eq!(create(&one, 0, b"a", 0, b"x"), gp::SUCCESS);
    close(&one, 0);
    let shared = SHARE_READ | SHARE_WRITE;
    for (first, second, expected) in [
        (ACCESS_READ, ACCESS_READ, false),
        (ACCESS_READ | SHARE_READ, ACCESS_READ | SHARE_READ, true),
        (ACCESS_WRITE | SHARE_WRITE, ACCESS_WRITE | SHARE_WRITE, true),
        (ACCESS_READ | ACCESS_WRITE | shared, ACCESS_READ | shared, true),
        (ACCESS_READ | shared, ACCESS_WRITE_META | shared, false),
        (0, ACCESS_READ | shared, false),
    ] {
        for (one, other) in [(&one, &other), (&other, &one), (&one, &one)] {
            assert_eq!(open(one, 0, b"a", first), gp::SUCCESS);
            let expected = if expected { gp::SUCCESS } else { gp::ERROR_ACCESS_CONFLICT };
            assert_eq!(open(other, 1, b"a", second), expected, "{first:#x} {second:#x}");
            // Made anew it is by nobody who does not say so.
            assert_eq!(create(other, 2, b"a", second, b"x"), gp::ERROR_ACCESS_CONFLICT);
            assert_eq!(create(other, 2, b"a", second | OVERWRITE, b"x"), expected);
            if expected == gp::SUCCESS {
                close(other, 1);
                close(other, 2);
            }
            close(one, 0);
        }
    }
    // What a dead instance had open is not any more.
    assert_eq!(open(&one, 0, b"a", ACCESS_WRITE_META), gp::SUCCESS);
    assert_eq!(open(&other, 0, b"a", 0), gp::ERROR_ACCESS_CONFLICT);
    one.panics(Call::ObjectInfo1, args(&[WILD]), Api::Now);
    assert_eq!(open(&other, 0, b"a", 0), gp::SUCCESS);
}

#[test]
fn objects_are_renamed_and_removed() {
    for api in APIS {
        let ta = Ta::new("rename", api);
        let rename = |slot: u32, id: &[u8]| ta.call(Call::Rename, args(&[slot]).bytes(id)).result;
        let flags = ACCESS_READ | ACCESS_WRITE_META;
        assert_eq!(create(&ta, 0, b"a", flags, b"data"), gp::SUCCESS);
        assert_eq!(create(&ta, 1, b"b", 0, b""), gp::SUCCESS);
        assert_eq!(rename(0, b"b"), gp::ERROR_ACCESS_CONFLICT);
        close(&ta, 1);
        assert_eq!(rename(0, b"b"), gp::ERROR_ACCESS_CONFLICT);
        assert_eq!(rename(0, b"a"), gp::ERROR_ACCESS_CONFLICT);
        assert_eq!(rename(0, b"c"), gp::SUCCESS);
        assert_eq!(open(&ta, 1, b"a", 0), gp::ERROR_ITEM_NOT_FOUND);
        assert_eq!(open(&ta, 1, b"c", 0), gp::ERROR_ACCESS_CONFLICT);
        assert_eq!(read(&ta, 0, 10), b"data");
        assert_eq!(rename(0, &[1; 64]), gp::SUCCESS);
        assert_eq!(rename(0, b""), gp::SUCCESS);
        ta.ok(Call::Delete1, args(&[0]));
        assert_eq!(open(&ta, 1, b"", 0), gp::ERROR_ITEM_NOT_FOUND);
        assert_eq!(open(&ta, 1, b"b", ACCESS_WRITE_META), gp::SUCCESS);
        ta.ok(Call::Delete, args(&[1]));
        assert_eq!(open(&ta, 1, b"b", 0), gp::ERROR_ITEM_NOT_FOUND);
        for call in [Call::Delete, Call::Delete1] {
            ta.ok(call, args(&[NONE]));
        }
    }
}

#[test]
fn enumerators_come_to_each_object() {
    for api in APIS {
        let ta = Ta::new("enumerate", api);
        ta.ok(Call::AllocateEnumerator, args(&[0]));
        let start = |storage| ta.call(Call::StartEnumerator, args(&[0, storage])).result;
        let next = |with_info| {
            let mut reply = ta.call(Call::Next, args(&[0, with_info]));
            let info: Vec<u32> = (0..7).map(|_| reply.u32()).collect();
            (reply.result, info, reply.output().1)
        };
        assert_eq!(next(1).0, gp::ERROR_ITEM_NOT_FOUND);
        for storage in [PRIVATE, PRIVATE_REE, PRIVATE_RPMB, 0, 7] {
            assert_eq!(start(storage), gp::ERROR_ITEM_NOT_FOUND, "{storage}");
        }
        let mut expected = Vec::new();
        for index in 0..30_u8 {
            let id = vec![index; usize::from(index) * 2];
            assert_eq!(create(&ta, 0, &id, ACCESS_WRITE_META, &vec![0; index.into()]), gp::SUCCESS);
            close(&ta, 0);
            expected.push((id, [DATA, 0, 0, ALL, index.into(), 0, PERSISTENT | INITIALIZED].to_vec()));
        }
        // One of them is open, and excludes all others.
        assert_eq!(open(&ta, 0, &[3; 6], ACCESS_WRITE_META), gp::SUCCESS);
        for _ in 0..2 {
            assert_eq!(start(PRIVATE), gp::SUCCESS);
            let mut found = Vec::new();
            loop {
                let (result, info, id) = next(1);
                if result != gp::SUCCESS {
                    assert_eq!((result, info), (gp::ERROR_ITEM_NOT_FOUND, vec![0; 7]));
                    break;
                }
                found.push((id, info));
            }
            found.sort();
            assert!(found == expected);
        }
        assert_eq!(next(0).0, gp::ERROR_ITEM_NOT_FOUND);
        assert_eq!(start(PRIVATE_RPMB), gp::ERROR_ITEM_NOT_FOUND);
        assert_eq!(start(PRIVATE_REE), gp::SUCCESS);
        let (result, info, id) = next(0);
        assert!(result == gp::SUCCESS && info == [0; 7] && expected.iter().any(|(name, _)| *name == id));
        ta.ok(Call::ResetEnumerator, args(&[0]));
        assert_eq!(next(1).0, gp::ERROR_ITEM_NOT_FOUND);
        ta.ok(Call::FreeEnumerator, args(&[0]));
        for call in [Call::FreeEnumerator, Call::ResetEnumerator] {
            ta.ok(call, args(&[NONE]));
        }
    }
}

#[test]
fn a_name_is_not_taken_from_shared_memory_but_data_are() {
    for api in APIS {
        let mut ta = Ta::new("shared-name", api);
        assert_eq!(create(&ta, 0, b"a", 0, b""), gp::SUCCESS);
        close(&ta, 0);
        let flags = ACCESS_READ | ACCESS_WRITE | ACCESS_WRITE_META;
        for (call, args_of_it) in [
            (Call::Open, args(&[1, PRIVATE]).bytes(b"b").u32(0)),
            (Call::Create, create_args(1, PRIVATE, b"b", 0, NONE).bytes(b"")),
            (Call::Rename, args(&[0]).bytes(b"b")),
        ] {
            assert_eq!(open(&ta, 0, b"a", flags), gp::SUCCESS);
            ta.ok(Call::LeaveInShared, args(&[1]));
            ta.panics(call, args_of_it, api);
        }
        assert_eq!(open(&ta, 0, b"b", 0), gp::ERROR_ITEM_NOT_FOUND);
        assert_eq!(open(&ta, 0, b"a", flags), gp::SUCCESS);
        ta.ok(Call::LeaveInShared, args(&[1]));
        ta.ok(Call::Write, args(&[0]).bytes(b"shared"));
        assert_eq!(seek(&ta, 0, 0, SET), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 10), b"shared");
    }
}

#[test]
fn wrong_calls_end_the_ta() {
    let unknown = 0x0001_0000;
    let seek = |slot, whence| args(&[slot, 0, 0, whence]);
    for api in APIS {
        let mut ta = Ta::new("wrong-persistent", api);
        assert_eq!(create(&ta, 0, b"a", 0, b"data"), gp::SUCCESS);
        // 0: no rights; 1: transient; 2: not initialized; 3: read only.
        let prepare = |ta: &Ta| {
            assert_eq!(open(ta, 0, b"a", 0), gp::SUCCESS);
            ta.key(1, AES, 128, &[1; 16]);
            ta.ok(Call::AllocateObject, args(&[2, AES, 128]));
            assert_eq!(create(ta, 3, b"b", ACCESS_READ | OVERWRITE, b"x"), gp::SUCCESS);
            ta.ok(Call::AllocateEnumerator, args(&[0]));
        };
        close(&ta, 0);
        let wrong = [
            (Call::Open, args(&[4, PRIVATE]).bytes(b"a").u32(OVERWRITE)),
            (Call::Open, args(&[4, PRIVATE]).bytes(b"a").u32(unknown)),
            (Call::Open, args(&[4, PRIVATE]).bytes(&[0; 65]).u32(0)),
            (Call::Create, create_args(4, PRIVATE, b"c", unknown, NONE).bytes(b"")),
            (Call::Create, create_args(4, PRIVATE, &[0; 65], 0, NONE).bytes(b"")),
            (Call::Create, create_args(4, PRIVATE, b"c", 0, WILD).bytes(b"")),
            (Call::Create, create_args(4, PRIVATE, b"c", 0, 2).bytes(b"")),
            // No right; transient; never given out; none.
            (Call::Read, args(&[0, 10])),
            (Call::Read, args(&[1, 10])),
            (Call::Read, args(&[WILD, 10])),
            (Call::Read, args(&[NONE, 10])),
            (Call::Write, args(&[3]).bytes(b"x")),
            (Call::Write, args(&[1]).bytes(b"x")),
            (Call::Write, args(&[WILD]).bytes(b"x")),
            (Call::Write, args(&[NONE]).bytes(b"x")),
            (Call::Truncate, args(&[3, 0])),
            (Call::Truncate, args(&[1, 0])),
            (Call::Truncate, args(&[WILD, 0])),
            (Call::Truncate, args(&[NONE, 0])),
            (Call::Seek, seek(0, 3)),
            (Call::Seek, seek(1, SET)),
            (Call::Seek, seek(WILD, SET)),
            (Call::Seek, seek(NONE, SET)),
            (Call::Rename, args(&[3]).bytes(b"x")),
            (Call::Rename, args(&[1]).bytes(b"x")),
            (Call::Rename, args(&[WILD]).bytes(b"x")),
            (Call::Rename, args(&[NONE]).bytes(b"x")),
            (Call::Delete, args(&[3])),
            (Call::Delete1, args(&[3])),
            (Call::Delete1, args(&[1])),
            (Call::Delete, args(&[WILD])),
            // What is for transient objects only.
            (Call::FreeObject, args(&[3])),
            (Call::ResetObject, args(&[3])),
            (Call::Populate, args(&[3, 0])),
            (Call::GenerateKey, args(&[3, 128, 0])),
            (Call::CopyAttributes1, args(&[3, 1])),
            (Call::StartEnumerator, args(&[WILD, PRIVATE])),
            (Call::StartEnumerator, args(&[NONE, PRIVATE])),
            (Call::FreeEnumerator, args(&[WILD])),
            (Call::ResetEnumerator, args(&[WILD])),
            (Call::Next, args(&[WILD, 1])),
            (Call::Next, args(&[NONE, 1])),
            (Call::Next, args(&[0, 2])),
            (Call::SetTime, args(&[0, 1000])),
        ];
        for (call, args) in wrong {
            prepare(&ta);
            ta.panics(call, args, api);
        }
        // Nothing of that has changed anything.
        assert_eq!(open(&ta, 0, b"a", ACCESS_READ), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 10), b"data");
        assert_eq!(open(&ta, 1, b"c", 0), gp::ERROR_ITEM_NOT_FOUND);
    }
}
