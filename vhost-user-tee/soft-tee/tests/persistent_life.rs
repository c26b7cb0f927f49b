// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA keeps beyond its own end and that of its TEE: objects, and its persistent time (API 1.3.1, sections 5.7 and
//! 7.3); and what it finds where that was damaged.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;
mod stored;

use std::sync::Arc;

use crypto::common::{soft_tee, soft_tee_with};
use crypto::*;
use soft_tee::State;
use stored::*;
use ta_protocol::storage::flag::*;
use tee::gp;

#[test]
fn persistent_time_is_the_tas() {
    for api in APIS {
        let tee = Arc::new(soft_tee(&format!("time-{api:?}")));
        let get = |ta: &Ta| {
            let mut reply = ta.call(Call::GetTime, Args::default());
            (reply.result, reply.u32(), reply.u32())
        };
        let mut ta = Ta::of(tee.clone(), api);
        assert_eq!(get(&ta), (gp::ERROR_TIME_NOT_SET, 0, 0));
        ta.ok(Call::SetTime, args(&[1000, 500]));
        let (result, seconds, millis) = get(&ta);
        assert!(result == gp::SUCCESS && (1000..1060).contains(&seconds) && millis < 1000, "{seconds}");
        // Another instance, and one that comes after a panic.
        let other = Ta::of(tee, api);
        ta.panics(Call::SetTime, args(&[0, 1000]), api);
        assert!(get(&ta).1 >= seconds && get(&other).1 >= seconds);
        ta.ok(Call::SetTime, args(&[u32::MAX, 999]));
        std::thread::sleep(std::time::Duration::from_millis(5));
        let (result, seconds, _) = get(&other);
        assert!(result == gp::ERROR_OVERFLOW && seconds < 60, "{result:#x} {seconds}");
    }
}

#[test]
fn a_restart_keeps_objects_and_vms_are_apart() {
    let folder = tempfile::tempdir().unwrap();
    let start = |vm: &str| {
        let state = State::open(&folder.path().join(vm), soft_tee::DEFAULT_STORAGE).unwrap();
        Ta::of(Arc::new(soft_tee_with(vm, |config| config.state = Arc::new(state))), Api::Now)
    };
    let ta = start("a");
    ta.key(0, AES, 128, &[1; 16]);
    ta.ok(Call::Create, create_args(1, PRIVATE, b"key", ACCESS_WRITE_META, 0).bytes(b"data"));
    ta.ok(Call::SetTime, args(&[1000, 0]));
    let other = start("b");
    assert_eq!(open(&other, 0, b"key", 0), gp::ERROR_ITEM_NOT_FOUND);
    assert_eq!(other.call(Call::GetTime, Args::default()).result, gp::ERROR_TIME_NOT_SET);
    drop(ta);
    let ta = start("a");
    assert_eq!(open(&ta, 0, b"key", ACCESS_READ), gp::SUCCESS);
    assert_eq!(info(&ta, 0)[..5], [AES, 128, 128, ALL, 4]);
    assert_eq!(read(&ta, 0, 10), b"data");
    ta.ok(Call::GetTime, Args::default());
}

#[test]
fn a_corrupt_object_is_told_of_and_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let state = State::open(folder.path(), soft_tee::DEFAULT_STORAGE).unwrap();
        Ta::of(Arc::new(soft_tee_with("corrupt", |config| config.state = Arc::new(state))), Api::Now)
    };
    let mut ta = start();
    let flags = ACCESS_READ | SHARE_READ;
    for (slot, id) in (0..).zip([b"a", b"b"]) {
        let create = create_args(slot, PRIVATE, id, flags, NONE).u32(slot).u32(300_000);
        ta.ok(Call::CreatePattern, create);
    }
    drop(ta);
    // A byte in the middle of the data.
    let path = folder.path().join("storage");
    let sound = std::fs::read(&path).unwrap();
    let mut found = 0;
    for at in (100_000..sound.len()).step_by(100_000) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        ta = start();
        for (slot, id) in (0..).zip([b"a", b"b"]) {
            assert_eq!(open(&ta, slot, id, flags), gp::SUCCESS);
            let mut reply = ta.call(Call::ReadPattern, args(&[slot, slot, 300_000]));
            match reply.result {
                gp::SUCCESS => assert_eq!(reply.u32s(), [300_000, 300_000]),
                result => {
                    assert_eq!((result, reply.u32s()), (gp::ERROR_CORRUPT_OBJECT, vec![0, 0]));
                    found += 1;
                    // It can be made anew.
                    assert_eq!(create(&ta, 5, id, 0, b"new"), gp::SUCCESS);
                    assert_eq!(info(&ta, 5)[4], 3);
                }
            }
        }
        if found > 0 {
            // The handle was closed.
            return;
        }
        drop(ta);
    }
    panic!("no byte was of data");
}
